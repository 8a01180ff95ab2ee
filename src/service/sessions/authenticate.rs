//! The bearer check: an access token is verified, and the state of its session is found.

use std::sync::Arc;

use super::expiry;
use crate::app::App;
use crate::memory::session_registry::{FillPermit, Lookup};
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::SessionState;
use crate::service::Failure;
use crate::telemetry::request_context;

/// Caller of a request, known by a live session.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The session of the token.
    pub session: SessionId,
    /// The generation of the token.
    pub generation: i64,
    /// Its state: account and permissions.
    pub state: Arc<SessionState>,
}

/// Verifies an access token and finds the state of its session.
///
/// # Errors
/// [`Failure::InvalidToken`] for any fault of token, session or account;
/// [`Failure::Unavailable`], never a wrong 401, while the store is away.
pub async fn authenticate(app: &App, token: &str) -> Result<Bearer, Failure> {
    let now = app.clock.now();
    let presented = app
        .crypto
        .access_tokens
        .verify(token, now)
        .map_err(|_| Failure::InvalidToken)?;
    let (session, generation) = (presented.session, presented.generation);
    let state = state_at(app, session, now).await?;
    if state.subject != presented.subject || generation < state.least_generation {
        return Err(Failure::InvalidToken);
    }
    if state.used.is_first(generation) {
        app.memory.generation_uses.note(session, generation);
    }
    Ok(Bearer {
        session,
        generation,
        state,
    })
}

/// Finds the state of a bearer's session again, later in the same request.
///
/// # Errors
/// As [`authenticate`].
pub async fn authenticate_again(app: &App, before: &Bearer) -> Result<Bearer, Failure> {
    let state = state_at(app, before.session, app.clock.now()).await?;
    if before.generation < state.least_generation {
        return Err(Failure::InvalidToken);
    }
    Ok(Bearer { state, ..*before })
}

/// Finds the state of a session: in the registry, or, if it is not there, in the store.
async fn state_at(app: &App, session: SessionId, now: Timestamp) -> Result<Arc<SessionState>, Failure> {
    let known = match request_context::span_now("registry look-up", || app.memory.registry.look_up(session)) {
        // A refresh, here or on another node, may have moved the idle time since this was loaded.
        Lookup::Hit(state) if !state.live(now) => {
            app.memory.registry.evict(session);
            app.memory.registry.look_up(session)
        }
        known => known,
    };
    let state = match known {
        Lookup::Hit(state) => state,
        // Boxed, so that the futures of registry hits, the common case, reserve no memory for the
        // load.
        Lookup::Miss(permit) => Box::pin(load(app, session, permit, now)).await?,
    };
    if state.live(now) {
        Ok(state)
    } else {
        Err(Failure::InvalidToken)
    }
}

async fn load(
    app: &App,
    session: SessionId,
    permit: FillPermit,
    now: Timestamp,
) -> Result<Arc<SessionState>, Failure> {
    let state = app
        .store
        .session_state(session)
        .await?
        .map(Arc::new)
        .ok_or(Failure::InvalidToken)?;
    // One that has run out would only be evicted again.
    if state.live(now) {
        app.memory.registry.fill(permit, Arc::clone(&state));
    } else {
        expiry::store_end(app, session, now).await;
    }
    Ok(state)
}
