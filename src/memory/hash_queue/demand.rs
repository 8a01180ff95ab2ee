//! Recent demand of networks: how often each has lately asked for a place. Plain data without threads
//! or time, in bounded memory.

use hashlink::LruCache;
use ipnet::IpNet;

/// Networks that are remembered; beyond that many the one that asked longest ago is forgotten.
const MOST_NETWORKS: usize = 8192;
/// Count of each network's recent requests.
pub struct Demand {
    asked: LruCache<IpNet, u32>,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            asked: LruCache::new(MOST_NETWORKS),
        }
    }
}

impl Demand {
    /// Counts a request for each of these networks.
    pub fn add(&mut self, networks: &[IpNet]) {
        for network in networks {
            let count = self.asked.get(network).map_or(0, |count| *count);
            self.asked.insert(*network, count.saturating_add(1));
        }
    }

    /// Halves all counts so many times.
    pub fn halve(&mut self, times: u32) {
        self.asked.retain(|_, count| {
            *count = count.checked_shr(times).unwrap_or(0);
            *count > 0
        });
    }

    /// Takes a request of each of these networks back.
    pub fn take_back(&mut self, networks: &[IpNet]) {
        for network in networks {
            if let Some(count) = self.asked.get_mut(network) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Recent requests of a network.
    pub fn of(&self, network: IpNet) -> u32 {
        self.asked.peek(&network).map_or(0, |count| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> IpNet {
        let ip = std::net::Ipv4Addr::from_bits(number << 8);
        IpNet::new_assert(ip.into(), 24)
    }

    #[test]
    fn requests_count_until_they_are_taken_back_or_long_ago() {
        let mut demand = Demand::default();
        demand.take_back(&[network(1)]);
        for _ in 0..8 {
            demand.add(&[network(1), network(2)]);
        }
        demand.take_back(&[network(2)]);
        let counts = |demand: &Demand| [1, 2, 3].map(|number| demand.of(network(number)));
        assert_eq!(counts(&demand), [8, 7, 0]);
        demand.halve(1);
        assert_eq!(counts(&demand), [4, 3, 0]);
        demand.halve(2);
        assert_eq!((counts(&demand), demand.asked.len()), ([1, 0, 0], 1));
        demand.halve(u32::MAX);
        assert_eq!(counts(&demand), [0, 0, 0]);
    }

    #[test]
    fn a_million_networks_fit_in_bounded_memory_and_the_busy_are_not_forgotten() {
        let mut demand = Demand::default();
        for number in 1..1_000_000 {
            demand.add(&[network(number), network(0)]);
        }
        assert_eq!(demand.asked.len(), MOST_NETWORKS);
        assert_eq!(demand.of(network(0)), 999_999);
    }
}
