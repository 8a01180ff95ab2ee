//! Purge of audit events that are older than the retention.
//!
//! It trusts the clock only as far as the record confirms it: a clock that is wrong for a moment
//! would make every event look old. The newest event that is at least a week old by the clock must
//! not be older than two weeks. After a jump of the clock there is no such event until one that was
//! written afterwards is a week old.

use std::time::Duration;

use crate::app::{App, OWN};
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::event::{EventFilter, EventType};
use crate::store::StoreError;

const DAY: Duration = Duration::from_hours(24);

/// Age from which an event confirms the clock, until twice that age. It is at most half of the
/// retention, so that the purge leaves such events.
fn confirming_age(retention: Duration) -> Duration {
    (retention / 2).min(7 * DAY)
}

/// Time that events may stay beyond the retention, so that a purge is due about once a day and not
/// every few minutes, each time with an event of its own.
fn slack(retention: Duration) -> Duration {
    (retention / 24).min(DAY)
}

/// The time before which events are to be purged; none if no purge is due, or if the clock is not
/// confirmed. The latter is written to the log and to the record, once in each span. That event
/// confirms the clock later, even if there is no other.
///
/// # Errors
/// [`StoreError`].
pub async fn due_before(app: &App) -> Result<Option<Timestamp>, StoreError> {
    let (retention, now) = (app.config.audit.retention, app.clock.now());
    let oldest = app.store.events_from(0, 1).await?;
    let is_due = oldest
        .first()
        .is_some_and(|oldest| oldest.created_at < now.minus(retention + slack(retention)));
    if !is_due {
        return Ok(None);
    }
    let age = confirming_age(retention);
    let witness = app.store.newest_event_until(now.minus(age)).await?;
    if witness.is_some_and(|at| at >= now.minus(2 * age)) {
        return Ok(Some(now.minus(retention)));
    }
    let told = EventFilter {
        kind: Some(EventType::PurgeDelayed),
        from: Some(now.minus(age)),
        until: Some(now.plus(NODES_APART)),
        ..EventFilter::default()
    };
    if app.store.find_events(&told, 1).await?.is_empty() {
        let hours = age.as_secs() / 3600;
        log::warn!(hours; "old audit events are kept: no event of the last weeks confirms the clock yet");
        app.store
            .append_event(&app.event(EventType::PurgeDelayed, &OWN))
            .await?;
    }
    Ok(None)
}

/// Purges at most `limit` of the events before that time; says how many.
///
/// # Errors
/// [`StoreError`].
pub async fn purge(app: &App, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let event = app.event(EventType::EventsPurged, &OWN);
    app.store
        .purge_events(before, limit, &*app.crypto.keyed().chain, &event)
        .await
}
