//! Events: what happened, by whom, to whom, from where; each linked to the one before.
//!
//! The links are MACs, made in `crypto`: an event carries who makes them as [`ChainLinks`].

use std::sync::Arc;

use serde_json::{Value, json};
use strum::{EnumString, IntoStaticStr};

use super::clock::Timestamp;
use super::ids::{SessionId, UserId};

/// Type of an event. Its word in the database and in answers is its name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EventType {
    /// Someone registered an account.
    Registered,
    /// A login was right.
    LoginSuccess,
    /// A login was refused; `reason` says why, which the caller never learns.
    LoginFail,
    /// Too many failures in a row: the account is closed to networks that have failed on it.
    AccountLocked,
    /// An administrator lifted that.
    AccountUnlocked,
    /// A session ended because its owner said so.
    Logout,
    /// A client gave a token back.
    TokenRevoked,
    /// A refresh token was used again after its exchange; its session ended.
    TokenReuse,
    /// A refresh token was used again after its exchange, and got the current one again; `ground` says why.
    TokenRepeated,
    /// Someone changed their password.
    PasswordChanged,
    /// Someone changed their address.
    EmailChanged,
    /// Someone deleted their account.
    AccountDeleted,
    /// An administrator made an account.
    UserCreated,
    /// An administrator changed an account.
    UserUpdated,
    /// An administrator deleted an account.
    UserDeleted,
    /// An administrator gave an account a one-time password.
    PasswordReset,
    /// An administrator ended sessions.
    SessionsEnded,
    /// A role was made or changed.
    RoleSaved,
    /// A role was deleted.
    RoleDeleted,
    /// A client was made.
    ClientCreated,
    /// A client got another secret.
    ClientRotated,
    /// A client was deleted.
    ClientDeleted,
    /// A signing key was made.
    KeyRotated,
    /// A signing key was revoked.
    KeyRevoked,
    /// The keys of the database were sealed under another root secret, or replaced because it was
    /// leaked.
    SecretRotated,
    /// Accounts came from a file.
    UsersImported,
    /// Accounts went to a file, hashes included.
    UsersExported,
    /// The database was copied into a file or another database.
    Copied,
    /// A backup was put in the place of the database; what had ended since was voided.
    Restored,
    /// A server began to serve.
    ServerStarted,
    /// A server stopped as it was asked to.
    ServerStopped,
    /// Old events were deleted: the first, the last, and their number.
    EventsPurged,
    /// Events seem old, but are kept: the record does not confirm the clock yet.
    PurgeDelayed,
}

impl EventType {
    /// The word in the database and in answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// Actor of an event. The word in the database is its name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Actor {
    /// Someone without a session.
    Anonymous,
    /// The bearer of a session.
    User(UserId),
    /// The operator, who runs the program on the database.
    Cli,
    /// The server itself.
    Server,
}

impl Actor {
    fn word(self) -> &'static str {
        self.into()
    }

    const fn id(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Anonymous | Self::Cli | Self::Server => None,
        }
    }
}

/// Actor of a change, with the request that it comes from.
#[derive(Debug, Clone)]
pub struct Context {
    /// The actor.
    pub actor: Actor,
    /// The network address; empty where there is none.
    pub ip: String,
    /// The id by which the request is found in the log; empty where there is none.
    pub request_id: String,
}

impl Context {
    /// The program's own acts, outside any request.
    #[must_use]
    pub const fn own(actor: Actor) -> Self {
        Self {
            actor,
            ip: String::new(),
            request_id: String::new(),
        }
    }
}

/// An event about to be stored, in the transaction of the change that it tells of.
#[derive(Clone)]
pub struct Event<'a> {
    key: Arc<dyn ChainLinks>,
    context: &'a Context,
    kind: EventType,
    /// When.
    pub at: Timestamp,
    user: Option<UserId>,
    session: Option<SessionId>,
    details: Value,
}

impl<'a> Event<'a> {
    /// An event without particulars.
    #[must_use]
    pub fn new(key: Arc<dyn ChainLinks>, kind: EventType, context: &'a Context, at: Timestamp) -> Self {
        Self {
            key,
            context,
            kind,
            at,
            user: None,
            session: None,
            details: json!({}),
        }
    }

