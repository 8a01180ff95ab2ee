//! Attempt at a factor: admitted before the factor is checked, settled once with the outcome. The
//! counters are in the database, so several nodes do not allow more guesses than one. An account
//! that does not exist is counted in the same way.
//!
//! An attempt whose outcome was not stored (its client left, the database is away) is settled as a
//! failure by a worker. Until then it counts as in flight, for [`PENDING_FOR`] at most.

use std::pin::pin;
use std::time::Duration;

use crate::app::{App, PasswordPlace};
use crate::memory::hash_queue::Caller;
use crate::model::event::Event;
use crate::model::throttle::{Counters, PENDING_FOR};
use crate::service::Failure;
use crate::store::attempts::{Admission, AttemptOutcome};
use crate::telemetry::metrics::RequestLimit;

/// Pause before admission is asked for again, while the maximum number of attempts is in flight.
/// The end of an attempt on this node ends the pause early.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for admission.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait in `Retry-After`, in seconds; a lock may last longer.
const LONGEST_RETRY_AFTER: u64 = 86_400;

/// An admitted attempt. Every settling method consumes it. Its drop wakes the next attempt that
/// waits for admission.
#[must_use]
pub struct Attempt<'a> {
    app: &'a App,
    counters: Counters,
    /// Whether the outcome is stored.
    settled: bool,
}

impl<'a> Attempt<'a> {
    /// Waits for a place at the hashing threads and for admission, then checks a factor. An attempt
    /// whose check cannot be made is taken back.
    ///
    /// # Errors
    /// [`Failure::Busy`] if no place is free, before anything is written; [`Failure::Throttled`],
    /// also for the right password; or an infrastructure failure.
    pub async fn check<T>(
        app: &'a App,
        counters: Counters,
        caller: Caller,
        factor: impl AsyncFnOnce(PasswordPlace) -> Result<T, Failure>,
    ) -> Result<(T, Self), Failure> {
        let (attempt, place) = Self::admit(app, counters, caller).await?;
        match factor(place).await {
            Ok(checked) => Ok((checked, attempt)),
            Err(not_checked) => {
                app.store.give_back(&counters).await?;
                attempt.settled();
                Err(not_checked)
            }
        }
    }

    /// The attempt, and the place for its hash. The place is let go while others are in flight.
    async fn admit(
        app: &'a App,
        counters: Counters,
        caller: Caller,
    ) -> Result<(Self, PasswordPlace), Failure> {
        let mut patience = pin!(tokio::time::sleep(PATIENCE));
        loop {
            let place = app.passwords.place(caller).await?;
            let ended = app.memory.attempt_ended.notified();
            let now = app.clock.now();
            match app
                .store
                .admit(counters, app.config.limits.account_lock, now)
                .await?
            {
                Admission::Admitted => {
                    let attempt = Self {
                        app,
                        counters,
                        settled: false,
                    };
                    return Ok((attempt, place));
                }
                Admission::BlockedUntil(at) => {
                    return Err(throttled(app, at.secs_from(now).clamp(1, LONGEST_RETRY_AFTER)));
                }
                Admission::Crowded => {
                    drop(place);
                    tokio::select! {
                        () = &mut patience => return Err(throttled(app, 1)),
                        _ = tokio::time::timeout(PAUSE, ended) => {}
                    }
                }
            }
        }
    }

    /// Counters of the attempt, to be cleared in the transaction that stores the result of the
    /// right factor, such as the session.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Stores that the factor was right, with no session or change to store beside it.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn settle_right(self) -> Result<(), Failure> {
        let now = self.app.clock.now();
        self.app
            .store
            .settle_attempt(&self.counters, AttemptOutcome::Right, now)
            .await?;
        self.settled();
        Ok(())
    }

    /// Stores that the factor was wrong, with the event that says so.
    ///
    /// # Errors
    /// An infrastructure failure.
    pub async fn settle_wrong(self, event: &Event<'_>) -> Result<(), Failure> {
        self.app.store.refuse_login(&self.counters, event).await?;
        self.settled();
        Ok(())
    }

    /// Notes that the outcome is already stored, in the same transaction as its result.
    pub fn settled(mut self) {
        self.settled = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.app.memory.attempt_ended.notify_one();
        if !self.settled {
            self.app.memory.abandoned.add(self.counters);
            log::info!(seconds = PENDING_FOR.as_secs(); "a login attempt ended without an outcome; it counts as in flight for so many seconds");
        }
    }
}

fn throttled(app: &App, retry_after: u64) -> Failure {
    app.telemetry.metrics.outcomes.throttled(RequestLimit::Account);
    Failure::Throttled { retry_after }
}
