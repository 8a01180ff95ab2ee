//! The most connections of one client address and of the networks around it, over all workers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

use crate::config::LimitSettings;
use crate::model::throttle::budgeted_networks;

/// Counts of the open connections of each network that has any. The networks and their multiples are
/// those of the budgets of requests: an IPv6 /64 is one address, and moving within a network
/// multiplies nothing. Trusted proxies are not counted, because all clients come by them.
pub struct AddressCap {
    /// Of one address.
    most: usize,
    trusted: Vec<IpNet>,
    /// Taken when a connection opens and when it closes; nothing awaits under it.
    open: Mutex<HashMap<IpNet, usize>>,
}

/// One of the connections of an address, until dropped.
pub struct AddressPlace {
    cap: Arc<AddressCap>,
    /// None for a trusted proxy.
    ip: Option<IpAddr>,
}

/// The network that has the most connections already.
#[derive(Debug, PartialEq, Eq)]
pub struct FullNetwork {
    /// The network; a single address has the whole length.
    pub network: IpNet,
    /// Its connections.
    pub most: usize,
}

impl AddressCap {
    /// With nothing open.
    pub fn new(limits: &LimitSettings) -> Arc<Self> {
        Arc::new(Self {
            most: limits.connections,
            trusted: limits.trusted_proxies.clone(),
            open: Mutex::default(),
        })
    }

    /// Counts one more connection of an address and of the networks around it.
    ///
    /// # Errors
    /// The narrowest network that has the most already; nothing is counted then.
    pub fn take(self: &Arc<Self>, ip: IpAddr) -> Result<AddressPlace, FullNetwork> {
        let ip = ip.to_canonical();
        let is_trusted = self.trusted.iter().any(|network| network.contains(&ip));
        if !is_trusted {
            let mut open = self.open();
            let networks = budgeted_networks(ip);
            for (network, times) in &networks {
                let most = usize::try_from(*times).map_or(self.most, |times| self.most.saturating_mul(times));
                if open.get(network).is_some_and(|count| *count >= most) {
                    return Err(FullNetwork {
                        network: *network,
                        most,
                    });
                }
            }
            for (network, _) in networks {
                *open.entry(network).or_default() += 1;
            }
        }
        Ok(AddressPlace {
            cap: Arc::clone(self),
            ip: (!is_trusted).then_some(ip),
        })
    }

    /// A panic under the lock leaves counts that are at worst one too high.
    fn open(&self) -> MutexGuard<'_, HashMap<IpNet, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddressPlace {
    /// The address; none of a trusted proxy.
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Some(ip) = self.ip else { return };
        let mut open = self.cap.open();
        for (network, _) in budgeted_networks(ip) {
            if let Some(count) = open.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(most: usize) -> Arc<AddressCap> {
        Arc::new(AddressCap {
            most,
            trusted: vec!["10.0.0.0/8".parse().unwrap()],
            open: Mutex::default(),
        })
    }

    #[test]
    fn an_address_has_its_most_and_gets_each_back_that_closes() {
        let cap = cap(2);
        let take = |ip: &str| cap.take(ip.parse().unwrap());
        let (first, second) = (take("192.0.2.7").unwrap(), take("::ffff:192.0.2.7").unwrap());
        let full = take("192.0.2.7").err().unwrap();
        assert_eq!(
            (full.network.to_string().as_str(), full.most),
            ("192.0.2.7/32", 2)
        );
        let other = take("192.0.2.8").unwrap();
        drop(first);
        let third = take("192.0.2.7").unwrap();
        assert!(take("192.0.2.7").is_err());
        drop((second, third, other));
        assert!(cap.open().is_empty(), "nothing is remembered");
    }

    #[test]
    fn a_64_is_one_address_and_a_trusted_proxy_has_any_number() {
        let cap = cap(1);
        let take = |ip: &str| cap.take(ip.parse().unwrap());
        let _first = take("2001:db8:1:2::1").unwrap();
        assert!(take("2001:db8:1:2:ffff::").is_err());
        let _next = take("2001:db8:1:3::1").unwrap();
        let proxy: Vec<_> = (0..9).map(|_| take("10.1.2.3").unwrap()).collect();
        assert_eq!(
            (proxy.len(), cap.open()[&"2001:db8:1::/48".parse().unwrap()]),
            (9, 2)
        );
    }

    #[test]
    fn a_network_has_a_multiple_of_the_connections_of_one_address() {
        let cap = cap(2);
        let admitted = |ips: &mut dyn Iterator<Item = String>| -> Vec<AddressPlace> {
            ips.filter_map(|ip| cap.take(ip.parse().unwrap()).ok()).collect()
        };
        let of_64 = admitted(&mut (0..9).map(|host| format!("2001:db8:1:0::{host}")));
        let of_56 = admitted(&mut (1..99).map(|subnet| format!("2001:db8:1:{subnet:x}::1")));
        let of_48 = admitted(&mut (1..99).map(|subnet| format!("2001:db8:1:{subnet:x}00::1")));
        let of_24 = admitted(&mut (0..99).map(|host| format!("192.0.2.{host}")));
        let numbers = [&of_64, &of_56, &of_48, &of_24].map(Vec::len);
        assert_eq!(numbers, [2, 6, 24, 8]);
        let full = cap.take("192.0.2.200".parse().unwrap()).err().unwrap();
        assert_eq!(
            (full.network.to_string().as_str(), full.most),
            ("192.0.2.0/24", 8)
        );
        let others = ["192.0.3.1", "2001:db8:2::1"].map(|ip| cap.take(ip.parse().unwrap()).unwrap());
        drop((of_64, of_56, of_48, of_24, others));
        assert!(cap.open().is_empty(), "nothing is remembered");
    }
}
