//! What has run out stays so when the clock is set back.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::support::{Engine, PASSWORD, TestApp};

const DAY: Duration = Duration::from_hours(24);

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_that_was_refreshed_too_late_stays_ended_when_the_clock_is_set_back(
    #[case] engine: Engine,
) {
    let app = TestApp::start(engine).await;
    let (alice, bob) = (app.registered("alice").await, app.registered("bob").await);
    app.advance(31 * DAY);
    app.refresh(&alice.refresh_token).await.expect(400);
    app.set_back(31 * DAY);
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    alice.get("/me").await.expect(401);
    // This one was not met.
    app.refresh(&bob.refresh_token).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_whose_access_token_came_too_late_stays_ended_when_the_clock_is_set_back(
    #[case] engine: Engine,
) {
    let app = TestApp::start_with(engine, &[("DOORWARD_SESSION_IDLE_TTL", "5m")]).await;
    let there = app.sibling(&[("DOORWARD_SESSION_IDLE_TTL", "5m")], None).await;
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    there.me(&alice.token).await.expect(200);
    app.advance(Duration::from_mins(6));
    alice.get("/me").await.expect(401);
    app.set_back(Duration::from_mins(6));
    alice.get("/me").await.expect(401);
    app.refresh(&alice.refresh_token).await.expect(400);
    // Its clock was never ahead.
    there.until(&alice.token, 401).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_that_had_left_the_list_stays_ended_when_the_clock_is_set_back(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.advance(20 * DAY);
    let later = app.logged_in("alice@example.com").await;
    let list = later.get("/me/sessions").await.expect(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    app.set_back(20 * DAY);
    app.refresh(&alice.refresh_token).await.expect(400);
    alice.get("/me").await.expect(401);
    app.refresh(&later.refresh_token).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_that_the_purge_has_met_stays_ended_when_the_clock_is_set_back(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let bob = app.registered("bob").await;
    alice.get("/me").await.expect(200);
    app.advance(10 * DAY);
    app.refresh(&bob.refresh_token).await.expect(200);
    app.advance(4 * DAY + Duration::from_hours(1));
    // The purge begins with the start, and deletes nothing that ran out an hour ago.
    let ahead = app.sibling(&[], None).await;
    app.set_back(14 * DAY + Duration::from_hours(1));
    app.until(&alice.token, 401).await;
    app.refresh(&alice.refresh_token).await.expect(400);
    bob.get("/me").await.expect(200);
    drop(ahead);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_one_time_password_that_was_shown_too_late_is_worth_nothing_when_the_clock_is_set_back(
    #[case] engine: Engine,
) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let invited = boss
        .send_json("POST", "/users", json!({"email": "bob@example.com"}))
        .await
        .expect(201)
        .json();
    let once = invited["invitation"]["one_time_password"].as_str().unwrap();
    let form = [
        ("username", "bob@example.com"),
        ("password", once),
        ("new_password", PASSWORD),
    ];
    app.advance(31 * DAY);
    for _ in 0..2 {
        app.request("POST", "/login")
            .form(&form)
            .send()
            .await
            .expect_problem(401, "bad_credentials");
        app.set_back(31 * DAY);
    }
    app.advance(31 * DAY);
    // The administrator still sees when it ended, and can give another.
    let path = format!("/users/{}", invited["user"]["id"]);
    let seen = boss.get(&path).await.expect(200).json();
    assert_eq!(
        seen["password_expires_at"], invited["invitation"]["expires_at"],
        "{seen}"
    );
    let again = boss
        .send("POST", &format!("{path}/one-time-password"))
        .await
        .expect(200)
        .json();
    let form = [
        ("username", "bob@example.com"),
        ("password", again["one_time_password"].as_str().unwrap()),
        ("new_password", PASSWORD),
    ];
    app.request("POST", "/login").form(&form).send().await.expect(200);
}
