//! The end of sessions: by their owner, or by a token that is given back.

use super::Bearer;
use crate::app::App;
use crate::model::event::{Context, Event, EventType};
use crate::model::ids::{SessionId, UserId};
use crate::model::session::{EndReason, Which};
use crate::service::Failure;

/// Ends the session of a token of this generation: commits, then evicts. Nothing happens if the
/// token is void since a change of the password.
pub(super) async fn end(
    app: &App,
    session: SessionId,
    generation: i64,
    reason: EndReason,
    event: &Event<'_>,
) -> Result<(), Failure> {
    app.store.end_session(session, generation, reason, event).await?;
    app.memory.registry.evict(session);
    Ok(())
}

/// Sessions that a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutScope {
    /// The caller's own.
    This,
    /// All of the user's but the caller's own.
    Others,
    /// All of the user's.
    All,
}

/// Logs out: after it, no token of the sessions that it names works on this node; others follow by
/// the feed.
///
/// # Errors
/// An infrastructure failure; nothing is ended then.
pub async fn logout(
    app: &App,
    bearer: &Bearer,
    scope: LogoutScope,
    context: &Context,
) -> Result<(), Failure> {
    let (user, session) = (bearer.state.me.id, bearer.session);
    let event = app.event(EventType::Logout, context);
    let which = match scope {
        LogoutScope::This => return end(app, session, bearer.generation, EndReason::Logout, &event).await,
        LogoutScope::Others => Which::AllBut(session),
        LogoutScope::All => Which::All,
    };
    if app
        .store
        .end_sessions(user, which, EndReason::Logout, &event)
        .await?
    {
        app.memory.registry.evict_user(user);
    }
    Ok(())
}

/// Ends one of the user's own sessions.
///
/// # Errors
/// [`Failure::NotFound`] alike for another's session and for none.
pub async fn end_own(app: &App, user: UserId, session: SessionId, context: &Context) -> Result<(), Failure> {
    let event = app.event(EventType::Logout, context);
    if !app.store.end_own_session(user, session, &event).await? {
        return Err(Failure::NotFound);
    }
    app.memory.registry.evict(session);
    Ok(())
}

/// Revokes a token (RFC 7009): ends the session of a genuine access or refresh token, and does
/// nothing for any other text. A token from before a change of the password counts as any other
/// text: it may be stolen, and would log its owner out. A refresh token that was exchanged ends the
/// session, as it does at a refresh.
///
/// # Errors
/// An infrastructure failure: the answer never says *revoked* of a token that is not.
pub async fn revoke(app: &App, token: &str, context: &Context) -> Result<(), Failure> {
    let refresh_token = app.crypto.keyed().refresh_tokens.verify(token);
    let presented = refresh_token
        .map(|token| (token.session, token.counter))
        .or_else(|| {
            let access_token = app.crypto.access_tokens.verify(token, app.clock.now()).ok()?;
            Some((access_token.session, access_token.generation))
        });
    let Some((session, generation)) = presented else {
        return Ok(());
    };
    let event = app.event(EventType::TokenRevoked, context);
    end(app, session, generation, EndReason::Revoked, &event).await
}
