//! `POST /login`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::crypto::password_hash::Cost;
use rstest::rstest;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Answer, Engine, PASSWORD, TestApp};

fn claims(answer: &Answer) -> Value {
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// What a refusal looks like from outside, but for its time.
fn face(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (answer.status, answer.text.clone(), headers)
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_login_answers_with_the_four_members_and_is_never_cached(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let answer = app.login("alice@example.com", PASSWORD).await.expect(200);
    let body = answer.json();
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["access_token", "expires_in", "refresh_token", "token_type"]
    );
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&Value::from("bearer"), &Value::from(900))
    );
    assert!(body["refresh_token"].as_str().unwrap().starts_with("dwr_"));
    assert_eq!(
        (
            answer.header("cache-control"),
            answer.header("pragma"),
            answer.header("content-type")
        ),
        ("no-store", "no-cache", "application/json")
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_token_names_a_subject_and_a_session_never_the_address(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let answer = app.login("alice@example.com", PASSWORD).await.expect(200);
    let claims = claims(&answer);
    assert!(!claims.to_string().contains("alice"));
    assert!(
        claims["sub"].as_str().unwrap().parse::<Uuid>().is_ok()
            && claims["sid"].as_str().unwrap().parse::<Uuid>().is_ok()
    );
    assert_eq!(
        (&claims["aud"], &claims["role"], &claims["iss"]),
        (
            &"doorward".into(),
            &"user".into(),
            &"http://127.0.0.1:8000".into()
        )
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn each_login_is_a_new_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let (first, second) = (
        app.login("alice@example.com", PASSWORD).await,
        app.login("ALICE@EXAMPLE.com", PASSWORD).await,
    );
    let (one, other) = (claims(&first), claims(&second));
    assert_eq!(one["sub"], other["sub"]);
    assert!(one["sid"] != other["sid"] && one["jti"] != other["jti"]);
    assert_ne!(first.json()["refresh_token"], second.json()["refresh_token"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn unknown_wrong_and_disabled_look_the_same_to_the_byte(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    app.register("dora@example.com", PASSWORD).await.expect(201);
    app.sql("UPDATE users SET is_active = FALSE WHERE email = 'dora@example.com'")
        .await;
    let mut faces = Vec::new();
    for (username, password) in [
        ("alice@example.com", "not her password"),
        ("nobody@example.com", PASSWORD),
        ("dora@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("alice@example.com", "control\u{7}character"),
        ("a\u{0}@example.com", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
    ] {
        let request = app
            .request("POST", "/login")
            .header("x-request-id", "same")
            .form(&[("username", username), ("password", password)]);
        faces.push(face(&request.send().await));
    }
    assert!(faces.iter().all(|one| *one == faces[0]), "{faces:#?}");
    let (status, text, headers) = &faces[0];
    let body: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        (*status, &body["detail"], &body["error"], &body["code"]),
        (
            401,
            &"Incorrect email or password".into(),
            &"invalid_grant".into(),
            &"bad_credentials".into()
        )
    );
    assert!(headers.contains(&("www-authenticate".to_owned(), "Bearer".to_owned())));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_whole_form_of_the_password_grant_is_tolerated(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let form = [
        ("grant_type", "password"),
        ("username", "alice@example.com"),
        ("password", PASSWORD),
        ("scope", ""),
        ("client_id", "web"),
        ("client_secret", "x"),
    ];
    // Swagger UI sends empty Basic credentials along.
    app.request("POST", "/login")
        .header("authorization", "Basic Og==")
        .form(&form)
        .send()
        .await
        .expect(200);
    let other = [
        ("grant_type", "client_credentials"),
        ("username", "alice@example.com"),
        ("password", PASSWORD),
    ];
    assert_eq!(
        app.request("POST", "/login")
            .form(&other)
            .send()
            .await
            .expect(422)
            .faults(),
        [("grant_type".to_owned(), "string_pattern_mismatch".to_owned())]
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn absent_and_empty_fields_are_missing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let empty = app
        .request("POST", "/login")
        .form(&[("username", ""), ("grant_type", "password")])
        .send()
        .await
        .expect(422);
    assert_eq!(
        empty.faults(),
        [
            ("username".to_owned(), "missing".to_owned()),
            ("password".to_owned(), "missing".to_owned())
        ]
    );
    assert_eq!(empty.json()["error"], "invalid_request");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn credentials_count_in_the_body_alone(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let query = "/login?username=alice%40example.com&password=an+owl+keeps+the+door";
    app.request("POST", query)
        .form(&[("scope", "x")])
        .send()
        .await
        .expect(422);
    app.get(query).await.expect(405);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_form_of_another_kind_or_with_bad_text_is_refused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    app.request("POST", "/login")
        .json(&serde_json::json!({"username": "alice@example.com", "password": PASSWORD}))
        .send()
        .await
        .expect_problem(415, "unsupported_media_type");
    app.request("POST", "/login")
        .body("text/plain", "username=a&password=b")
        .send()
        .await
        .expect(415);
    for bad in [
        "username=alice%40example.com&username=x&password=y",
        "username=%ff%fe&password=y",
        "username=a&password=%C3",
    ] {
        app.request("POST", "/login")
            .body("application/x-www-form-urlencoded", bad)
            .send()
            .await
            .expect_problem(422, "invalid_input");
    }
    let good = "username=alice%40example.com&password=an+owl+keeps+the+door&unknown=1";
    app.request("POST", "/login")
        .body("application/x-www-form-urlencoded; charset=UTF-8", good)
        .send()
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_overlong_password_is_refused_without_a_hash(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    app.login("alice@example.com", &"x".repeat(1025))
        .await
        .expect_problem(401, "bad_credentials");
    app.login("alice@example.com", &"x".repeat(9000))
        .await
        .expect_problem(413, "too_large");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn sixteen_right_logins_at_once_all_succeed_while_the_hash_is_upgraded(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let dearer = app
        .sibling(&[], Some(Cost::parse("m=19456,t=2,p=1").unwrap()))
        .await;
    let all =
        futures_util::future::join_all((0..16).map(|_| dearer.login("alice@example.com", PASSWORD))).await;
    assert!(all.iter().all(|answer| answer.status == 200));
    app.login("alice@example.com", "still not her password")
        .await
        .expect(401);
    app.login("alice@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_raised_cost_reaches_the_stored_hash_at_the_next_login() {
    use sqlx::Connection as _;
    let app = TestApp::start(Engine::Sqlite).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let dearer = app
        .sibling(&[], Some(Cost::parse("m=19456,t=2,p=1").unwrap()))
        .await;
    dearer
        .login("alice@example.com", "not her password")
        .await
        .expect(401);
    let mut database = sqlx_sqlite::SqliteConnection::connect(&app.database)
        .await
        .unwrap();
    let mut stored = async || {
        sqlx::query_as::<_, (String,)>("SELECT password_hash FROM users")
            .fetch_one(&mut database)
            .await
            .unwrap()
            .0
    };
    assert!(stored().await.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    dearer.login("alice@example.com", PASSWORD).await.expect(200);
    assert!(stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    dearer.login("alice@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn one_switch_turns_the_password_grant_off() {
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_PASSWORD_GRANT", "off")]).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let answer = app
        .login("alice@example.com", PASSWORD)
        .await
        .expect_problem(400, "password_grant_off");
    assert_eq!(answer.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn a_full_queue_answers_503_for_known_and_unknown_while_others_are_served() {
    let settings = [
        ("DOORWARD_HASH_THREADS", "1"),
        ("DOORWARD_HASH_QUEUE", "1"),
        ("DOORWARD_ARGON2", "m=65536,t=3,p=1"),
    ];
    let cheap = TestApp::start(Engine::Sqlite).await;
    let alice = cheap.registered("alice").await;
    let app = cheap
        .sibling(&settings, Some(Cost::parse("m=65536,t=3,p=1").unwrap()))
        .await;
    let logins = futures_util::future::join_all((0..24).map(|number| {
        let app = &app;
        async move {
            app.login(
                if number % 2 == 0 {
                    "nobody@example.com"
                } else {
                    "nobody2@example.com"
                },
                PASSWORD,
            )
            .await
        }
    }));
    let others = async {
        let token = &alice.token;
        for _ in 0..50 {
            app.get("/health").await.expect(200);
            // Another node would be as busy: a load balancer that took this one out would help nobody.
            app.get("/ready").await.expect(200);
            app.request("GET", "/me").bearer(token).send().await.expect(200);
        }
    };
    let (answers, ()) = tokio::join!(logins, others);
    let busy: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty() && answers.iter().any(|answer| answer.status == 401));
    for answer in busy {
        assert_eq!(
            (
                answer.header("retry-after"),
                &answer.json()["code"],
                &answer.json()["error"]
            ),
            ("2", &"busy".into(), &"temporarily_unavailable".into())
        );
    }
}
