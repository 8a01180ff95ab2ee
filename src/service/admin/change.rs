//! Changes by administrators. Each is committed, then evicted from the registry, then answered.

use uuid::Uuid;

use super::refusal::{refused, unknown_role};
use crate::app::App;
use crate::model::authority::Authority;
use crate::model::email::Email;
use crate::model::event::{Actor, Context, EventType};
use crate::model::ids::UserId;
use crate::model::permission::is_role_name;
use crate::model::user::{Account, AccountChange, OneTimeCredential};
use crate::service::Failure;
use crate::service::caller::caller;
use crate::service::login::{Invitation, account_name};
use crate::store::authority::Administered;

/// Changes an account's address, its role and whether it is active; it takes effect on the account's
/// next request.
///
/// # Errors
/// [`Failure::NotFound`], [`Failure::EmailTaken`], [`Failure::Invalid`] for an unknown role, [`Failure::NotPermitted`],
/// [`Failure::Outdated`], [`Failure::LastAdmin`], or an infrastructure failure.
pub async fn update(
    app: &App,
    user: UserId,
    change: AccountChange<'_>,
    authority: Authority,
    context: &Context,
) -> Result<Account, Failure> {
    if change.role.is_some_and(|role| !is_role_name(role)) {
        return Err(Failure::Invalid(vec![unknown_role()]));
    }
    let outcome = app
        .store
        .update_account(
            user,
            change,
            authority,
            &app.event(EventType::UserUpdated, context),
        )
        .await?;
    settled(app, user, outcome, context)
}

/// Replaces an account's password by a one-time password, and ends its sessions. Refused for
/// the caller's own account: a thief with an access token could take it over.
///
/// # Errors
/// As [`update`], and [`Failure::OwnAccount`].
pub async fn reset_password(
    app: &App,
    user: UserId,
    authority: Authority,
    context: &Context,
) -> Result<Invitation, Failure> {
    if context.actor == Actor::User(user) {
        return Err(Failure::OwnAccount);
    }
    let invitation = Invitation::generate(app.clock.now())?;
    let place = app.passwords.place(caller(context)).await?;
    let hash = app.passwords.hash(place, invitation.parse()?).await?;
    let password = OneTimeCredential {
        hash: &hash,
        expires_at: invitation.expires_at,
    };
    // The guesses were at the password that goes.
    let counter = lock_counter(app, user).await?;
    let outcome = app
        .store
        .reset_password(
            user,
            password,
            authority,
            &app.event(EventType::PasswordReset, context),
        )
        .await?;
    settled(app, user, outcome, context)?;
    forget_failures(app, user, counter, context).await?;
    Ok(invitation)
}

/// Lets strangers try an account's password again.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn unlock(app: &App, user: UserId, context: &Context) -> Result<(), Failure> {
    let counter = lock_counter(app, user).await?.ok_or(Failure::NotFound)?;
    forget_failures(app, user, Some(counter), context).await
}

/// Name of the counter that locks an account at its present password.
async fn lock_counter(app: &App, user: UserId) -> Result<Option<Uuid>, Failure> {
    let Some(account) = app.store.account(user).await? else {
        return Ok(None);
    };
    let Ok(email) = Email::parse("email", &account.me.email) else {
        return Ok(None);
    };
    let account = app.store.user_by_email(email.key()).await?;
    Ok(account.map(|account| {
        let name = account_name(&account.me.email, Some(&email));
        app.crypto.keyed().counter_names.of_account(&name, Some(&account))
    }))
}

async fn forget_failures(
    app: &App,
    user: UserId,
    counter: Option<Uuid>,
    context: &Context,
) -> Result<(), Failure> {
    if let Some(counter) = counter {
        let event = app.event(EventType::AccountUnlocked, context).of_user(user);
        app.store.forget_failures(counter, &event).await?;
    }
    Ok(())
}

/// Deletes an account and its sessions for good; its subject is never given again.
///
/// # Errors
/// As [`update`].
pub async fn delete(app: &App, user: UserId, authority: Authority, context: &Context) -> Result<(), Failure> {
    let outcome = app
        .store
        .delete_account(user, authority, &app.event(EventType::UserDeleted, context))
        .await?;
    settled(app, user, outcome, context)
}

/// Ends every session of an account.
///
/// # Errors
/// As [`update`].
pub async fn end_sessions(
    app: &App,
    user: UserId,
    authority: Authority,
    context: &Context,
) -> Result<u64, Failure> {
    let outcome = app
        .store
        .end_sessions_by_admin(user, authority, &app.event(EventType::SessionsEnded, context))
        .await?;
    settled(app, user, outcome, context)
}

/// Ends every session of every account; says how many.
///
/// # Errors
/// An infrastructure failure; what was ended before stays so.
pub async fn end_every_session(app: &App, context: &Context) -> Result<u64, Failure> {
    let ended = app
        .store
        .end_every_session(&app.event(EventType::SessionsEnded, context))
        .await?;
    app.memory.registry.clear();
    Ok(ended)
}

/// Evicts the account after an act that is committed; names the failure of a refused one.
fn settled<T>(app: &App, user: UserId, outcome: Administered<T>, context: &Context) -> Result<T, Failure> {
    let value = outcome.map_err(|refusal| refused(refusal, context))?;
    app.memory.registry.evict_user(user);
    Ok(value)
}
