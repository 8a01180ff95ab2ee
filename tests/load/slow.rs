//! Slow and idle clients keep nobody out.

use std::time::Duration;

use doorward::model::clock::monotonic_now;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Connection;
use super::slow_clients::SlowClients;
use crate::support::PASSWORD;
use crate::support::process::Server;

const OF_EACH: usize = 500;
const IDLE: usize = 300;
const REQUESTS: usize = 300;
/// What the requirement says of an active client.
const LONGEST: Duration = Duration::from_secs(2);

/// 1,800 connections need more descriptors than a shell gives at first; the server inherits them.
fn raise_the_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// `/me` on a connection that stays, `/health` on a new one each time.
async fn honest_client(address: &str, token: &str) -> Vec<Duration> {
    let mut kept = Connection::open(address).await;
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        for new in [false, true] {
            let begun = monotonic_now();
            let status = if new { Connection::open(address).await.get("/health", "none").await.status } else { kept.get("/me", token).await.status };
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
    format!("p50 {:.1} ms, p99 {:.1} ms, maximum {:.1} ms", at(50), at(99), at(100))
}

#[tokio::test]
async fn slow_and_idle_clients_keep_nobody_out() {
    raise_the_limit_of_descriptors();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("RUST_LOG", "info")]);
    let mut connection = Connection::open(&server.address).await;
    assert_eq!(connection.register("alice@example.com").await.status, 201);
    let token = connection.login("alice@example.com", PASSWORD).await.text("access_token");
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
