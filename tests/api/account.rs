//! Changing and deleting the account: the password again, and every consequence at once.

use doorward::crypto::password_hash::Cost;
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

use crate::support::{Engine, PASSWORD, TestApp};

const NEW: &str = "two owls keep two doors";

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_new_password_ends_every_other_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let here = app.registered("alice").await;
    let there = app.logged_in(&here.email).await;
    there.get("/me").await.expect(200);
    let next = here
        .send_json(
            "PUT",
            "/me/password",
            json!({"current_password": PASSWORD, "new_password": NEW}),
        )
        .await
        .expect(200)
        .json();
    app.me(next["access_token"].as_str().unwrap()).await.expect(200);
    there.get("/me").await.expect(401);
    app.refresh(&there.refresh_token).await.expect(400);
    app.refresh(next["refresh_token"].as_str().unwrap())
        .await
        .expect(200);
    app.login(&here.email, PASSWORD).await.expect(401);
    app.login(&here.email, NEW).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_wrong_current_password_changes_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let wrong = "not her password";
    alice
        .send_json(
            "PUT",
            "/me/password",
            json!({"current_password": wrong, "new_password": NEW}),
        )
        .await
        .expect_problem(403, "wrong_password");
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"current_password": wrong, "email": "new@example.com"}),
        )
        .await
        .expect_problem(403, "wrong_password");
    alice
        .send_json("DELETE", "/me", json!({"current_password": wrong}))
        .await
        .expect_problem(403, "wrong_password");
    alice.send_json("DELETE", "/me", json!({})).await.expect(422);
    assert_eq!(
        alice.get("/me").await.expect(200).json()["email"],
        "alice@example.com"
    );
    app.login(&alice.email, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_new_password_is_judged_as_at_registration(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    for (bad, rule) in [
        ("short", "string_too_short"),
        ("password1", "value_error"),
        ("alice@example.com", "value_error"),
    ] {
        let answer = alice
            .send_json(
                "PUT",
                "/me/password",
                json!({"current_password": PASSWORD, "new_password": bad}),
            )
            .await
            .expect(422);
        assert_eq!(answer.faults(), [("new_password".to_owned(), rule.to_owned())]);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_address_changes_and_nothing_else_with_it(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.registered("bob").await;
    alice.get("/me").await.expect(200);
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"email": "BOB@example.com", "current_password": PASSWORD}),
        )
        .await
        .expect_problem(400, "email_taken");
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"email": "no address", "current_password": PASSWORD}),
        )
        .await
        .expect(422);
    let body = json!({"email": "Alice@New.Example.com", "current_password": PASSWORD, "role": "admin", "is_active": false, "id": 9});
    let answer = alice.send_json("PATCH", "/me", body).await.expect(200);
    assert_eq!(
        answer.text,
        r#"{"id":1,"email":"Alice@new.example.com","is_active":true,"role":"user"}"#
    );
    assert_eq!(alice.get("/me").await.expect(200).text, answer.text);
    app.login("alice@example.com", PASSWORD).await.expect(401);
    app.login("alice@new.example.com", PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_deleted_account_is_gone_with_its_sessions_and_its_number(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let here = app.registered("alice").await;
    let there = app.logged_in(&here.email).await;
    there.get("/me").await.expect(200);
    here.send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect(204);
    here.get("/me").await.expect(401);
    there.get("/me").await.expect(401);
    app.refresh(&there.refresh_token).await.expect(400);
    app.login("alice@example.com", PASSWORD).await.expect(401);
    let again = app.register("alice@example.com", PASSWORD).await.expect(201);
    assert_eq!(again.json()["id"], 2);
    here.get("/me").await.expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_that_is_in_flight_does_not_outlive_the_logout_of_its_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    // The new hash takes a second or more; the stored one is cheap to check.
    let dear = app
        .sibling(
            &[("DOORWARD_ARGON2", "m=262144,t=3,p=1")],
            Some(Cost::parse("m=262144,t=3,p=1").unwrap()),
        )
        .await;
    let change = dear
        .request("PUT", "/me/password")
        .bearer(&alice.token)
        .json(&json!({"current_password": PASSWORD, "new_password": NEW}))
        .send();
    let logout = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        alice.send("POST", "/logout").await.expect(204);
    };
    let (change, ()) = tokio::join!(change, logout);
    change.expect(401);
    app.login(&alice.email, NEW).await.expect(401);
    app.login(&alice.email, PASSWORD).await.expect(200);
}
