//! Limits on attempts at a password: values and rules, no memory of their own.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use uuid::Uuid;

/// Number of failures of one account from one source from which on each one brings a wait.
pub const FREE_FAILURES: i64 = 5;
/// Maximum of attempts in flight plus failures so far, for one account and one source. Of any
/// number of parallel guesses, no more than this are evaluated.
pub const AT_ONCE: i64 = 20;
/// Consecutive failures of one account from everywhere, after which it is closed to networks that
/// have failed on it (NIST SP 800-63B-4 section 3.2.2).
pub const MOST_FAILURES: i64 = 100;
/// Attempts at a closed account in an hour by networks that have not failed on it, all together:
/// one each. NIST allows none, but then anybody could lock anybody out.
pub const FRESH_ATTEMPTS: i64 = 20;
/// The time in which these attempts are counted.
pub const FRESH_WINDOW: Duration = Duration::from_hours(1);
/// The longest wait after a failure.
pub const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Time for which an attempt without an outcome counts as in flight: its client or its node is
/// gone.
pub const PENDING_FOR: Duration = Duration::from_secs(15);

/// Wait after a number of failures: none, then a second that doubles to a quarter of an hour.
#[must_use]
pub fn wait_after(failures: i64) -> Duration {
    match failures.saturating_sub(FREE_FAILURES) {
        ..0 => Duration::ZERO,
        over @ 0..10 => Duration::from_secs(1 << over),
        10.. => LONGEST_WAIT,
    }
}

/// Counters of an attempt, named by keyed hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// The account from one source: an address prefix, a known device, or a session.
    pub place: Uuid,
    /// The account from beyond this source; none where the source itself proves some right.
    pub account: Option<AccountCounters>,
    /// The account that a right password from this source unlocks, though nothing is counted there.
    pub unlocks: Option<Uuid>,
}

/// Counters of an account's attempts by strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountCounters {
    /// Failures from the widest network around the address: a /24 or a /48.
    pub network: Uuid,
    /// Failures from everywhere at one version of the password.
    pub everywhere: Uuid,
    /// Attempts by fresh networks while the account is closed.
    pub fresh: Uuid,
}

/// Part of a network address that is counted: an IPv4 address whole, an IPv6 address's first 64
/// bits, because a customer has at least as many.
#[must_use]
pub fn prefix(ip: IpAddr) -> [u8; 8] {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()).to_be_bytes(),
        IpAddr::V6(ip) => ip.octets().first_chunk().copied().unwrap_or_default(),
    }
}

/// IPv4 networks that have a budget: length of the prefix, and multiple of one address's budget.
const IPV4_BUDGETS: [(u8, u32); 2] = [(32, 1), (24, 4)];
/// IPv6 networks that have a budget. A customer is given a /64 at least, often a /56 or a /48.
const IPV6_BUDGETS: [(u8, u32); 3] = [(64, 1), (56, 4), (48, 16)];

/// Networks of an address that have a budget, the narrowest first, each with the multiple of the
/// narrowest one's budget.
#[must_use]
pub fn budgeted_networks(ip: IpAddr) -> Vec<(IpNet, u32)> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IPV4_BUDGETS
            .map(|(length, times)| (Ipv4Net::new_assert(ip, length).trunc().into(), times))
            .to_vec(),
        IpAddr::V6(ip) => IPV6_BUDGETS
            .map(|(length, times)| (Ipv6Net::new_assert(ip, length).trunc().into(), times))
            .to_vec(),
    }
}

/// The widest network of an address that is counted, then the narrowest: a /24 and a /32, or a /48
/// and a /64.
#[must_use]
pub fn widest_and_narrowest(ip: IpAddr) -> [IpNet; 2] {
    match ip.to_canonical() {
        IpAddr::V4(ip) => [24, 32].map(|length| Ipv4Net::new_assert(ip, length).trunc().into()),
        IpAddr::V6(ip) => [48, 64].map(|length| Ipv6Net::new_assert(ip, length).trunc().into()),
    }
}

/// Requests that an address may make in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests.
    pub quota: u32,
    /// Span of time.
    pub window: Duration,
}

impl Rate {
    /// So many times as many requests in the same time.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self {
            quota: self.quota.saturating_mul(times),
            window: self.window,
        }
    }
}

/// Rest of an address's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The whole budget.
    pub rate: Rate,
    /// Requests left now.
    pub left: u32,
    /// Wait until the next one, if none is left; else until all are there again.
    pub wait: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_nothing_then_doubles_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = [0, 4, 5, 6, 7, 14, 15, 16, 99, i64::MAX]
            .into_iter()
            .map(|failures| wait_after(failures).as_secs())
            .collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 512, 900, 900, 900, 900]);
        assert_eq!(wait_after(i64::MIN + 10), Duration::ZERO);
    }

    #[test]
    fn an_address_counts_for_each_network_around_it() {
        let networks = |ip: &str| {
            budgeted_networks(ip.parse().unwrap())
                .into_iter()
                .map(|(network, times)| format!("{network} {times}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            networks("2001:db8:1:23ff::1"),
            [
                "2001:db8:1:23ff::/64 1",
                "2001:db8:1:2300::/56 4",
                "2001:db8:1::/48 16"
            ]
        );
        for ip in ["192.0.2.7", "::ffff:192.0.2.7"] {
            assert_eq!(networks(ip), ["192.0.2.7/32 1", "192.0.2.0/24 4"]);
        }
    }

    #[test]
    fn an_ipv6_customer_is_one_and_a_mapped_address_is_ipv4() {
        let prefix = |text: &str| prefix(text.parse().unwrap());
        assert_eq!(prefix("2001:db8:1:2::1"), prefix("2001:0DB8:1:2:ffff::"));
        assert_ne!(prefix("2001:db8:1:2::1"), prefix("2001:db8:1:3::1"));
        assert_eq!(prefix("::ffff:192.0.2.7"), prefix("192.0.2.7"));
        assert_ne!(prefix("192.0.2.7"), prefix("192.0.2.8"));
    }
}
