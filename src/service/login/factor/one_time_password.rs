//! The one-time password factor: a password that an administrator hands out, valid for 72 hours and
//! usable only to set a lasting one (ASVS 6.4.1). No session begins with it.
//!
//! It is stored and hashed as a password is. Only a one-time password has a time of expiry.

use std::time::Duration;

use super::{CheckedFactor, Proof};
use crate::app::App;
use crate::crypto::random;
use crate::memory::hash_queue::Caller;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::invalid::Invalid;
use crate::model::password::Password;
use crate::model::refusal::LoginRefusal;
use crate::model::user::LoginAccount;
use crate::service::Failure;
use crate::service::login::Login;

/// Validity of a one-time password.
pub const VALIDITY: Duration = Duration::from_hours(72);

/// Digits and small letters without those that look alike (0 and o, 1 and l).
const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// A one-time password that is to be told once and changed at the first login.
pub struct Invitation {
    /// The one-time password.
    pub password: String,
    /// Its end.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Makes a one-time password: four groups of five of 32 letters, 100 random bits.
    ///
    /// # Errors
    /// No entropy.
    pub fn generate(now: Timestamp) -> Result<Self, Failure> {
        let letters: Vec<u8> = random::<20>()?
            .iter()
            .map(|byte| ALPHABET[usize::from(byte % 32)])
            .collect();
        let groups: Vec<&str> = letters
            .chunks(5)
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        Ok(Self {
            password: groups.join("-"),
            expires_at: now.plus(VALIDITY),
        })
    }

    /// The password, to be hashed.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn parse(&self) -> Result<Password, Failure> {
        Password::parse(&self.password)
            .ok_or_else(|| Failure::Internal("a generated password that cannot be one".to_owned()))
    }
}

/// Checks the time of a one-time password that was right.
pub fn check(expires_at: Timestamp, now: Timestamp) -> CheckedFactor {
    if expires_at <= now {
        Err(LoginRefusal::OneTimePasswordExpired)
    } else {
        Ok(Proof::OneTimePassword)
    }
}

/// Removes a one-time password that was right and has run out, so that a clock that is set back does
/// not make it valid again.
///
/// # Errors
/// An infrastructure failure.
pub async fn remove_expired(app: &App, account: &LoginAccount) -> Result<(), Failure> {
    let (user, version) = (account.me.id, account.password_version);
    Ok(app
        .store
        .remove_expired_password(user, version, app.clock.now())
        .await?)
}

/// Sets a lasting password in place of the one-time password; gives the account as it is then.
///
/// # Errors
/// [`Failure::PasswordChangeRequired`] without a new password, [`Failure::Invalid`],
/// [`Failure::BadCredentials`] if the account or its password changed meanwhile, or an
/// infrastructure failure.
pub async fn replace(
    app: &App,
    account: LoginAccount,
    login: Login<'_>,
    context: &Context,
) -> Result<LoginAccount, Failure> {
    let new = login.new_password.ok_or(Failure::PasswordChangeRequired)?;
    if new == login.password {
        return Err(Failure::Invalid(vec![Invalid::field(
            "new_password",
            "value_error",
            "Value error, the one-time password cannot stay",
        )]));
    }
    let email = Email::parse("email", &account.me.email).ok();
    let least = app.config.accounts.password_min_length;
    let new = Password::parse_new("new_password", new, least, email.as_ref())
        .map_err(|invalid| Failure::Invalid(vec![invalid]))?;
    let caller = Caller::known(login.ip, account.me.id);
    let place = app.passwords.place(caller).await?;
    let hash = app.passwords.hash(place, new).await?;
    let event = app.event(EventType::PasswordChanged, context);
    let changed = app
        .store
        .replace_password(account.me.id, account.password_version, &hash, &event)
        .await?;
    app.memory.registry.evict_user(account.me.id);
    if !changed {
        return Err(Failure::BadCredentials(LoginRefusal::ChangedMeanwhile));
    }
    Ok(LoginAccount {
        password_version: account.password_version + 1,
        ..account
    })
}
