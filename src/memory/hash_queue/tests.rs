//! The rules of the queue one by one, then all of them against the same rules over lists.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn stranger(ip: &str) -> Caller {
    Caller::stranger(ip.parse().unwrap())
}

fn known(ip: &str, account: i64) -> Caller {
    Caller::known(ip.parse().unwrap(), UserId::from(account))
}

/// A queue of so many places with these callers in it; each item is the caller's place in the list.
fn queue(places: usize, callers: &[Caller]) -> HashQueue<usize> {
    let mut queue = HashQueue::new(places);
    for (item, caller) in callers.iter().enumerate() {
        assert_eq!(queue.push(*caller, item).1, None);
    }
    queue
}

fn order(queue: &mut HashQueue<usize>) -> Vec<usize> {
    std::iter::from_fn(|| queue.pop()).map(|turn| turn.item).collect()
}

#[test]
fn wide_networks_take_turns_and_the_narrow_ones_within_them() {
    let mut queue = queue(
        64,
        &[
            stranger("2001:db8:1:1::1"),
            stranger("2001:db8:1:1::2"),
            stranger("2001:db8:1:2::1"),
            stranger("2001:db8:1:3::1"),
            stranger("192.0.2.1"),
            stranger("192.0.2.1"),
            stranger("192.0.2.2"),
            stranger("198.51.100.1"),
        ],
    );
    assert_eq!(order(&mut queue), [0, 4, 7, 2, 6, 3, 5, 1]);
}

#[test]
fn a_full_queue_displaces_the_last_place_of_the_network_that_holds_most() {
    let flood = ["192.0.2.1", "192.0.2.2", "192.0.2.2", "198.51.100.1"].map(stranger);
    let mut queue = queue(4, &flood);
    assert_eq!(queue.push(stranger("203.0.113.1"), 4).1, Some(2));
    assert_eq!(
        queue.push(stranger("203.0.113.1"), 5).1,
        Some(5),
        "nobody holds two more"
    );
    assert_eq!(queue.push(stranger("2001:db8::1"), 6).1, Some(1));
    assert_eq!(
        queue.push(stranger("2001:db8:1::1"), 7).1,
        Some(7),
        "each holds one"
    );
    assert_eq!(order(&mut queue), [0, 3, 4, 6]);
}

#[test]
fn within_the_network_that_holds_most_the_narrow_one_that_holds_most_gives_way() {
    let mut queue = queue(3, &["192.0.2.1", "192.0.2.1", "192.0.2.1"].map(stranger));
    assert_eq!(queue.push(stranger("192.0.2.2"), 3).1, Some(2));
    assert_eq!(queue.push(stranger("192.0.2.1"), 4).1, Some(4));
    assert_eq!(order(&mut queue), [0, 3, 1]);
}

#[test]
fn a_quarter_is_kept_for_proved_accounts_and_an_account_has_one_kept_place() {
    let mut queue = queue(8, &[stranger("192.0.2.1"); 8]);
    assert_eq!(queue.push(known("192.0.2.1", 1), 10).1, Some(7));
    assert_eq!(
        queue.push(known("192.0.2.1", 1), 11).1,
        Some(11),
        "its second place is that of a stranger"
    );
    assert_eq!(queue.push(known("192.0.2.1", 2), 12).1, Some(6));
    assert_eq!(
        queue.push(known("192.0.2.1", 3), 13).1,
        Some(13),
        "a quarter and no more"
    );
    assert_eq!(
        queue.push(known("198.51.100.1", 4), 14).1,
        Some(12),
        "a network's second reserved place is given to another that needs it"
    );
    let first = queue.pop().unwrap();
    assert_eq!((first.item, first.account), (10, Some(UserId::from(1))));
    assert_eq!(queue.pop().unwrap().item, 0);
    assert_eq!(queue.push(known("192.0.2.1", 1), 15).1, None);
    assert_eq!(queue.kept.len(), 1, "its first is not ended");
    queue.end(UserId::from(1));
    assert_eq!(queue.push(known("192.0.2.1", 1), 16).1, None);
    assert_eq!(queue.kept.len(), 2);
}

#[test]
fn of_four_turns_one_is_that_of_a_kept_place_while_others_wait() {
    let mut callers = vec![stranger("192.0.2.1"); 10];
    callers.extend((1..=4).map(|account| known(&format!("198.51.{account}.1"), account)));
    let mut queue = queue(40, &callers);
    assert_eq!(order(&mut queue), [10, 0, 1, 2, 11, 3, 4, 5, 12, 6, 7, 8, 13, 9]);
}

#[test]
fn a_place_that_is_given_up_is_free_again() {
    let mut queue = queue(4, &[stranger("192.0.2.1"), stranger("192.0.2.1")]);
    let (number, _) = queue.push(known("192.0.2.1", 1), 2);
    assert_eq!(queue.remove(known("192.0.2.1", 1), number), Some(2));
    assert_eq!(queue.remove(known("192.0.2.1", 1), number), None);
    assert_eq!(queue.remove(stranger("192.0.2.1"), 0), Some(0));
    assert_eq!(queue.push(known("192.0.2.1", 1), 3).1, None);
    assert_eq!(queue.kept.len(), 1);
    assert_eq!(order(&mut queue), [3, 1]);
    assert_eq!(queue.waiting(), 0);
}

