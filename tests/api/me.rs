//! `GET /me` and the bearer check in front of it.

use rstest::rstest;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::raw::raw;
use crate::support::{Engine, PASSWORD, TestApp};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_signed_in_see_the_fields_that_they_registered_with(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let answer = alice.get("/me").await.expect(200);
    assert_eq!(
        answer.text,
        r#"{"id":1,"email":"alice@example.com","is_active":true,"role":"user"}"#
    );
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-type")),
        ("no-store", "application/json")
    );
    let bob = app.registered("bob").await;
    assert_eq!(bob.get("/me").await.expect(200).json()["email"], bob.email);
    assert_eq!(alice.get("/me").await.expect(200).json()["email"], alice.email);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn without_credentials_the_challenge_names_no_error(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    for header in [
        None,
        Some("Basic YTpi"),
        Some("bearer"),
        Some("Digest x"),
        Some(""),
    ] {
        let mut request = app.request("GET", "/me");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let answer = request.send().await.expect_problem(401, "not_authenticated");
        assert_eq!(
            (answer.header("www-authenticate"), &answer.json()["detail"]),
            (r#"Bearer realm="doorward""#, &"Not authenticated".into())
        );
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_bad_token_is_told_so(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt","alg":"none"}"#),
        alice.token.split('.').nth(1).unwrap()
    );
    for bad in [
        "x",
        "a.b.c",
        &unsigned,
        &alice.token[1..],
        &format!("{}=", alice.token),
        &"x".repeat(9000),
        "\u{e9}",
    ] {
        let answer = app
            .request("GET", "/me")
            .header("authorization", &format!("Bearer {bad}"))
            .send()
            .await
            .expect_problem(401, "invalid_token");
        assert_eq!(answer.json()["detail"], "Could not validate credentials");
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"error="invalid_token""#)
        );
    }
    // No header may hold a control character, so this is no request: it is refused as one, before
    // any token is looked for. A client library would not send it.
    let answer = raw(
        &app.address,
        b"GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x01\r\n\r\n",
    );
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_ends_with_its_time(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.advance(Duration::from_secs(899));
    alice.get("/me").await.expect(200);
    app.advance(Duration::from_secs(1));
    alice.get("/me").await.expect_problem(401, "invalid_token");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_refresh_token_opens_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let refresh = app.login("alice@example.com", PASSWORD).await.json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    app.request("GET", "/me")
        .bearer(&refresh)
        .send()
        .await
        .expect_problem(401, "invalid_token");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_scheme_has_no_case_and_the_header_no_twin(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        app.request("GET", "/me")
            .header("authorization", &format!("{scheme} {}", alice.token))
            .send()
            .await
            .expect(200);
    }
    let twice = app
        .request("GET", "/me")
        .bearer(&alice.token)
        .header("authorization", &format!("Bearer {}", alice.token));
    twice.send().await.expect_problem(400, "ambiguous_credentials");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_elsewhere_than_in_the_header_is_not_seen(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.get(&format!("/me?access_token={}", alice.token))
        .await
        .expect(401);
    app.request("GET", "/me")
        .header("cookie", &format!("access_token={}", alice.token))
        .send()
        .await
        .expect(401);
    app.request("GET", "/me")
        .form(&[("access_token", &alice.token)])
        .send()
        .await
        .expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_standing_comes_from_the_database_not_from_the_token(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.sql("UPDATE users SET role = 'admin'").await;
    assert_eq!(alice.get("/me").await.expect(200).json()["role"], "admin");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_disabled_or_deleted_account_and_an_ended_session_open_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let (alice, bob, carol) = (
        app.registered("alice").await,
        app.registered("bob").await,
        app.registered("carol").await,
    );
    app.sql("UPDATE users SET is_active = FALSE WHERE email = 'alice@example.com'")
        .await;
    app.sql("DELETE FROM users WHERE email = 'bob@example.com'").await;
    app.sql("UPDATE sessions SET ended_at = 1 WHERE user_id = 3")
        .await;
    for person in [alice, bob, carol] {
        person.get("/me").await.expect_problem(401, "invalid_token");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_outlives_a_restart_and_is_known_to_every_node(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let sibling = app.sibling(&[], None).await;
    sibling
        .request("GET", "/me")
        .bearer(&alice.token)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_of_another_issuer_audience_or_secret_is_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let alice = app.registered("alice").await;
    for settings in [
        [("DOORWARD_ISSUER", "https://other.example")],
        [("DOORWARD_AUDIENCE", "other")],
    ] {
        app.sibling(&settings, None)
            .await
            .request("GET", "/me")
            .bearer(&alice.token)
            .send()
            .await
            .expect(401);
    }
    let stranger = TestApp::start(Engine::Sqlite).await;
    stranger.registered("alice").await;
    stranger
        .request("GET", "/me")
        .bearer(&alice.token)
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn a_session_ends_with_its_idle_time_whatever_the_token_says() {
    let settings = [
        ("DOORWARD_SESSION_IDLE_TTL", "5m"),
        ("DOORWARD_SESSION_MAX_AGE", "1h"),
        ("DOORWARD_ACCESS_TOKEN_TTL", "2h"),
    ];
    let app = TestApp::start_with(Engine::Sqlite, &settings).await;
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    app.advance(Duration::from_mins(5));
    alice.get("/me").await.expect(401);
}
