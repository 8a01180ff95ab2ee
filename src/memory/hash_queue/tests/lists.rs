//! The rules of the queue once more, over plain lists.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::super::Caller;
use crate::model::ids::UserId;

/// A share of the queue as one list: the network that was served longest ago is next.
#[derive(Default)]
pub struct ListedShare {
    pub waiting: Vec<(u64, Caller)>,
    /// When a network was served or came to wait.
    since: BTreeMap<(usize, IpNet), u64>,
    now: u64,
    asked: BTreeMap<IpNet, usize>,
}

impl ListedShare {
    fn count(&self, level: usize, network: IpNet) -> usize {
        let of_network = |(_, caller): &&(u64, Caller)| caller.networks[level] == network;
        self.waiting.iter().filter(of_network).count()
    }

    fn ask(&mut self, caller: Caller) {
        for network in caller.networks {
            *self.asked.entry(network).or_default() += 1;
        }
    }

    fn demand(&self, network: IpNet) -> usize {
        self.asked.get(&network).copied().unwrap_or(0)
    }

    fn push(&mut self, number: u64, caller: Caller) {
        self.now += 1;
        for (level, network) in caller.networks.into_iter().enumerate() {
            if self.count(level, network) == 0 {
                self.since.insert((level, network), self.now);
            }
        }
        self.waiting.push((number, caller));
        self.waiting.sort_by_key(|(number, _)| *number);
    }

    fn take(&mut self, number: u64) -> (u64, Caller) {
        let at = self.waiting.iter().position(|(other, _)| *other == number);
        self.waiting.remove(at.unwrap())
    }

    fn pop(&mut self) -> Option<(u64, Caller)> {
        let turn = |(number, caller): &(u64, Caller)| {
            let since = |level: usize| self.since[&(level, caller.networks[level])];
            (since(0), since(1), *number)
        };
        let (number, _) = *self.waiting.iter().min_by_key(|place| turn(place))?;
        let (_, caller) = self.take(number);
        self.now += 1;
        for (level, network) in caller.networks.into_iter().enumerate() {
            self.since.insert((level, network), self.now);
        }
        Some((number, caller))
    }

    /// The last place of the network that holds most; of equals of the one that asks most, then of the
    /// one whose turn comes last.
    fn longest(&self, within: Option<IpNet>) -> Option<(u64, Caller)> {
        let rank = |(number, caller): &(u64, Caller)| {
            let of = |level: usize| {
                let network = caller.networks[level];
                let since = self.since[&(level, network)];
                (self.count(level, network), self.demand(network), since)
            };
            (of(0), of(1), *number)
        };
        let candidates = self.waiting.iter();
        let candidates =
            candidates.filter(|(_, caller)| within.is_none_or(|network| caller.networks[0] == network));
        candidates.max_by_key(|place| rank(place)).copied()
    }

    fn displaced_by(&self, newcomer: Caller) -> Option<(u64, Caller)> {
        let more = |level: usize, other: Caller| {
            let [most, own] = [other, newcomer].map(|caller| self.count(level, caller.networks[level]));
            let [asked, asks] = [other, newcomer].map(|caller| self.demand(caller.networks[level]));
            most > own + 1 || (own == 0 && asked > asks)
        };
        let (number, longest) = self.longest(None)?;
        if more(0, longest) {
            return Some((number, longest));
        }
        let (number, longest) = self.longest(Some(newcomer.networks[0]))?;
        more(1, longest).then_some((number, longest))
    }
}

/// The rules of the queue once more, over lists.
#[derive(Default)]
pub struct ListedQueue {
    pub kept: ListedShare,
    open: ListedShare,
    pub accounts: Vec<UserId>,
    turns: usize,
    pub numbers: u64,
}

impl ListedQueue {
    pub fn push(&mut self, places: usize, caller: Caller) -> Option<u64> {
        let number = self.numbers;
        self.numbers += 1;
        let full = self.kept.waiting.len() + self.open.waiting.len() == places;
        let account = caller.account.filter(|account| !self.accounts.contains(account));
        let mut to_open = (number, caller);
        if let Some(account) = account {
            self.kept.ask(caller);
            if self.kept.waiting.len() < places / 4 {
                self.accounts.push(account);
                self.kept.push(number, caller);
                let (longest, _) = full.then(|| self.open.longest(None)).flatten()?;
                return Some(self.open.take(longest).0);
            }
            if let Some(displaced) = self.kept.displaced_by(caller) {
                to_open = self.kept.take(displaced.0);
                self.accounts.retain(|other| Some(*other) != displaced.1.account);
                self.accounts.push(account);
                self.kept.push(number, caller);
            }
        }
        self.open.ask(to_open.1);
        if !full {
            self.open.push(to_open.0, to_open.1);
            return None;
        }
        let Some((displaced, _)) = self.open.displaced_by(to_open.1) else {
            return Some(to_open.0);
        };
        self.open.take(displaced);
        self.open.push(to_open.0, to_open.1);
        Some(displaced)
    }

    pub fn pop(&mut self) -> Option<(u64, Option<UserId>)> {
        let mut of_kept = !self.kept.waiting.is_empty();
        if of_kept && !self.open.waiting.is_empty() {
            of_kept = self.turns.is_multiple_of(4);
            self.turns += 1;
        }
        if of_kept {
            self.kept.pop().map(|(number, caller)| (number, caller.account))
        } else {
            self.open.pop().map(|(number, _)| (number, None))
        }
    }

    pub fn remove(&mut self, number: u64) -> Option<u64> {
        let has = |share: &ListedShare| share.waiting.iter().any(|(other, _)| *other == number);
        if has(&self.kept) {
            let (_, caller) = self.kept.take(number);
            self.accounts.retain(|other| Some(*other) != caller.account);
            return Some(number);
        }
        has(&self.open).then(|| self.open.take(number).0)
    }
}
