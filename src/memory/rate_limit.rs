//! Budgets of requests of each network address and of the networks around it, held by one process.

use std::cmp::Reverse;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;

use crate::model::clock::Timestamp;
use crate::model::throttle::{Budget, Rate, budgeted_networks};

/// Budgets of addresses: token buckets by the generic cell rate algorithm, in bounded memory;
/// beyond that many the network seen longest ago is forgotten.
///
/// The setting is the budget of an IPv4 address or an IPv6 /64. A /24 or /56 has four times as much,
/// a /48 sixteen times, so that moving within a network multiplies no budget.
pub struct AddressLimit {
    rate: Option<Rate>,
    /// Time at which each network's bucket is full again (microseconds since the Unix epoch). Taken
    /// for one look-up; nothing awaits under it.
    full_at: Mutex<LruCache<u64, i64>>,
    hasher: RandomState,
}

/// Networks that are remembered: about 64 bytes each, so 4 MiB at most.
const MOST_NETWORKS: usize = 65_536;

impl AddressLimit {
    /// A limit, or none.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            full_at: Mutex::new(LruCache::new(MOST_NETWORKS)),
            hasher: RandomState::new(),
        }
    }

    /// Gives one back that was taken from the budget of an address and those of its networks.
    pub fn give_back(&self, ip: IpAddr) {
        let Some(rate) = self.rate else { return };
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        for (network, times) in budgeted_networks(ip) {
            if let Some(at) = full_at.get_mut(&self.hasher.hash_one(network)) {
                *at -= step(rate.times(times));
            }
        }
    }

    /// Takes one from the budget of an address and from those of its networks; from none if one of
    /// them is used up. Says what is left in the tightest, and whether there was one to take. None if
    /// there is no limit.
    #[must_use]
    pub fn take(&self, ip: IpAddr, now: Timestamp) -> Option<(Budget, bool)> {
        let rate = self.rate?;
        let window = micros(rate.window);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buckets: Vec<Bucket> = budgeted_networks(ip)
            .into_iter()
            .map(|(network, times)| {
                let key = self.hasher.hash_one(network);
                // A debt beyond the window was written before the clock was set back: ignore it.
                let owed = full_at
                    .get(&key)
                    .map(|at| at.saturating_sub(now.micros()))
                    .filter(|owed| (0..=window).contains(owed));
                let rate = rate.times(times);
                Bucket {
                    key,
                    rate,
                    owed: owed.unwrap_or(0),
                }
            })
            .collect();
        let taken = buckets.iter().all(|bucket| bucket.budget().left > 0);
        if taken {
            for bucket in &mut buckets {
                bucket.owed += step(bucket.rate);
                full_at.insert(bucket.key, now.micros().saturating_add(bucket.owed));
            }
        }
        let budgets = buckets.iter().map(Bucket::budget);
        let tightest = budgets.min_by_key(|budget| (budget.left, Reverse(budget.wait)))?;
        Some((tightest, taken))
    }
}

/// The budget of one network at one time.
struct Bucket {
    key: u64,
    rate: Rate,
    /// Time until it is full again, in microseconds.
    owed: i64,
}

impl Bucket {
    fn budget(&self) -> Budget {
        let (window, step) = (micros(self.rate.window), step(self.rate));
        let left = u32::try_from((window - self.owed) / step).unwrap_or(0);
        let wait = if left > 0 {
            self.owed
        } else {
            self.owed + step - window
        };
        Budget {
            rate: self.rate,
            left,
            wait: Duration::from_micros(wait.max(0).unsigned_abs()),
        }
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
    fn a_network_has_a_multiple_of_the_budget_of_one_address() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 2,
            window: Duration::from_mins(1),
        }));
        let admitted = |ips: &mut dyn Iterator<Item = String>| {
            ips.filter(|ip| limit.take(ip.parse().unwrap(), NOW).unwrap().1)
                .count()
        };
        let of_64 = &mut (0..9).map(|host| format!("2001:db8:1:0::{host}"));
        let of_56 = &mut (1..99).map(|subnet| format!("2001:db8:1:{subnet:x}::1"));
        let of_48 = &mut (1..99).map(|subnet| format!("2001:db8:1:{subnet:x}00::1"));
        let of_24 = &mut (0..99).map(|host| format!("192.0.2.{host}"));
        assert_eq!(
            [of_64 as &mut dyn Iterator<Item = String>, of_56, of_48, of_24].map(admitted),
            [2, 6, 24, 8]
        );
        let (budget, taken) = limit.take("192.0.2.200".parse().unwrap(), NOW).unwrap();
        assert_eq!((taken, budget.left, budget.rate.quota), (false, 0, 8));
        assert_eq!(budget.wait, Duration::from_millis(7500));
        assert!(limit.take("192.0.3.1".parse().unwrap(), NOW).unwrap().1);
        assert!(limit.take("2001:db8:2::1".parse().unwrap(), NOW).unwrap().1);
    }

    #[test]
    fn a_refusal_takes_nothing_and_is_not_remembered() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 1,
            window: Duration::from_mins(1),
        }));
        let take = |host: u8, at: Timestamp| limit.take(IpAddr::from([192, 0, 2, host]), at).unwrap();
        assert!((0..4).all(|host| take(host, NOW).1));
        let remembered = limit.full_at.lock().unwrap().len();
        assert!((9..99).all(|host| !take(host, NOW).1));
        assert_eq!(limit.full_at.lock().unwrap().len(), remembered);
        assert!(
            take(9, NOW.plus(Duration::from_secs(15))).1,
            "its own budget is whole"
        );
    }

    #[test]
    fn a_million_addresses_fit_in_bounded_memory() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 5,
            window: Duration::from_mins(1),
        }));
        for number in 0..1_000_000_u32 {
            // Each in a /24 of its own.
            let ip = IpAddr::from((number << 8).to_be_bytes());
            assert!(limit.take(ip, NOW).unwrap().1);
        }
        assert_eq!(limit.full_at.lock().unwrap().len(), MOST_NETWORKS);
    }
}
