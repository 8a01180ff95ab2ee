//! What is closed for whom, and when.

use super::*;

fn closing(connections: &[OpenConnection]) -> Vec<usize> {
    let cx = Context::from_waker(Waker::noop());
    let all = connections.iter().enumerate();
    all.filter(|(_, connection)| connection.is_to_close(&cx))
        .map(|(number, _)| number)
        .collect()
}

fn asking(room: &Rc<Room>, network: Option<IpNet>) -> OpenConnection {
    let connection = room.enter(network).0;
    connection.received(1);
    connection
}

#[test]
fn near_the_most_the_silent_are_closed_first_then_the_longest_idle_and_never_one_that_asked() {
    let room = Room::new(10, 1000);
    let mut connections: Vec<_> = (0..9).map(|_| room.enter(None).0).collect();
    for number in [8, 7, 6, 5, 4, 3, 1, 0] {
        connections[number].received(1);
    }
    for number in [8, 7, 6, 5, 4, 3] {
        connections[number].sent();
    }
    assert_eq!(closing(&connections), [0_usize; 0]);
    let newer = room.enter(None);
    assert_eq!(
        (newer.1.idle, closing(&connections)),
        (1, vec![2]),
        "the silent one"
    );
    drop(connections.remove(2));
    let newest = room.enter(None);
    // The newer one has been silent for less long, but silent.
    assert_eq!((newest.1.idle, closing(&[newer.0]).len()), (1, 1));
    newest.0.received(1);
    let last = room.enter(None);
    assert_eq!(last.1.idle, 1);
    last.0.received(1);
    assert_eq!(closing(&connections), [7], "the first that was answered");
    for connection in &connections {
        connection.received(1);
    }
    assert_eq!(
        room.enter(None).1,
        ClosedForRoom::default(),
        "all the others have asked"
    );
}

#[test]
fn with_none_idle_the_network_with_the_most_connections_loses_those_that_asked_first() {
    let room = Room::new(20, 1000);
    let [big, small, other] =
        ["2001:db8:1::/48", "192.0.2.0/24", "192.0.3.0/24"].map(|network| network.parse().ok());
    let networks = [[small; 2].as_slice(), &[big; 8], &[None; 9]].concat();
    let mut connections: Vec<_> = networks
        .into_iter()
        .map(|network| asking(&room, network))
        .collect();
    // The second of the big network was answered and has asked anew, and is the newest.
    connections[3].sent();
    room.sweep();
    connections[3].received(1);
    let next = room.enter(other);
    assert_eq!(next.1, ClosedForRoom { idle: 0, asked: 1 });
    assert_eq!(closing(&connections), [2]);
    next.0.received(1);
    drop(connections.remove(2));
    // One of the big network itself takes no place from others.
    let again = room.enter(big);
    assert_eq!((again.1.asked, closing(&connections)), (1, vec![3]));
    drop((connections, next, again));
    assert!(room.networks.borrow().is_empty(), "nothing is remembered");
}

#[test]
fn no_request_is_cut_off_where_each_network_has_one() {
    let room = Room::new(20, 1000);
    let networks = (0..19).map(|third| format!("192.0.{third}.0/24").parse().ok());
    let connections: Vec<_> = networks.map(|network| asking(&room, network)).collect();
    let next = room.enter("198.51.100.0/24".parse().ok());
    assert_eq!(
        (next.1, closing(&connections)),
        (ClosedForRoom::default(), vec![])
    );
}

#[test]
fn a_connection_with_a_stream_in_flight_is_not_idle() {
    let room = Room::new(10, 1000);
    let connections: Vec<_> = (0..9).map(|_| asking(&room, None)).collect();
    connections.iter().for_each(OpenConnection::sent);
    let streams = connections[0].streams();
    streams.set(1);
    let first = room.enter(None);
    assert_eq!((first.1.idle, closing(&connections)), (1, vec![1]));
    first.0.received(1);
    streams.set(0);
    assert_eq!((room.enter(None).1.idle, closing(&connections)), (1, vec![0, 1]));
}

#[test]
fn whoever_gets_no_answer_for_a_minute_is_closed_however_often_something_is_received() {
    let room = Room::new(10, 1000);
    let connections: Vec<_> = (0..4).map(|_| room.enter(None).0).collect();
    room.sweep();
    for asking in &connections[1..] {
        asking.received(1);
    }
    for _ in 0..6 {
        room.sweep();
        connections[1].received(1);
    }
    connections[2].sent();
    connections[3].sent();
    connections[3].received(1);
    assert_eq!(closing(&connections), [0_usize; 0]);
    room.sweep();
    assert_eq!(closing(&connections), [1]);
}

#[test]
fn of_too_many_bytes_without_an_answer_the_largest_and_oldest_are_closed() {
    let room = Room::new(100, 1000);
    let connections: Vec<_> = (0..6).map(|_| room.enter(None).0).collect();
    for (connection, bytes) in connections.iter().zip([400, 10, 300, 200, 90, 0]) {
        connection.received(bytes);
    }
    assert_eq!(closing(&connections), [0_usize; 0]);
    connections[4].received(1);
    assert_eq!(closing(&connections), [0], "one of 400, 300 and 200 bytes");
    connections[0].received(5000);
    assert_eq!(closing(&connections), [0], "it counts no more");
    connections[2].sent();
    connections[5].received(800);
    assert_eq!(room.unanswered.get(), 10 + 200 + 91 + 800 - 800);
    assert_eq!(closing(&connections), [0, 5]);
    drop(connections);
    assert_eq!((room.unanswered.get(), room.closing.get()), (0, 0));
}

#[test]
fn handshakes_have_a_most_of_their_own_and_the_oldest_end() {
    let room = Room::new(100 * MOST_HANDSHAKES, 1000);
    let known = room.enter(None).0;
    let mut connections: Vec<_> = (0..MOST_HANDSHAKES)
        .map(|_| room.enter_for_handshake(None).0)
        .collect();
    connections[0].shook_hands();
    connections.push(room.enter_for_handshake(None).0);
    assert_eq!(closing(&connections), [0_usize; 0]);
    let some = MOST_HANDSHAKES / 64;
    let next = room.enter_for_handshake(None);
    assert_eq!(next.1.idle, some);
    assert_eq!(closing(&connections), (1..=some).collect::<Vec<_>>());
    assert_eq!(closing(&[known]), [0_usize; 0]);
    assert_eq!(room.handshakes.get(), MOST_HANDSHAKES - some + 1);
    drop((connections, next));
    assert_eq!((room.handshakes.get(), room.closing.get()), (0, 0));
    assert!(room.places.borrow().is_empty());
}
