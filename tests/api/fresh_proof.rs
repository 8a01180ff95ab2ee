//! Acts on other accounts and on roles ask for a password that was proved a short time ago.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::support::people::Person;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

/// A little more than a proof counts for; less than an access token lives.
const LATER: Duration = Duration::from_mins(11);

async fn prove(person: &Person<'_>, password: &str) -> Answer {
    person
        .send_json(
            "POST",
            "/me/reauthenticate",
            json!({"current_password": password}),
        )
        .await
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn acts_on_accounts_and_roles_ask_for_a_fresh_password(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let there = app.sibling(&[], None).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.expect(200).json()["id"].as_i64().unwrap();
    let user = format!("/users/{id}");
    let reset = format!("{user}/one-time-password");
    for node in [&app, &there] {
        node.advance(LATER);
    }
    for (method, path, body) in [
        ("POST", "/users", json!({"email": "bob@example.com"})),
        ("PATCH", user.as_str(), json!({"role": "admin"})),
        ("PATCH", user.as_str(), json!({"is_active": false})),
        ("DELETE", user.as_str(), json!({})),
        ("POST", reset.as_str(), json!({})),
        ("PUT", "/roles/clerk", json!({"permissions": ["users:read"]})),
        ("DELETE", "/roles/clerk", json!({})),
    ] {
        let refused = boss
            .send_json(method, path, body)
            .await
            .expect_problem(401, "insufficient_user_authentication");
        assert_eq!(
            refused.header("www-authenticate"),
            r#"Bearer realm="doorward", error="insufficient_user_authentication", error_description="The password must be proved again", max_age=600"#
        );
    }
    // Reading, and ending sessions, cannot wait for a password.
    boss.get(&user).await.expect(200);
    boss.send("DELETE", &format!("{user}/sessions")).await.expect(204);
    prove(&boss, "not the password")
        .await
        .expect_problem(403, "wrong_password");
    boss.send_json("PATCH", &user, json!({"role": "admin"}))
        .await
        .expect(401);
    prove(&boss, PASSWORD).await.expect(204);
    boss.send_json("PATCH", &user, json!({"role": "admin"}))
        .await
        .expect(200);
    // The other node has the old proof in memory until it has read the feed.
    for attempt in 0.. {
        let answer = there
            .request("PATCH", &user)
            .bearer(&boss.token)
            .json(&json!({"role": "user"}))
            .send()
            .await;
        if answer.status == 200 {
            break;
        }
        assert!(attempt < 1000, "{}", answer.text);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refresh_is_no_proof_of_the_password(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    app.advance(LATER);
    let next = app.refresh(&boss.refresh_token).await.expect(200).json();
    app.request("POST", "/users")
        .bearer(next["access_token"].as_str().unwrap())
        .json(&json!({"email": "bob@example.com"}))
        .send()
        .await
        .expect_problem(401, "insufficient_user_authentication");
    let again = app.logged_in(&boss.email).await;
    again
        .send_json("POST", "/users", json!({"email": "bob@example.com"}))
        .await
        .expect(201);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_proof_from_the_future_does_not_last_until_then(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.admin().await;
    app.advance(Duration::from_hours(24));
    let boss = app.logged_in("boss@example.com").await;
    prove(&boss, PASSWORD).await.expect(204);
    app.set_back(Duration::from_hours(24));
    let next = app.refresh(&boss.refresh_token).await.expect(200).json();
    app.request("POST", "/users")
        .bearer(next["access_token"].as_str().unwrap())
        .json(&json!({"email": "bob@example.com"}))
        .send()
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn guesses_at_a_fresh_proof_are_slowed_as_others_are(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    for _ in 0..5 {
        prove(&alice, "not the password").await.expect(403);
    }
    prove(&alice, PASSWORD).await.expect_problem(429, "throttled");
}
