//! Background work on the database: sessions that have run out are ended and expired rows deleted, a
//! bounded batch at a time (ASVS 14.2.7), and signing keys are rotated if so set.

use std::time::Duration;

use uuid::Uuid;

use super::{audit_purge, keys};
use crate::app::App;
use crate::model::ids::SessionId;
use crate::store::StoreError;
use crate::store::attempts::PurgedBefore;

/// How long an ended session stays, so that its end can still be looked up.
const SESSIONS_KEPT: Duration = Duration::from_hours(24);
/// How long failures from one source are remembered after the last, beyond the time of a lock: a
/// locked account stays closed to networks that have failed.
const PLACES_KEPT: Duration = Duration::from_hours(24);
/// How long an account's failures are remembered after the last; those that lock it, until the lock
/// is over.
const ACCOUNTS_KEPT: Duration = Duration::from_hours(30 * 24);
/// How long a change stays: far longer than any reader is behind, and one that is begins anew.
const CHANGES_KEPT: Duration = Duration::from_hours(1);
/// How long a signing key stays after its end, for clocks that were wrong for a while.
const KEYS_KEPT: Duration = Duration::from_hours(24);
const BATCH: i64 = 500;
const PAUSE: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_mins(5);

/// Purges again and again until dropped.
pub async fn keep_purged(app: &App) {
    loop {
        match purge(app).await {
            Ok(0) => {}
            Ok(purged) => {
                log::info!(purged; "deleted ended sessions, old failure counters, old feed rows and old events");
            }
            Err(error) => log::warn!(error:%; "purge failed; it is tried again"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Rotates the signing key whenever it is due, if the settings say how often, until dropped.
pub async fn keep_keys_rotated(app: &App) {
    loop {
        if let Some(interval) = app.config.tokens.key_rotation
            && let Err(failure) = keys::rotate_if_due(app, interval).await
        {
            log::warn!(failure:%; "the signing key was not rotated; it is tried again");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Ends sessions that have run out and deletes expired rows, batch by batch with pauses between, so
/// that no writer waits long; says how many it deleted.
///
/// # Errors
/// [`StoreError`]; what was deleted before stays so.
pub async fn purge(app: &App) -> Result<u64, StoreError> {
    // Asked anew for each batch: a clock that is set back during the walk must not make later rows
    // look old.
    let before = |kept| app.clock.now().minus(kept);
    let sessions = walk(SessionId::FIRST, async |after| {
        let (purged, next) = app
            .store
            .purge_sessions(after, before(SESSIONS_KEPT), BATCH)
            .await?;
        let last = next.unwrap_or(SessionId::LAST);
        app.store
            .end_expired_sessions(after, last, app.clock.now())
            .await?;
        Ok((purged, next))
    })
    .await?;
    let lock = app.config.limits.account_lock;
    let places_kept = PLACES_KEPT + lock.unwrap_or_default().min(ACCOUNTS_KEPT);
    let throttles = async |after| {
        let before = PurgedBefore {
            places: before(places_kept),
            accounts: before(ACCOUNTS_KEPT),
        };
        app.store
            .purge_throttles(after, before, lock, app.clock.now(), BATCH)
            .await
    };
    let throttles = walk(Uuid::nil(), throttles).await?;
    let events = match audit_purge::due_before(app).await? {
        Some(before) => drain(async || audit_purge::purge(app, before, BATCH).await).await?,
        None => 0,
    };
    app.store.wipe_ended_signing_keys(before(KEYS_KEPT)).await?;
    let changes = drain(async || app.store.purge_changes(CHANGES_KEPT, BATCH).await).await?;
    Ok(sessions + throttles + events + changes)
}

/// Asks for batch after batch, each from the position that the one before names, until one names none.
async fn walk<P>(
    first: P,
    batch: impl AsyncFn(P) -> Result<(u64, Option<P>), StoreError>,
) -> Result<u64, StoreError> {
    let (mut total, mut place) = (0, Some(first));
    while let Some(after) = place {
        let (purged, next) = batch(after).await?;
        total += purged;
        place = next;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(total)
}

/// Asks for batch after batch until one is empty.
async fn drain(batch: impl AsyncFn() -> Result<u64, StoreError>) -> Result<u64, StoreError> {
    walk((), async |()| {
        batch().await.map(|purged| (purged, (purged > 0).then_some(())))
    })
    .await
}
