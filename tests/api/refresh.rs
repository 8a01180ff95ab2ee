//! `POST /refresh`: an honest client is never logged out, a thief is caught.

use rstest::rstest;
use std::collections::HashSet;
use std::time::Duration;

use crate::support::{Answer, Engine, PASSWORD, TestApp};

fn refresh_token(answer: &Answer) -> String {
    answer.json()["refresh_token"].as_str().unwrap().to_owned()
}

fn access_token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refresh_gives_the_next_pair_and_the_session_goes_on(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let next = app.refresh(&alice.refresh_token).await.expect(200);
    assert_eq!(
        next.json().as_object().unwrap().keys().collect::<Vec<_>>(),
        ["access_token", "expires_in", "refresh_token", "token_type"]
    );
    assert_eq!(
        (next.header("cache-control"), next.header("pragma")),
        ("no-store", "no-cache")
    );
    assert_ne!(refresh_token(&next), alice.refresh_token);
    app.me(&access_token(&next)).await.expect(200);
    app.me(&alice.token).await.expect(200);
    let third = app.refresh(&refresh_token(&next)).await.expect(200);
    app.me(&access_token(&third)).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_parent_gets_the_same_successor_within_the_grace(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let first = app.refresh(&alice.refresh_token).await.expect(200);
    app.advance(Duration::from_secs(29));
    let again = app.refresh(&alice.refresh_token).await.expect(200);
    assert_eq!(refresh_token(&first), refresh_token(&again));
    app.refresh(&refresh_token(&again)).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn after_the_grace_the_parent_ends_the_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let next = app.refresh(&alice.refresh_token).await.expect(200);
    app.advance(Duration::from_secs(30));
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    app.refresh(&refresh_token(&next))
        .await
        .expect_problem(400, "invalid_grant");
    app.me(&access_token(&next))
        .await
        .expect_problem(401, "invalid_token");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_older_than_the_parent_ends_the_session_even_within_the_grace(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let second = app.refresh(&alice.refresh_token).await.expect(200);
    let third = app.refresh(&refresh_token(&second)).await.expect(200);
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    app.refresh(&refresh_token(&third)).await.expect(400);
    app.me(&access_token(&third)).await.expect(401);
    let bob = app.registered("bob").await;
    app.refresh(&bob.refresh_token).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn sixteen_refreshes_at_once_have_one_successor(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let mut token = alice.refresh_token.clone();
    for _ in 0..100 {
        let all = futures_util::future::join_all((0..16).map(|_| app.refresh(&token))).await;
        let successors: HashSet<String> = all
            .into_iter()
            .map(|answer| refresh_token(&answer.expect(200)))
            .collect();
        assert_eq!(successors.len(), 1);
        token = successors.into_iter().next().unwrap();
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whatever_is_wrong_with_it_the_answer_is_the_same(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let bob = app.registered("bob").await;
    bob.send("POST", "/logout").await.expect(204);
    let mut bent = alice.refresh_token.clone();
    bent.pop();
    let mut faces = HashSet::new();
    for bad in [
        "x",
        "dwr_",
        "dwr_AAAA",
        &alice.token,
        &bent,
        &bob.refresh_token,
        &"x".repeat(4000),
    ] {
        let answer = app
            .request("POST", "/refresh")
            .header("x-request-id", "same")
            .form(&[("refresh_token", bad)])
            .send()
            .await
            .expect(400);
        assert_eq!(answer.json()["error"], "invalid_grant");
        faces.insert(answer.text);
    }
    assert_eq!(faces.len(), 1, "{faces:#?}");
    app.refresh(&alice.refresh_token).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_form_is_the_refresh_grants(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    assert_eq!(
        app.request("POST", "/refresh")
            .form(&[("grant_type", "refresh_token")])
            .send()
            .await
            .expect(422)
            .faults(),
        [("refresh_token".to_owned(), "missing".to_owned())]
    );
    app.request("POST", "/refresh")
        .form(&[
            ("grant_type", "password"),
            ("refresh_token", &alice.refresh_token),
        ])
        .send()
        .await
        .expect(422);
    app.request("POST", "/refresh")
        .form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &alice.refresh_token),
        ])
        .send()
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_ends_with_its_idle_time_and_in_any_case_with_its_age(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let idle = app.registered("idle").await;
    let busy = app.registered("busy").await;
    let mut token = busy.refresh_token.clone();
    for _ in 0..29 {
        app.advance(Duration::from_hours(24));
        token = refresh_token(&app.refresh(&token).await.expect(200));
    }
    app.refresh(&idle.refresh_token).await.expect(400);
    app.advance(Duration::from_hours(24));
    app.refresh(&token).await.expect(400);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_disabled_account_is_not_refreshed(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.sql("UPDATE users SET is_active = FALSE").await;
    app.refresh(&alice.refresh_token).await.expect(400);
    app.sql("UPDATE users SET is_active = TRUE").await;
    app.refresh(&alice.refresh_token).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_refreshed_session_outlives_its_first_idle_time(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.me(&alice.token).await.expect(200);
    app.advance(Duration::from_hours(24 * 13));
    let next = app.refresh(&alice.refresh_token).await.expect(200);
    app.me(&access_token(&next)).await.expect(200);
    app.advance(Duration::from_hours(24 * 2));
    let next = app.refresh(&refresh_token(&next)).await.expect(200);
    app.me(&access_token(&next)).await.expect(200);
}

#[tokio::test]
async fn without_grace_the_parent_ends_the_session_at_once() {
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_REFRESH_GRACE", "0s")]).await;
    let alice = app.registered("alice").await;
    app.refresh(&alice.refresh_token).await.expect(200);
    app.refresh(&alice.refresh_token).await.expect(400);
    app.me(&alice.token).await.expect(401);
}

#[tokio::test]
async fn a_copy_of_the_database_mints_no_refresh_token() {
    let app = TestApp::start(Engine::Sqlite).await;
    let alice = app.registered("alice").await;
    let thief = TestApp::start(Engine::Sqlite).await;
    let forged = thief.registered("alice").await.refresh_token;
    // Same secret, other session: the thief's own database does not help either.
    app.refresh(&forged).await.expect(400);
    app.refresh(&alice.refresh_token).await.expect(200);
    app.login(&alice.email, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn no_grace_is_no_grace_whatever_the_clocks_of_the_nodes_say(#[case] engine: Engine) {
    let strict = [("DOORWARD_REFRESH_GRACE", "0s")];
    let app = TestApp::start_with(engine, &strict).await;
    let ahead = app.sibling(&strict, None).await;
    ahead.advance(Duration::from_secs(20));
    let alice = app.registered("alice").await;
    ahead.refresh(&alice.refresh_token).await.expect(200);
    app.refresh(&alice.refresh_token).await.expect(400);
}
