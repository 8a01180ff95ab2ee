//! Login, step by step: the account is identified, an attempt is admitted, a factor is proved, and
//! [`Authenticated`] opens the session.
//!
//! Exactly one hash runs whether or not there is such an account, and every refusal has the same
//! words (ASVS 6.3.8). Exception: the hash of an imported account keeps the cost of its former
//! system, until the first login replaces it. A change of an account proves the password again by
//! the same factors ([`reauthenticate`]).

mod abandoned;
mod attempt;
mod authenticated;
mod credentials;
mod factor;
mod identification;
mod reauthentication;
mod refund;

use serde_json::json;

pub(super) use self::abandoned::keep_settled;
use self::attempt::Attempt;
pub use self::authenticated::Authenticated;
pub use self::credentials::Login;
pub use self::factor::one_time_password::Invitation;
use self::factor::{Proof, one_time_password, password};
use self::identification::Identified;
pub(super) use self::identification::account_name;
pub(super) use self::reauthentication::reauthenticate;
use super::sessions::{self, Client, TokenPair};
use super::{Failure, counted};
use crate::app::App;
use crate::model::event::{Context, EventType};
use crate::model::password::Password;
use crate::model::refusal::LoginRefusal;

/// Logs in: opens a session and issues its first tokens.
///
/// A password that breaks the rules of all accounts is refused without a hash. That reveals nothing
/// about one account.
///
/// # Errors
/// [`Failure::BadCredentials`], [`Failure::PasswordGrantOff`], [`Failure::Throttled`];
/// [`Failure::PasswordChangeRequired`] or [`Failure::Invalid`] where a one-time password was right;
/// or an infrastructure failure.
pub async fn login(app: &App, login: Login<'_>, context: &Context) -> Result<TokenPair, Failure> {
    counted(
        &app.telemetry.metrics.outcomes.logins,
        log_in(app, login, context).await.map(|tokens| (tokens, "ok")),
    )
}

async fn log_in(app: &App, login: Login<'_>, context: &Context) -> Result<TokenPair, Failure> {
    if !app.config.accounts.password_grant {
        return Err(Failure::PasswordGrantOff);
    }
    let shown =
        Password::parse(login.password).ok_or(Failure::BadCredentials(LoginRefusal::ImpossiblePassword))?;
    let Identified {
        account,
        counters,
        caller,
    } = identification::identify(app, login).await?;
    let check = async |place| password::check(app, account.as_ref(), shown, place).await;
    let (checked, attempt) = Attempt::check(app, counters, caller, check).await?;
    let (account, proof) = match (account, checked) {
        (Some(account), Ok(proof)) => (account, proof),
        (account, checked) => {
            let refusal = checked.err().unwrap_or(LoginRefusal::UnknownAccount);
            let event = app
                .event(EventType::LoginFail, context)
                .with(json!({"reason": refusal.word()}));
            let event = account
                .iter()
                .fold(event, |event, account| event.of_user(account.me.id));
            let expired = account.filter(|_| refusal == LoginRefusal::OneTimePasswordExpired);
            attempt.settle_wrong(&event).await?;
            if let Some(account) = expired {
                one_time_password::remove_expired(app, &account).await?;
            }
            log::info!(reason = refusal.word(); "login refused");
            return Err(Failure::BadCredentials(refusal));
        }
    };
    let outdated = (proof == Proof::OutdatedPassword).then(|| (account.me.id, account.password_hash.clone()));
    let account = match proof {
        Proof::Password | Proof::OutdatedPassword => account,
        Proof::OneTimePassword => match one_time_password::replace(app, account, login, context).await {
            Ok(account) => account,
            Err(not_replaced) => {
                attempt.settle_right().await?;
                return Err(not_replaced);
            }
        },
    };
    let client = Client {
        device: login.device,
        user_agent: login.user_agent,
        context,
    };
    let authenticated = Authenticated::new(account, attempt);
    let user = authenticated.account().me.id;
    let tokens = sessions::open(app, authenticated, client).await?;
    refund::give_token_back(app, user, context);
    if let Some((user, old)) = outdated {
        password::upgrade_hash(app, user, &old, login).await;
    }
    Ok(tokens)
}
