//! The most connections of one client address, over all workers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::config::LimitSettings;
use crate::model::throttle::prefix;

/// Counts of the open connections of each address that has any. An IPv6 /64 is one address, as for
/// budgets of requests; trusted proxies are not counted, because all clients come by them.
pub struct AddressCap {
    most: usize,
    trusted: Vec<IpNet>,
    /// Taken when a connection opens and when it closes; nothing awaits under it.
    open: Mutex<HashMap<[u8; 8], usize>>,
}

/// One of the connections of an address, until dropped.
pub struct AddressPlace {
    cap: Arc<AddressCap>,
    /// None for a trusted proxy.
    prefix: Option<[u8; 8]>,
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

    /// Counts one more connection of an address; none if it has the most already.
    pub fn take(self: &Arc<Self>, ip: IpAddr) -> Option<AddressPlace> {
        let ip = ip.to_canonical();
        let prefix = if self.trusted.iter().any(|network| network.contains(&ip)) {
            None
        } else {
            let prefix = prefix(ip);
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let count = open.entry(prefix).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
            Some(prefix)
        };
        Some(AddressPlace {
            cap: Arc::clone(self),
            prefix,
        })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Some(prefix) = self.prefix else { return };
        let mut open = self.cap.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&prefix) {
            *count -= 1;
            if *count == 0 {
                open.remove(&prefix);
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
        assert!(take("192.0.2.7").is_none());
        let other = take("192.0.2.8").unwrap();
        drop(first);
        let third = take("192.0.2.7").unwrap();
        assert!(take("192.0.2.7").is_none());
        drop((second, third, other));
        assert!(cap.open.lock().unwrap().is_empty(), "nothing is remembered");
    }

    #[test]
    fn a_64_is_one_address_and_a_trusted_proxy_has_any_number() {
        let cap = cap(1);
        let take = |ip: &str| cap.take(ip.parse().unwrap());
        let _first = take("2001:db8:1:2::1").unwrap();
        assert!(take("2001:db8:1:2:ffff::").is_none());
        let _next = take("2001:db8:1:3::1").unwrap();
        let proxy: Vec<_> = (0..9).map(|_| take("10.1.2.3").unwrap()).collect();
        assert_eq!((proxy.len(), cap.open.lock().unwrap().len()), (9, 2));
    }
}
