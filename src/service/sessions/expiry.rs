//! Sessions that have run out are stored as ended when they are met, so that a clock that is set back
//! does not revive them.

use crate::app::App;
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::RefreshState;
use crate::service::Failure;

/// Stores a session that has run out by `now` as ended. Its bearer is refused in any case, so a
/// failure is only logged; the next meeting tries again.
pub(super) async fn store_end(app: &App, session: SessionId, now: Timestamp) {
    match app.store.end_expired_sessions(session, session, now).await {
        Ok(_) => app.memory.registry.evict(session),
        Err(error) => log::warn!(error:%; "the end of an expired session was not stored; it is tried again"),
    }
}

/// The state of a session's refresh tokens, if the session runs at `now`.
///
/// # Errors
/// An infrastructure failure.
pub(super) async fn running_refresh_state(
    app: &App,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<RefreshState>, Failure> {
    let state = app.store.refresh_state(session).await?;
    if state.as_ref().is_some_and(|state| !state.session.live(now)) {
        store_end(app, session, now).await;
        return Ok(None);
    }
    Ok(state)
}
