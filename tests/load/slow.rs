//! Slow and idle clients keep nobody out.

use std::net::SocketAddr;
use std::time::Duration;

use doorward::model::clock::monotonic_now;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt as _;

use super::Connection;
use super::slow_clients::{self, SlowClients};
use crate::support::PASSWORD;
use crate::support::process::Server;

const OF_EACH: usize = 500;
const IDLE: usize = 300;
/// All clients of a test come from one address.
const CONNECTIONS: (&str, &str) = ("DOORWARD_CONNECTIONS_PER_ADDRESS", "2000");
const REQUESTS: usize = 300;
/// What the requirement says of an active client.
const LONGEST: Duration = Duration::from_secs(2);

/// 1,800 connections need more descriptors than a shell gives at first; the server inherits them.
fn raise_the_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .unwrap();
}

/// `/me` on a connection that stays, `/health` on a new one each time.
async fn honest_client(address: &str, token: &str) -> Vec<Duration> {
    let mut kept = Connection::open(address).await;
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        for new in [false, true] {
            let begun = monotonic_now();
            let status = if new {
                Connection::open(address)
                    .await
                    .get("/health", "none")
                    .await
                    .status
            } else {
                kept.get("/me", token).await.status
            };
            times.push(begun.elapsed());
            assert_eq!(status, 200);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times.sort();
    times
}

fn shown(times: &[Duration]) -> String {
    let at = |hundredths: usize| times[(times.len() - 1) * hundredths / 100].as_secs_f64() * 1000.0;
    format!(
        "p50 {:.1} ms, p99 {:.1} ms, maximum {:.1} ms",
        at(50),
        at(99),
        at(100)
    )
}

#[tokio::test]
async fn slow_and_idle_clients_keep_nobody_out() {
    raise_the_limit_of_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("RUST_LOG", "info"), CONNECTIONS]);
    let mut connection = Connection::open(&server.address).await;
    assert_eq!(connection.register("alice@example.com").await.status, 201);
    let token = connection
        .login("alice@example.com", PASSWORD)
        .await
        .text("access_token");
    let quiet = honest_client(&server.address, &token).await;
    let before = server.memory();
    let slow = SlowClients::begin(&server.address, OF_EACH, IDLE);
    let crowded = honest_client(&server.address, &token).await;
    println!(
        "slow: {OF_EACH} clients each of slow head, slow body and unread answers and {IDLE} idle: {}; without them {}; memory {before} to {} MiB",
        shown(&crowded),
        shown(&quiet),
        server.memory()
    );
    assert!(crowded.last().unwrap() < &LONGEST, "{}", shown(&crowded));
    drop(slow);
}

#[tokio::test]
async fn a_second_request_that_never_ends_is_cut_off_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let mut connection = Connection::open(&server.address).await;
    assert_eq!(connection.get("/health", "none").await.status, 200);
    connection
        .stream
        .write_all(b"GET /health HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    let dripping = async {
        while connection.stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), dripping)
        .await
        .expect("the server hangs up");
    assert_eq!(
        Connection::open(&server.address)
            .await
            .get("/health", "none")
            .await
            .status,
        200
    );
}

/// As `/proc/net/tcp` ends an address.
fn port(address: &SocketAddr) -> String {
    format!(":{:04X}", address.port())
}

/// Bytes of answers that wait in the system's hands from a server for the clients at these ports.
fn unsent(server: &str, clients: &[String]) -> Vec<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    let ours =
        rows.filter(|row| row[1].ends_with(server) && clients.iter().any(|client| row[2].ends_with(client)));
    ours.map(|row| usize::from_str_radix(row[4].split_once(':').unwrap().0, 16).unwrap())
        .collect()
}

#[tokio::test]
async fn whoever_does_not_read_is_sent_little() {
    const READERS: usize = 100;
    const MOST_OF_THE_SYSTEM: usize = 128 * 1024;
    const MOST_KIB_OF_THE_SERVER: u64 = 128;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let document = Connection::open(&server.address)
        .await
        .get("/openapi.json", "none")
        .await
        .body
        .len();
    assert!(
        document > MOST_OF_THE_SYSTEM,
        "a document of {document} bytes is no trial"
    );
    let before = server.memory_kib();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(slow_clients::reader(&server.address).await.unwrap());
    }
    let (of_server, of_readers) = (
        port(&server.address.parse().unwrap()),
        readers
            .iter()
            .map(|reader| port(&reader.local_addr().unwrap()))
            .collect::<Vec<_>>(),
    );
    // All have been answered as far as they will be once nothing moves any more.
    let mut waiting = unsent(&of_server, &of_readers);
    let settled = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = unsent(&of_server, &of_readers);
            if now == waiting && now.len() == READERS && now.iter().all(|bytes| *bytes > 0) {
                break;
            }
            waiting = now;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), settled)
        .await
        .expect("all are answered as far as they will be");
    assert!(
        waiting.iter().all(|bytes| *bytes <= MOST_OF_THE_SYSTEM),
        "{waiting:?}"
    );
    let each = server.memory_kib().saturating_sub(before) / READERS as u64;
    assert!(each <= MOST_KIB_OF_THE_SERVER, "{each} KiB for each");
}

#[tokio::test]
async fn a_burst_of_connections_is_heard_at_once() {
    const BURST: usize = 1000;
    /// It is at once, or not before the server accepts again.
    const PATIENCE: Duration = Duration::from_secs(10);
    raise_the_limit_of_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[CONNECTIONS]);
    // As when it is busy otherwise: what comes meanwhile waits, in the system's hands.
    server.freeze();
    let mut connections = Vec::new();
    for number in 0..BURST {
        let heard = tokio::time::timeout(PATIENCE, Connection::open(&server.address)).await;
        connections.push(heard.unwrap_or_else(|_| panic!("connection {number} was not heard")));
    }
    server.signal("CONT");
    for connection in &mut connections {
        assert_eq!(connection.get("/health", "none").await.status, 200);
    }
}
