//! Counters of attempts at a password, in the database, so that many nodes do not give many times
//! the guesses.
//!
//! An attempt is admitted before its hash, in one statement a counter, and counts as in flight until
//! its outcome is stored together with what it brings: the session or the refusal.

mod counter;

pub(super) use counter::settle;
pub use counter::{Admission, AttemptOutcome};

use std::time::Duration;

use uuid::Uuid;

use super::tx::End::{Commit, Rollback};
use super::{Store, StoreError, events};
use crate::model::clock::Timestamp;
use crate::model::event::{Event, EventType};
use crate::model::throttle::{Counters, MOST_FAILURES};
use counter::{Limit, enter, take_back};

impl Store {
    /// Admits an attempt at its counters, or says why not. `longest_lock` is the longest possible
    /// lock; `None` means until it is unlocked. A block that ends later is ignored: it was
    /// written before the clock was set back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn admit(
        &self,
        counters: Counters,
        longest_lock: Option<Duration>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.transaction("store admit", async |tx| {
            let here = enter(tx, &Limit::of_place(counters.place), now).await?;
            if here != Admission::Admitted {
                return Ok(Rollback(here));
            }
            if let Some(account) = counters.account {
                let everywhere = enter(tx, &Limit::of_account(account, longest_lock), now).await?;
                if everywhere != Admission::Admitted {
                    return Ok(Rollback(everywhere));
                }
            }
            Ok(Commit(Admission::Admitted))
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
            for key in [Some(counters.place), counters.account].into_iter().flatten() {
                take_back(tx, key).await?;
            }
            Ok(Commit(()))
        })
        .await
    }

    /// Stores a refused login: its outcome at the counters, and the event with how many failures
    /// there are now. The failure that locks the account is an event of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refuse_login(
        &self,
        counters: &Counters,
        outcome: AttemptOutcome,
        event: &Event<'_>,
    ) -> Result<(), StoreError> {
        self.transaction("store refuse_login", async |tx| {
            let failures = settle(tx, counters, outcome, event.at).await?;
            let event = event
                .clone()
                .and("failures_here", failures.here)
                .and("failures_everywhere", failures.everywhere);
            events::append(tx, &event).await?;
            if failures.everywhere == MOST_FAILURES {
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

    /// Deletes counters without a change since `places_before`, or, of accounts, since
    /// `accounts_before`, of the next `batch` after a position; says how many it deleted and where to
    /// go on, if there is more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_throttles(
        &self,
        after: Uuid,
        places_before: Timestamp,
        accounts_before: Timestamp,
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
        let purged = self
            .write(
                "store purge_throttles",
                "DELETE FROM throttles
                 WHERE key > $1 AND key <= $2
                     AND ((NOT of_account AND updated_at < $3) OR (of_account AND updated_at < $4 AND failures < $5))",
            )
            .bind(after)
            .bind(next.unwrap_or(Uuid::max()))
            .bind(places_before)
            .bind(accounts_before)
            .bind(MOST_FAILURES)
            .execute()
            .await?;
        Ok((purged, next))
    }
}
