//! Introspection (RFC 7662): the state of a token now, for the operator's own services.

use super::{authenticate, expiry};
use crate::app::App;
use crate::crypto::jwt::Claims;
use crate::model::ids::{SessionId, Subject};
use crate::model::permission::Permissions;
use crate::model::session::SessionState;
use crate::service::Failure;

/// Content and state of a live token.
#[derive(Debug)]
pub struct Active {
    /// Its session.
    pub session: SessionId,
    /// Its subject.
    pub subject: Subject,
    /// The account's address.
    pub email: String,
    /// Current role of the account.
    pub role: String,
    /// Permissions of the role now.
    pub permissions: Permissions,
    /// The claims of an access token; none of a refresh token.
    pub claims: Option<Claims>,
    /// Its end, in seconds since the Unix epoch.
    pub expires_at: i64,
}

/// Kinds of token that the caller of an introspection is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedToken {
    /// Access tokens only: a service that was presented a refresh token must not accept it.
    Access,
    /// Both kinds. A hint never hides an access token (RFC 7662 section 2.1).
    AccessOrRefresh,
}

/// Tells whether a token is live and of an expected kind, and whose; none of anything that is not.
///
/// # Errors
/// An infrastructure failure: while the database is away, the answer is an error and never
/// *inactive*.
pub async fn introspect(app: &App, token: &str, expected: ExpectedToken) -> Result<Option<Active>, Failure> {
    if let Some(presented) = app.crypto.keyed().refresh_tokens.verify(token) {
        if expected == ExpectedToken::Access {
            return Ok(None);
        }
        let now = app.clock.now();
        let state = expiry::running_refresh_state(app, presented.session, now)
            .await?
            .filter(|state| state.counter == presented.counter);
        return Ok(state.map(|state| {
            let expires_at = state.session.idle_expires_at.min(state.session.expires_at).secs();
            active(presented.session, &state.session, None, expires_at)
        }));
    }
    match authenticate(app, token).await {
        Ok(bearer) => {
            let Ok(claims) = app.crypto.access_tokens.claims(token, app.clock.now()) else {
                return Ok(None);
            };
            let expires_at = claims.exp;
            Ok(Some(active(
                bearer.session,
                &bearer.state,
                Some(claims),
                expires_at,
            )))
        }
        Err(Failure::InvalidToken) => Ok(None),
        Err(other) => Err(other),
    }
}

fn active(session: SessionId, state: &SessionState, claims: Option<Claims>, expires_at: i64) -> Active {
    let me = state.me.clone();
    Active {
        session,
        subject: state.subject,
        email: me.email,
        role: me.role,
        permissions: state.permissions.clone(),
        claims,
        expires_at,
    }
}
