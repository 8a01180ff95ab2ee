//! Admission of strangers at an account. A locked account is closed to networks that have failed on
//! it; each other network has one attempt, a few in an hour for all of them.
//!
//! An account that does not exist has the same counters and the same statements.

use std::time::Duration;

use uuid::Uuid;

use super::counter::{Admission, Entry, Limit, enter};
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::throttle::{AccountCounters, FRESH_ATTEMPTS, FRESH_WINDOW, PENDING_FOR};
use crate::store::StoreError;
use crate::store::tx::Tx;

/// A network's counter with this attempt in it.
#[derive(sqlx::FromRow)]
struct Network {
    failures: i64,
    pending: i64,
}

/// Admits a stranger's attempt at an account, or says why not. The caller undoes a refusal.
pub(super) async fn enter_account(
    tx: &mut Tx,
    account: &AccountCounters,
    lock: Option<Duration>,
    now: Timestamp,
) -> Result<Admission, StoreError> {
    // Every transaction locks the network before the account.
    let network = enter_network(tx, account.network, now).await?;
    let limit = Limit::of_account(account.everywhere, lock, now);
    let locked_at = match enter(tx, &limit, now).await? {
        Entry::Entered => return Ok(Admission::Admitted),
        Entry::Crowded => return Ok(Admission::Crowded),
        Entry::Closed(locked_at) => locked_at,
    };
    let Some(lock) = lock else {
        return Ok(Admission::BlockedUntil(Timestamp::LAST));
    };
    let ends = locked_at.plus(lock);
    if network.failures > 0 {
        return Ok(Admission::BlockedUntil(ends));
    }
    if network.pending > 1 {
        return Ok(Admission::Crowded);
    }
    enter_locked(tx, account.everywhere, now).await?;
    Ok(enter_fresh(tx, account.fresh, now)
        .await?
        .map_or(Admission::Admitted, |window| {
            Admission::BlockedUntil(window.min(ends))
        }))
}

/// Counts an attempt in flight from a network. The count of failures decides only while the account
/// is locked.
async fn enter_network(tx: &mut Tx, key: Uuid, now: Timestamp) -> Result<Network, StoreError> {
    let network = tx
        .query(
            "INSERT INTO throttles (key, of_account, pending, pending_at, updated_at)
             VALUES ($1, FALSE, 1, $2, $2)
             ON CONFLICT (key) DO UPDATE
             SET pending = CASE WHEN throttles.pending_at < $3 OR throttles.pending_at > $4 THEN 1 ELSE throttles.pending + 1 END,
                 pending_at = $2, updated_at = $2
             RETURNING failures, pending",
        )
        .bind(key)
        .bind(now)
        .bind(now.minus(PENDING_FOR))
        .bind(now.plus(NODES_APART))
        .optional()
        .await?;
    Ok(network.unwrap_or(Network {
        failures: 0,
        pending: 1,
    }))
}

/// Counts an attempt in flight at a locked account. Its lock stays.
async fn enter_locked(tx: &mut Tx, key: Uuid, now: Timestamp) -> Result<(), StoreError> {
    tx.query(
        "UPDATE throttles
         SET pending = pending + 1, pending_at = $2, updated_at = $2
         WHERE key = $1",
    )
    .bind(key)
    .bind(now)
    .execute()
    .await
    .map(drop)
}

/// Takes one of the attempts that fresh networks have in an hour; gives the end of the hour if there
/// is none left.
async fn enter_fresh(tx: &mut Tx, key: Uuid, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let hour = now.plus(FRESH_WINDOW);
    let taken = tx
        .query(
            "INSERT INTO throttles (key, of_account, failures, blocked_until, updated_at)
             VALUES ($1, FALSE, 1, $3, $2)
             ON CONFLICT (key) DO UPDATE
             SET failures = CASE WHEN throttles.blocked_until <= $2 OR throttles.blocked_until > $4 THEN 1
                     ELSE throttles.failures + 1 END,
                 blocked_until = CASE WHEN throttles.blocked_until <= $2 OR throttles.blocked_until > $4 THEN $3
                     ELSE throttles.blocked_until END,
                 updated_at = $2
             WHERE throttles.blocked_until <= $2 OR throttles.blocked_until > $4 OR throttles.failures < $5",
        )
        .bind(key)
        .bind(now)
        .bind(hour)
        .bind(hour.plus(NODES_APART))
        .bind(FRESH_ATTEMPTS)
        .execute()
        .await?;
    if taken > 0 {
        return Ok(None);
    }
    let ends: Option<(Timestamp,)> = tx
        .query(
            "SELECT blocked_until
             FROM throttles
             WHERE key = $1",
        )
        .bind(key)
        .optional()
        .await?;
    Ok(Some(ends.map_or(hour, |(ends,)| ends)))
}
