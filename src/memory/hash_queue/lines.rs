//! Lines of waiting items, one for each network, served in turn. Plain data without threads or
//! time.

use std::collections::BTreeMap;

use hashlink::LinkedHashMap;
use ipnet::IpNet;

use super::demand::Demand;

/// Networks that an item is from, the widest first.
pub type Path<'a> = &'a [IpNet];

/// A line of numbered items, or lines of lines.
pub trait WaitingLine: Default {
    /// The kind of items.
    type Item;

    /// Number of items.
    fn len(&self) -> usize;

    /// Adds an item behind those of lower numbers in the line of its networks.
    fn push(&mut self, path: Path<'_>, number: u64, item: Self::Item);

    /// Takes the item whose turn it is.
    fn pop(&mut self) -> Option<Self::Item>;

    /// Takes the last item of the network that has most; of equals the one with most demand.
    fn pop_last_of_longest(&mut self, demand: &Demand) -> Option<Self::Item>;

    /// Takes the item that a newcomer may displace: the last one of the network that has most. That
    /// network must still have as many afterwards as the newcomer's has now, or the newcomer's network
    /// must have none and less demand. Otherwise the same rule is tried within the newcomer's own
    /// network.
    fn displace(&mut self, newcomer: Path<'_>, demand: &Demand) -> Option<Self::Item>;

    /// Takes an item by its networks and number.
    fn remove(&mut self, path: Path<'_>, number: u64) -> Option<Self::Item>;
}

/// The line of one network: first come, first served.
impl<T> WaitingLine for BTreeMap<u64, T> {
    type Item = T;

    fn len(&self) -> usize {
        self.len()
    }

    fn push(&mut self, _path: Path<'_>, number: u64, item: T) {
        self.insert(number, item);
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_first().map(|(_, item)| item)
    }

    fn pop_last_of_longest(&mut self, _demand: &Demand) -> Option<T> {
        self.pop_last().map(|(_, item)| item)
    }

    fn displace(&mut self, _newcomer: Path<'_>, _demand: &Demand) -> Option<T> {
        None
    }

    fn remove(&mut self, _path: Path<'_>, number: u64) -> Option<T> {
        self.remove(&number)
    }
}

/// Lines of several networks, served one item each in turn; none of them is empty.
pub struct Round<L> {
    len: usize,
    /// In the order of their turns.
    lines: LinkedHashMap<IpNet, L>,
}

impl<L> Default for Round<L> {
    fn default() -> Self {
        Self {
            len: 0,
            lines: LinkedHashMap::new(),
        }
    }
}

impl<L: WaitingLine> Round<L> {
    /// Takes an item out of one line, and the line away if it is empty then.
    fn take(&mut self, network: IpNet, take: impl FnOnce(&mut L) -> Option<L::Item>) -> Option<L::Item> {
        let line = self.lines.get_mut(&network)?;
        let item = take(line)?;
        self.len -= 1;
        if line.len() == 0 {
            self.lines.remove(&network);
        }
        Some(item)
    }

    /// The network that has most items, how many, and its demand; of equals the one with most demand,
    /// then the one whose turn comes last.
    fn longest(&self, demand: &Demand) -> Option<(IpNet, (usize, u32))> {
        let lines = self.lines.iter();
        let loads = lines.map(|(network, line)| (*network, (line.len(), demand.of(*network))));
        loads.max_by_key(|(_, load)| *load)
    }
}

impl<L: WaitingLine> WaitingLine for Round<L> {
    type Item = L::Item;

    fn len(&self) -> usize {
        self.len
    }

    fn push(&mut self, path: Path<'_>, number: u64, item: Self::Item) {
        let Some((network, within)) = path.split_first() else {
            return;
        };
        self.len += 1;
        // `entry` would move a line that is there to the end.
        if let Some(line) = self.lines.get_mut(network) {
            line.push(within, number, item);
        } else {
            let mut line = L::default();
            line.push(within, number, item);
            self.lines.insert(*network, line);
        }
    }

    fn pop(&mut self) -> Option<Self::Item> {
        let network = *self.lines.front()?.0;
        let item = self.take(network, L::pop);
        self.lines.to_back(&network);
        item
    }

    fn pop_last_of_longest(&mut self, demand: &Demand) -> Option<Self::Item> {
        let (network, _) = self.longest(demand)?;
        self.take(network, |line| line.pop_last_of_longest(demand))
    }

    fn displace(&mut self, newcomer: Path<'_>, demand: &Demand) -> Option<Self::Item> {
        let (own, within) = newcomer.split_first()?;
        let (longest, (most, asked)) = self.longest(demand)?;
        let own_len = self.lines.get(own).map_or(0, L::len);
        if most > own_len + 1 || (own_len == 0 && asked > demand.of(*own)) {
            return self.take(longest, |line| line.pop_last_of_longest(demand));
        }
        self.take(*own, |line| line.displace(within, demand))
    }

    fn remove(&mut self, path: Path<'_>, number: u64) -> Option<Self::Item> {
        let (network, within) = path.split_first()?;
        self.take(*network, |line| line.remove(within, number))
    }
}
