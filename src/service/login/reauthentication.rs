//! Re-authentication: the current password again before a change of the account (ASVS 7.5.1).
//!
//! Attempts are counted by session: the thief of a session cannot guess without limit, and cannot
//! lock out the other sessions.

use serde_json::json;

use super::attempt::Attempt;
use super::factor::password;
use super::refund;
use crate::app::App;
use crate::model::event::{Context, EventType};
use crate::model::password::Password;
use crate::model::user::Credential;
use crate::service::Failure;
use crate::service::caller::caller;
use crate::service::sessions::Bearer;

/// Proves the current password; gives the credential that was proved. The change must fail if its
/// version is no longer the current one.
///
/// # Errors
/// [`Failure::WrongPassword`], [`Failure::Throttled`], [`Failure::InvalidToken`] if the account has
/// gone meanwhile, or an infrastructure failure.
pub async fn reauthenticate(
    app: &App,
    bearer: &Bearer,
    current: &str,
    context: &Context,
) -> Result<Credential, Failure> {
    let shown = Password::parse(current).ok_or(Failure::WrongPassword)?;
    let user = bearer.state.me.id;
    let credential = app.store.credential(user).await?.ok_or(Failure::InvalidToken)?;
    let counters = app.crypto.keyed().counter_names.of_session(bearer.session);
    let stored = Some(credential.password_hash.clone());
    let check = async |place| password::check_stored(app, stored, shown, place).await;
    let (checked, attempt) = Attempt::check(app, counters, caller(context), check).await?;
    if checked.is_ok() {
        attempt.settle_right().await?;
        refund::give_token_back(app, user, context);
        return Ok(credential);
    }
    let event = app
        .event(EventType::LoginFail, context)
        .of_user(user)
        .of_session(bearer.session)
        .with(json!({"reason": "wrong_current_password"}));
    attempt.settle_wrong(&event).await?;
    Err(Failure::WrongPassword)
}
