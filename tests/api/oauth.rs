//! The strict OAuth endpoints.

use crate::support::{Engine, PASSWORD, TestApp};
use rstest::rstest;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_token_endpoint_has_both_grants(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let form = [
        ("grant_type", "password"),
        ("username", "alice@example.com"),
        ("password", PASSWORD),
        ("client_id", "web"),
        ("unknown", "1"),
    ];
    let first = app
        .request("POST", "/oauth/token")
        .form(&form)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (first.header("cache-control"), first.header("pragma")),
        ("no-store", "no-cache")
    );
    let refresh = first.json()["refresh_token"].as_str().unwrap().to_owned();
    let next = app
        .request("POST", "/oauth/token")
        .form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)])
        .send()
        .await
        .expect(200);
    app.me(next.json()["access_token"].as_str().unwrap())
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn its_errors_are_rfc_6749s(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let cases: [(&str, &str); 9] = [
        (
            "grant_type=password&username=alice%40example.com&password=wrong+password",
            "invalid_grant",
        ),
        (
            "grant_type=password&username=nobody%40example.com&password=wrong+password",
            "invalid_grant",
        ),
        ("grant_type=refresh_token&refresh_token=dwr_x", "invalid_grant"),
        (
            "grant_type=password&username=alice%40example.com",
            "invalid_request",
        ),
        ("grant_type=&username=a&password=b", "invalid_request"),
        ("username=a&password=b", "invalid_request"),
        (
            "grant_type=password&grant_type=password&username=a&password=b",
            "invalid_request",
        ),
        ("grant_type=password&username=%ff&password=b", "invalid_request"),
        ("grant_type=client_credentials", "unsupported_grant_type"),
    ];
    for (body, error) in cases {
        let answer = app
            .request("POST", "/oauth/token")
            .body("application/x-www-form-urlencoded", body)
            .send()
            .await
            .expect(400);
        assert_eq!(answer.json()["error"], error, "{body}");
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(
            description
                .bytes()
                .all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{description}"
        );
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let client = app
        .request("POST", "/oauth/token")
        .header("authorization", "Basic d2ViOng=")
        .form(&[("grant_type", "password")])
        .send()
        .await
        .expect_problem(401, "invalid_client");
    assert_eq!(
        (client.header("www-authenticate"), &client.json()["error"]),
        (r#"Basic realm="doorward""#, &"invalid_client".into())
    );
    app.request("POST", "/oauth/token")
        .json(&serde_json::json!({"grant_type": "password"}))
        .send()
        .await
        .expect(415);
    app.get("/oauth/token").await.expect(405);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_revoked_token_ends_its_session_whichever_it_is(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let by_refresh = app.registered("alice").await;
    let by_access = app.logged_in(&by_refresh.email).await;
    let spared = app.logged_in(&by_refresh.email).await;
    for (person, token, hint) in [
        (&by_refresh, &by_refresh.refresh_token, "access_token"),
        (&by_access, &by_access.token, "nonsense"),
    ] {
        person.get("/me").await.expect(200);
        let answer = app
            .request("POST", "/oauth/revoke")
            .form(&[("token", token.as_str()), ("token_type_hint", hint)])
            .send()
            .await
            .expect(200);
        assert_eq!(answer.text, "");
        person.get("/me").await.expect(401);
        app.refresh(&person.refresh_token).await.expect(400);
    }
    for unknown in ["x", "dwr_x", &by_access.token] {
        app.request("POST", "/oauth/revoke")
            .form(&[("token", unknown)])
            .send()
            .await
            .expect(200);
    }
    app.request("POST", "/oauth/revoke")
        .form(&[("token", "")])
        .send()
        .await
        .expect_problem(400, "invalid_request");
    spared.get("/me").await.expect(200);
}

#[tokio::test]
async fn the_metadata_is_made_of_the_issuer_and_not_of_the_host() {
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_ISSUER", "https://id.example.com")]).await;
    let answer = app
        .request("GET", "/.well-known/oauth-authorization-server")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .send()
        .await
        .expect(200);
    let body = answer.json();
    assert_eq!(body["issuer"], "https://id.example.com");
    assert_eq!(body["token_endpoint"], "https://id.example.com/oauth/token");
    assert_eq!(body["response_types_supported"], serde_json::json!([]));
    assert!(!answer.text.contains("evil") && !answer.text.contains(&app.address));
}
