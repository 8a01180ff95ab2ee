//! What a scrape finds: the counters of the process, and how its parts stand now.

use std::time::Duration;

use super::{Failure, readiness};
use crate::app::App;
use crate::model::clock::Timestamp;
use crate::telemetry::metrics::{Family, Reading};

const LIVE_SESSIONS: Family = Family::new(
    "doorward_sessions_live",
    "Sessions that have not ended, counted at most once a minute",
);
const SIGNING_KEY_AGE: Family = Family::new(
    "doorward_signing_key_age_seconds",
    "Time since the key that signs now began to",
);
const READY: Family = Family::labelled(
    "doorward_ready",
    "1 if the check of GET /ready holds, else 0",
    &["check"],
);

/// Time for which a count of the live sessions is reused, because counting reads every row.
const COUNTED_FOR: Duration = Duration::from_mins(1);

/// All series, in Prometheus' text form. While the database is away the rest is still told.
///
/// # Errors
/// A defect of ours.
pub async fn text(app: &App) -> Result<String, Failure> {
    let mut reading = Reading::default();
    app.passwords.figures(&mut reading);
    app.memory.registry.figures(&mut reading);
    app.store.figures(&mut reading);
    app.telemetry.dropped_lines.figures(&mut reading);
    reading.gauge(&LIVE_SESSIONS, &[], live_sessions(app).await);
    reading.gauge(&SIGNING_KEY_AGE, &[], signing_key_age(app).as_secs_f64());
    for (check, holds) in readiness::checks(app).await {
        reading.gauge(&READY, &[check], u8::from(holds));
    }
    app.telemetry
        .metrics
        .text(reading)
        .map_err(|error| Failure::Internal(error.to_string()))
}

/// The last count that succeeded, or a new one if it is too old; 0 before the first.
async fn live_sessions(app: &App) -> i64 {
    let now = app.clock.now();
    let mut last = app.memory.live_sessions.lock().await;
    let fresh = |at: Timestamp| at <= now && now < at.plus(COUNTED_FOR);
    if !last.at.is_some_and(fresh) {
        let counted = app.store.count_live_sessions(now).await.ok();
        last.at = counted.map(|_| now);
        last.count = counted.unwrap_or(last.count);
    }
    last.count
}

fn signing_key_age(app: &App) -> Duration {
    let now = app.clock.now();
    let since = app.crypto.access_tokens.signing_since(now);
    since.map_or(Duration::ZERO, |since| Duration::from_secs(now.secs_from(since)))
}
