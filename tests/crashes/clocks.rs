//! Clocks that jump, and nodes whose clocks stand apart: what has ended stays ended, what runs out
//! does so by the clock, and nobody waits for years.

use rstest::rstest;
use std::time::Duration;

use doorward::crypto::password_hash::Cost;
use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, Store};

use crate::support::{Answer, Engine, PASSWORD, TestApp};

const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

fn tokens(answer: Answer) -> (String, String) {
    let body = answer.expect(200).json();
    (
        body["access_token"].as_str().unwrap().to_owned(),
        body["refresh_token"].as_str().unwrap().to_owned(),
    )
}

/// Guesses until the brake is on.
async fn guess_until_throttled(app: &TestApp, email: &str) {
    for _ in 0..5 {
        app.login(email, "wrong wrong").await.expect(401);
    }
    app.login(email, PASSWORD).await.expect_problem(429, "throttled");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_hour_ahead_ends_tokens_and_an_hour_back_revives_no_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let (alice, bob) = (app.registered("alice").await, app.registered("bob").await);
    app.advance(Duration::from_hours(1));
    app.me(&alice.token).await.expect(401);
    let (later, refresh) = tokens(app.refresh(&alice.refresh_token).await);
    app.me(&later).await.expect(200);
    let (bobs, bobs_refresh) = tokens(app.refresh(&bob.refresh_token).await);
    app.request("POST", "/logout")
        .bearer(&bobs)
        .send()
        .await
        .expect(204);
    app.set_back(Duration::from_hours(1));
    // Its time has come again, but not that of the token from an hour ahead; the session goes
    // on.
    app.me(&alice.token).await.expect(200);
    app.me(&later).await.expect(401);
    let (now, _) = tokens(app.refresh(&refresh).await);
    app.me(&now).await.expect(200);
    for ended in [&bob.token, &bobs] {
        app.me(ended).await.expect(401);
    }
    app.refresh(&bobs_refresh)
        .await
        .expect_problem(400, "invalid_grant");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn ten_years_back_everything_works_and_nobody_is_blocked_for_years(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let (alice, bob, carol) = (
        app.registered("alice").await,
        app.registered("bob").await,
        app.registered("carol").await,
    );
    bob.send("POST", "/logout").await.expect(204);
    guess_until_throttled(&app, &carol.email).await;
    let (_, refresh) = tokens(app.refresh(&alice.refresh_token).await);
    app.set_back(TEN_YEARS);
    app.login(&carol.email, PASSWORD).await.expect(200);
    guess_until_throttled(&app, &carol.email).await;
    app.me(&bob.token).await.expect(401);
    app.refresh(&bob.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    let (access, refresh) = tokens(app.refresh(&refresh).await);
    app.me(&access).await.expect(200);
    app.refresh(&refresh).await.expect(200);
    let dave = app.registered("dave").await;
    dave.get("/me/sessions").await.expect(200);
    let change = serde_json::json!({"current_password": PASSWORD, "new_password": "a newer owl keeps it"});
    let (access, _) = tokens(dave.send_json("PUT", "/me/password", change).await);
    app.me(&dave.token).await.expect(401);
    app.request("POST", "/logout")
        .bearer(&access)
        .send()
        .await
        .expect(204);
    app.me(&access).await.expect(401);
    app.until_ready().await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_grace_of_a_refresh_does_not_last_for_years_when_the_clock_is_set_back(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let (access, _) = tokens(app.refresh(&alice.refresh_token).await);
    app.set_back(Duration::from_secs(30));
    app.refresh(&alice.refresh_token).await.expect(200);
    app.set_back(TEN_YEARS);
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    app.advance(TEN_YEARS);
    app.me(&access).await.expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nodes_half_a_minute_ahead_and_behind_agree_on_sessions(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let (ahead, behind) = (
        app.sibling(&[], Some(Cost::cheapest())).await,
        app.sibling(&[], Some(Cost::cheapest())).await,
    );
    ahead.advance(Duration::from_secs(30));
    behind.set_back(Duration::from_secs(30));
    let nodes = [&app, &ahead, &behind];
    let alice = app.registered("alice").await;
    let mut refresh = alice.refresh_token;
    for issuing in nodes {
        let (access, next) = tokens(issuing.refresh(&refresh).await);
        for node in nodes {
            node.me(&access).await.expect(200);
        }
        refresh = next;
    }
    // Until 900 seconds on each node's own clock.
    for node in nodes {
        node.advance(Duration::from_secs(869));
    }
    ahead.me(&alice.token).await.expect(200);
    for node in nodes {
        node.advance(Duration::from_secs(2));
    }
    assert_eq!(
        (
            ahead.me(&alice.token).await.status,
            behind.me(&alice.token).await.status
        ),
        (401, 200)
    );
    guess_until_throttled(&ahead, &alice.email).await;
    let wait: u64 = behind
        .login(&alice.email, PASSWORD)
        .await
        .expect(429)
        .header("retry-after")
        .parse()
        .unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    behind.advance(Duration::from_secs(wait));
    let (access, refresh) = tokens(behind.login(&alice.email, PASSWORD).await);
    behind
        .request("POST", "/logout")
        .bearer(&access)
        .send()
        .await
        .expect(204);
    for node in nodes {
        node.until(&access, 401).await;
        node.refresh(&refresh).await.expect(400);
    }
}

#[tokio::test]
async fn a_lock_that_ends_by_itself_does_not_last_for_years_when_the_clock_is_set_back() {
    for (lock, after) in [("24h", 200), ("strict", 429)] {
        let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_ACCOUNT_LOCK", lock)]).await;
        app.registered("alice").await;
        app.login("alice@example.com", "wrong wrong").await.expect(401);
        app.sql("UPDATE throttles SET failures = 99 WHERE of_account")
            .await;
        app.login("alice@example.com", "wrong wrong").await.expect(401);
        app.login("alice@example.com", PASSWORD)
            .await
            .expect_problem(429, "throttled");
        app.set_back(TEN_YEARS);
        app.login("alice@example.com", PASSWORD).await.expect(after);
    }
}

#[tokio::test]
async fn a_key_of_the_far_future_does_not_stop_the_rotation_for_years() {
    let rotating = [("DOORWARD_KEY_ROTATION", "30d")];
    let app = TestApp::start_with(Engine::Sqlite, &rotating).await;
    let store = Store::open(&DatabaseUrl::parse(&app.database).unwrap(), IfAbsent::Create)
        .await
        .unwrap();
    let until_there_are = async |keys: usize| {
        for _ in 0..3000 {
            if store.signing_keys().await.unwrap().len() == keys {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there are not {keys} keys");
    };
    app.advance(TEN_YEARS);
    let later = app.sibling(&rotating, Some(Cost::cheapest())).await;
    until_there_are(2).await;
    app.set_back(TEN_YEARS);
    let back = app.sibling(&rotating, Some(Cost::cheapest())).await;
    until_there_are(3).await;
    back.advance(Duration::from_mins(11));
    let alice = back.registered("alice").await;
    alice.get("/me").await.expect(200);
    drop(later);
}
