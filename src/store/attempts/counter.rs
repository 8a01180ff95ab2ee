//! One counter of attempts: admitting an attempt, and settling it.

use std::time::Duration;

use uuid::Uuid;

use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::throttle::{
    AT_ONCE, Counters, FREE_FAILURES, LONGEST_WAIT, MOST_FAILURES, PENDING_FOR, wait_after,
};
use crate::store::StoreError;
use crate::store::tx::Tx;

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; its outcome must be settled.
    Admitted,
    /// Not before this instant.
    BlockedUntil(Timestamp),
    /// The maximum number is in flight: ask again when one has ended.
    Crowded,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The password was right.
    Right,
    /// It was not.
    Wrong {
        /// Time until which the account is locked, if this failure locks it.
        locked_until: Timestamp,
    },
}

/// Consecutive failures so far.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Failures {
    /// From the attempt's own source.
    pub(in crate::store) here: i64,
    /// From everywhere.
    pub(in crate::store) everywhere: i64,
}

/// A counter and its limits.
pub(super) struct Limit {
    key: Uuid,
    of_account: bool,
    /// Failures after which attempts come one at a time.
    free: i64,
    /// Attempts in flight at once, failures so far included.
    at_once: i64,
    /// The longest block that can have been written.
    longest: Duration,
}

impl Limit {
    pub(super) fn of_place(key: Uuid) -> Self {
        Self {
            key,
            of_account: false,
            free: FREE_FAILURES,
            at_once: AT_ONCE,
            longest: LONGEST_WAIT,
        }
    }

    pub(super) fn of_account(key: Uuid, longest_lock: Option<Duration>) -> Self {
        Self {
            key,
            of_account: true,
            free: MOST_FAILURES,
            at_once: MOST_FAILURES,
            longest: longest_lock.unwrap_or(Duration::MAX),
        }
    }
}

/// The columns of a counter that decide.
#[derive(sqlx::FromRow)]
struct Counter {
    failures: i64,
    blocked_until: Timestamp,
}

/// Admits an attempt at one counter. A refusal locks no row on any engine, so that clients that
/// ask again do not block attempts that settle.
pub(super) async fn enter(tx: &mut Tx, limit: &Limit, now: Timestamp) -> Result<Admission, StoreError> {
    let entered = tx
        .query(
            "UPDATE throttles
             SET pending = CASE WHEN pending_at < $2 OR pending_at > $6 THEN 1 ELSE pending + 1 END, pending_at = $3,
                 blocked_until = 0, updated_at = $3
             WHERE key = $1 AND (blocked_until <= $3 OR (blocked_until > $7 AND blocked_until < $8))
                 AND (pending_at < $2 OR pending_at > $6 OR pending = 0 OR (failures < $4 AND failures + pending < $5))",
        )
        .bind(limit.key)
        .bind(now.minus(PENDING_FOR))
        .bind(now)
        .bind(limit.free)
        .bind(limit.at_once)
        .bind(now.plus(NODES_APART))
        .bind(now.plus(limit.longest).plus(NODES_APART))
        .bind(Timestamp::LAST)
        .execute()
        .await?;
    if entered > 0 {
        return Ok(Admission::Admitted);
    }
    let refused: Option<Counter> = tx
        .query(
            "SELECT failures, blocked_until
             FROM throttles
             WHERE key = $1",
        )
        .bind(limit.key)
        .optional()
        .await?;
    match refused {
        Some(counter) if counter.blocked_until > now => Ok(Admission::BlockedUntil(counter.blocked_until)),
        Some(_) => Ok(Admission::Crowded),
        None => enter_first(tx, limit, now).await,
    }
}

/// Makes the counter with its first attempt. If another request created the counter first, the
/// caller has to try again.
async fn enter_first(tx: &mut Tx, limit: &Limit, now: Timestamp) -> Result<Admission, StoreError> {
    let first = tx
        .query(
            "INSERT INTO throttles (key, of_account, pending, pending_at, updated_at)
             VALUES ($1, $2, 1, $3, $3)
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(limit.key)
        .bind(limit.of_account)
        .bind(now)
        .execute()
        .await?;
    Ok(if first > 0 {
        Admission::Admitted
    } else {
        Admission::Crowded
    })
}

/// Stores an attempt's outcome within the transaction of what it brings; gives the failures so far.
pub(in crate::store) async fn settle(
    tx: &mut Tx,
    counters: &Counters,
    outcome: AttemptOutcome,
    now: Timestamp,
) -> Result<Failures, StoreError> {
    let here = leave(tx, counters.place, outcome, now).await?;
    let wait = wait_after(here.failures);
    if outcome != AttemptOutcome::Right && !wait.is_zero() {
        block(tx, counters.place, &here, now.plus(wait)).await?;
    }
    let mut everywhere = 0;
    if let Some(account) = counters.account {
        let counter = leave(tx, account, outcome, now).await?;
        everywhere = counter.failures;
        if let AttemptOutcome::Wrong { locked_until } = outcome
            && everywhere >= MOST_FAILURES
        {
            block(tx, account, &counter, locked_until).await?;
        }
    }
    if let (Some(account), AttemptOutcome::Right) = (counters.unlocks, outcome) {
        tx.query(
            "UPDATE throttles
             SET failures = 0, blocked_until = 0, updated_at = $2
             WHERE key = $1",
        )
        .bind(account)
        .bind(now)
        .execute()
        .await?;
    }
    Ok(Failures {
        here: here.failures,
        everywhere,
    })
}

/// Takes an attempt off one counter, and deletes the counter if it counts nothing else.
pub(super) async fn take_back(tx: &mut Tx, key: Uuid) -> Result<(), StoreError> {
    let emptied = tx
        .query(
            "DELETE FROM throttles
             WHERE key = $1 AND pending <= 1 AND failures = 0 AND blocked_until = 0",
        )
        .bind(key)
        .execute()
        .await?;
    if emptied == 0 {
        tx.query(
            "UPDATE throttles
             SET pending = pending - 1
             WHERE key = $1 AND pending > 0",
        )
        .bind(key)
        .execute()
        .await?;
    }
    Ok(())
}

/// Stores the outcome at one counter, and shows it as it is then; zero if it was purged meanwhile.
async fn leave(
    tx: &mut Tx,
    key: Uuid,
    outcome: AttemptOutcome,
    now: Timestamp,
) -> Result<Counter, StoreError> {
    let counter = tx
        .query(
            "UPDATE throttles
             SET pending = CASE WHEN pending > 0 THEN pending - 1 ELSE 0 END, failures = CASE WHEN $2 THEN failures + 1 ELSE 0 END,
                 blocked_until = CASE WHEN $2 THEN blocked_until ELSE 0 END, updated_at = $3
             WHERE key = $1
             RETURNING failures, blocked_until",
        )
        .bind(key)
        .bind(outcome != AttemptOutcome::Right)
        .bind(now)
        .optional()
        .await?;
    Ok(counter.unwrap_or(Counter {
        failures: 0,
        blocked_until: Timestamp::from_micros(0),
    }))
}

/// Blocks a counter, if it is not blocked for longer already.
async fn block(tx: &mut Tx, key: Uuid, counter: &Counter, until: Timestamp) -> Result<(), StoreError> {
    if until <= counter.blocked_until {
        return Ok(());
    }
    tx.query(
        "UPDATE throttles
         SET blocked_until = $2
         WHERE key = $1",
    )
    .bind(key)
    .bind(until)
    .execute()
    .await
    .map(drop)
}
