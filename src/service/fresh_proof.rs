//! Fresh proof of the password, for acts on other accounts and on roles (RFC 9470).
//!
//! A copied access token, or a browser left open, carries the rights of an administrator. What takes
//! over or narrows an account asks for a password that was proved in the session a short time ago.

use std::time::Duration;

use super::Failure;
use super::login::reauthenticate;
use super::sessions::Bearer;
use crate::app::App;
use crate::model::clock::NODES_APART;
use crate::model::event::Context;

/// Time for which a proof counts; `max_age` of the challenge.
const FRESH_FOR: Duration = Duration::from_mins(10);

/// Checks that the password was proved in the bearer's session a short time ago. A proof from the
/// future was made before the clock was set back: it does not count.
///
/// # Errors
/// [`Failure::StaleProof`].
pub fn check(app: &App, bearer: &Bearer) -> Result<(), Failure> {
    let (now, proved) = (app.clock.now(), bearer.state.authenticated_at);
    if proved <= now.plus(NODES_APART) && now < proved.plus(FRESH_FOR) {
        Ok(())
    } else {
        Err(Failure::StaleProof)
    }
}

/// Proves the password again in the bearer's session.
///
/// # Errors
/// As [`reauthenticate`], and [`Failure::InvalidToken`] if the session has ended or the password
/// changed meanwhile.
pub async fn renew(app: &App, bearer: &Bearer, current: &str, context: &Context) -> Result<(), Failure> {
    let credential = reauthenticate(app, bearer, current, context).await?;
    let version = credential.password_version;
    let noted = app
        .store
        .note_proof(bearer.session, version, app.clock.now())
        .await?;
    app.memory.registry.evict(bearer.session);
    if noted { Ok(()) } else { Err(Failure::InvalidToken) }
}
