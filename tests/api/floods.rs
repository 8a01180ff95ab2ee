//! Floods of passwords at a node with one hashing thread and a short queue, without budgets of
//! addresses: those who flood wait for each other, and others come in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use doorward::crypto::password_hash::Cost;
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use sqlx::Connection as _;

use crate::support::{Answer, Engine, PASSWORD, TestApp};

const SETTINGS: [(&str, &str); 3] = [
    ("DOORWARD_TRUSTED_PROXIES", "127.0.0.0/8"),
    ("DOORWARD_HASH_THREADS", "1"),
    ("DOORWARD_HASH_QUEUE", "4"),
];
/// Logins of each honest person.
const ROUNDS: usize = 10;

/// A node whose hashes are dear enough to fill the queue, and cheap enough that no
/// waiting place meets the queue's deadline on a busy machine; on the database of another.
async fn node_with_a_short_queue(people: &TestApp) -> TestApp {
    let cost = Cost::parse("m=19456,t=2,p=1").unwrap();
    people.sibling(&SETTINGS, Some(cost)).await
}

async fn login_from(app: &TestApp, ip: &str, username: &str, device: &str) -> Answer {
    app.request("POST", "/login")
        .header("x-forwarded-for", ip)
        .header("doorward-device", device)
        .form(&[("username", username), ("password", PASSWORD)])
        .send()
        .await
}

/// How often each honest person came in while a flood ran, and how often the flood was refused.
struct Outcome {
    known_device: usize,
    other_network: usize,
    flood_refused: usize,
    /// Answers to honest logins other than 200.
    refusals: Vec<String>,
}

impl Outcome {
    fn assert_that_the_honest_came_in(&self) {
        assert!(self.flood_refused > 0, "the flood did not fill the queue");
        assert_eq!(
            self.known_device, ROUNDS,
            "logins from a known device: {:?}",
            self.refusals
        );
        assert!(
            self.other_network >= ROUNDS - 1,
            "{} of {ROUNDS} logins from another network: {:?}",
            self.other_network,
            self.refusals
        );
    }
}

/// Sends requests of a flood, so many at a time, while alice logs in from a known device and bob
/// from another network; bob tries twice.
async fn during(
    app: &TestApp,
    ticket: &str,
    at_once: usize,
    request: impl AsyncFn(usize) -> Answer,
) -> Outcome {
    let (stop, numbers, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let flood = join_all((0..at_once).map(|_| async {
        while !stop.load(Ordering::SeqCst) {
            let answer = request(numbers.fetch_add(1, Ordering::SeqCst)).await;
            if answer.status == 503 {
                refused.fetch_add(1, Ordering::SeqCst);
                // The queue is to be full, not the processor: refusals alone would keep it busy.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }));
    let honest = async {
        while refused.load(Ordering::SeqCst) < at_once && numbers.load(Ordering::SeqCst) < 20 * at_once {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (mut known_device, mut other_network) = (0, 0);
        let mut refusals = Vec::new();
        for _ in 0..ROUNDS {
            let known = login_from(app, "192.0.2.1", "alice@example.com", ticket).await;
            known_device += usize::from(known.status == 200);
            if known.status != 200 {
                refusals.push(known.text);
            }
            let mut other = login_from(app, "198.51.100.1", "bob@example.com", "").await;
            if other.status == 503 {
                refusals.push(other.text);
                other = login_from(app, "198.51.100.1", "bob@example.com", "").await;
            }
            other_network += usize::from(other.status == 200);
        }
        stop.store(true, Ordering::SeqCst);
        (known_device, other_network, refusals)
    };
    let (_, (known_device, other_network, refusals)) = tokio::join!(flood, honest);
    Outcome {
        known_device,
        other_network,
        flood_refused: refused.into_inner(),
        refusals,
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_flood_from_one_ipv6_network_of_48_bits_keeps_nobody_else_out(#[case] engine: Engine) {
    let people = TestApp::start(engine).await;
    people.registered("bob").await;
    people.registered("alice").await;
    let ticket = people.login("alice@example.com", PASSWORD).await;
    let app = node_with_a_short_queue(&people).await;
    let guess = async |number: usize| {
        let ip = format!("2001:db8:1:{number:x}::1");
        login_from(&app, &ip, &format!("nobody{number}@example.com"), "").await
    };
    during(&app, ticket.header("doorward-device"), 32, guess)
        .await
        .assert_that_the_honest_came_in();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn one_account_that_repeats_its_right_password_keeps_nobody_else_out(#[case] engine: Engine) {
    let people = TestApp::start(engine).await;
    people.registered("bob").await;
    people.registered("alice").await;
    let ticket = people.login("alice@example.com", PASSWORD).await;
    let mallory = people.registered("mallory").await;
    // At most twenty attempts of one session are in flight.
    let mut sessions = vec![mallory.token];
    for _ in 0..6 {
        sessions.push(people.logged_in("mallory@example.com").await.token);
    }
    let app = node_with_a_short_queue(&people).await;
    let change = async |number: usize| {
        app.request("PATCH", "/me")
            .header("x-forwarded-for", "203.0.113.1")
            .bearer(&sessions[number % sessions.len()])
            .json(&json!({"current_password": PASSWORD, "email": "mallory@example.com"}))
            .send()
            .await
    };
    during(&app, ticket.header("doorward-device"), 120, change)
        .await
        .assert_that_the_honest_came_in();
}

#[tokio::test]
async fn a_login_that_finds_the_queue_full_writes_nothing() {
    let people = TestApp::start(Engine::Sqlite).await;
    let app = node_with_a_short_queue(&people).await;
    people.sql("CREATE TABLE written (row TEXT)").await;
    people
        .sql("CREATE TRIGGER counted AFTER INSERT ON throttles BEGIN INSERT INTO written VALUES ('counter'); END")
        .await;
    people
        .sql("CREATE TRIGGER told AFTER INSERT ON events BEGIN INSERT INTO written VALUES ('event'); END")
        .await;
    let answers = join_all((0..40).map(|number| {
        let app = &app;
        async move { login_from(app, "192.0.2.1", &format!("nobody{number}@example.com"), "").await }
    }))
    .await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    let (refused, evaluated) = (of(503), of(401));
    assert!(
        refused > 0 && evaluated > 0 && refused + evaluated == 40,
        "{refused} {evaluated}"
    );
    let mut database = sqlx_sqlite::SqliteConnection::connect(&people.database)
        .await
        .unwrap();
    let (written,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM written")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(
        written,
        i64::try_from(4 * evaluated).unwrap(),
        "three counters and one event for each that was evaluated, {refused} were refused"
    );
}
