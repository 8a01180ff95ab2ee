//! Memory under everything at once: it fills what has a bound, and then it stays.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::LocalSet;

use super::Connection;
use crate::support::PASSWORD;
use crate::support::process::Server;

const CLIENTS: usize = 32;
/// Small enough to be full in the first minute, so that what grows afterwards is no cache.
const REGISTRY: &str = "1000";

#[derive(Default)]
struct Load {
    ended: AtomicBool,
    requests: AtomicUsize,
    put_off: AtomicUsize,
}

impl Load {
    /// Whether it was done, not put off.
    fn answered(&self, what: &str, status: u16, expected: u16) -> bool {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // A full queue of hashes says 503 honestly.
        if status == 503 {
            self.put_off.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_eq!(status, expected, "{what}");
        }
        status == expected
    }
}

/// One who registers, comes and goes, over and over: mostly `/me` and refreshes, and everything
/// else in between.
async fn client(address: &str, number: usize, load: &Load) {
    let mut connection = Connection::open(address).await;
    for life in 0.. {
        let email = format!("user{number}.{life}@example.com");
        if !load.answered("register", connection.register(&email).await.status, 201) {
            continue;
        }
        let login = connection.login(&email, PASSWORD).await;
        if !load.answered("login", login.status, 200) {
            continue;
        }
        load.answered(
            "a wrong password",
            connection.login(&email, "wrong wrong").await.status,
            401,
        );
        load.answered(
            "nobody's login",
            connection
                .login(&format!("nobody{number}.{life}@example.com"), PASSWORD)
                .await
                .status,
            401,
        );
        let (mut token, mut refresh) = (login.text("access_token"), login.text("refresh_token"));
        for round in 0..50 {
            for _ in 0..3 {
                load.answered("me", connection.get("/me", &token).await.status, 200);
            }
            load.answered(
                "an unknown path",
                connection
                    .get(&format!("/nowhere/{life}/{round}"), &token)
                    .await
                    .status,
                404,
            );
            load.answered(
                "a bent token",
                connection.get("/me", &format!("{token}x")).await.status,
                401,
            );
            let next = connection
                .form("/refresh", &format!("refresh_token={refresh}"))
                .await;
            if load.answered("refresh", next.status, 200) {
                (token, refresh) = (next.text("access_token"), next.text("refresh_token"));
            }
            if load.ended.load(Ordering::Relaxed) {
                return;
            }
        }
        // Every other one leaves without a word.
        if life % 2 == 0 {
            load.answered(
                "logout",
                connection.post("/logout", "text/plain", &token, "").await.status,
                204,
            );
        }
    }
}

/// Memory in MiB after the first part and at the end, and the requests answered.
async fn measured(first: Duration, rest: Duration) -> (f64, f64, usize) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &[("RUST_LOG", "info"), ("DOORWARD_REGISTRY_SIZE", REGISTRY)],
    );
    let load = Rc::new(Load::default());
    let local = LocalSet::new();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (address, load) = (server.address.clone(), Rc::clone(&load));
            local.spawn_local(async move { client(&address, number, &load).await })
        })
        .collect();
    local
        .run_until(async {
            tokio::time::sleep(first).await;
            let begun = server.memory_kib();
            println!("memory: {:.1} MiB after the first part", mib(begun));
            for part in 1..=10 {
                tokio::time::sleep(rest / 10).await;
                println!(
                    "memory: {part}/10: {:.1} MiB, {} requests",
                    mib(server.memory_kib()),
                    load.requests.load(Ordering::Relaxed)
                );
            }
            let ended = server.memory_kib();
            load.ended.store(true, Ordering::Relaxed);
            for client in join_all(clients).await {
                client.unwrap();
            }
            let (requests, put_off) = (
                load.requests.load(Ordering::Relaxed),
                load.put_off.load(Ordering::Relaxed),
            );
            println!("memory: {requests} requests, {put_off} of them told to come back");
            (mib(begun), mib(ended), requests)
        })
        .await
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[tokio::test]
async fn memory_settles_under_everything_at_once() {
    let (begun, ended, requests) = measured(Duration::from_secs(5), Duration::from_secs(5)).await;
    println!("memory: {begun:.1} MiB after 5 s, {ended:.1} MiB after 10 s, {requests} requests");
    assert!(ended < begun * 1.2, "from {begun:.1} to {ended:.1} MiB");
}

/// As the release build is what runs, so it is what should be measured: `make torture`.
#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_memory_stays_within_five_in_a_hundred_after_the_first_minute() {
    let minutes = std::env::var("DOORWARD_TORTURE_MINUTES").map_or(10, |text| text.parse().unwrap());
    assert!(minutes > 1, "the first minute does not count");
    let (begun, ended, requests) = measured(Duration::from_mins(1), Duration::from_mins(minutes - 1)).await;
    println!(
        "torture: memory {begun:.1} MiB after 1 minute, {ended:.1} MiB after {minutes} minutes, ratio {:.3}, {requests} requests",
        ended / begun
    );
    assert!(ended < begun * 1.05, "from {begun:.1} to {ended:.1} MiB");
}
