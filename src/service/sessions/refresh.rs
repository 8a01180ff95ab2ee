//! Refresh: a session's refresh token is exchanged for its next pair of tokens, once.

use super::repeat::repeat;
use super::token_pair::{TokenPair, issue_next};
use crate::app::App;
use crate::model::event::Context;
use crate::model::refusal::RefreshRefusal;
use crate::model::session::SeenClient;
use crate::service::{Failure, counted};
use crate::store::refresh::Rotation;

/// Exchanges a refresh token for the session's next pair of tokens.
///
/// The newest token rotates by one compare-and-swap. Any other genuine token has been exchanged
/// before: [`repeat`](super::repeat) decides.
///
/// # Errors
/// [`Failure::InvalidGrant`] for every refusal but [`Failure::Throttled`], or an infrastructure failure.
pub async fn refresh(
    app: &App,
    token: &str,
    user_agent: &str,
    context: &Context,
) -> Result<TokenPair, Failure> {
    let client = SeenClient::new(&context.ip, user_agent);
    counted(
        &app.telemetry.metrics.outcomes.refreshes,
        exchange(app, token, client, context).await,
    )
}

/// The next pair, and whether the token was the newest (`ok`) or the one before it (`repeated`).
async fn exchange(
    app: &App,
    token: &str,
    client: SeenClient,
    context: &Context,
) -> Result<(TokenPair, &'static str), Failure> {
    let presented = app
        .crypto
        .keyed()
        .refresh_tokens
        .verify(token)
        .ok_or(Failure::InvalidGrant(RefreshRefusal::NotOurs))?;
    let now = app.clock.now();
    let rotation = Rotation {
        session: presented.session,
        counter: presented.counter,
        now,
        idle_expires_at: now.plus(app.config.sessions.idle_ttl),
        client: client.clone(),
    };
    if let Some(owner) = app.store.rotate(rotation).await? {
        let generation = presented.counter.saturating_add(1);
        return Ok((issue_next(app, presented.session, &owner, generation, now)?, "ok"));
    }
    let again = repeat(app, presented, &client, context).await?;
    Ok((again, "repeated"))
}
