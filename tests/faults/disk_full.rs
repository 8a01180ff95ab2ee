//! The disk is full for a while: what writes is refused, what reads goes on.

use std::time::Duration;

use super::shim::{ENOSPC, EROFS, OPEN_TO_WRITE, Shim, WRITE};
use super::{Client, LEAST_COST, Tokens, assert_quiet, assert_whole, database, healed};
use crate::support::PASSWORD;
use crate::support::process::Server;

const ALICE: &str = "alice@example.com";

/// Everything that writes is answered with 503 and leaves all as it was; `/me` answers whether its
/// session is in memory or must be read.
async fn assert_refuses_to_write(client: &Client<'_>, known: &Tokens, unseen: &str) {
    assert_eq!(client.register("bob@example.com", PASSWORD).await, 503);
    assert_eq!(client.login(ALICE, PASSWORD).await.0, 503);
    assert_eq!(client.login(ALICE, "not the password").await.0, 503);
    assert_eq!(client.refresh(&known.refresh).await.0, 503);
    assert_eq!(client.logout(&known.access).await, 503);
    assert_eq!(
        client
            .change_password(&known.access, PASSWORD, "another owl keeps it")
            .await
            .0,
        503
    );
    for token in [known.access.as_str(), unseen] {
        assert_eq!(client.me(token).await, (200, ALICE.to_owned()));
    }
    assert_eq!(client.me("nonsense").await.0, 401);
    let request = client
        .post("/register")
        .header("accept", "application/problem+json");
    let answer = request
        .json(&serde_json::json!({"email": "bob@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap()
        ),
        (503, "application/problem+json")
    );
    for path in ["/health", "/ready"] {
        assert_eq!(
            client
                .http
                .get(client.server.url(path))
                .send()
                .await
                .unwrap()
                .status(),
            200,
            "{path}"
        );
    }
}

/// `kinds` of calls fail with `action` for `looks` looks of 0.3 s, then work again; so many times.
async fn fails_for_a_while(kinds: i64, action: i64, looks: usize, times: usize) {
    let folder = tempfile::tempdir().unwrap();
    let shim = Shim::over(folder.path());
    let settings = shim.with(&[LEAST_COST, ("DOORWARD_ISSUER", "https://id.example.com")]);
    let http = reqwest::Client::new();
    let mut server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    let known = client.registered(ALICE, PASSWORD).await;
    assert_eq!(client.me(&known.access).await.0, 200);
    for time in 0..times {
        // Not asked for before: not in the registry.
        let unseen = client.logged_in(ALICE, PASSWORD).await;
        shim.fail_from(kinds, 1, action);
        for _ in 0..looks {
            assert_refuses_to_write(&client, &known, &unseen.access).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert!(shim.end() > 0, "no write was refused");
        let (status, ()) = healed(async || {
            (
                client
                    .register(&format!("after-{time}@example.com"), PASSWORD)
                    .await,
                (),
            )
        })
        .await;
        assert_eq!(status, 201);
    }
    let refreshed = client.refresh(&known.refresh).await.1.unwrap();
    client.registered("bob@example.com", PASSWORD).await;
    assert_quiet(&server);
    server.kill();
    assert_whole(&database(&folder)).await;
    let server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    assert_eq!(client.me(&refreshed.access).await, (200, ALICE.to_owned()));
    for email in [ALICE, "bob@example.com", "after-0@example.com"] {
        client.logged_in(email, PASSWORD).await;
    }
    println!("torture: disk-full times={times}, looks={looks}, lost=0");
}

#[tokio::test]
async fn a_full_disk_stops_writes_alone_and_it_heals() {
    fails_for_a_while(WRITE, ENOSPC, 3, 1).await;
}

#[tokio::test]
async fn a_file_system_that_turns_read_only_stops_writes_alone_and_it_heals() {
    fails_for_a_while(WRITE | OPEN_TO_WRITE, EROFS, 3, 1).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_a_full_disk_stops_writes_alone_and_it_heals() {
    fails_for_a_while(WRITE, ENOSPC, 30, 3).await;
    fails_for_a_while(WRITE | OPEN_TO_WRITE, EROFS, 30, 3).await;
}