/// One use of the queue.
#[derive(Debug, Clone)]
enum Step {
    Push(u8, u8, Option<i64>),
    Pop,
    Remove(u64),
    End(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8, 0..3_u8, proptest::option::of(0..4_i64)).prop_map(|(wide, narrow, account)| {
            Step::Push(wide, narrow, account)
        }),
        3 => Just(Step::Pop),
        1 => (0..60_u64).prop_map(Step::Remove),
        1 => (0..4_i64).prop_map(Step::End),
    ]
}

/// A share of the queue as one list: the network that was served longest ago is next.
#[derive(Default)]
struct ListedShare {
    waiting: Vec<(u64, Caller)>,
    /// When a network was served or came to wait.
    since: BTreeMap<(usize, IpNet), u64>,
    now: u64,
}

impl ListedShare {
    fn count(&self, level: usize, network: IpNet) -> usize {
        let of_network = |(_, caller): &&(u64, Caller)| caller.networks[level] == network;
        self.waiting.iter().filter(of_network).count()
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

    /// The last place of the network that holds most, of equals of the one whose turn comes last.
    fn longest(&self, within: Option<IpNet>) -> Option<(u64, Caller)> {
        let rank = |(number, caller): &(u64, Caller)| {
            let of = |level: usize| {
                let network = caller.networks[level];
                (self.count(level, network), self.since[&(level, network)])
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
            self.count(level, other.networks[level]) > self.count(level, newcomer.networks[level]) + 1
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
struct ListedQueue {
    kept: ListedShare,
    open: ListedShare,
    accounts: Vec<UserId>,
    turns: usize,
    numbers: u64,
}

impl ListedQueue {
    fn push(&mut self, places: usize, caller: Caller) -> Option<u64> {
        let number = self.numbers;
        self.numbers += 1;
        let full = self.kept.waiting.len() + self.open.waiting.len() == places;
        let account = caller.account.filter(|account| !self.accounts.contains(account));
        let mut to_open = (number, caller);
        if let Some(account) = account {
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

    fn pop(&mut self) -> Option<(u64, Option<UserId>)> {
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

    fn remove(&mut self, number: u64) -> Option<u64> {
        let has = |share: &ListedShare| share.waiting.iter().any(|(other, _)| *other == number);
        if has(&self.kept) {
            let (_, caller) = self.kept.take(number);
            self.accounts.retain(|other| Some(*other) != caller.account);
            return Some(number);
        }
        has(&self.open).then(|| self.open.take(number).0)
    }
}

proptest! {
    #[test]
    fn it_does_what_a_simple_list_does(places in 1..13_usize, steps in vec(step(), 1..120)) {
        let mut queue = HashQueue::new(places);
        let mut model = ListedQueue::default();
        let mut callers = Vec::new();
        let mut inside = HashSet::new();
        for step in steps {
            match step {
                Step::Push(wide, narrow, account) => {
                    let ip = IpAddr::from([10, 0, wide, narrow]);
                    let caller = account.map_or(Caller::stranger(ip), |account| {
                        Caller::known(ip, UserId::from(account))
                    });
                    let number = model.numbers;
                    let (given, out) = queue.push(caller, number);
                    prop_assert_eq!(given, number);
                    prop_assert_eq!(out, model.push(places, caller));
                    callers.push(caller);
                    inside.insert(number);
                    if let Some(out) = out {
                        prop_assert!(inside.remove(&out), "one that had a place or wanted one");
                    }
                }
                Step::Pop => {
                    let turn = queue.pop().map(|turn| (turn.item, turn.account));
                    prop_assert_eq!(turn, model.pop());
                    if let Some((number, _)) = turn {
                        prop_assert!(inside.remove(&number), "each item comes out once");
                    }
                }
                Step::Remove(number) => {
                    let Some(caller) = usize::try_from(number).ok().and_then(|at| callers.get(at)) else {
                        continue;
                    };
                    let removed = queue.remove(*caller, number);
                    prop_assert_eq!(removed, model.remove(number));
                    prop_assert_eq!(removed.is_some(), inside.remove(&number));
                }
                Step::End(account) => {
                    let account = UserId::from(account);
                    let waits = |(_, caller): &(u64, Caller)| caller.account == Some(account);
                    if !model.kept.waiting.iter().any(waits) {
                        queue.end(account);
                        model.accounts.retain(|other| *other != account);
                    }
                }
            }
            prop_assert_eq!(queue.waiting(), inside.len());
            prop_assert!(queue.waiting() <= places && queue.kept.len() <= places / 4);
        }
        let last = std::iter::from_fn(|| queue.pop()).count();
        prop_assert_eq!(last, inside.len(), "nobody is forgotten");
    }
}
