//! Descriptors and memory run out: what can be had is used, the rest is refused, and the process
//! lives.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use doorward::model::clock::monotonic_now;
use futures_util::future::join_all;

use super::{Client, HEALED_WITHIN, LEAST_COST, assert_quiet, last_words};
use crate::support::PASSWORD;
use crate::support::child::run;
use crate::support::process::Server;

const SETTINGS: [(&str, &str); 2] = [LEAST_COST, ("DOORWARD_HASH_THREADS", "2")];

/// CPU time of the process so far, in hundredths of a second.
fn cpu(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn limit(server: &Server, what: &str) {
    run(Command::new("prlimit").args(["--pid", &server.id().to_string(), what])).expect(0);
}

/// 200 sockets that say nothing hold every descriptor there is.
async fn exhausted(server: &mut Server) {
    let http = reqwest::Client::new();
    // Known before, on a connection of its own that stays.
    assert_eq!(
        http.get(server.url("/health")).send().await.unwrap().status(),
        200
    );
    let address = server.address.parse().unwrap();
    // The kernel holds 128 that are not accepted; it answers no more.
    let held: Vec<_> = (0..200)
        .map_while(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok())
        .collect();
    assert!(held.len() > 100, "only {} sockets", held.len());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (used, said) = (cpu(server), server.log().len());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (used, said) = (cpu(server) - used, server.log().len() - said);
    println!("descriptors: {} ms of CPU and {said} log lines in 2 s", 10 * used);
    assert!(used < 50, "a busy loop: {} ms of CPU in 2 s", 10 * used);
    assert!(
        said < 20,
        "a flood of the log: {said} lines in 2 s, the last {:?}",
        last_words(server)
    );
    let open = http.get(server.url("/health")).send().await.unwrap();
    assert_eq!(open.status(), 200, "the connection that was there");
    drop(held);
    let begun = monotonic_now();
    let fresh = reqwest::Client::builder()
        .timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    while fresh.get(server.url("/health")).send().await.is_err() {
        assert!(
            begun.elapsed() < HEALED_WITHIN,
            "it does not accept again; it said {:?}",
            last_words(server)
        );
    }
    Client { server, http: &http }
        .registered("alice@example.com", PASSWORD)
        .await;
    assert_quiet(server);
}

#[tokio::test]
async fn connections_are_bounded_by_the_descriptors_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::try_start(folder.path(), &SETTINGS, &["prlimit", "--nofile=64"]).unwrap();
    exhausted(&mut server).await;
}

#[tokio::test]
async fn without_descriptors_it_waits_and_accepts_again_when_there_are_some() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &SETTINGS);
    assert_eq!(
        Client {
            server: &server,
            http: &reqwest::Client::new()
        }
        .ready()
        .await,
        200
    );
    // Taken away while it runs, so that accepting fails. actix then rests for half a second.
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.id()))
        .unwrap()
        .count();
    limit(&server, &format!("--nofile={}:", open + 40));
    exhausted(&mut server).await;
}

#[tokio::test]
async fn without_memory_for_hashes_logins_are_refused_and_the_process_lives() {
    let folder = tempfile::tempdir().unwrap();
    let http = reqwest::Client::new();
    let emails: Vec<String> = (0..20)
        .map(|number| format!("user{number}@example.com"))
        .collect();
    let server = Server::start(folder.path(), &SETTINGS);
    let client = Client {
        server: &server,
        http: &http,
    };
    for email in &emails {
        assert_eq!(client.register(email, PASSWORD).await, 201);
    }
    drop(server);
    // Whose hashing threads hold nothing yet. With an arena a thread, glibc would have 64 MiB for
    // each in reserve.
    let settings = [
        ("DOORWARD_HASH_THREADS", "16"),
        ("DOORWARD_HASH_QUEUE", "256"),
        ("MALLOC_ARENA_MAX", "1"),
    ];
    let mut server = Server::start(folder.path(), &settings);
    assert_eq!(
        Client {
            server: &server,
            http: &http
        }
        .ready()
        .await,
        200
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let size: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    // Room for connections and a few of sixteen hashes of 19 MiB.
    limit(&server, &format!("--as={}:", (size << 10) + (96 << 20)));
    let login = |email: &str| {
        http.post(server.url("/login"))
            .form(&[("username", email), ("password", PASSWORD)])
            .send()
    };
    let logins = join_all((0..200).map(|number| login(&emails[number % emails.len()]))).await;
    let statuses: Vec<u16> = logins
        .into_iter()
        .map(|login| login.map_or(0, |answer| answer.status().as_u16()))
        .collect();
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    println!(
        "memory: {} × 200, {} × 503, {} × 429",
        count(200),
        count(503),
        count(429)
    );
    assert_eq!(
        count(200) + count(503) + count(429),
        200,
        "{statuses:?}; it said {:?}",
        last_words(&server)
    );
    assert!(count(503) > 0, "memory was enough");
    assert!(count(200) > 0, "nobody came in");
    assert!(server.ended().is_none());
    limit(&server, "--as=unlimited:");
    let client = Client {
        server: &server,
        http: &http,
    };
    client.logged_in(&emails[0], PASSWORD).await;
    assert_quiet(&server);
}
