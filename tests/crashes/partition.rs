//! A node whose database is slow, silent, cut off or cut short: 503 in time, nothing piles up, the
//! other node serves, and when the wire is whole again all is as if nobody had asked twice.

use std::time::Duration;

use doorward::crypto::password_hash::Cost;
use futures_util::future::join_all;

use super::wire::{State, Wire};
use crate::support::postgres::Postgres;
use crate::support::{Answer, PASSWORD, TestApp};

/// A node at its database, and one that has a wire in between.
async fn two_nodes(server: &Postgres) -> (TestApp, TestApp, Wire) {
    let near = TestApp::start_on_postgres(server).await;
    let direct = near
        .database
        .split('@')
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let wire = Wire::to(direct.clone()).await;
    let far = near
        .sibling(
            &[("DATABASE_URL", &near.database.replace(&direct, &wire.address))],
            Some(Cost::cheapest()),
        )
        .await;
    (near, far, wire)
}

fn refresh_token(answer: Answer) -> String {
    answer.expect(200).json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_database_that_is_slow_silent_or_broken_gets_503_in_time_and_nothing_piles_up() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (_near, far, wire) = two_nodes(&server).await;
    let alice = far.registered("alice").await;
    let states = [
        State::Slow(Duration::from_secs(2)),
        State::Silent,
        State::Reset,
        State::EndsAfter(1),
        State::EndsAfter(100),
        State::Cut,
    ];
    for state in states {
        let unseen = far.logged_in(&alice.email).await;
        wire.becomes(state);
        // More than the pool has connections, several times.
        let asked = async |number: usize| {
            let answer = match number % 4 {
                0 => far.login(&alice.email, PASSWORD).await,
                1 => far.me(&unseen.token).await,
                2 => far.refresh(&unseen.refresh_token).await,
                _ => far.register(&format!("bob{number}@example.com"), PASSWORD).await,
            };
            // 429 while twenty of its logins are under way.
            let right =
                [200, 201, 429, 503].contains(&answer.status) || (answer.status == 400 && number % 4 == 3);
            assert!(right, "{state:?}: {}", answer.text);
        };
        let flood = join_all((0..60).map(asked));
        let others = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                far.get("/health").await.expect(200);
                far.me("nonsense").await.expect(401);
            }
        };
        let answered =
            tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(flood, others) }).await;
        assert!(answered.is_ok(), "{state:?}: requests pile up");
        wire.becomes(State::Whole);
        far.until_ready().await;
        far.me(&unseen.token).await.expect(200);
        far.register(
            &format!("after{state:?}@example.com").replace(['(', ')'], "-"),
            PASSWORD,
        )
        .await
        .expect(201);
    }
}

#[tokio::test]
async fn a_partitioned_node_says_503_while_the_other_serves_and_believes_it_afterwards() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (near, far, wire) = two_nodes(&server).await;
    for (state, name) in [
        (State::Silent, "silent"),
        (State::Cut, "cut"),
        (State::Reset, "reset"),
    ] {
        let (alice, bob) = (
            near.registered(&format!("alice-{name}")).await,
            near.registered(&format!("bob-{name}")).await,
        );
        for person in [&alice, &bob] {
            far.me(&person.token).await.expect(200);
        }
        wire.becomes(state);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (me, login, refresh) = tokio::join!(
            far.me(&alice.token),
            far.login(&alice.email, PASSWORD),
            far.refresh(&alice.refresh_token)
        );
        for answer in [me, login, refresh] {
            answer.expect_problem(503, "unavailable");
        }
        near.me(&alice.token).await.expect(200);
        near.login(&alice.email, PASSWORD).await.expect(200);
        let successor = refresh_token(near.refresh(&alice.refresh_token).await);
        bob.send("POST", "/logout").await.expect(204);
        far.me(&bob.token).await.expect_problem(503, "unavailable");
        wire.becomes(State::Whole);
        let mut status = 503;
        for _ in 0..200 {
            status = far.me(&bob.token).await.status;
            assert!(
                [401, 503].contains(&status),
                "{state:?}: an ended session answers {status}"
            );
            if status == 401 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(status, 401, "{state:?}: it does not heal");
        far.until_ready().await;
        far.refresh(&bob.refresh_token)
            .await
            .expect_problem(400, "invalid_grant");
        // What was asked of both nodes has one successor, and the session goes on.
        assert_eq!(refresh_token(far.refresh(&alice.refresh_token).await), successor);
        let next = refresh_token(far.refresh(&successor).await);
        near.refresh(&next).await.expect(200);
    }
}

#[tokio::test]
async fn a_node_whose_wire_is_cut_never_says_yes_to_what_another_ended() {
    let server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (here, there, wire) = two_nodes(&server).await;
    let alice = here.registered("alice").await;
    there.me(&alice.token).await.expect(200);
    wire.becomes(State::Cut);
    // A wire that is cut is noticed at once; the lease bounds one that merely falls silent.
    tokio::time::sleep(Duration::from_secs(1)).await;
    alice.send("POST", "/logout").await.expect(204);
    for _ in 0..3 {
        there.me(&alice.token).await.expect_problem(503, "unavailable");
    }
    wire.becomes(State::Whole);
    there.until(&alice.token, 401).await;
}

#[tokio::test]
async fn a_node_that_is_cut_off_never_says_yes_to_what_the_other_ended() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let node = TestApp::start_on_postgres(&server).await;
    let alice = node.registered("alice").await;
    node.me(&alice.token).await.expect(200);
    server.stop();
    // The lease runs out within a second; from then on nothing is believed without the database.
    tokio::time::sleep(Duration::from_secs(1)).await;
    node.me(&alice.token).await.expect_problem(503, "unavailable");
    server.start_again();
    let mut tries = 0;
    while node.me(&alice.token).await.status != 200 {
        tries += 1;
        assert!(tries < 50, "it does not heal");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
