//! The password factor: a password against the stored hash, on the hashing threads.

use super::{CheckedFactor, Proof, one_time_password};
use crate::app::{App, PasswordPlace};
use crate::crypto::password_hash::Verdict;
use crate::memory::hash_queue::Caller;
use crate::model::ids::UserId;
use crate::model::password::Password;
use crate::model::refusal::LoginRefusal;
use crate::model::user::LoginAccount;
use crate::service::Failure;
use crate::service::login::Login;

/// Checks a password against an account. One hash runs whether or not there is an account; whether
/// the account may log in is looked at after it.
///
/// # Errors
/// [`Failure::Busy`], or an infrastructure failure.
pub async fn check(
    app: &App,
    account: Option<&LoginAccount>,
    shown: Password,
    place: PasswordPlace,
) -> Result<CheckedFactor, Failure> {
    let stored = account.map(|account| account.password_hash.clone());
    let checked = check_stored(app, stored, shown, place).await?;
    let Some(account) = account else {
        return Ok(Err(LoginRefusal::UnknownAccount));
    };
    Ok(checked.and_then(|proof| match account.password_expires_at {
        _ if !account.me.is_active => Err(LoginRefusal::DisabledAccount),
        Some(expires_at) => one_time_password::check(expires_at, app.clock.now()),
        None => Ok(proof),
    }))
}

/// Checks a password against a stored hash; without one, the same work is done and its result is
/// ignored.
///
/// # Errors
/// [`Failure::Busy`], or an infrastructure failure.
pub async fn check_stored(
    app: &App,
    stored: Option<String>,
    shown: Password,
    place: PasswordPlace,
) -> Result<CheckedFactor, Failure> {
    Ok(match app.passwords.verify(place, shown, stored).await? {
        Verdict::Right => Ok(Proof::Password),
        Verdict::RightButOutdated => Ok(Proof::OutdatedPassword),
        Verdict::Wrong => Err(LoginRefusal::WrongPassword),
    })
}

/// Replaces a hash made at another cost (NIST SP 800-63B-4 section 3.1.1.2). A login that was right
/// stays right if this fails.
pub async fn upgrade_hash(app: &App, user: UserId, old: &str, login: Login<'_>) {
    let Some(password) = Password::parse(login.password) else {
        return;
    };
    let hashed = match app.passwords.place(Caller::known(login.ip, user)).await {
        Ok(place) => app.passwords.hash(place, password).await,
        Err(error) => Err(error),
    };
    let upgraded = match hashed {
        Ok(hash) => app
            .store
            .upgrade_password_hash(user, old, &hash)
            .await
            .map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = upgraded {
        log::warn!(user = user.get(), failure:%; "the password hash was not upgraded; the next login tries again");
    }
}
