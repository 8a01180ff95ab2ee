//! Something that may happen once in a time for each account or session, held by one process.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LruCache;

use crate::model::clock::Timestamp;

/// Keys that are remembered; beyond that many the one noted longest ago is forgotten.
const MOST_KEYS: usize = 65_536;

/// The time at which it happened last for each key, in bounded memory.
pub struct OncePerKey<K> {
    time: Duration,
    /// Taken for one look-up; nothing awaits under it.
    last: Mutex<LruCache<K, Timestamp>>,
}

impl<K: Copy + Eq + Hash> OncePerKey<K> {
    /// At most once in so much time for each key.
    #[must_use]
    pub fn new(time: Duration) -> Self {
        Self {
            time,
            last: Mutex::new(LruCache::new(MOST_KEYS)),
        }
    }

    /// Whether it may happen for a key now; true notes that it does.
    #[must_use]
    pub fn claim(&self, key: K, now: Timestamp) -> bool {
        let mut last = self.last();
        // A time in the future was noted before the clock was set back: ignore it.
        let too_soon = last
            .peek(&key)
            .is_some_and(|at| *at <= now && now < at.plus(self.time));
        if !too_soon {
            last.insert(key, now);
        }
        !too_soon
    }

    /// Forgets a claim: it did not happen after all.
    pub fn forget(&self, key: K) {
        self.last().remove(&key);
    }

    /// A panic under the lock leaves times that are at worst incomplete.
    fn last(&self) -> MutexGuard<'_, LruCache<K, Timestamp>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn it_happens_once_a_minute_for_each_key() {
        let once = OncePerKey::new(Duration::from_mins(1));
        let later = |millis| NOW.plus(Duration::from_millis(millis));
        assert!(once.claim(1, NOW));
        assert!(!once.claim(1, NOW) && !once.claim(1, later(59_999)));
        assert!(once.claim(2, NOW), "another key");
        once.forget(2);
        assert!(once.claim(2, NOW), "it did not happen");
        assert!(once.claim(1, later(60_000)));
        assert!(
            once.claim(1, NOW.minus(Duration::from_hours(1))),
            "a clock set back stops nothing"
        );
    }
}
