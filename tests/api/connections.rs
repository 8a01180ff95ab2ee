//! Connections: how many one address has, how many there are in all, and what becomes of a request
//! whose client has left.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rstest::rstest;
use socket2::{Domain, SockRef, Socket, Type};

use crate::raw::raw;
use crate::support::PASSWORD;
use crate::support::authority::{Authority, FILES};
use crate::support::process::{Server, free_port};
use crate::tls::get;

const OTHER: &str = "127.0.0.2";

/// A connection from an address of ours.
pub fn connected(from: &str, to: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{from}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.parse::<SocketAddr>().unwrap().into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Whether the server has closed it.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = (&mut &*stream).read(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    !matches!(read, Err(cause) if cause.kind() == ErrorKind::WouldBlock)
}

fn open(streams: &[TcpStream]) -> usize {
    streams.iter().filter(|stream| !is_closed(stream)).count()
}

/// One answer on a connection that stays open.
fn ask(mut stream: &TcpStream, request: &str) -> String {
    let mut answer = vec![0; 16 * 1024];
    let length = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read(&mut answer));
    String::from_utf8_lossy(&answer[..length.unwrap_or(0)]).into_owned()
}

#[track_caller]
fn assert_served(stream: &TcpStream) {
    let answer = ask(stream, &get("/health"));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let came = (0..200).any(|_| {
        holds() || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    });
    assert!(came, "{what}");
}

fn figure(metrics: &str, series: &str) -> Option<usize> {
    let text = raw(metrics, b"GET /metrics HTTP/1.0\r\n\r\n");
    let line = text.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn one_address_has_256_connections_and_keeps_no_other_out() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let server = Server::start(folder.path(), &[("DOORWARD_METRICS_LISTEN", &metrics)]);
    let held: Vec<_> = (0..300)
        .map(|_| connected("127.0.0.1", &server.address))
        .collect();
    eventually("the refused ones are counted", || {
        figure(&metrics, "doorward_throttled_total{limit=\"connections\"}") == Some(44)
    });
    assert_eq!(open(&held), 256);
    assert_served(&connected(OTHER, &server.address));
    server.until_said("the most of DOORWARD_CONNECTIONS_PER_ADDRESS");
    assert_eq!(server.said("the most of DOORWARD_CONNECTIONS_PER_ADDRESS"), 1);
    drop(held);
    eventually("the places are free again", || {
        ask(&connected("127.0.0.1", &server.address), &get("/health")).starts_with("HTTP/1.1 200")
    });
}

#[test]
fn a_trusted_proxy_has_any_number_of_connections() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &[
            ("DOORWARD_CONNECTIONS_PER_ADDRESS", "5"),
            ("DOORWARD_TRUSTED_PROXIES", "127.0.0.1/32"),
        ],
    );
    let many = |from: &str| -> Vec<_> { (0..20).map(|_| connected(from, &server.address)).collect() };
    let (proxied, direct) = (many("127.0.0.1"), many(OTHER));
    proxied.iter().for_each(assert_served);
    eventually("five of twenty stay", || open(&direct) == 5);
    direct
        .iter()
        .filter(|stream| !is_closed(stream))
        .for_each(assert_served);
    assert_eq!(open(&proxied), 20);
}

#[test]
fn moving_within_a_network_gives_four_times_the_connections_of_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let server = Server::start(
        folder.path(),
        &[
            ("DOORWARD_CONNECTIONS_PER_ADDRESS", "5"),
            ("DOORWARD_METRICS_LISTEN", &metrics),
        ],
    );
    let held: Vec<_> = (1..=50)
        .map(|host| connected(&format!("127.1.0.{host}"), &server.address))
        .collect();
    eventually("the refused ones are counted", || {
        figure(&metrics, "doorward_throttled_total{limit=\"connections\"}") == Some(30)
    });
    assert_eq!(open(&held), 20);
    assert_eq!(server.said("127.1.0.0/24 has 20 open"), 1);
    assert_served(&connected("127.1.1.1", &server.address));
}

#[test]
fn near_the_most_in_all_the_silent_are_closed_and_those_who_asked_stay() {
    let folder = tempfile::tempdir().unwrap();
    // For a hundred connections.
    let server = Server::try_start_on(
        folder.path(),
        &[("DOORWARD_CONNECTIONS_PER_ADDRESS", "1000")],
        &format!("127.0.0.1:{}", free_port()),
        &["prlimit", "--nofile=164"],
    )
    .unwrap();
    let known = connected("127.0.0.1", &server.address);
    assert_served(&known);
    let silent: Vec<_> = (0..300)
        .map(|_| connected("127.0.0.1", &server.address))
        .collect();
    eventually("the first of them are closed", || open(&silent) <= 100);
    for _ in 0..10 {
        assert_served(&connected(OTHER, &server.address));
    }
    assert_served(&known);
    assert_eq!(
        (open(&silent[..150]), is_closed(&known)),
        (0, false),
        "the oldest go first"
    );
    assert!(open(&silent) > 50, "{} of them are left", open(&silent));
    server.until_said("those that have been idle longest are closed");
    assert_eq!(server.said("those that have been idle longest are closed"), 1);
}

