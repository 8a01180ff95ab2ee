//! The record of what happened.

use rstest::rstest;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::people::Person;
use crate::support::process::output;
use crate::support::{Engine, PASSWORD, SECRET, TestApp};

pub async fn events(boss: &Person<'_>, query: &str) -> Vec<Value> {
    boss.get(&format!("/audit?{query}")).await.expect(200).json()["events"]
        .as_array()
        .unwrap()
        .clone()
}

/// `doorward audit verify` on the service's database: its exit status and what it says.
pub fn verify(app: &TestApp) -> (i32, String) {
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
    ];
    let found = output(Path::new("."), &settings, &["audit", "verify"]);
    (
        found.status.code().unwrap(),
        [found.stdout, found.stderr].concat(),
    )
}

fn verify_since(app: &TestApp, newest: &str) -> (i32, String) {
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
    ];
    let found = output(Path::new("."), &settings, &["audit", "verify", "--since", newest]);
    (
        found.status.code().unwrap(),
        [found.stdout, found.stderr].concat(),
    )
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn each_act_is_told_with_who_whom_where_and_before_and_after(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let boss_id = boss.get("/me").await.json()["id"].as_i64().unwrap();
    let change = app
        .request("PATCH", &format!("/users/{id}"))
        .bearer(&boss.token)
        .header("x-request-id", "a-change-of-role");
    change.json(&json!({"role": "admin"})).send().await.expect(200);
    let told = &events(&boss, &format!("type=user_updated&user={id}")).await[0];
    assert_eq!(
        (&told["actor"], &told["actor_id"], &told["user_id"]),
        (&"user".into(), &boss_id.into(), &id.into())
    );
    assert_eq!(
        (&told["ip"], &told["request_id"]),
        (&"127.0.0.1".into(), &"a-change-of-role".into())
    );
    assert_eq!(
        told["details"],
        json!({"before": {"role": "user", "is_active": true}, "after": {"role": "admin", "is_active": true}})
    );

    alice.send("POST", "/logout").await.expect(204);
    let logout = &events(&boss, &format!("type=logout&user={id}")).await[0];
    let login = &events(&boss, &format!("type=login_success&user={id}")).await[0];
    assert_eq!(
        (&logout["session_id"], &login["user_id"], &login["actor"]),
        (&login["session_id"], &id.into(), &"anonymous".into())
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refused_login_is_told_with_the_reason_that_nobody_hears(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let unknown = app.login("nobody@example.com", PASSWORD).await.expect(401);
    let wrong = app
        .login("alice@example.com", "not her password")
        .await
        .expect(401);
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"is_active": false}))
        .await
        .expect(200);
    let disabled = app.login("alice@example.com", PASSWORD).await.expect(401);
    let body = |answer: &crate::support::Answer| answer.text.replace(answer.header("x-request-id"), "…");
    assert!(body(&unknown) == body(&wrong) && body(&wrong) == body(&disabled));
    let told: Vec<Value> = events(&boss, "type=login_fail")
        .await
        .iter()
        .map(|event| json!([event["user_id"], event["details"]["reason"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([id, "disabled_account"]),
            json!([id, "wrong_password"]),
            json!([null, "unknown_account"])
        ]
    );
    let text = format!("{:?}", events(&boss, "").await);
    assert!(
        !text.contains("nobody@example.com") && !text.contains("not her password"),
        "what was typed may be a password"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_kind_of_change_is_told(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let first = alice.refresh_token.clone();
    let second = app.refresh(&first).await.expect(200).json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    app.refresh(&second).await.expect(200);
    app.refresh(&first).await.expect(400);
    let alice = app.logged_in("alice@example.com").await;
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"email": "alice@example.org", "current_password": PASSWORD}),
        )
        .await
        .expect(200);
    let changed = alice
        .send_json(
            "PUT",
            "/me/password",
            json!({"current_password": PASSWORD, "new_password": "two owls keep two doors"}),
        )
        .await
        .expect(200);
    app.request("POST", "/oauth/revoke")
        .form(&[("token", changed.json()["refresh_token"].as_str().unwrap())])
        .send()
        .await
        .expect(200);
    boss.send("POST", &format!("/users/{id}/one-time-password"))
        .await
        .expect(200);
    boss.send("DELETE", &format!("/users/{id}")).await.expect(204);
    boss.send_json("POST", "/users", json!({"email": "carol@example.com"}))
        .await
        .expect(201);
    boss.send_json("PUT", "/roles/support", json!({"permissions": ["orders:refund"]}))
        .await
        .expect(201);
    boss.send("DELETE", "/roles/support").await.expect(204);
    let dave = app.registered("dave").await;
    let dave_id = dave.get("/me").await.json()["id"].as_i64().unwrap();
    boss.send("DELETE", &format!("/users/{dave_id}/sessions"))
        .await
        .expect(204);
    app.logged_in("dave@example.com")
        .await
        .send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect(204);
    let told: Vec<Value> = events(&boss, "limit=200")
        .await
        .into_iter()
        .rev()
        .map(|event| event["type"].clone())
        .collect();
    let begun = ["key_rotated", "server_started", "registered", "login_success"];
    let alices = [
        "registered",
        "login_success",
        "token_reuse",
        "login_success",
        "email_changed",
        "password_changed",
        "token_revoked",
    ];
    let bosses = [
        "password_reset",
        "user_deleted",
        "user_created",
        "role_saved",
        "role_deleted",
    ];
    let daves = [
        "registered",
        "login_success",
        "sessions_ended",
        "login_success",
        "account_deleted",
    ];
    assert_eq!(told, [begun.as_slice(), &alices, &bosses, &daves].concat());
    assert_eq!(verify(&app).0, 0);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn events_are_filtered_and_come_page_by_page(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    for _ in 0..7 {
        app.login("nobody@example.com", PASSWORD).await.expect(401);
        app.advance(std::time::Duration::from_mins(1));
    }
    let whole = events(&boss, "type=login_fail").await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = boss
            .get(&format!("/audit?type=login_fail&limit=3{cursor}"))
            .await
            .expect(200)
            .json();
        seen.extend(page["events"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((seen.len(), &seen), (7, &whole));
    let (third, fifth) = (whole[2]["at"].as_str().unwrap(), whole[4]["at"].as_str().unwrap());
    assert_eq!(
        events(&boss, &format!("type=login_fail&after={fifth}&before={third}")).await,
        whole[3..5]
    );
    for bad in [
        "limit=0",
        "limit=201",
        "type=nosuch",
        "user=x",
        "after=yesterday",
        "before=2026-11-22",
        "cursor=x",
        "user=1&user=2",
    ] {
        boss.get(&format!("/audit?{bad}"))
            .await
            .expect_problem(422, "invalid_input");
    }
}

/// The record of both ends as the migrations leave it.
async fn empty_chain(app: &TestApp) {
    app.sql("DELETE FROM audit_chain").await;
    if app.database.starts_with("postgres") {
        app.sql("INSERT INTO audit_chain VALUES (1, '', 0, '', '', 1)")
            .await;
    } else {
        app.sql("INSERT INTO audit_chain VALUES (1, x'', 0, x'', x'', 1)")
            .await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_changed_or_missing_event_is_found(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    for number in 0..5 {
        app.login(&format!("nobody{number}@example.com"), PASSWORD)
            .await
            .expect(401);
    }
    boss.send_json("POST", "/users", json!({"email": "carol@example.com"}))
        .await
        .expect(201);
    assert_eq!(verify(&app).0, 0, "{}", verify(&app).1);
    let tampered: [(&'static str, &'static str); 11] = [
        (
            "UPDATE events SET details = REPLACE(details, 'unknown_account', 'unknown_accounu') WHERE id = 6",
            "event 6 ",
        ),
        ("UPDATE events SET ip = '127.0.0.2' WHERE id = 6", "event 6 "),
        (
            "UPDATE events SET created_at = created_at + 1 WHERE id = 6",
            "event 6 ",
        ),
        (
            "UPDATE events SET type = 'login_success' WHERE id = 6",
            "event 6 ",
        ),
        ("UPDATE events SET actor = 'cli' WHERE id = 6", "event 6 "),
        ("UPDATE events SET user_id = 1 WHERE id = 6", "event 6 "),
        ("UPDATE events SET request_id = '' WHERE id = 6", "event 6 "),
        ("UPDATE events SET id = 600 WHERE id = 6", "event 6 "),
        ("DELETE FROM events WHERE id = 6", "event 6 "),
        ("DELETE FROM events WHERE id = 1", "event 1 "),
        (
            "DELETE FROM events WHERE id = (SELECT MAX(id) FROM events)",
            "event 10 ",
        ),
    ];
    app.sql("CREATE TABLE kept AS SELECT * FROM events").await;
    app.sql("CREATE TABLE kept_chain AS SELECT * FROM audit_chain")
        .await;
    for (statement, named) in tampered {
        app.sql(statement).await;
        let (status, words) = verify(&app);
        assert!(status == 1 && words.contains(named), "{statement}: {words}");
        app.sql("DELETE FROM events").await;
        app.sql("INSERT INTO events SELECT * FROM kept").await;
    }
    // Whoever also moves the recorded ends has no key to seal them with.
    for (ends, cut) in [
        (
            "UPDATE audit_chain SET last_id = 9, last_link = (SELECT link FROM events WHERE id = 9)",
            "DELETE FROM events WHERE id > 9",
        ),
        (
            "UPDATE audit_chain SET first_id = 2, first_link = (SELECT link FROM events WHERE id = 1)",
            "DELETE FROM events WHERE id < 2",
        ),
    ] {
        app.sql(ends).await;
        app.sql(cut).await;
        assert_eq!(verify(&app).0, 1, "{ends}");
        app.login(&format!("nobody@{}.example.com", ends.len()), PASSWORD)
            .await
            .expect(401);
        assert_eq!(verify(&app).0, 1, "{ends}, and the server went on");
        app.sql("DELETE FROM events").await;
        app.sql("INSERT INTO events SELECT * FROM kept").await;
        app.sql("DELETE FROM audit_chain").await;
        app.sql("INSERT INTO audit_chain SELECT * FROM kept_chain").await;
    }
    let (status, words) = verify(&app);
    assert_eq!(status, 0, "{words}");
    let newest = words.trim().rsplit(' ').next().unwrap().to_owned();
    app.login("somebody@example.com", PASSWORD).await.expect(401);
    assert_eq!(verify_since(&app, &newest).0, 0);
    for (statement, why) in [
        (
            "INSERT INTO events SELECT id + 1, created_at, type, actor, actor_id, user_id, session_id, ip, request_id, details, link FROM events WHERE id = (SELECT MAX(id) FROM events)",
            "a row beyond the end",
        ),
        ("UPDATE events SET created_at = 0", "made to look old"),
    ] {
        app.sql(statement).await;
        assert_eq!(verify(&app).0, 1, "{why}");
    }
    app.sql("DELETE FROM events").await;
    empty_chain(&app).await;
    assert_eq!(verify(&app).0, 1, "an empty record of a database in use");
    app.login("anybody@example.com", PASSWORD).await.expect(401);
    assert_eq!(
        verify_since(&app, &newest).0,
        1,
        "an older state is found by who noted the newest link"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_record_that_was_emptied_is_never_called_whole_again(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.registered("alice").await;
    assert_eq!(verify(&app).0, 0, "{}", verify(&app).1);
    for also in ["DELETE FROM changes", "DELETE FROM signing_keys"] {
        app.sql(also).await;
        app.sql("DELETE FROM events").await;
        empty_chain(&app).await;
        assert_eq!(verify(&app).0, 1, "{also}, and the record was emptied");
        app.login("nobody@example.com", PASSWORD).await.expect(401);
        assert_eq!(verify(&app).0, 1, "{also}, and an event came");
        drop(app.sibling(&[], None).await);
        app.login("nobody@example.com", PASSWORD).await.expect(401);
        assert_eq!(verify(&app).0, 1, "{also}, and a server started");
    }
}
