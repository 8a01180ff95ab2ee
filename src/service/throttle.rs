//! The limit of each account: an attempt at a password is let in before its hash and settled after it, alike for accounts that there are not.

use std::time::Duration;

use super::Failure;
use crate::app::App;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::UserId;
use crate::model::password::Password;
use crate::model::throttle::Counters;
use crate::security::passwords::Verdict;
use crate::store::throttles::{Admission, Outcome};

/// How often to ask again while as many attempts as may are under way: those who know their password come through, one after the other.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: u32 = 100;
/// The longest wait that a client is told (seconds); a lock may last longer.
const LONGEST_RETRY_AFTER: u64 = 86_400;

/// Lets an attempt in and verifies its password; the caller settles it with what it brings. One that got no hash is taken back.
///
/// # Errors
/// [`Failure::Throttled`], also for the right password; or a passing failure.
pub async fn verify(app: &App, counters: Counters, password: Password, stored: Option<String>) -> Result<Verdict, Failure> {
    admit(app, counters).await?;
    match app.passwords.verify(password, stored).await {
        Ok(verdict) => Ok(verdict),
        Err(no_hash) => {
            app.store.give_back(&counters).await?;
            Err(no_hash.into())
        }
    }
}

async fn admit(app: &App, counters: Counters) -> Result<(), Failure> {
    for _ in 0..PATIENCE {
        let now = app.clock.now();
        match app.store.admit(counters, app.policy.account_lock, now).await? {
            Admission::Admitted => return Ok(()),
            Admission::BlockedUntil(at) => return Err(throttled(app, at.secs_from(now).clamp(1, LONGEST_RETRY_AFTER))),
            Admission::Crowded => tokio::time::sleep(PAUSE).await,
        }
    }
    Err(throttled(app, 1))
}

fn throttled(app: &App, retry_after: u64) -> Failure {
    app.metrics.throttled.with_label_values(&["account"]).inc();
    Failure::Throttled { retry_after }
}

/// How a wrong password ends an attempt.
#[must_use]
pub fn wrong(app: &App, now: Timestamp) -> Outcome {
    Outcome::Wrong { locked_until: app.policy.account_lock.map_or(Timestamp::LAST, |lock| now.plus(lock)) }
}

/// What failures of an account are counted by: its canonical address, or whatever else was typed, so that there need be no such account.
#[must_use]
pub fn account_name(typed: &str, email: Option<&Email>) -> String {
    email.map_or_else(|| typed.to_lowercase(), |email| email.key().as_str().to_owned())
}

/// Lets strangers try an account's password again.
///
/// # Errors
/// [`Failure::NotFound`], or a passing failure.
pub async fn unlock(app: &App, user: UserId, context: &Context) -> Result<(), Failure> {
    let account = app.store.account(user).await?.ok_or(Failure::NotFound)?;
    let email = Email::parse("email", &account.me.email).ok();
    let counter = app.throttle.of_account(&account_name(&account.me.email, email.as_ref()));
    Ok(app.store.forget_failures(counter, &app.event(EventType::AccountUnlocked, context).of_user(user)).await?)
}
