//! The list of background work that the use-cases need: one line a worker.

use super::feed::{self, FeedPosition};
use super::{audit_note, busy_note, login, maintenance, sessions};
use crate::app::App;
use crate::app::workers::Worker;

/// The workers of a running service. The feed is followed from the place that was read at the
/// start.
#[must_use]
pub fn list(app: &App, begun: FeedPosition) -> Vec<Worker<'_>> {
    vec![
        Worker::new("feed", feed::follow(app, begun)),
        Worker::endless("uses of generations", sessions::keep_uses_written(app)),
        Worker::endless("abandoned attempts", login::keep_settled(app)),
        Worker::endless("purge", maintenance::keep_purged(app)),
        Worker::endless("audit note", audit_note::keep_noted(app)),
        Worker::endless("busy note", busy_note::keep_noted(app)),
        Worker::endless("key rotation", maintenance::keep_keys_rotated(app)),
    ]
}
