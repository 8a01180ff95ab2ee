//! `POST /register`.

use rstest::rstest;
use serde_json::json;

use crate::support::{Engine, PASSWORD, TestApp};

fn faults(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(field, rule)| ((*field).to_owned(), (*rule).to_owned()))
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn someone_registers_and_sees_exactly_four_fields(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.register("Alice@Example.COM", PASSWORD).await.expect(201);
    assert_eq!(
        answer.text,
        r#"{"id":1,"email":"Alice@example.com","is_active":true,"role":"user"}"#
    );
    assert_eq!(
        (
            answer.header("location"),
            answer.header("content-type"),
            answer.header("cache-control")
        ),
        ("/me", "application/json", "no-store")
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_taken_address_is_refused_in_the_words_of_the_seed(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    for again in ["alice@example.com", "ALICE@EXAMPLE.COM"] {
        let answer = app
            .register(again, "another owl entirely")
            .await
            .expect_problem(400, "email_taken");
        assert_eq!(answer.json()["detail"], "User with this email already exists.");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_32_parallel_registrations_of_one_address_one_wins(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let all =
        futures_util::future::join_all((0..32).map(|_| app.register("alice@example.com", PASSWORD))).await;
    let mut statuses: Vec<u16> = all.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(
        (
            statuses[0],
            statuses[1..].iter().filter(|status| **status == 400).count()
        ),
        (201, 31),
        "{statuses:?}"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_assigns_more_than_address_and_password(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let body = json!({
        "email": "mallory@example.com", "password": PASSWORD, "role": "admin", "roles": ["admin"], "is_active": false, "id": 7, "is_admin": true,
        "email_verified": true, "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$x", "subject": "x",
    });
    let answer = app
        .request("POST", "/register")
        .json(&body)
        .send()
        .await
        .expect(201);
    assert_eq!(
        answer.text,
        r#"{"id":1,"email":"mallory@example.com","is_active":true,"role":"user"}"#
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refused_registration_leaves_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", "short").await.expect(422);
    app.register("alice@example.com", "password").await.expect(422);
    app.register("alice@example.com", PASSWORD).await.expect(201);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_fault_is_named_at_once_without_the_value(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app
        .register("not-an-address-zq", "zq-7")
        .await
        .expect_problem(422, "invalid_input");
    assert_eq!(
        answer.faults(),
        faults(&[("email", "value_error"), ("password", "string_too_short")])
    );
    assert!(!answer.text.contains("zq"), "{}", answer.text);
    let missing = app
        .request("POST", "/register")
        .json(&json!({}))
        .send()
        .await
        .expect(422);
    assert_eq!(
        missing.json()["detail"],
        json!([
            {"type": "missing", "loc": ["body", "email"], "msg": "Field required"},
            {"type": "missing", "loc": ["body", "password"], "msg": "Field required"},
        ])
    );
    let types = app
        .request("POST", "/register")
        .json(&json!({"email": 7, "password": ["x"]}))
        .send()
        .await
        .expect(422);
    assert_eq!(
        types.faults(),
        faults(&[("email", "string_type"), ("password", "string_type")])
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_no_json_object_is_refused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    for body in [
        "",
        "[]",
        r#"["alice@example.com","an owl keeps the door"]"#,
        "7",
        "null",
        r#""x""#,
        "{",
        r#"{"email":"a@example.com","email":"b@example.com","password":"an owl keeps"}"#,
        "\u{0}",
        "{\"email\":\"\\ud800\"}",
    ] {
        app.request("POST", "/register")
            .body("application/json", body)
            .send()
            .await
            .expect_problem(422, "invalid_input");
    }
    app.request("POST", "/register")
        .body("application/json", b"{\"email\":\"\xff\"}".to_vec())
        .send()
        .await
        .expect(422);
    let utf16: Vec<u8> = r#"{"email":"a@example.com"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    app.request("POST", "/register")
        .body("application/json", utf16)
        .send()
        .await
        .expect(422);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn control_characters_are_refused_and_reach_no_database(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    for bad in ["a\u{0}b@example.com", "a\nb@example.com", "a@exam\u{0}ple.com"] {
        app.register(bad, PASSWORD).await.expect(422);
    }
    for bad in ["nul\u{0}in the password", "line\nin the password"] {
        let answer = app.register("alice@example.com", bad).await.expect(422);
        assert_eq!(answer.faults(), faults(&[("password", "value_error")]));
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn passwords_are_judged_by_length_and_blocklist_alone(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    for (number, good) in [
        "zq4!vK9p",
        "        x",
        "🦉🗝️🚪🌙🧦🪜🍵🧭",
        "только слова",
        &"long phrase ".repeat(80),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("user{number}@example.com");
        app.register(&email, good).await.expect(201);
        app.login(&email, good).await.expect(200);
        app.login(&email, good.trim())
            .await
            .expect(if good.trim() == good { 200 } else { 401 });
    }
    for (bad, rule) in [
        ("zq4!vK9", "string_too_short"),
        (&*"x".repeat(1025), "string_too_long"),
        ("Password1", "value_error"),
        ("alice@example.com", "value_error"),
        ("12345678", "value_error"),
        ("doorward1", "value_error"),
    ] {
        assert_eq!(
            app.register("alice@example.com", bad).await.expect(422).faults(),
            faults(&[("password", rule)]),
            "{bad}"
        );
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_address_that_looks_like_another_is_refused_when_it_is_new(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    for copy in [
        "\u{ff41}lice@example.com",
        "\u{fb01}ona@example.com",
        "x\u{b2}@example.com",
    ] {
        let refused = faults(&[("email", "value_error")]);
        let registered = app.register(copy, PASSWORD).await.expect(422);
        assert_eq!(registered.faults(), refused, "{copy}");
        let change = json!({"email": copy, "current_password": PASSWORD});
        let changed = alice.send_json("PATCH", "/me", change).await.expect(422);
        assert_eq!(changed.faults(), refused, "{copy}");
        let invitation = json!({"email": copy, "role": "user"});
        let invited = boss.send_json("POST", "/users", invitation).await.expect(422);
        assert_eq!(invited.faults(), refused, "{copy}");
    }
    let old = app.registered("old").await;
    app.sql("UPDATE users SET email = '\u{fb01}ona@example.com', email_key = '\u{fb01}ona@example.com' WHERE email = 'old@example.com'")
        .await;
    app.login("\u{fb01}ona@example.com", PASSWORD).await.expect(200);
    old.get("/me").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn two_passwords_that_differ_after_72_bytes_are_two(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let long = "seventy-two bytes is where bcrypt stops reading, and that is not enough: ";
    app.register("alice@example.com", &format!("{long}1"))
        .await
        .expect(201);
    app.login("alice@example.com", &format!("{long}2"))
        .await
        .expect(401);
    app.login("alice@example.com", &format!("{long}1"))
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn composed_and_decomposed_text_is_one_password(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.register("alice@example.com", "caf\u{e9} ol\u{e9} ol\u{e9}")
        .await
        .expect(201);
    app.login("alice@example.com", "cafe\u{301} ole\u{301} ole\u{301}")
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_international_address_is_one_account_in_both_spellings(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let answer = app.register("anna@BÜCHER.example", PASSWORD).await.expect(201);
    assert_eq!(answer.json()["email"], "anna@bücher.example");
    app.register("anna@xn--bcher-kva.example", PASSWORD)
        .await
        .expect(400);
    app.login("anna@xn--bcher-kva.example", PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_closed_door_takes_nobody_and_lets_members_in() {
    let open = TestApp::start(Engine::Sqlite).await;
    open.registered("alice").await;
    let closed = open.sibling(&[("DOORWARD_REGISTRATION", "closed")], None).await;
    closed
        .register("bob@example.com", PASSWORD)
        .await
        .expect_problem(403, "registration_closed");
}

#[tokio::test]
async fn the_least_length_is_a_setting() {
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_PASSWORD_MIN_LENGTH", "15")]).await;
    let answer = app
        .register("alice@example.com", "fourteen chars")
        .await
        .expect(422);
    assert_eq!(
        answer.json()["detail"][0]["msg"],
        "String should have at least 15 characters"
    );
    app.register("alice@example.com", "fifteen chars !")
        .await
        .expect(201);
}
