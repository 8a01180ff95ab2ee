//! Access and refresh token of a session, issued together.

use crate::app::App;
use crate::crypto::jwt::TokenIdentity;
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::service::Failure;

/// Pair of tokens of a session.
#[derive(Debug)]
pub struct TokenPair {
    /// The access token, a JWT.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// The opaque token that gets the next pair.
    pub refresh_token: String,
    /// Device ticket, if the client sent none that is valid and younger than 30 days.
    pub device_ticket: Option<String>,
}

/// Issues the tokens of a session at a counter.
pub fn issue(
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