/// A connection with one answer and the beginning of another request; none if the server has no room
/// for it.
fn begun(from: &str, server: &Server) -> Option<TcpStream> {
    let mut stream = connected(from, &server.address);
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    if !ask(&stream, &get("/health")).starts_with("HTTP/1.1 200") {
        return None;
    }
    stream.write_all(b"GET /health HTTP/1.1\r\n").unwrap();
    Some(stream)
}

#[test]
fn with_none_idle_the_network_with_the_most_connections_makes_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    // For a hundred connections.
    let server = Server::try_start_on(
        folder.path(),
        &[("DOORWARD_CONNECTIONS_PER_ADDRESS", "1000")],
        &format!("127.0.0.1:{}", free_port()),
        &["prlimit", "--nofile=164"],
    )
    .unwrap();
    let mut known = begun(OTHER, &server).unwrap();
    let flood: Vec<_> = (0..200)
        .map_while(|host| begun(&format!("127.1.0.{}", 1 + host), &server))
        .collect();
    for _ in 0..5 {
        assert_served(&connected(OTHER, &server.address));
    }
    assert!(open(&flood) > 50, "{} of {} are left", open(&flood), flood.len());
    assert!(is_closed(&flood[0]), "the first of the flood goes first");
    known.write_all(b"Host: x\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    known.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert_eq!(
        server.said("requests of the network that has the most are cut off"),
        1
    );
}

#[test]
fn the_limit_of_open_files_is_raised_to_what_may_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::try_start_on(
        folder.path(),
        &[],
        &format!("127.0.0.1:{}", free_port()),
        &["prlimit", "--nofile=200:2000"],
    )
    .unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["2000", "2000"]);
}

#[test]
fn sockets_that_never_shake_hands_keep_no_other_waiting() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.install(folder.path());
    // With one worker, which has a thousand handshakes in flight at most.
    let server = Server::try_start_on(
        folder.path(),
        FILES,
        &format!("127.0.0.1:{}", free_port()),
        &["taskset", "-c", "0"],
    )
    .unwrap();
    let silent: Vec<_> = (0..1500)
        .map(|number| connected(&format!("127.1.{}.1", number / 250), &server.address))
        .collect();
    let mut client = authority
        .shake_hands(connected(OTHER, &server.address), &[b"http/1.1"])
        .unwrap();
    client.write_all(get("/health").as_bytes()).unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // Had it waited for a place, most of those before it would have run out of time.
    assert!(open(&silent) > 900, "{} of 1,500 are left", open(&silent));
    assert_eq!(open(&silent[..400]), 0, "the oldest are closed first");
}

#[rstest]
#[case::reset(true)]
#[case::closed(false)]
fn logins_whose_client_has_left_are_not_hashed(#[case] reset: bool) {
    const LOGINS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let server = Server::start(
        folder.path(),
        &[
            ("DOORWARD_HASH_THREADS", "1"),
            ("DOORWARD_HASH_QUEUE", "400"),
            // Dear enough to make a queue, cheap enough to get through it before its deadline.
            ("DOORWARD_ARGON2", "m=7168,t=5,p=1"),
            ("DOORWARD_METRICS_LISTEN", &metrics),
        ],
    );
    let mut logins: Vec<_> = (0..LOGINS)
        .map(|_| connected("127.0.0.1", &server.address))
        .collect();
    for (number, stream) in logins.iter_mut().enumerate() {
        let body = format!(
            "username=nobody{number}@example.com&password={}",
            PASSWORD.replace(' ', "+")
        );
        let head = "Host: x\r\nContent-Type: application/x-www-form-urlencoded";
        let length = body.len();
        stream
            .write_all(
                format!("POST /login HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}")
                    .as_bytes(),
            )
            .unwrap();
        if reset {
            SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    let depth = || figure(&metrics, "doorward_hash_queue_depth").unwrap();
    eventually("they wait for their turn", || depth() >= LOGINS / 2);
    drop(logins);
    eventually("nobody waits any more", || depth() == 0);
    let hashed = figure(&metrics, "doorward_hash_duration_seconds_count").unwrap();
    assert!(hashed < LOGINS / 2, "{hashed} of {LOGINS} were hashed");
}
