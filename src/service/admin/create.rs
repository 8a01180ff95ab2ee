//! Accounts that administrators make.

use uuid::Uuid;

use super::refusal::{refused, unknown_role};
use crate::app::App;
use crate::model::authority::Authority;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::Subject;
use crate::model::password::Password;
use crate::model::permission::is_role_name;
use crate::model::user::{Account, NewUser};
use crate::service::Failure;
use crate::service::caller::caller;
use crate::service::login::Invitation;

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
    /// Name of its role.
    pub role: &'a str,
    /// The password.
    pub password: Password,
    /// End of the password, if it is a one-time password.
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
    let email = Email::parse_new("email", account.email);
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
    let place = app.passwords.place(caller(context)).await?;
    let password_hash = app.passwords.hash(place, account.password).await?;
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
