//! Opening of a session, for an authenticated account only.

use uuid::Uuid;

use super::token_pair::{TokenPair, issue};
use crate::app::App;
use crate::crypto::device_tickets::{TicketHolder, TicketState};
use crate::crypto::jwt::TokenIdentity;
use crate::model::event::{Context, EventType};
use crate::model::ids::SessionId;
use crate::model::refusal::LoginRefusal;
use crate::model::session::{NewSession, SeenClient};
use crate::service::Failure;
use crate::service::login::Authenticated;

/// Client that a session is opened for.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// The ticket that the device got at an earlier login.
    pub device: Option<&'a str>,
    /// The client's name for itself; cut to 256 characters.
    pub user_agent: &'a str,
    /// Address and request, for the record.
    pub context: &'a Context,
}

/// Opens a session and issues its first tokens. Beyond the cap, the account's sessions used longest
/// ago end.
///
/// # Errors
/// [`Failure::BadCredentials`] if the account or its password changed since the proof, or an
/// infrastructure failure.
pub async fn open(
    app: &App,
    authenticated: Authenticated<'_>,
    client: Client<'_>,
) -> Result<TokenPair, Failure> {
    let now = app.clock.now();
    let seen = SeenClient::new(&client.context.ip, client.user_agent);
    let account = authenticated.account();
    let session = NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: account.me.id,
        created_at: now,
        idle_expires_at: now.plus(app.config.sessions.idle_ttl),
        expires_at: now.plus(app.config.sessions.max_age),
        client: &seen,
    };
    let cap = i64::try_from(app.config.sessions.per_user).unwrap_or(i64::MAX);
    let event = app.event(EventType::LoginSuccess, client.context);
    let over = app
        .store
        .start_session(&session, authenticated.guard(), cap, &event)
        .await?
        .ok_or(Failure::BadCredentials(LoginRefusal::ChangedMeanwhile))?;
    let account = authenticated.into_opened();
    for ended in &over {
        app.memory.registry.evict(*ended);
    }
    log::info!(user = account.me.id.get(), session = session.id.to_string().as_str(), over_the_cap = over.len(); "session started");
    let identity = TokenIdentity {
        subject: account.subject,
        role: &account.me.role,
        permissions: &account.permissions,
        generation: 0,
    };
    let tokens = issue(app, session.id, identity, now)?;
    let (keyed, holder) = (app.crypto.keyed(), TicketHolder::of(&account));
    let tickets = &keyed.device_tickets;
    let is_fresh = |ticket| tickets.check(ticket, holder, now) == TicketState::Fresh;
    Ok(if client.device.is_some_and(is_fresh) {
        tokens
    } else {
        TokenPair {
            device_ticket: Some(tickets.issue(holder, now)),
            ..tokens
        }
    })
}
