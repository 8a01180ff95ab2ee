//! Accounts: how they come to be, change and go. A change asks for the password again (ASVS 7.5.1).

use uuid::Uuid;

use super::caller::caller;
use super::login::reauthenticate;
use super::sessions::{Bearer, TokenPair, authenticate_again, issue_next};
use super::{Failure, counted};
use crate::app::App;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::Subject;
use crate::model::invalid::Invalid;
use crate::model::password::Password;
use crate::model::permission::DEFAULT_ROLE;
use crate::model::session::SeenClient;
use crate::model::user::{NewUser, PublicAccount};
use crate::store::accounts::own::{DeletionOutcome, EmailChangeOutcome};
use crate::store::sessions::{RenewedSession, SparedSession};

/// Address and password of a registration, as they were typed.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
}

/// Registers a new, active account of the default role.
///
/// The password is hashed before the address is looked at, so that a taken address takes as long to
/// refuse as a free one to accept.
///
/// # Errors
/// [`Failure::RegistrationClosed`], [`Failure::Invalid`] with every broken rule,
/// [`Failure::EmailTaken`], or an infrastructure failure.
pub async fn register(
    app: &App,
    account: Registration<'_>,
    context: &Context,
) -> Result<PublicAccount, Failure> {
    counted(
        &app.telemetry.metrics.outcomes.registrations,
        make(app, account, context).await.map(|me| (me, "ok")),
    )
}

async fn make(app: &App, account: Registration<'_>, context: &Context) -> Result<PublicAccount, Failure> {
    if !app.config.accounts.registration_open {
        return Err(Failure::RegistrationClosed);
    }
    let email = Email::parse_new("email", account.email);
    let password = Password::parse_new(
        "password",
        account.password,
        app.config.accounts.password_min_length,
        email.as_ref().ok(),
    );
    let (email, password) = match (email, password) {
        (Ok(email), Ok(password)) => (email, password),
        (email, password) => {
            return Err(Failure::Invalid(
                email.err().into_iter().chain(password.err()).collect(),
            ));
        }
    };
    let place = app.passwords.place(caller(context)).await?;
    let password_hash = app.passwords.hash(place, password).await?;
    let user = NewUser {
        subject: Subject::from(Uuid::new_v4()),
        email: &email,
        email_key: email.key(),
        password_hash: &password_hash,
        role: DEFAULT_ROLE,
        password_expires_at: None,
    };
    let me = app
        .store
        .insert_user(&user, &app.event(EventType::Registered, context))
        .await?
        .ok_or(Failure::EmailTaken)?
        .me;
    log::info!(user = me.id.get(); "account registered");
    Ok(me)
}

/// The wish for another password, by the bearer of a session.
#[derive(Clone, Copy)]
pub struct PasswordWish<'a> {
    /// The current password.
    pub current: &'a str,
    /// The new one.
    pub new: &'a str,
    /// The client's name for itself.
    pub user_agent: &'a str,
}

/// Sets another password and ends every other session of the user. This one goes on with the tokens
/// that are given back: somebody may hold a copy of its older ones.
///
/// # Errors
/// [`Failure::WrongPassword`], [`Failure::Invalid`] for the new one, [`Failure::InvalidToken`] if
/// the account has gone meanwhile, or an infrastructure failure.
pub async fn change_password(
    app: &App,
    bearer: &Bearer,
    wish: PasswordWish<'_>,
    context: &Context,
) -> Result<TokenPair, Failure> {
    let me = &bearer.state.me;
    let email = Email::parse("email", &me.email).ok();
    let new = Password::parse_new(
        "new_password",
        wish.new,
        app.config.accounts.password_min_length,
        email.as_ref(),
    )
    .map_err(refused)?;
    let credential = reauthenticate(app, bearer, wish.current, context).await?;
    let place = app.passwords.place(caller(context)).await?;
    let hash = app.passwords.hash(place, new).await?;
    let now = app.clock.now();
    let asking = SparedSession {
        id: bearer.session,
        generation: bearer.generation,
        idle_expires_at: now.plus(app.config.sessions.idle_ttl),
        client: SeenClient::new(&context.ip, wish.user_agent),
    };
    let renewed = app
        .store
        .change_password(
            me.id,
            credential.password_version,
            &hash,
            &asking,
            &app.event(EventType::PasswordChanged, context),
        )
        .await?;
    app.memory.registry.evict_user(me.id);
    match renewed {
        Some(RenewedSession { generation, owner }) => issue_next(app, asking.id, &owner, generation, now),
        None => Err(outdated(app, bearer).await),
    }
}

/// Gives the account another address.
///
/// # Errors
/// [`Failure::WrongPassword`], [`Failure::Invalid`], [`Failure::EmailTaken`],
/// [`Failure::InvalidToken`] if the account has gone meanwhile, or an infrastructure failure.
pub async fn change_email(
    app: &App,
    bearer: &Bearer,
    current: &str,
    email: &str,
    context: &Context,
) -> Result<PublicAccount, Failure> {
    let email = Email::parse_new("email", email).map_err(refused)?;
    let user = bearer.state.me.id;
    let credential = reauthenticate(app, bearer, current, context).await?;
    let change = app
        .store
        .change_email(
            user,
            credential.password_version,
            bearer.session,
            &email,
            &app.event(EventType::EmailChanged, context),
        )
        .await?;
    app.memory.registry.evict_user(user);
    match change {
        EmailChangeOutcome::Done(me) => Ok(me),
        EmailChangeOutcome::Taken => Err(Failure::EmailTaken),
        EmailChangeOutcome::Outdated => Err(outdated(app, bearer).await),
    }
}

/// Deletes the account and its sessions for good; its subject is never given again.
///
/// # Errors
/// [`Failure::WrongPassword`], [`Failure::LastAdmin`], [`Failure::InvalidToken`] if the account has
/// gone meanwhile, or an infrastructure failure.
pub async fn delete(app: &App, bearer: &Bearer, current: &str, context: &Context) -> Result<(), Failure> {
    let user = bearer.state.me.id;
    let credential = reauthenticate(app, bearer, current, context).await?;
    let deletion = app
        .store
        .delete_user(
            user,
            credential.password_version,
            bearer.session,
            &app.event(EventType::AccountDeleted, context),
        )
        .await?;
    app.memory.registry.evict_user(user);
    match deletion {
        DeletionOutcome::Done => Ok(()),
        DeletionOutcome::Outdated => Err(outdated(app, bearer).await),
        DeletionOutcome::LastAdmin => Err(Failure::LastAdmin),
    }
}

/// Failure of a change that did not happen after its password was verified: the session has ended
/// meanwhile, or the password is another now.
async fn outdated(app: &App, bearer: &Bearer) -> Failure {
    match authenticate_again(app, bearer).await {
        Ok(_) => Failure::WrongPassword,
        Err(ended) => ended,
    }
}

fn refused(invalid: Invalid) -> Failure {
    Failure::Invalid(vec![invalid])
}
