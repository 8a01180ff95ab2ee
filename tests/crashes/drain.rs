//! SIGTERM under load: whatever a server has begun it answers, and it ends by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{seed, serve, settings};
use crate::support::app::fresh_database;
use crate::support::chance::Chance;
use crate::support::{Engine, PASSWORD};

const ROUNDS: usize = 50;
const CLIENTS: usize = 8;

/// How far a round is.
#[derive(Default)]
struct Course {
    answered: AtomicUsize,
    stop: AtomicBool,
}

#[derive(Default)]
struct Seen {
    answered: usize,
    /// Addresses whose registration got no answer.
    unanswered: Vec<String>,
    wrong: Vec<String>,
}

/// Registers one after the other until the server is gone.
async fn register_on_and_on(
    http: &reqwest::Client,
    url: String,
    round: usize,
    client: usize,
    course: &Course,
) -> Seen {
    let mut seen = Seen::default();
    for number in 0.. {
        let email = format!("c{round}-{client}-{number}@example.com");
        match http
            .post(format!("{url}/register"))
            .json(&json!({"email": email, "password": PASSWORD}))
            .send()
            .await
        {
            Ok(answer) if answer.status() == 201 => seen.answered += 1,
            Ok(answer) => {
                let text = answer.text().await.unwrap();
                // On a machine that has no time for its hash.
                if text.contains(r#""code":"busy""#) {
                    seen.answered += 1;
                } else {
                    seen.wrong.push(format!("{email}: {text}"));
                }
            }
            Err(_) => {
                seen.unanswered.push(email);
                break;
            }
        }
        course.answered.fetch_add(1, Ordering::SeqCst);
        if course.stop.load(Ordering::SeqCst) {
            break;
        }
    }
    seen
}

#[tokio::test]
async fn sigterm_under_load_leaves_nothing_that_was_begun_without_an_answer() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let (url, folder) = fresh_database(Engine::Sqlite).await;
    let settings = settings(&url);
    // Half of the clients keep their connections, also idle ones beyond the end, half take a new
    // one each time.
    let client = |idle| {
        reqwest::Client::builder()
            .pool_max_idle_per_host(idle)
            .timeout(Duration::from_secs(40))
            .build()
            .unwrap()
    };
    let http = [client(0), client(CLIENTS)];
    let mut total = Seen::default();
    for round in 0..ROUNDS {
        let mut server = serve(folder.path(), &settings);
        let course = Course::default();
        let clients = futures_util::future::join_all(
            (0..CLIENTS)
                .map(|client| register_on_and_on(&http[client % 2], server.url(""), round, client, &course)),
        );
        let stopping = async {
            while course.answered.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(chance.next() % 100)).await;
            server.signal("TERM");
            tokio::time::sleep(Duration::from_millis(100)).await;
            course.stop.store(true, Ordering::SeqCst);
        };
        let (saw, ()) = tokio::join!(clients, stopping);
        tokio::task::spawn_blocking(move || server.expect_end(0))
            .await
            .unwrap();
        for seen in saw {
            total.answered += seen.answered;
            total.unanswered.extend(seen.unanswered);
            total.wrong.extend(seen.wrong);
        }
    }
    assert!(total.wrong.is_empty(), "{:?}", total.wrong);
    assert!(total.answered > ROUNDS, "{} answered", total.answered);
    // What got no answer was never begun: its address is free.
    let server = serve(folder.path(), &settings);
    for email in &total.unanswered {
        let again = http[0]
            .post(server.url("/register"))
            .json(&json!({"email": email, "password": PASSWORD}))
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), 201, "{email} was registered and nobody told");
    }
    println!(
        "SIGTERM {ROUNDS} times: {} answered, {} refused before they began, seed={seed}",
        total.answered,
        total.unanswered.len()
    );
}
