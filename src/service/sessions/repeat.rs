//! Repeat of a refresh: a refresh token that was exchanged before is presented again, by an honest
//! client that repeats a request, or by a thief or the owner after a theft (RFC 9700 section
//! 4.14.2).
//!
//! Honest clients repeat for two reasons. Tabs and double clicks send the same token almost at once,
//! from the same place. A client that lost its answer sends it again, and the new pair is unused
//! meanwhile. Any other repeat means that two hold the session's tokens, so it ends.

use std::net::IpAddr;
use std::time::Duration;

use super::token_pair::{TokenPair, issue};
use super::{end, expiry};
use crate::app::App;
use crate::crypto::jwt::TokenIdentity;
use crate::crypto::refresh_tokens::VerifiedRefreshToken;
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::event::{Context, EventType};
use crate::model::generation::{RepeatGround, UNUSED_REPEATS_APART};
use crate::model::ids::SessionId;
use crate::model::refusal::RefreshRefusal;
use crate::model::session::{EndReason, RefreshState, SeenClient};
use crate::model::throttle::prefix;
use crate::service::Failure;

/// Time after a refresh in which its own client may repeat it, as often as it likes.
const SAME_CLIENT_FOR: Duration = Duration::from_secs(5);

/// Answers a genuine refresh token that is not the newest: with the newest pair, if it is the one
/// before and there is a ground for it. Otherwise the session ends.
///
/// # Errors
/// [`Failure::InvalidGrant`], [`Failure::Throttled`], or an infrastructure failure.
pub(super) async fn repeat(
    app: &App,
    presented: VerifiedRefreshToken,
    client: &SeenClient,
    context: &Context,
) -> Result<TokenPair, Failure> {
    let session = presented.session;
    let refused = |refusal| Err(Failure::InvalidGrant(refusal));
    // Read again if another request has used the ground up meanwhile. A ground does not come back,
    // so the loop ends.
    loop {
        let now = app.clock.now();
        let Some(state) = expiry::running_refresh_state(app, session, now).await? else {
            return refused(RefreshRefusal::Ended);
        };
        if presented.counter < state.session.least_generation {
            return refused(RefreshRefusal::Superseded);
        }
        let ground = if state.counter == presented.counter.saturating_add(1) {
            let used = app.memory.generation_uses.newest(session);
            let is_used = state.session.used.get().max(used.unwrap_or(0)) >= state.counter;
            ground(&state, client, is_used, app.config.sessions.refresh_grace, now)
        } else {
            None
        };
        let Some(ground) = ground else {
            let event = app.event(EventType::TokenReuse, context);
            end::end(app, session, presented.counter, EndReason::TokenReuse, &event).await?;
            let user = state.session.me.id.get();
            let (session, event) = (session.to_string(), EndReason::TokenReuse.word());
            log::warn!(user, session = session.as_str(), event; "refresh token reused; its session is ended");
            return refused(RefreshRefusal::Reused);
        };
        if record(app, session, state.counter, ground, context).await? {
            let identity = TokenIdentity {
                subject: state.session.subject,
                role: &state.session.me.role,
                permissions: &state.session.permissions,
                generation: state.counter,
            };
            return issue(app, session, identity, now);
        }
    }
}

/// Records that a session's newest pair is given again; says whether it may be.
///
/// A repeat by the same client uses nothing up, so it can come as often as the client likes. Only
/// one a minute is written: otherwise any account could fill the audit record. For the others
/// nothing is stored. If the session ends meanwhile, the pair that is given is worth nothing.
///
/// A repeat of an unused pair is always written, so the next one has to wait.
///
/// # Errors
/// [`Failure::Throttled`], or an infrastructure failure.
async fn record(
    app: &App,
    session: SessionId,
    generation: i64,
    ground: RepeatGround,
    context: &Context,
) -> Result<bool, Failure> {
    let repeats = match ground {
        RepeatGround::SameClient => &app.memory.told_repeats,
        RepeatGround::Unused => &app.memory.unused_repeats,
    };
    if !repeats.claim(session, app.clock.now()) {
        return match ground {
            RepeatGround::SameClient => Ok(true),
            RepeatGround::Unused => Err(Failure::Throttled {
                retry_after: UNUSED_REPEATS_APART.as_secs(),
            }),
        };
    }
    let event = app.event(EventType::TokenRepeated, context);
    let recorded = app.store.record_repeat(session, generation, ground, &event).await;
    if !matches!(recorded, Ok(true)) {
        repeats.forget(session);
    }
    Ok(recorded?)
}

/// The ground on which the token before the newest one gets the newest pair again. The one that
/// uses nothing up is tried first.
fn ground(
    state: &RefreshState,
    client: &SeenClient,
    is_used: bool,
    grace: Duration,
    now: Timestamp,
) -> Option<RepeatGround> {
    // A rotation further ahead than another node's clock can be was written before our clock was
    // set back, at an unknown time.
    let rotated_at = state.rotated_at.filter(|at| *at <= now.plus(NODES_APART))?;
    let within = |span: Duration| now < rotated_at.plus(span);
    // A grace of zero also holds for a rotation whose time is in the future.
    if grace.is_zero() || !within(grace) {
        None
    } else if within(SAME_CLIENT_FOR) && is_same(&state.last, client) {
        Some(RepeatGround::SameClient)
    } else if !is_used && state.repeated_generation < state.counter {
        Some(RepeatGround::Unused)
    } else {
        None
    }
}

/// Whether two requests show the same client: its user agent, and the part of its address that
/// counts as one customer.
fn is_same(one: &SeenClient, other: &SeenClient) -> bool {
    let network = |client: &SeenClient| client.ip.parse::<IpAddr>().ok().map(prefix);
    let is_same_network = match (network(one), network(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.ip == other.ip,
    };
    is_same_network && one.user_agent == other.user_agent
}
