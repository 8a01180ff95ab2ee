//! Counters of failed attempts, in the database, so that many nodes do not give many times the
//! guesses.
//!
//! An attempt is let in before its hash, in one statement a counter, and counts as pending until
//! its outcome is stored together with what it brings: the session or the refusal.

use std::time::Duration;

use super::events::append_event;
use super::{Store, StoreError, in_transaction, on_reader, on_writer};
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::event::{Event, EventType};
use crate::model::throttle::{AT_ONCE, Counters, FREE_FAILURES, LONGEST_WAIT, MOST_FAILURES, PENDING_FOR};
use uuid::Uuid;

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; its outcome must be settled.
    Admitted,
    /// Not before this instant.
    BlockedUntil(Timestamp),
    /// As many as may are under way: to be asked again when one has ended.
    Crowded,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The password was right.
    Right,
    /// It was not.
    Wrong {
        /// How long an account stays blocked after too many failures from everywhere.
        locked_until: Timestamp,
    },
}

/// A counter as it stands.
#[derive(sqlx::FromRow)]
pub(crate) struct Counter {
    pub(crate) failures: i64,
    pub(crate) blocked_until: Timestamp,
}

/// Lets an attempt in at one counter: gives the admission back from the transaction if it is
/// refused, which then leaves no trace. A refusal locks nothing on any engine, so that whoever asks
/// again in vain keeps nobody from settling.
macro_rules! enter {
    ($tx:expr, $key:expr, $of_account:expr, $free:expr, $at_once:expr, $longest:expr, $now:expr) => {
        let entered = sqlx::query(
            "UPDATE throttles
             SET pending = CASE WHEN pending_at < $2 OR pending_at > $6 THEN 1 ELSE pending + 1 END, pending_at = $3,
                 blocked_until = 0, updated_at = $3
             WHERE key = $1 AND (blocked_until <= $3 OR (blocked_until > $7 AND blocked_until < $8))
                 AND (pending_at < $2 OR pending_at > $6 OR pending = 0 OR (failures < $4 AND failures + pending < $5))",
        )
        .bind($key)
        .bind($now.minus(PENDING_FOR))
        .bind($now)
        .bind($free)
        .bind($at_once)
        .bind($now.plus(NODES_APART))
        .bind($now.plus($longest).plus(NODES_APART))
        .bind(Timestamp::LAST)
        .execute(&mut *$tx)
        .await?
        .rows_affected();
        if entered == 0 {
            let refused: Option<Counter> = sqlx::query_as(
                "SELECT failures, blocked_until
                 FROM throttles
                 WHERE key = $1",
            )
            .bind($key)
            .fetch_optional(&mut *$tx)
            .await?;
            if let Some(counter) = refused {
                let blocked = counter.blocked_until > $now;
                return Ok(if blocked { Admission::BlockedUntil(counter.blocked_until) } else { Admission::Crowded });
            }
            let first = sqlx::query(
                "INSERT INTO throttles (key, of_account, pending, pending_at, updated_at)
                 VALUES ($1, $2, 1, $3, $3)
                 ON CONFLICT (key) DO NOTHING",
            )
            .bind($key)
            .bind($of_account)
            .bind($now)
            .execute(&mut *$tx)
            .await?
            .rows_affected();
            if first == 0 {
                // Another's first attempt came between: to be asked again.
                return Ok(Admission::Crowded);
            }
        }
    };
}

/// Stores the outcome at one counter; gives the failures so far.
macro_rules! leave {
    ($tx:expr, $key:expr, $wrong:expr, $now:expr, |$failures:ident| $blocked_until:expr) => {{
        let counter: $crate::store::attempts::Counter = sqlx::query_as(
            "UPDATE throttles
             SET pending = CASE WHEN pending > 0 THEN pending - 1 ELSE 0 END, failures = CASE WHEN $2 THEN failures + 1 ELSE 0 END,
                 blocked_until = CASE WHEN $2 THEN blocked_until ELSE 0 END, updated_at = $3
             WHERE key = $1
             RETURNING failures, blocked_until",
        )
        .bind($key)
        .bind($wrong)
        .bind($now)
        .fetch_optional(&mut *$tx)
        .await?
        .unwrap_or($crate::store::attempts::Counter::none());
        let $failures = counter.failures;
        let blocked_until = $blocked_until;
        if blocked_until > counter.blocked_until {
            sqlx::query(
                "UPDATE throttles
                 SET blocked_until = $2
                 WHERE key = $1",
            )
            .bind($key)
            .bind(blocked_until)
            .execute(&mut *$tx)
            .await?;
        }
        counter.failures
    }};
}

