//! What a scrape finds: the counters of the whole process, and how its parts stand now.

use std::time::Duration;

use super::{Failure, readiness};
use crate::app::App;
use crate::telemetry::metrics::State;

/// Counting the live sessions looks at every row.
const COUNTED_FOR: Duration = Duration::from_mins(1);

/// All series, in Prometheus' text form. While the database is away the rest is still told.
///
/// # Errors
/// A defect of ours.
pub async fn text(app: &App) -> Result<String, Failure> {
    let now = app.clock.now();
    let state = State {
        hash_queue: app.passwords.waiting(),
        registry: app.registry.counts(),
        feed_lag: app.registry.since_reading(),
        pools: app.store.pools(),
        sessions_live: live_sessions(app).await,
        signing_key_age: app
            .access_tokens
            .signing_since(now)
            .map(|since| Duration::from_secs(now.secs_from(since))),
        checks: readiness::checks(app).await,
    };
    app.metrics
        .text(&state)
        .map_err(|error| Failure::Internal(error.to_string()))
}

/// The last count, or a new one if it is too old; none while the database does not answer.
async fn live_sessions(app: &App) -> Option<i64> {
    let now = app.clock.now();
    let mut last = app.live_sessions.lock().await;
    if last.is_none_or(|(_, at)| at.plus(COUNTED_FOR) <= now || now < at) {
        *last = app
            .store
            .count_live_sessions(now)
            .await
            .ok()
            .map(|live| (live, now));
    }
    last.map(|(live, _)| live)
}
