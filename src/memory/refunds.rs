//! Accounts that recently got a refund to the budget of their IP address after a right password,
//! held by one process.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;

use crate::model::clock::Timestamp;
use crate::model::ids::UserId;

/// Time in which an account gets at most one token back.
const APART: Duration = Duration::from_mins(1);
/// Accounts that are remembered; beyond that many the one refunded longest ago is forgotten.
const MOST_ACCOUNTS: usize = 65_536;

/// The last refund of each account, in bounded memory.
pub struct Refunds {
    /// Taken for one look-up; nothing awaits under it.
    last: Mutex<LruCache<UserId, Timestamp>>,
}

impl Default for Refunds {
    fn default() -> Self {
        Self {
            last: Mutex::new(LruCache::new(MOST_ACCOUNTS)),
        }
    }
}

impl Refunds {
    /// Whether a token may be given back for an account now; true notes it as given back.
    #[must_use]
    pub fn claim(&self, user: UserId, now: Timestamp) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A refund of the future was noted before the clock was set back: ignore it.
        let too_soon = last
            .peek(&user)
            .is_some_and(|at| *at <= now && now < at.plus(APART));
        if !too_soon {
            last.insert(user, now);
        }
        !too_soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn an_account_gets_one_token_back_a_minute() {
        let refunds = Refunds::default();
        let (ann, bob) = (UserId::from(1), UserId::from(2));
        let later = |millis| NOW.plus(Duration::from_millis(millis));
        assert!(refunds.claim(ann, NOW));
        assert!(!refunds.claim(ann, NOW) && !refunds.claim(ann, later(59_999)));
        assert!(refunds.claim(bob, NOW), "another account");
        assert!(refunds.claim(ann, later(60_000)));
        assert!(
            refunds.claim(ann, NOW.minus(Duration::from_hours(1))),
            "a clock set back stops no refund"
        );
    }
}
