//! Refresh: a session's refresh token is exchanged for its next pair of tokens, once.

use super::token_pair::{TokenPair, issue};
use super::{end, expiry};
use crate::app::App;
use crate::crypto::jwt::TokenIdentity;
use crate::model::clock::NODES_APART;
use crate::model::event::{Context, EventType};
use crate::model::refusal::RefreshRefusal;
use crate::model::session::EndReason;
use crate::service::{Failure, counted};
use crate::store::refresh::Rotation;

/// Exchanges a refresh token for the session's next pair of tokens.
///
/// The newest token rotates by one compare-and-swap. The one before it, within the grace, gets the
/// same successor again: two tabs, or an answer that was lost. Any other genuine token has been
/// exchanged before, so either its holder or the newest's is a thief: the session ends (RFC 9700
/// section 4.14.2).
///
/// # Errors
/// [`Failure::InvalidGrant`] for every refusal, or an infrastructure failure.
pub async fn refresh(app: &App, token: &str, context: &Context) -> Result<TokenPair, Failure> {
    counted(
        &app.telemetry.metrics.outcomes.refreshes,
        exchange(app, token, context).await,
    )
}

/// The next pair, and whether the token was the newest (`ok`) or the one before it (`repeated`).
async fn exchange(app: &App, token: &str, context: &Context) -> Result<(TokenPair, &'static str), Failure> {
    let presented = app
        .crypto
        .refresh_tokens
        .verify(token)
        .ok_or(Failure::InvalidGrant(RefreshRefusal::NotOurs))?;
    let now = app.clock.now();
    let successor = presented.counter.saturating_add(1);
    let rotation = Rotation {
        session: presented.session,
        counter: presented.counter,
        now,
        idle_expires_at: now.plus(app.config.sessions.idle_ttl),
    };
    if let Some(owner) = app.store.rotate(rotation).await? {
        let identity = TokenIdentity {
            subject: owner.subject,
            role: &owner.role,
            permissions: &owner.permissions,
        };
        return Ok((issue(app, presented.session, identity, successor, now)?, "ok"));
    }
    let state = expiry::running_refresh_state(app, presented.session, now)
        .await?
        .ok_or(Failure::InvalidGrant(RefreshRefusal::Ended))?;
    let grace = app.config.sessions.refresh_grace;
    // A rotation further ahead than another node's clock can be was written before our clock was
    // set back, at an unknown time. With a grace of 0 s, a rotation in the future is refused too.
    let within_grace = !grace.is_zero()
        && state
            .rotated_at
            .is_some_and(|at| at <= now.plus(NODES_APART) && now < at.plus(grace));
    if state.counter == successor && within_grace {
        let identity = TokenIdentity {
            subject: state.session.subject,
            role: &state.session.me.role,
            permissions: &state.session.permissions,
        };
        return Ok((
            issue(app, presented.session, identity, successor, now)?,
            "repeated",
        ));
    }
    let event = app.event(EventType::TokenReuse, context);
    end::end(app, presented.session, EndReason::TokenReuse, &event).await?;
    let session = presented.session.to_string();
    log::warn!(user = state.session.me.id.get(), session = session.as_str(), event = EndReason::TokenReuse.word(); "refresh token reused; its session is ended");
    Err(Failure::InvalidGrant(RefreshRefusal::Reused))
}
