//! What administrators do to others' accounts. An admin never sees or sets a lasting password (ASVS
//! 6.4.6), and nobody acts on those who may more.

use uuid::Uuid;

use super::login::{Invitation, account_name};
use super::{Failure, cut_page, rows_of_page};
use crate::app::App;
use crate::model::authority::Authority;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::{Subject, UserId};
use crate::model::invalid::Invalid;
use crate::model::password::Password;
use crate::model::permission::is_role_name;
use crate::model::session::SessionInfo;
use crate::model::user::{Account, AccountChange, AccountCursor, AccountFilter, NewUser, OneTimeCredential};
use crate::store::authority::{Administered, Refusal};

/// One page of accounts, and where the next one begins, if there is one.
///
/// # Errors
/// An infrastructure failure.
pub async fn find(
    app: &App,
    filter: &AccountFilter,
    after: Option<&AccountCursor>,
    limit: usize,
) -> Result<(Vec<Account>, Option<AccountCursor>), Failure> {
    let mut accounts = app
        .store
        .find_accounts(filter, after, rows_of_page(limit))
        .await?;
    let next = cut_page(&mut accounts, limit).and_then(|last| match &filter.prefix {
        Some(_) => Email::parse("email", &last.me.email)
            .ok()
            .map(|email| AccountCursor::AfterEmail(email.key().as_str().to_owned())),
        None => Some(AccountCursor::AfterId(last.me.id)),
    });
    Ok((accounts, next))
}

/// One account.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn show(app: &App, user: UserId) -> Result<Account, Failure> {
    app.store.account(user).await?.ok_or(Failure::NotFound)
}

/// Makes an account with a one-time password.
///
/// # Errors
/// [`Failure::Invalid`], [`Failure::EmailTaken`], [`Failure::NotPermitted`] if the role may more
/// than the caller, or an infrastructure failure.
pub async fn invite(
    app: &App,
    email: &str,
    role: &str,
    authority: Authority,
    context: &Context,
) -> Result<(Account, Invitation), Failure> {
    let invitation = Invitation::generate(app.clock.now())?;
    let password = invitation.parse()?;
    let account = CreatedAccount {
        email,
        role,
        password,
        password_expires_at: Some(invitation.expires_at),
    };
    Ok((create(app, account, authority, context).await?, invitation))
}

/// An account that an administrator makes.
pub struct CreatedAccount<'a> {
    /// The address.
    pub email: &'a str,
    /// The name of its role.
    pub role: &'a str,
    /// The password.
    pub password: Password,
    /// When the password ends, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
}

/// Makes an account with the password given.
///
/// # Errors
/// As [`invite`].
pub async fn create(
    app: &App,
    account: CreatedAccount<'_>,
    authority: Authority,
    context: &Context,
) -> Result<Account, Failure> {
    let email = Email::parse("email", account.email);
    let role = is_role_name(account.role).then_some(account.role);
    let (email, role) = match (email, role) {
        (Ok(email), Some(role)) => (email, role),
        (email, role) => {
            return Err(Failure::Invalid(
                email
                    .err()
                    .into_iter()
                    .chain(role.is_none().then(unknown_role))
                    .collect(),
            ));
        }
    };
    let password_hash = app.passwords.hash(account.password).await?;
    let user = NewUser {
        subject: Subject::from(Uuid::new_v4()),
        email: &email,
        email_key: email.key(),
        password_hash: &password_hash,
        role,
        password_expires_at: account.password_expires_at,
    };
    let created = app
        .store
        .create_account(&user, authority, &app.event(EventType::UserCreated, context))
        .await?;
    created
        .map_err(|refusal| refused(refusal, context))?
        .ok_or(Failure::EmailTaken)
}

/// Changes an account's role and whether it is active; it bites on the account's very next request.
///
/// # Errors
/// [`Failure::NotFound`], [`Failure::Invalid`] for an unknown role, [`Failure::NotPermitted`],
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

/// Replaces an account's password by a one-time password, and ends its sessions.
///
/// # Errors
/// As [`update`].
pub async fn reset_password(
    app: &App,
    user: UserId,
    authority: Authority,
    context: &Context,
) -> Result<Invitation, Failure> {
    let invitation = Invitation::generate(app.clock.now())?;
    let hash = app.passwords.hash(invitation.parse()?).await?;
    let password = OneTimeCredential {
        hash: &hash,
        expires_at: invitation.expires_at,
    };
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
    // The guesses were at the password that is gone.
    unlock(app, user, context).await?;
    Ok(invitation)
}

/// Lets strangers try an account's password again.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn unlock(app: &App, user: UserId, context: &Context) -> Result<(), Failure> {
    let account = show(app, user).await?;
    let email = Email::parse("email", &account.me.email).ok();
    let name = account_name(&account.me.email, email.as_ref());
    let event = app.event(EventType::AccountUnlocked, context).of_user(user);
    Ok(app
        .store
        .forget_failures(app.crypto.counter_names.of_account(&name), &event)
        .await?)
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

/// An account's live sessions, the last used first.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn sessions(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    show(app, user).await?;
    super::sessions::list(app, user).await
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

/// Commit, evict, answer.
fn settled<T>(app: &App, user: UserId, outcome: Administered<T>, context: &Context) -> Result<T, Failure> {
    let value = outcome.map_err(|refusal| refused(refusal, context))?;
    app.memory.registry.evict_user(user);
    Ok(value)
}

/// The failure that a refusal of the store is.
pub(super) fn refused(refusal: Refusal, context: &Context) -> Failure {
    match refusal {
        Refusal::Unknown => Failure::NotFound,
        Refusal::Outdated => Failure::Outdated,
        Refusal::Unseen => Failure::VersionRequired,
        Refusal::NotCovered => not_permitted(context),
        Refusal::Unauthenticated => Failure::InvalidToken,
        Refusal::LastAdmin => Failure::LastAdmin,
        Refusal::UnknownRole => Failure::Invalid(vec![unknown_role()]),
        Refusal::InUse => Failure::RoleInUse,
    }
}

/// Someone reaches above themselves: that is worth a line.
pub(super) fn not_permitted(context: &Context) -> Failure {
    log::warn!(request_id = context.request_id.as_str(), actor:? = context.actor; "an administrator is refused what they may not");
    Failure::NotPermitted
}

fn unknown_role() -> Invalid {
    Invalid::field("role", "enum", "Input should be the name of a role")
}
