//! Something that may happen once in a time, such as a warning that every request could cause.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::clock::Timestamp;

/// The time at which it happened last.
pub struct OncePer {
    time: Duration,
    /// Microseconds since the Unix epoch; the least number before the first time.
    last: AtomicI64,
}

impl OncePer {
    /// At most once in so much time.
    #[must_use]
    pub const fn new(time: Duration) -> Self {
        Self {
            time,
            last: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether it may happen now; true notes that it does. Of several that ask at once, one may.
    #[must_use]
    pub fn claim(&self, now: Timestamp) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        // A time in the future was noted before the clock was set back: ignore it.
        let is_due = last > now.micros() || last < now.minus(self.time).micros();
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
        let hour = Duration::from_hours(1);
        let hourly = OncePer::new(hour);
        assert!(hourly.claim(now));
        assert!(!hourly.claim(now) && !hourly.claim(now.plus(hour)));
        let later = now.plus(hour + Duration::from_secs(1));
        assert!(hourly.claim(later) && !hourly.claim(later));
        assert!(hourly.claim(now), "the clock was set back");
    }
}
