//! The limit of each account: an attempt at a password is let in before its hash and settled after
//! it, alike for accounts that there are not.

use std::pin::pin;
use std::time::Duration;

use super::Failure;
use crate::app::App;
use crate::crypto::passwords::Verdict;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::{Context, EventType};
use crate::model::ids::UserId;
use crate::model::password::Password;
use crate::model::throttle::Counters;
use crate::store::attempts::{Admission, AttemptOutcome};

/// While as many attempts as may are under way, those who know their password come through one
/// after the other: each that ends here wakes one that waits, and for those that end on other nodes
/// it is asked again after this time.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest wait that a client is told (seconds); a lock may last longer.
const LONGEST_RETRY_AFTER: u64 = 86_400;

/// An attempt that was let in; to be kept until it is settled, for its end lets the next one in.
#[must_use]
pub struct AttemptGuard<'a>(&'a App);

impl Drop for AttemptGuard<'_> {
    fn drop(&mut self) {
        self.0.attempt_ended.notify_one();
    }
}

/// Lets an attempt in and verifies its password; the caller settles it with what it brings. One
/// that got no hash is taken back.
///
/// # Errors
/// [`Failure::Throttled`], also for the right password; or a passing failure.
pub async fn verify(
    app: &App,
    counters: Counters,
    password: Password,
    stored: Option<String>,
) -> Result<(Verdict, AttemptGuard<'_>), Failure> {
    let under_way = admit(app, counters).await?;
    match app.passwords.verify(password, stored).await {
        Ok(verdict) => Ok((verdict, under_way)),
        Err(no_hash) => {
            app.store.give_back(&counters).await?;
            Err(no_hash.into())
        }
    }
}

async fn admit(app: &App, counters: Counters) -> Result<AttemptGuard<'_>, Failure> {
    let mut patience = pin!(tokio::time::sleep(PATIENCE));
    loop {
        let ended = app.attempt_ended.notified();
        let now = app.clock.now();
        match app
            .store
            .admit(counters, app.config.limits.account_lock, now)
            .await?
        {
            Admission::Admitted => return Ok(AttemptGuard(app)),
            Admission::BlockedUntil(at) => {
                return Err(throttled(app, at.secs_from(now).clamp(1, LONGEST_RETRY_AFTER)));
            }
            Admission::Crowded => tokio::select! {
                () = &mut patience => return Err(throttled(app, 1)),
                _ = tokio::time::timeout(PAUSE, ended) => {}
            },
        }
    }
}

fn throttled(app: &App, retry_after: u64) -> Failure {
    app.metrics.throttled.with_label_values(&["account"]).inc();
    Failure::Throttled { retry_after }
}

/// How a wrong password ends an attempt.
#[must_use]
pub fn wrong(app: &App, now: Timestamp) -> AttemptOutcome {
    AttemptOutcome::Wrong {
        locked_until: app
            .config
            .limits
            .account_lock
            .map_or(Timestamp::LAST, |lock| now.plus(lock)),
    }
}

/// What failures of an account are counted by: its canonical address, or whatever else was typed,
/// so that there need be no such account.
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
    let counter = app
        .throttle
        .of_account(&account_name(&account.me.email, email.as_ref()));
    Ok(app
        .store
        .forget_failures(
            counter,
            &app.event(EventType::AccountUnlocked, context).of_user(user),
        )
        .await?)
}
