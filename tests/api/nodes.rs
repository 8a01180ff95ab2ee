//! Several nodes on one database, and other processes that write to it.

use rstest::rstest;
use std::collections::HashSet;
use std::time::Duration;

use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, Store};
use sqlx::Connection as _;

use crate::support::{Engine, PASSWORD, TestApp};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_registration_here_logs_in_there_at_once(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let there = app.sibling(&[], None).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    there.login("alice@example.com", PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_logout_here_is_a_logout_there(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let there = app.sibling(&[], None).await;
    for _ in 0..5 {
        let alice = if there.login("alice@example.com", PASSWORD).await.status == 200 {
            app.logged_in("alice@example.com").await
        } else {
            app.registered("alice").await
        };
        there.me(&alice.token).await.expect(200);
        there.me(&alice.token).await.expect(200);
        alice.send("POST", "/logout?scope=all").await.expect(204);
        there.until(&alice.token, 401).await;
        there.refresh(&alice.refresh_token).await.expect(400);
    }
}

#[tokio::test]
async fn a_database_that_lost_its_last_commits_is_followed_from_where_it_is_postgres() {
    let app = TestApp::start(Engine::Postgres).await;
    let there = app.sibling(&[], None).await;
    let alice = app.registered("alice").await;
    for _ in 0..5 {
        let short = app.logged_in("alice@example.com").await;
        there.me(&short.token).await.expect(200);
        short.send("POST", "/logout").await.expect(204);
        there.until(&short.token, 401).await;
    }
    there.me(&alice.token).await.expect(200);
    // A copy that was not yet told of the five logouts.
    let mut database = sqlx_postgres::PgConnection::connect(&app.database).await.unwrap();
    for lost in [
        "DELETE FROM changes WHERE id > (SELECT MAX(id) - 5 FROM changes)",
        "SELECT setval('changes_id_seq', (SELECT MAX(id) FROM changes))",
    ] {
        sqlx::query(lost).execute(&mut database).await.unwrap();
    }
    alice.send("POST", "/logout").await.expect(204);
    there.until(&alice.token, 401).await;
}

/// As after a restore: the sessions have changed, and the feed says nothing of it.
#[rstest]
#[case::sqlite(Engine::Sqlite, "UPDATE feed_epoch SET value = randomblob(16)")]
#[case::postgres(Engine::Postgres, "UPDATE feed_epoch SET value = gen_random_uuid()")]
#[tokio::test]
async fn a_database_with_another_epoch_is_read_anew(#[case] engine: Engine, #[case] restored: &'static str) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let bob = app.registered("bob").await;
    alice.get("/me").await.expect(200);
    bob.get("/me").await.expect(200);
    app.sql(
        "UPDATE sessions SET ended_at = 0, end_reason = 'admin' WHERE user_id = (SELECT MIN(id) FROM users)",
    )
    .await;
    app.sql(restored).await;
    app.until(&alice.token, 401).await;
    bob.get("/me").await.expect(200);
    // The feed is followed as before.
    bob.send("POST", "/logout").await.expect(204);
    bob.get("/me").await.expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refresh_token_sent_to_two_nodes_at_once_has_one_successor(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let there = app.sibling(&[], None).await;
    let mut token = app.registered("alice").await.refresh_token;
    for _ in 0..100 {
        let all = futures_util::future::join_all((0..16).map(|number| {
            if number % 2 == 0 {
                app.refresh(&token)
            } else {
                there.refresh(&token)
            }
        }))
        .await;
        let successors: HashSet<String> = all
            .into_iter()
            .map(|answer| {
                answer.expect(200).json()["refresh_token"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(successors.len(), 1);
        token = successors.into_iter().next().unwrap();
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_another_process_writes_to_the_feed_is_taken_up(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    app.sql("UPDATE users SET is_active = FALSE").await;
    app.sql("INSERT INTO changes (user_id, created_at) SELECT id, 0 FROM users")
        .await;
    app.until(&alice.token, 401).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_node_whose_clock_is_ahead_purges_no_change_that_others_have_yet_to_read(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    for _ in 0..5 {
        let short = app.logged_in("alice@example.com").await;
        short.send("POST", "/logout").await.expect(204);
    }
    let store = Store::open(&DatabaseUrl::parse(&app.database).unwrap(), IfAbsent::Create)
        .await
        .unwrap();
    let feed = async || {
        let begin = store.newest_place().await.unwrap().moved_to(0);
        store.changes_after(&begin, 1000).await.unwrap().unwrap()
    };
    let told = feed().await;
    app.sql("UPDATE changes SET created_at = 0 WHERE id = (SELECT MIN(id) FROM changes)")
        .await;
    app.advance(Duration::from_hours(2));
    // The purge begins with the start.
    let ahead = app.sibling(&[], None).await;
    for _ in 0..1000 {
        if feed().await.len() < told.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(feed().await, told[1..], "only the old one is purged");
    drop(ahead);
}
