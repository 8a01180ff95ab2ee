//! Access and refresh token of a session, issued together.

use crate::app::App;
use crate::crypto::jwt::TokenIdentity;
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::SessionOwner;
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

/// Issues the tokens of a generation that a session has just reached.
pub fn issue_next(
    app: &App,
    session: SessionId,
    owner: &SessionOwner,
    generation: i64,
    now: Timestamp,
) -> Result<TokenPair, Failure> {
    let identity = TokenIdentity {
        subject: owner.subject,
        role: &owner.role,
        permissions: &owner.permissions,
        generation,
    };
    issue(app, session, identity, now)
}

/// Issues the tokens of a session, of the generation that the identity names.
pub fn issue(
    app: &App,
    session: SessionId,
    identity: TokenIdentity<'_>,
    now: Timestamp,
) -> Result<TokenPair, Failure> {
    Ok(TokenPair {
        access_token: app.crypto.access_tokens.issue(session, identity, now)?,
        expires_in: app.crypto.access_tokens.ttl_secs(),
        refresh_token: app
            .crypto
            .keyed()
            .refresh_tokens
            .issue(session, identity.generation),
        device_ticket: None,
    })
}
