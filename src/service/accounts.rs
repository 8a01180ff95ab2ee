//! Accounts: how they come to be.

use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::model::email::Email;
use crate::model::ids::Subject;
use crate::model::password::Password;
use crate::model::user::{Me, NewUser};

/// What someone registers with, as they typed it.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// The address.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
}

/// Registers a new, active account of the default role.
///
/// The password is hashed before the address is looked at, so that a taken address takes as long to refuse as a free one to accept.
///
/// # Errors
/// [`Failure::RegistrationClosed`], [`Failure::Invalid`] with every broken rule, [`Failure::EmailTaken`], or a passing failure.
pub async fn register(app: &App, account: NewAccount<'_>) -> Result<Me, Failure> {
    if !app.policy.registration_open {
        return Err(Failure::RegistrationClosed);
    }
    let email = Email::parse("email", account.email);
    let password = Password::parse_new("password", account.password, app.policy.password_min_length, email.as_ref().ok());
    let (email, password) = match (email, password) {
        (Ok(email), Ok(password)) => (email, password),
        (email, password) => return Err(Failure::Invalid(email.err().into_iter().chain(password.err()).collect())),
    };
    let password_hash = app.passwords.hash(password).await?;
    let user = NewUser {
        subject: Subject::from(Uuid::new_v4()),
        email: &email,
        email_key: email.key(),
        password_hash: &password_hash,
        created_at: app.clock.now(),
    };
    let me = app.store.insert_user(&user).await?.ok_or(Failure::EmailTaken)?;
    log::info!(user = me.id.get(); "account registered");
    Ok(me)
}