/// Stores an attempt's outcome within the transaction of what it brings; gives the failures so far,
/// from this place and from everywhere.
macro_rules! settle {
    ($tx:expr, $counters:expr, $outcome:expr, $now:expr) => {{
        let (counters, now): (
            &$crate::model::throttle::Counters,
            $crate::model::clock::Timestamp,
        ) = ($counters, $now);
        let (wrong, locked_until) = match $outcome {
            $crate::store::attempts::AttemptOutcome::Right => {
                (false, $crate::model::clock::Timestamp::from_micros(0))
            }
            $crate::store::attempts::AttemptOutcome::Wrong { locked_until } => (true, locked_until),
        };
        let nothing = $crate::model::clock::Timestamp::from_micros(0);
        let here = $crate::store::attempts::leave!($tx, counters.place, wrong, now, |failures| {
            let wait = $crate::model::throttle::wait_after(failures);
            if wrong && !wait.is_zero() {
                now.plus(wait)
            } else {
                nothing
            }
        });
        let everywhere = match counters.account {
            Some(account) => $crate::store::attempts::leave!($tx, account, wrong, now, |failures| {
                if wrong && failures >= $crate::model::throttle::MOST_FAILURES {
                    locked_until
                } else {
                    nothing
                }
            }),
            None => 0,
        };
        if let (Some(account), false) = (counters.unlocks, wrong) {
            sqlx::query(
                "UPDATE throttles
                 SET failures = 0, blocked_until = 0, updated_at = $2
                 WHERE key = $1",
            )
            .bind(account)
            .bind(now)
            .execute(&mut *$tx)
            .await?;
        }
        (here, everywhere)
    }};
}

pub(crate) use {leave, settle};

impl Counter {
    /// Purged meanwhile.
    pub(crate) fn none() -> Self {
        Self {
            failures: 0,
            blocked_until: Timestamp::from_micros(0),
        }
    }
}

impl Store {
    /// Lets an attempt in at its counters, or says why not. `longest_lock` is how long an account
    /// can be locked, if not until it is unlocked: what lies further ahead than any block can was
    /// written by a clock that has been set back since, and holds nobody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn admit(
        &self,
        counters: Counters,
        longest_lock: Option<Duration>,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        in_transaction!(self, |tx| {
            enter!(
                tx,
                counters.place,
                false,
                FREE_FAILURES,
                AT_ONCE,
                LONGEST_WAIT,
                now
            );
            if let Some(account) = counters.account {
                enter!(
                    tx,
                    account,
                    true,
                    MOST_FAILURES,
                    MOST_FAILURES,
                    longest_lock.unwrap_or(Duration::MAX),
                    now
                );
            }
            Admission::Admitted
        })
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
        in_transaction!(self, |tx| {
            let _failures: (i64, i64) = settle!(tx, counters, outcome, now);
        })
    }

    /// Takes an attempt back that was never made, for no hash was to be had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back(&self, counters: &Counters) -> Result<(), StoreError> {
        on_writer!(self, |db| sqlx::query(
            "UPDATE throttles
             SET pending = pending - 1
             WHERE key IN ($1, $2) AND pending > 0",
        )
        .bind(counters.place)
        .bind(counters.account.unwrap_or(counters.place))
        .execute(db)
        .await
        .map(drop)?);
        Ok(())
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
        in_transaction!(self, |tx| {
            let (here, everywhere) = settle!(tx, counters, outcome, event.at);
            let told = event
                .clone()
                .and("failures_here", here)
                .and("failures_everywhere", everywhere);
            append_event!(tx, told);
            if everywhere == MOST_FAILURES {
                append_event!(tx, told.as_type(EventType::AccountLocked));
            }
        })
    }

    /// Forgets the failures at an account's counter; an event if they had locked it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_failures(&self, counter: Uuid, event: &Event<'_>) -> Result<(), StoreError> {
        in_transaction!(self, |tx| {
            let forgotten: Option<(i64,)> = sqlx::query_as(
                "DELETE FROM throttles
                 WHERE key = $1
                 RETURNING failures",
            )
            .bind(counter)
            .fetch_optional(&mut *tx)
            .await?;
            if forgotten.is_some_and(|(failures,)| failures >= MOST_FAILURES) {
                append_event!(tx, event);
            }
        })
    }

    /// Deletes what has rested since `places_before`, or, of accounts, since `accounts_before`, of
    /// the next `batch` counters after a place; says how many it deleted and where to go on, if
    /// there is more.
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
        let next: Option<(Uuid,)> = on_reader!(self, |db| sqlx::query_as(
            "SELECT key
             FROM throttles
             WHERE key > $1
             ORDER BY key
             LIMIT 1 OFFSET $2",
        )
        .bind(after)
        .bind(batch - 1)
        .fetch_optional(db)
        .await?);
        let next = next.map(|(last,)| last);
        let purged = on_writer!(self, |db| {
            sqlx::query(
            "DELETE FROM throttles
             WHERE key > $1 AND key <= $2
                 AND ((NOT of_account AND updated_at < $3) OR (of_account AND updated_at < $4 AND failures < $5))",
        )
        .bind(after)
        .bind(next.unwrap_or(Uuid::max()))
        .bind(places_before)
        .bind(accounts_before)
        .bind(MOST_FAILURES)
        .execute(db)
        .await?
        .rows_affected()
        });
        Ok((purged, next))
    }
}
