//! A node that is stopped for a while and goes on as if no time had passed: it believes nothing
//! that it knew before.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{serve, settings};
use crate::support::app::fresh_database;
use crate::support::process::Server;
use crate::support::{Engine, PASSWORD};

async fn me(http: &reqwest::Client, node: &Server, token: &str) -> u16 {
    http.get(node.url("/me"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn token_of(http: &reqwest::Client, node: &Server, email: &str) -> String {
    let login = http
        .post(node.url("/login"))
        .form(&[("username", email), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 200);
    login.json::<Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Sessions that both nodes know end on one while the other is stopped, with requests waiting in
/// its sockets.
async fn frozen(rounds: usize, stopped_for: Duration) {
    let (url, folder) = fresh_database(Engine::Postgres).await;
    let settings = settings(&url);
    let (awake, frozen) = (serve(folder.path(), &settings), serve(folder.path(), &settings));
    let http = reqwest::Client::new();
    http.post(awake.url("/register"))
        .json(&json!({"email": "alice@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    for _ in 0..rounds {
        let mut tokens = Vec::new();
        for _ in 0..4 {
            tokens.push(token_of(&http, &awake, "alice@example.com").await);
        }
        let staying = token_of(&http, &awake, "alice@example.com").await;
        for token in tokens.iter().chain([&staying]) {
            assert_eq!(me(&http, &frozen, token).await, 200);
        }
        frozen.freeze();
        let early = join_all(tokens.iter().map(|token| me(&http, &frozen, token)));
        let ending = async {
            // The first requests lie in the sockets before anything ends.
            tokio::time::sleep(Duration::from_millis(200)).await;
            for token in &tokens {
                assert_eq!(
                    http.post(awake.url("/logout"))
                        .bearer_auth(token)
                        .send()
                        .await
                        .unwrap()
                        .status(),
                    204
                );
            }
            let late = join_all(tokens.iter().map(|token| me(&http, &frozen, token)));
            let waking = async {
                tokio::time::sleep(stopped_for).await;
                frozen.signal("CONT");
            };
            tokio::join!(late, waking).0
        };
        let (early, late) = tokio::join!(early, ending);
        for (when, status) in early
            .into_iter()
            .map(|status| ("before", status))
            .chain(late.into_iter().map(|status| ("after", status)))
        {
            assert!(
                [401, 503].contains(&status),
                "asked {when} it ended, a session answers {status}"
            );
        }
        for token in &tokens {
            assert_eq!(me(&http, &frozen, token).await, 401);
        }
        assert_eq!(me(&http, &frozen, &staying).await, 200);
    }
}

#[tokio::test]
async fn a_node_that_was_stopped_says_yes_to_nothing_that_ended_meanwhile() {
    frozen(3, Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_stops_of_half_a_minute_makes_no_node_say_yes_to_what_has_ended() {
    frozen(2, Duration::from_secs(30)).await;
    println!("torture: stopped for 30 s, twice: 0 ended sessions believed");
}
