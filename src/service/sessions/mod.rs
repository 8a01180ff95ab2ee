//! Sessions: a login opens one, a refresh carries it on, a logout ends it; every request asks for
//! the state of its own.
//!
//! Each act that ends a session commits first, then evicts it from the registry, then answers: no
//! request that is sent after the answer finds it.

mod authenticate;
mod end;
mod introspect;
mod open;
mod refresh;

pub use self::authenticate::{Bearer, authenticate, session_state};
pub use self::end::{LogoutScope, end_own, logout, revoke};
pub use self::introspect::{Active, introspect};
pub use self::open::{Client, open};
pub use self::refresh::refresh;
use super::Failure;
use crate::app::App;
use crate::crypto::jwt::TokenIdentity;
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::SessionInfo;

/// Pair of tokens of a session.
#[derive(Debug)]
pub struct TokenPair {
    /// The access token, a JWT.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// The opaque token that gets the next pair.
    pub refresh_token: String,
    /// Ticket for a device that has just logged in for the first time.
    pub device_ticket: Option<String>,
}

/// A user's live sessions, the last used first.
///
/// # Errors
/// An infrastructure failure.
pub async fn list(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    Ok(app.store.sessions_of(user, app.clock.now()).await?)
}

/// Issues the tokens of a session at a counter.
fn issue(
    app: &App,
    session: SessionId,
    identity: TokenIdentity<'_>,
    counter: i64,
    now: Timestamp,
) -> Result<TokenPair, Failure> {
    Ok(TokenPair {
        access_token: app.crypto.access_tokens.issue(session, identity, now)?,
        expires_in: app.crypto.access_tokens.ttl_secs(),
        refresh_token: app.crypto.refresh_tokens.issue(session, counter),
        device_ticket: None,
    })
}
