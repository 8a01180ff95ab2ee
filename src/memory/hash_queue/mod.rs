//! The queue of places at the hashing threads: who waits, whose turn it is, and who loses a place
//! while it is full. Plain data without threads or time.
//!
//! A quarter of the places is reserved for callers whose account is proved: by a live session, or by a
//! device that has logged in before. An account has at most one reserved place. All other places are
//! served in turn by network, so that a flood from one network holds up no other: first over /24
//! and /48, then within those over /32 and /64. A network loses its second place when another network
//! needs one. It loses its only place to a network that has none and has asked less often lately: a
//! flood from many networks asks more often than people do.

mod demand;
mod lines;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use self::demand::Demand;
use self::lines::{Path, Round, WaitingLine as _};
use crate::model::ids::UserId;
use crate::model::throttle::widest_and_narrowest;

/// One place in so many is reserved. If both kinds wait, one turn in so many goes to a reserved place.
const KEPT: usize = 4;

/// Caller that needs a hash: the client's network, and the account, if it is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The widest network that is counted, then the narrowest.
    networks: [IpNet; 2],
    account: Option<UserId>,
}

impl Caller {
    /// A caller of whom nothing but the address is known.
    #[must_use]
    pub fn stranger(ip: IpAddr) -> Self {
        Self {
            networks: widest_and_narrowest(ip),
            account: None,
        }
    }

    /// A caller who has a live session of the account, or the ticket of a device that has logged in
    /// to it.
    #[must_use]
    pub fn known(ip: IpAddr, account: UserId) -> Self {
        Self {
            account: Some(account),
            ..Self::stranger(ip)
        }
    }
}

/// A place that waits.
struct Waiting<T> {
    number: u64,
    caller: Caller,
    item: T,
}

/// Lines of places: networks in turn, then the networks within, then first come, first served.
type Lines<T> = Round<Round<BTreeMap<u64, Waiting<T>>>>;

/// One kind of places, with the demand of networks for it.
struct Share<T> {
    waiting: Lines<T>,
    demand: Demand,
}

impl<T> Default for Share<T> {
    fn default() -> Self {
        Self {
            waiting: Lines::default(),
            demand: Demand::default(),
        }
    }
}

impl<T> Share<T> {
    fn len(&self) -> usize {
        self.waiting.len()
    }

    fn push(&mut self, place: Waiting<T>) {
        let networks = place.caller.networks;
        self.waiting.push(&networks, place.number, place);
    }

    fn pop_last_of_longest(&mut self) -> Option<Waiting<T>> {
        self.waiting.pop_last_of_longest(&self.demand)
    }

    fn displace(&mut self, newcomer: Path<'_>) -> Option<Waiting<T>> {
        self.waiting.displace(newcomer, &self.demand)
    }
}

/// The item whose turn it is.
pub struct Turn<T> {
    /// The item.
    pub item: T,
    /// The account whose reserved place it was; to be given to [`HashQueue::end`].
    pub account: Option<UserId>,
}

/// The queue. Every item that is given to it comes out once.
pub struct HashQueue<T> {
    places: usize,
    /// Waiting reserved places; at most a quarter of all.
    kept: Share<T>,
    /// Waiting places of all others.
    open: Share<T>,
    /// Accounts that have a reserved place or its turn.
    accounts: HashSet<UserId>,
    next_number: u64,
    /// Counts the turns for which both kinds waited.
    turns: usize,
}

impl<T> HashQueue<T> {
    /// A queue of so many places.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            places,
            kept: Share::default(),
            open: Share::default(),
            accounts: HashSet::new(),
            next_number: 0,
            turns: 0,
        }
    }

    /// Number of places.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.places
    }

    /// Number of items that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.kept.len() + self.open.len()
    }

    /// Gives an item a place. If the queue is full, one item gets none: that of the network that
    /// holds most, that of one that has asked more often, or the new one. Returns the number of the new
    /// place, and the item without one.
    pub fn push(&mut self, caller: Caller, item: T) -> (u64, Option<T>) {
        let number = self.next_number;
        self.next_number += 1;
        let place = Waiting { number, caller, item };
        let account = caller.account.filter(|account| !self.accounts.contains(account));
        if account.is_some() {
            self.kept.demand.add(&caller.networks);
        }
        let out = match account {
            Some(account) if self.kept.len() < self.places / KEPT => {
                self.keep(account, place);
                (self.waiting() > self.places)
                    .then(|| self.open.pop_last_of_longest())
                    .flatten()
            }
            Some(account) => match self.kept.displace(&caller.networks) {
                Some(displaced) => {
                    if let Some(account) = displaced.caller.account {
                        self.accounts.remove(&account);
                    }
                    self.keep(account, place);
                    self.push_open(displaced)
                }
                None => self.push_open(place),
            },
            None => self.push_open(place),
        };
        (number, out.map(|place| place.item))
    }

    fn keep(&mut self, account: UserId, place: Waiting<T>) {
        self.accounts.insert(account);
        self.kept.push(place);
    }

    fn push_open(&mut self, place: Waiting<T>) -> Option<Waiting<T>> {
        let networks = place.caller.networks;
        self.open.demand.add(&networks);
        let mut displaced = None;
        if self.waiting() >= self.places {
            displaced = self.open.displace(&networks);
            if displaced.is_none() {
                return Some(place);
            }
        }
        self.open.push(place);
        displaced
    }

    /// Takes the item whose turn it is.
    pub fn pop(&mut self) -> Option<Turn<T>> {
        let both = self.kept.len() > 0 && self.open.len() > 0;
        let of_kept = if both {
            self.turns == 0
        } else {
            self.kept.len() > 0
        };
        if both {
            self.turns = (self.turns + 1) % KEPT;
        }
        let place = if of_kept {
            self.kept.waiting.pop()
        } else {
            self.open.waiting.pop()
        }?;
        Some(Turn {
            item: place.item,
            account: place.caller.account.filter(|_| of_kept),
        })
    }

    /// Notes that the turn of an account's reserved place has ended.
    pub fn end(&mut self, account: UserId) {
        self.accounts.remove(&account);
    }

    /// Notes that a request from an address was an honest one, so that it counts as no demand of its
    /// networks.
    pub fn take_demand_back(&mut self, ip: IpAddr) {
        let networks = widest_and_narrowest(ip);
        self.kept.demand.take_back(&networks);
        self.open.demand.take_back(&networks);
    }

    /// Halves the demand of all networks so many times: what they asked long ago counts no more.
    pub fn halve_demand(&mut self, times: u32) {
        self.kept.demand.halve(times);
        self.open.demand.halve(times);
    }

    /// Takes an item back that waits no more, if it still has its place.
    pub fn remove(&mut self, caller: Caller, number: u64) -> Option<T> {
        if let Some(place) = self.kept.waiting.remove(&caller.networks, number) {
            if let Some(account) = caller.account {
                self.accounts.remove(&account);
            }
            return Some(place.item);
        }
        let place = self.open.waiting.remove(&caller.networks, number)?;
        Some(place.item)
    }
}
