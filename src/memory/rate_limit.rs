//! Budgets of requests of each network address, held by one process.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;

use crate::model::clock::Timestamp;
use crate::model::throttle::{Budget, Rate, prefix};

/// Budgets of addresses: token buckets by the generic cell rate algorithm, in bounded memory;
/// beyond that many the address seen longest ago is forgotten.
pub struct AddressLimit {
    rate: Option<Rate>,
    /// Time at which each address's bucket is full again (microseconds since the Unix epoch). Taken
    /// for one look-up; nothing awaits under it.
    full_at: Mutex<LruCache<u64, i64>>,
    hasher: RandomState,
}

/// Addresses that are remembered: 24 bytes each with the list's links, so 4 MiB at most.
const MOST_ADDRESSES: usize = 65_536;

impl AddressLimit {
    /// A limit, or none.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            full_at: Mutex::new(LruCache::new(MOST_ADDRESSES)),
            hasher: RandomState::new(),
        }
    }

    /// Gives one back that was taken from the budget of an address.
    pub fn give_back(&self, ip: IpAddr) {
        let Some(rate) = self.rate else { return };
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = full_at.get_mut(&self.hasher.hash_one(prefix(ip))) {
            *at -= step(rate);
        }
    }

    /// Takes one from the budget of an address: what is left, and whether there was one to take.
    /// None if there is no limit.
    #[must_use]
    pub fn take(&self, ip: IpAddr, now: Timestamp) -> Option<(Budget, bool)> {
        let rate = self.rate?;
        let window = micros(rate.window);
        let step = step(rate);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let address = self.hasher.hash_one(prefix(ip));
        // A debt beyond the window was written before the clock was set back: ignore it.
        let written = full_at
            .get(&address)
            .copied()
            .filter(|at| *at <= now.micros().saturating_add(window));
        let before = written.map_or(now.micros(), |at| at.max(now.micros()));
        let after = before.saturating_add(step);
        let taken = after - now.micros() <= window;
        if taken {
            full_at.insert(address, after);
        }
        let owed = if taken { after } else { before } - now.micros();
        let left = u32::try_from((window - owed) / step).unwrap_or(0);
        let wait = if left > 0 { owed } else { owed + step - window };
        Some((
            Budget {
                rate,
                left,
                wait: Duration::from_micros(wait.max(0).unsigned_abs()),
            },
            taken,
        ))
    }
}

/// Time in which one request comes back, in microseconds.
fn step(rate: Rate) -> i64 {
    (micros(rate.window) / i64::from(rate.quota.max(1))).max(1)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn an_address_has_its_quota_and_gets_it_back_in_its_window() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 5,
            window: Duration::from_mins(1),
        }));
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        let left: Vec<(u32, bool)> = (0..7)
            .map(|_| limit.take(ip, NOW).unwrap())
            .map(|(budget, taken)| (budget.left, taken))
            .collect();
        assert_eq!(
            left,
            [
                (4, true),
                (3, true),
                (2, true),
                (1, true),
                (0, true),
                (0, false),
                (0, false)
            ]
        );
        assert_eq!(limit.take(ip, NOW).unwrap().0.wait, Duration::from_secs(12));
        assert!(
            limit.take("192.0.2.8".parse().unwrap(), NOW).unwrap().1,
            "another address"
        );
        assert!(limit.take(ip, NOW.plus(Duration::from_secs(12))).unwrap().1);
        assert!(!limit.take(ip, NOW.plus(Duration::from_secs(13))).unwrap().1);
        assert_eq!(
            limit.take(ip, NOW.plus(Duration::from_mins(10))).unwrap().0.left,
            4
        );
        assert!(
            limit.take(ip, NOW.minus(Duration::from_hours(24))).unwrap().1,
            "a clock set back locks nobody out"
        );
        assert!(AddressLimit::new(None).take(ip, NOW).is_none());
    }

    #[test]
    fn one_that_is_given_back_can_be_taken_again_and_no_more_than_the_quota() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 2,
            window: Duration::from_mins(1),
        }));
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        let left = || limit.take(ip, NOW).unwrap().0.left;
        limit.give_back(ip);
        assert_eq!((left(), left()), (1, 0));
        limit.give_back(ip);
        assert!(limit.take(ip, NOW).unwrap().1);
        assert!(!limit.take(ip, NOW).unwrap().1);
        for _ in 0..9 {
            limit.give_back(ip);
        }
        assert_eq!(left(), 1, "nothing is saved up");
    }

    #[test]
    fn a_million_addresses_fit_in_bounded_memory() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 5,
            window: Duration::from_mins(1),
        }));
        for number in 0..1_000_000_u32 {
            assert!(limit.take(IpAddr::from(number.to_be_bytes()), NOW).unwrap().1);
        }
        assert_eq!(limit.full_at.lock().unwrap().len(), MOST_ADDRESSES);
    }
}
