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
    Wrong,
}

/// Consecutive failures so far.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Failures {
    /// From the attempt's own source.
    pub(in crate::store) here: i64,
    /// From everywhere.
    pub(in crate::store) everywhere: i64,
    /// Whether this one has locked the account.
    pub(in crate::store) locks: bool,
}

/// The stored times of `blocked_until` at which a counter is closed: later than one instant, and no
/// later than another. What lies beyond was written before a clock was set back.
#[derive(Clone, Copy)]
pub(super) struct ClosedTimes {
    /// Open up to this time.
    pub(super) after: Timestamp,
    /// Open again beyond this time.
    pub(super) to: Timestamp,
}

impl ClosedTimes {
    /// A place: the end of the block is stored.
    fn of_place(now: Timestamp) -> Self {
        Self {
            after: now,
            to: now.plus(LONGEST_WAIT).plus(NODES_APART),
        }
    }

    /// An account: the failure that locked it is stored, so that the lock ends by the setting of
    /// today. Without a duration it is locked for good.
    pub(super) fn of_account(lock: Option<Duration>, now: Timestamp) -> Self {
        lock.map_or(
            Self {
                after: Timestamp::from_micros(0),
                to: Timestamp::LAST,
            },
            |lock| Self {
                after: now.minus(lock),
                to: now.plus(NODES_APART),
            },
        )
    }

    fn contain(self, stored: Timestamp) -> bool {
        self.after < stored && stored <= self.to
    }
}

/// A counter and its limits.
pub(super) struct Limit {
    key: Uuid,
    of_account: bool,
    /// Failures after which attempts come one at a time.
    free: i64,
    /// Attempts in flight at once, failures so far included.
    at_once: i64,
    closed: ClosedTimes,
}

impl Limit {
    pub(super) fn of_place(key: Uuid, now: Timestamp) -> Self {
        Self {
            key,
            of_account: false,
            free: FREE_FAILURES,
            at_once: AT_ONCE,
            closed: ClosedTimes::of_place(now),
        }
    }

    pub(super) fn of_account(key: Uuid, lock: Option<Duration>, now: Timestamp) -> Self {
        Self {
            key,
            of_account: true,
            free: MOST_FAILURES,
            at_once: MOST_FAILURES,
            closed: ClosedTimes::of_account(lock, now),
        }
    }
}

/// The columns of a counter that decide.
#[derive(sqlx::FromRow)]
struct Counter {
    failures: i64,
    /// An account has the time of the failure that locked it here; any other counter the end of its
    /// block.
    blocked_until: Timestamp,
}

/// How one counter answers an attempt.
pub(super) enum Entry {
    /// It counts the attempt.
    Entered,
    /// It is closed, with the time that is stored.
    Closed(Timestamp),
    /// The maximum number is in flight.
    Crowded,
}

/// Admits an attempt at one counter. A refusal locks no row on any engine, so that clients that
/// ask again do not block attempts that settle.
pub(super) async fn enter(tx: &mut Tx, limit: &Limit, now: Timestamp) -> Result<Entry, StoreError> {
    let entered = tx
        .query(
            "UPDATE throttles
             SET pending = CASE WHEN pending_at < $2 OR pending_at > $6 THEN 1 ELSE pending + 1 END, pending_at = $3,
                 blocked_until = 0, updated_at = $3
             WHERE key = $1 AND (blocked_until <= $7 OR blocked_until > $8)
                 AND (pending_at < $2 OR pending_at > $6 OR pending = 0 OR (failures < $4 AND failures + pending < $5))",
        )
        .bind(limit.key)
        .bind(now.minus(PENDING_FOR))
        .bind(now)
        .bind(limit.free)
        .bind(limit.at_once)
        .bind(now.plus(NODES_APART))
        .bind(limit.closed.after)
        .bind(limit.closed.to)
        .execute()
        .await?;
    if entered > 0 {
        return Ok(Entry::Entered);
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
        Some(counter) if limit.closed.contain(counter.blocked_until) => {
            Ok(Entry::Closed(counter.blocked_until))
        }
        Some(_) => Ok(Entry::Crowded),
        None => enter_first(tx, limit, now).await,
    }
}

/// Makes the counter with its first attempt. If another request created the counter first, the
/// caller has to try again.
async fn enter_first(tx: &mut Tx, limit: &Limit, now: Timestamp) -> Result<Entry, StoreError> {
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
    Ok(if first > 0 { Entry::Entered } else { Entry::Crowded })
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
    let until = now.plus(wait);
    if outcome == AttemptOutcome::Wrong && !wait.is_zero() && until > here.blocked_until {
        block(tx, counters.place, until).await?;
    }
    let (mut everywhere, mut locks) = (0, false);
    if let Some(account) = counters.account {
        leave(tx, account.network, outcome, now).await?;
        let counter = leave(tx, account.everywhere, outcome, now).await?;
        everywhere = counter.failures;
        // A failure while it is locked does not make the lock longer.
        let locked = counter.blocked_until > Timestamp::from_micros(0);
        locks = outcome == AttemptOutcome::Wrong && everywhere >= MOST_FAILURES && !locked;
        if locks {
            block(tx, account.everywhere, now).await?;
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
        locks,
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
        .bind(outcome == AttemptOutcome::Wrong)
        .bind(now)
        .optional()
        .await?;
    Ok(counter.unwrap_or(Counter {
        failures: 0,
        blocked_until: Timestamp::from_micros(0),
    }))
}

async fn block(tx: &mut Tx, key: Uuid, blocked_until: Timestamp) -> Result<(), StoreError> {
    tx.query(
        "UPDATE throttles
         SET blocked_until = $2
         WHERE key = $1",
    )
    .bind(key)
    .bind(blocked_until)
    .execute()
    .await
    .map(drop)
}
