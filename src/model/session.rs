//! A session: one login, from its start until it is ended or runs out. Tokens name it; the rights
//! of their bearer come from its state.

use std::sync::OnceLock;

use strum::IntoStaticStr;

use super::clock::Timestamp;
use super::generation::UsedGeneration;
use super::ids::{SessionId, Subject, UserId};
use super::permission::Permissions;
use super::user::PublicAccount;

/// Longest user agent that is kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// A client as its request shows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SeenClient {
    /// Its network address; empty where there is none.
    #[sqlx(rename = "last_ip")]
    pub ip: String,
    /// Its name for itself.
    #[sqlx(rename = "last_user_agent")]
    pub user_agent: String,
}

impl SeenClient {
    /// A client at an address; its name for itself is cut to 256 characters.
    #[must_use]
    pub fn new(ip: &str, user_agent: &str) -> Self {
        Self {
            ip: ip.to_owned(),
            user_agent: user_agent
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_USER_AGENT)
                .collect(),
        }
    }
}

/// A session about to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// Session id; the claim `sid` of its tokens.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// Time of the login.
    pub created_at: Timestamp,
    /// Its end if it is not refreshed (ASVS 7.3.1).
    pub idle_expires_at: Timestamp,
    /// Its end in any case (ASVS 7.3.2).
    pub expires_at: Timestamp,
    /// The client that logs in.
    pub client: &'a SeenClient,
}

/// State of a live session: account and permissions of its bearer. Always read from the store,
/// never from a claim (ASVS 8.3.2).
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionState {
    /// The account's public fields, role included.
    #[sqlx(flatten)]
    pub me: PublicAccount,
    /// The `sub` that a token of this session must carry.
    pub subject: Subject,
    /// Permissions of the account's role.
    #[sqlx(flatten)]
    pub permissions: Permissions,
    /// Time of the last proof of the password in it.
    pub authenticated_at: Timestamp,
    /// Its end unless it is refreshed.
    pub idle_expires_at: Timestamp,
    /// Its end in any case.
    pub expires_at: Timestamp,
    /// The least generation whose tokens are valid; a change of the password raises it.
    pub least_generation: i64,
    /// The newest generation of which an access token was used.
    #[sqlx(rename = "used_generation", try_from = "i64")]
    pub used: UsedGeneration,
    /// `me` as it is sent, once somebody asked for it.
    #[sqlx(skip)]
    pub written: Written,
}

impl SessionState {
    /// The account's public fields as `write` writes them. They are written once and kept, for
    /// bearers ask for nothing so often; so there is one way to write them.
    pub fn written(&self, write: impl FnOnce(&PublicAccount) -> Vec<u8>) -> &[u8] {
        self.written.0.get_or_init(|| write(&self.me).into())
    }

    /// Whether the session still runs at `now`.
    #[must_use]
    pub fn live(&self, now: Timestamp) -> bool {
        now < self.idle_expires_at && now < self.expires_at
    }
}

/// A text that is written when it is first asked for.
#[derive(Debug, Clone, Default)]
pub struct Written(OnceLock<Box<[u8]>>);

/// Always equal: it holds only what the fields beside it hold.
impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Written {}

/// Owner of a session, as its tokens name them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionOwner {
    /// The `sub` of the tokens.
    pub subject: Subject,
    /// The name of the account's role.
    pub role: String,
    /// Permissions of the role.
    #[sqlx(flatten)]
    pub permissions: Permissions,
}

/// State of a session's refresh tokens: the newest has this counter.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RefreshState {
    /// State of the session.
    #[sqlx(flatten)]
    pub session: SessionState,
    /// Number of refreshes of the session: the newest generation.
    pub counter: i64,
    /// Time of the last refresh.
    pub rotated_at: Option<Timestamp>,
    /// The newest generation that was given a second time because it was unused.
    pub repeated_generation: i64,
    /// The client of the last refresh.
    #[sqlx(flatten)]
    pub last: SeenClient,
}

/// Public fields of a session, for its owner.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SessionInfo {
    /// Its id, the `sid` of its tokens.
    pub id: SessionId,
    /// Time of the login.
    pub created_at: Timestamp,
    /// Time of the last refresh, or of the login.
    pub last_used_at: Timestamp,
    /// Address that the login came from.
    pub ip: String,
    /// User agent of the login.
    pub user_agent: String,
    /// The client of the last refresh, or of the login; empty if the last refresh was before this
    /// was noted.
    #[sqlx(flatten)]
    pub last: SeenClient,
}

/// Sessions of a user that are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Every one but this.
    AllBut(SessionId),
}

impl Which {
    /// The session that goes on, if one does.
    #[must_use]
    pub const fn spared(self) -> Option<SessionId> {
        match self {
            Self::All => None,
            Self::AllBut(session) => Some(session),
        }
    }
}

/// Reason for the end of a session, as the database records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum EndReason {
    /// Its owner logged out.
    Logout,
    /// A client gave one of its tokens back (RFC 7009).
    Revoked,
    /// A refresh token was used that had been exchanged before (RFC 9700 section 4.14.2).
    TokenReuse,
    /// Its owner changed the password elsewhere.
    PasswordChange,
    /// An administrator reset the password.
    PasswordReset,
    /// An administrator disabled the account.
    Disabled,
    /// An administrator ended it.
    Admin,
    /// Its owner began more sessions than one user may have.
    SessionCap,
    /// The database was restored from a backup.
    Restored,
    /// The root secret was read by somebody else, and every key was replaced.
    SecretLeaked,
    /// It ran out: by its age, or because it was not refreshed.
    Expired,
}

impl EndReason {
    /// Word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}