    /// The same, concerning a user.
    #[must_use]
    pub fn of_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// The same, concerning a session.
    #[must_use]
    pub fn of_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The same as another type.
    #[must_use]
    pub fn as_type(mut self, kind: EventType) -> Self {
        self.kind = kind;
        self
    }

    /// The same with one more particular.
    #[must_use]
    pub fn and(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details[name] = value.into();
        self
    }

    /// The same with these particulars: before and after, or the reason.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The key that links it.
    #[must_use]
    pub fn key(&self) -> &dyn ChainLinks {
        &*self.key
    }

    /// The row that follows `end`, and the chain's end with it.
    #[must_use]
    pub fn follow(&self, end: &Chain) -> (EventRow, Chain) {
        let mut row = EventRow {
            id: end.last_id + 1,
            created_at: self.at,
            kind: self.kind.word().to_owned(),
            actor: self.context.actor.word().to_owned(),
            actor_id: self.context.actor.id(),
            user_id: self.user,
            session_id: self.session,
            ip: self.context.ip.clone(),
            request_id: self.context.request_id.clone(),
            details: self.details.to_string(),
            link: Vec::new(),
        };
        row.link = self.key.link(&end.last_link, &row);
        let mut chain = Chain {
            last_id: row.id,
            last_link: row.link.clone(),
            ..end.clone()
        };
        // Ends that someone has moved or emptied are not sealed again: a verification must go on
        // finding them.
        if self.key.seal(end) == end.seal {
            chain.seal = self.key.seal(&chain);
        } else {
            log::error!(
                "the audit record was changed: its first or last event does not match its MAC; run: doorward audit verify"
            );
        }
        (row, chain)
    }
}

/// Conditions that events must meet to be found; an absent one does not narrow.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Events of this type.
    pub kind: Option<EventType>,
    /// By or to this user.
    pub user: Option<UserId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Earlier than.
    pub until: Option<Timestamp>,
    /// Older in the chain than.
    pub below: Option<i64>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EventRow {
    /// Its position in the chain, without gaps.
    pub id: i64,
    /// When it happened.
    pub created_at: Timestamp,
    /// The word of its type.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// The word of its actor.
    pub actor: String,
    /// The actor, if a user.
    pub actor_id: Option<UserId>,
    /// The user concerned.
    pub user_id: Option<UserId>,
    /// The session concerned.
    pub session_id: Option<SessionId>,
    /// The network address.
    pub ip: String,
    /// The id of the request.
    pub request_id: String,
    /// The particulars, as JSON.
    pub details: String,
    /// The MAC over this row and the link before.
    pub link: Vec<u8>,
}

/// Both ends of the chain as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Chain {
    /// The oldest row that is kept.
    pub first_id: i64,
    /// The link before it.
    pub first_link: Vec<u8>,
    /// The newest row.
    pub last_id: i64,
    /// Its link.
    pub last_link: Vec<u8>,
    /// The MAC over the four.
    pub seal: Vec<u8>,
    /// Generation of the key that made the MAC and links the next row.
    pub key_generation: i64,
}

impl Chain {
    /// Chain without an event, as a new database has it once `key` has sealed it.
    #[must_use]
    pub fn genesis(key: &dyn ChainLinks) -> Self {
        let mut chain = Self {
            first_id: 1,
            first_link: Vec::new(),
            last_id: 0,
            last_link: Vec::new(),
            seal: Vec::new(),
            key_generation: key.generation(),
        };
        chain.seal = key.seal(&chain);
        chain
    }
}

/// The links of the chain, made with a secret key. Earlier keys only verify.
pub trait ChainLinks: Send + Sync {
    /// Generation of the key.
    fn generation(&self) -> i64;

    /// The link of a row to the one before.
    fn link(&self, previous: &[u8], row: &EventRow) -> Vec<u8>;

    /// Whether the key or an earlier one linked a stored row to the one before.
    fn has_linked(&self, previous: &[u8], row: &EventRow) -> bool;

    /// The seal of the chain's ends.
    fn seal(&self, chain: &Chain) -> Vec<u8>;
}
