//! The bearer check: what a token's session entitles to, now.

use std::sync::Arc;

use super::Failure;
use crate::app::App;
use crate::model::session::Standing;
use crate::security::registry::Lookup;

/// Verifies an access token and finds the standing of its session: in the registry, or, if it is not there, in the store.
///
/// # Errors
/// [`Failure::InvalidToken`] whatever is wrong with token, session or account; [`Failure::Unavailable`], never a wrong 401, while the store is away.
pub async fn of_bearer(app: &App, token: &str) -> Result<Arc<Standing>, Failure> {
    let now = app.clock.now();
    let presented = app.access_tokens.verify(token, now).map_err(|_| Failure::InvalidToken)?;
    let standing = match app.registry.look_up(presented.session) {
        Lookup::Hit(standing) => standing,
        Lookup::Miss(ticket) => {
            let standing = app.store.standing(presented.session).await?.map(Arc::new).ok_or(Failure::InvalidToken)?;
            app.registry.fill(ticket, Arc::clone(&standing));
            standing
        }
    };
    if standing.live(now) && standing.subject == presented.subject { Ok(standing) } else { Err(Failure::InvalidToken) }
}
