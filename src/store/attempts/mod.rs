//! Counters of attempts at a password, in the database, so that many nodes do not give many times
//! the guesses.
//!
//! An attempt is admitted before its hash, in one statement a counter, and counts as in flight until
//! its outcome is stored together with what it brings: the session or the refusal.

mod counter;
mod lock;

pub(super) use counter::settle;
pub use counter::{Admission, AttemptOutcome};

use std::time::Duration;

use uuid::Uuid;

use super::tx::End::{Commit, Rollback};
use super::{Store, StoreError, events};
use crate::model::clock::Timestamp;
use crate::model::event::{Event, EventType};
use crate::model::throttle::{Counters, MOST_FAILURES};
use counter::{ClosedTimes, Entry, Limit, enter, take_back};
use lock::enter_account;

/// Times since whose last change a counter is kept.
#[derive(Debug, Clone, Copy)]
pub struct PurgedBefore {
    /// For sources.
    pub places: Timestamp,
    /// For accounts.
    pub accounts: Timestamp,
}

impl Store {
    /// Admits an attempt at its counters, or says why not. `lock` is how long an account is locked;
    /// `None` means until it is unlocked, and for every network.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn admit(
        &self,
        counters: Counters,
        lock: Option<Duration>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.transaction("store admit", async |tx| {
            match enter(tx, &Limit::of_place(counters.place, now), now).await? {
                Entry::Entered => {}
                Entry::Closed(until) => return Ok(Rollback(Admission::BlockedUntil(until))),
                Entry::Crowded => return Ok(Rollback(Admission::Crowded)),
            }
            let Some(account) = &counters.account else {
                return Ok(Commit(Admission::Admitted));
            };
            Ok(match enter_account(tx, account, lock, now).await? {
                Admission::Admitted => Commit(Admission::Admitted),
                refused => Rollback(refused),
            })
        })
        .await
    }

    /// Stores the outcome of an attempt that brings nothing else.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_attempt(
        &self,
        counters: &Counters,
        outcome: AttemptOutcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.transaction("store settle_attempt", async |tx| {
            settle(tx, counters, outcome, now).await?;
            Ok(Commit(()))
        })
        .await
    }

    /// Takes an attempt back that was never made, because no hash was to be had. Counters that
    /// count nothing else are deleted, so that refused logins leave no rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back(&self, counters: &Counters) -> Result<(), StoreError> {
        self.transaction("store give_back", async |tx| {
            // The order in which every other transaction locks them.
            take_back(tx, counters.place).await?;
            if let Some(account) = &counters.account {
                take_back(tx, account.network).await?;
                take_back(tx, account.everywhere).await?;
            }
            Ok(Commit(()))
        })
        .await
    }

    /// Stores a refused login: the failure at the counters, and the event with how many failures
    /// there are now. The failure that locks the account is an event of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refuse_login(&self, counters: &Counters, event: &Event<'_>) -> Result<(), StoreError> {
        self.transaction("store refuse_login", async |tx| {
            let failures = settle(tx, counters, AttemptOutcome::Wrong, event.at).await?;
            let event = event
                .clone()
                .and("failures_here", failures.here)
                .and("failures_everywhere", failures.everywhere);
            events::append(tx, &event).await?;
            if failures.locks {
                events::append(tx, &event.as_type(EventType::AccountLocked)).await?;
            }
            Ok(Commit(()))
        })
        .await
    }

    /// Forgets the failures at an account's counter; an event if they had locked it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_failures(&self, counter: Uuid, event: &Event<'_>) -> Result<(), StoreError> {
        self.transaction("store forget_failures", async |tx| {
            let forgotten: Option<(i64,)> = tx
                .query(
                    "DELETE FROM throttles
                     WHERE key = $1
                     RETURNING failures",
                )
                .bind(counter)
                .optional()
                .await?;
            if forgotten.is_some_and(|(failures,)| failures >= MOST_FAILURES) {
                events::append(tx, event).await?;
            }
            Ok(Commit(()))
        })
        .await
    }

    /// Deletes counters without a change since `before`, those of accounts only if they are not
    /// locked any more, of the next `batch` after a position; says how many it deleted and where to go
    /// on, if there is more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_throttles(
        &self,
        after: Uuid,
        before: PurgedBefore,
        lock: Option<Duration>,
        now: Timestamp,
        batch: i64,
    ) -> Result<(u64, Option<Uuid>), StoreError> {
        let next: Option<(Uuid,)> = self
            .read(
                "store purge_throttles",
                "SELECT key
                 FROM throttles
                 WHERE key > $1
                 ORDER BY key
                 LIMIT 1 OFFSET $2",
            )
            .bind(after)
            .bind(batch - 1)
            .optional()
            .await?;
        let next = next.map(|(last,)| last);
        let locked = ClosedTimes::of_account(lock, now);
        let purged = self
            .write(
                "store purge_throttles",
                "DELETE FROM throttles
                 WHERE key > $1 AND key <= $2
                     AND ((NOT of_account AND updated_at < $3)
                         OR (of_account AND updated_at < $4 AND (blocked_until <= $5 OR blocked_until > $6)))",
            )
            .bind(after)
            .bind(next.unwrap_or(Uuid::max()))
            .bind(before.places)
            .bind(before.accounts)
            .bind(locked.after)
            .bind(locked.to)
            .execute()
            .await?;
        Ok((purged, next))
    }
}
