//! Events: what happened, by whom, to whom, from where; each linked to the one before by a MAC.
//!
//! The key is derived from the root secret, so whoever can write the database alone can neither
//! change nor remove a row unseen. What they can do is to put back a whole older state, which only
//! a note of the newest link kept elsewhere finds.

use std::fmt;

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::clock::Timestamp;
use super::ids::{SessionId, UserId};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// Someone registered an account.
    Registered,
    /// A login was right.
    LoginSuccess,
    /// A login was refused; `reason` says why, which the caller never learns.
    LoginFail,
    /// An account's password is not tried any more: too many failures from everywhere.
    AccountLocked,
    /// An administrator lifted that.
    AccountUnlocked,
    /// A session ended because its owner said so.
    Logout,
    /// A client gave a token back.
    TokenRevoked,
    /// A refresh token was used again after its exchange.
    TokenReuse,
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
    /// A signing key was made.
    KeyRotated,
    /// A signing key was revoked.
    KeyRevoked,
    /// Accounts came from a file.
    UsersImported,
    /// Accounts went to a file, hashes included.
    UsersExported,
    /// The database was copied into a file or another database.
    Copied,
    /// A server began to serve.
    ServerStarted,
    /// A server stopped as it was asked to.
    ServerStopped,
}

impl EventType {
    /// Every one.
    pub const ALL: [Self; 25] = [
        Self::Registered,
        Self::LoginSuccess,
        Self::LoginFail,
        Self::AccountLocked,
        Self::AccountUnlocked,
        Self::Logout,
        Self::TokenRevoked,
        Self::TokenReuse,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::AccountDeleted,
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDeleted,
        Self::PasswordReset,
        Self::SessionsEnded,
        Self::RoleSaved,
        Self::RoleDeleted,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::UsersImported,
        Self::UsersExported,
        Self::Copied,
        Self::ServerStarted,
        Self::ServerStopped,
    ];

    /// The word in the database and in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoginSuccess => "login_success",
            Self::LoginFail => "login_fail",
            Self::AccountLocked => "account_locked",
            Self::AccountUnlocked => "account_unlocked",
            Self::Logout => "logout",
            Self::TokenRevoked => "token_revoked",
            Self::TokenReuse => "token_reuse",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::AccountDeleted => "account_deleted",
            Self::UserCreated => "user_created",
            Self::UserUpdated => "user_updated",
            Self::UserDeleted => "user_deleted",
            Self::PasswordReset => "password_reset",
            Self::SessionsEnded => "sessions_ended",
            Self::RoleSaved => "role_saved",
            Self::RoleDeleted => "role_deleted",
            Self::KeyRotated => "key_rotated",
            Self::KeyRevoked => "key_revoked",
            Self::UsersImported => "users_imported",
            Self::UsersExported => "users_exported",
            Self::Copied => "copied",
            Self::ServerStarted => "server_started",
            Self::ServerStopped => "server_stopped",
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Someone without a session.
    Anonymous,
    /// The bearer of a session.
    User(UserId),
    /// Whoever runs the program on the database.
    Cli,
    /// The server itself.
    Server,
}

impl Actor {
    const fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User(_) => "user",
            Self::Cli => "cli",
            Self::Server => "server",
        }
    }

    const fn id(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Anonymous | Self::Cli | Self::Server => None,
        }
    }
}

/// Who acts, from where, in which request.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who.
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

/// Something that happens, to be stored with the change that it is.
#[derive(Clone)]
pub struct Event<'a> {
    key: &'a ChainKey,
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
    pub fn new(key: &'a ChainKey, kind: EventType, context: &'a Context, at: Timestamp) -> Self {
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

    /// Whom it concerns.
    #[must_use]
    pub fn of_user(mut self, user: UserId) -> Self {
        self.user = Some(user);
        self
    }

    /// Which session it concerns.
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

    /// One more particular.
    #[must_use]
    pub fn and(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details[name] = value.into();
        self
    }

    /// What else there is to say: before and after, or the reason.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
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
        // Ends that someone has moved are not sealed again: a verification must go on finding them.
        if end.is_unused() || self.key.seal(end) == end.seal {
            chain.seal = self.key.seal(&chain);
        } else {
            log::error!(
                "the record of the first and the last event is not as it was written; see: doorward audit verify"
            );
        }
        (row, chain)
    }
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct EventRow {
    /// Its place in the chain, without gaps.
    pub id: i64,
    /// When it happened.
    pub created_at: Timestamp,
    /// What.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// Who, as a word.
    pub actor: String,
    /// Who, if a user.
    pub actor_id: Option<UserId>,
    /// To whom.
    pub user_id: Option<UserId>,
    /// Which session.
    pub session_id: Option<SessionId>,
    /// From where.
    pub ip: String,
    /// In which request.
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
}

impl Chain {
    /// As a new database has it.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.first_id == 1
            && self.last_id == 0
            && self.first_link.is_empty()
            && self.last_link.is_empty()
            && self.seal.is_empty()
    }
}

/// What the links are made with.
pub struct ChainKey(hmac::Key);

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

impl ChainKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The link of a row to the one before.
    #[must_use]
    pub fn link(&self, previous: &[u8], row: &EventRow) -> Vec<u8> {
        let number = |number: Option<UserId>| number.map(|id| id.get().to_be_bytes());
        let (actor_id, user_id) = (number(row.actor_id), number(row.user_id));
        let session = row.session_id.map(|id| *id.as_bytes());
        self.mac(&[
            Some(previous),
            Some(&row.id.to_be_bytes()),
            Some(&row.created_at.micros().to_be_bytes()),
            Some(row.kind.as_bytes()),
            Some(row.actor.as_bytes()),
            actor_id.as_ref().map(<[u8; 8]>::as_slice),
            user_id.as_ref().map(<[u8; 8]>::as_slice),
            session.as_ref().map(<[u8; 16]>::as_slice),
            Some(row.ip.as_bytes()),
            Some(row.request_id.as_bytes()),
            Some(row.details.as_bytes()),
        ])
    }

    /// The seal of the chain's ends.
    #[must_use]
    pub fn seal(&self, chain: &Chain) -> Vec<u8> {
        self.mac(&[
            Some(b"ends"),
            Some(&chain.first_id.to_be_bytes()),
            Some(&chain.first_link),
            Some(&chain.last_id.to_be_bytes()),
            Some(&chain.last_link),
        ])
    }

    /// Each part is preceded by its length, and an absent one differs from an empty one, so that no
    /// two lists of parts have one MAC.
    fn mac(&self, parts: &[Option<&[u8]>]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(part.unwrap_or_default());
        }
        context.sign().as_ref().to_vec()
    }
}
