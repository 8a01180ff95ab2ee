//! Something that may happen once an hour, such as a warning that every request could cause.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::clock::Timestamp;

const HOUR: Duration = Duration::from_hours(1);

/// The time at which it happened last.
pub struct Hourly {
    /// Microseconds since the Unix epoch; the least number before the first time.
    last: AtomicI64,
}

impl Default for Hourly {
    fn default() -> Self {
        Self {
            last: AtomicI64::new(i64::MIN),
        }
    }
}

impl Hourly {
    /// Whether it may happen now; true notes that it does. Of several that ask at once, one may.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        // A time in the future was noted before the clock was set back: ignore it.
        let is_due = last > now.micros() || last < now.minus(HOUR).micros();
        is_due
            && self
                .last
                .compare_exchange(last, now.micros(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_happens_once_an_hour() {
        let now = Timestamp::from_secs(1_800_000_000);
        let hourly = Hourly::default();
        assert!(hourly.claim(now));
        assert!(!hourly.claim(now) && !hourly.claim(now.plus(HOUR)));
        let later = now.plus(HOUR + Duration::from_secs(1));
        assert!(hourly.claim(later) && !hourly.claim(later));
        assert!(hourly.claim(now), "the clock was set back");
    }
}
