//! The rules of the queue one by one, then all of them against the same rules over lists.

mod lists;

use proptest::collection::vec;
use proptest::prelude::*;

use self::lists::ListedQueue;
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
        Some(0),
        "each holds one, and this network asked most"
    );
    assert_eq!(
        queue.push(stranger("2001:db8:1:1::1"), 8).1,
        Some(8),
        "none asked more"
    );
    assert_eq!(order(&mut queue), [3, 4, 6, 7]);
}

#[test]
fn of_networks_with_a_place_each_the_one_that_asks_most_gives_way_to_one_that_asks_less() {
    let networks: Vec<_> = (0..8)
        .map(|number| stranger(&format!("192.0.{number}.1")))
        .collect();
    let mut queue = queue(4, &networks[..4]);
    // All eight ask on and on.
    for round in 0..3 {
        for (number, network) in networks.iter().enumerate().skip(4) {
            queue.push(*network, 10 * round + number);
        }
        for (number, network) in networks.iter().enumerate().take(4) {
            queue.push(*network, 10 * round + number);
        }
    }
    let honest = stranger("203.0.113.1");
    assert!(queue.push(honest, 100).1.is_some_and(|out| out != 100));
    for (number, network) in networks.iter().enumerate() {
        assert_ne!(queue.push(*network, 200 + number).1, Some(100), "it stays");
    }
    assert!(order(&mut queue).contains(&100));
    for _ in 0..20 {
        queue.push(honest, 101);
        queue.pop();
    }
    for (item, network) in networks.iter().enumerate().take(4) {
        queue.push(*network, item);
    }
    assert_eq!(
        queue.push(honest, 102).1,
        Some(102),
        "it asks more than the others now"
    );
    for _ in 0..20 {
        queue.take_demand_back("203.0.113.1".parse().unwrap());
    }
    assert_ne!(
        queue.push(honest, 103).1,
        Some(103),
        "but its passwords were right"
    );
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
