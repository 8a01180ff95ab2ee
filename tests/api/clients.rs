//! Clients: services that introspect and revoke by an id and a secret of their own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;
use serde_json::{Value, json};

use super::audit::{events, verify};
use crate::support::child::Finished;
use crate::support::process::output;
use crate::support::{Answer, Engine, SECRET, TestApp};

const INTROSPECT: &str = "tokens:introspect";

/// `doorward client …` on the database of a running service.
fn client(app: &TestApp, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    output(
        folder.path(),
        &[("DATABASE_URL", &app.database), ("DOORWARD_SECRET", SECRET)],
        &[&["client"], arguments].concat(),
    )
}

/// The secret that a command prints.
fn secret(app: &TestApp, arguments: &[&str]) -> String {
    let printed = client(app, &[arguments, &["--json"]].concat()).expect(0).stdout;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["client_id"], arguments[1], "{printed}");
    let secret = printed["client_secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("dwx_") && secret.len() == 79, "{secret}");
    secret
}

fn create(app: &TestApp, name: &str, permission: &str) -> String {
    secret(app, &["create", name, "--permission", permission])
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// What a client with credentials in the header is told of a token.
pub async fn ask(app: &TestApp, id: &str, secret: &str, token: &str) -> Answer {
    app.request("POST", "/oauth/introspect")
        .header("authorization", &basic(id, secret))
        .form(&[("token", token)])
        .send()
        .await
}

/// The same with the credentials in the form.
async fn ask_by_form(app: &TestApp, id: &str, secret: &str, token: &str) -> Answer {
    app.request("POST", "/oauth/introspect")
        .form(&[("client_id", id), ("client_secret", secret), ("token", token)])
        .send()
        .await
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_client_introspects_without_an_account_or_a_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let secret = create(&app, "orders", INTROSPECT);
    let active = ask(&app, "orders", &secret, &alice.token)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&active["active"], &active["username"]),
        (&json!(true), &json!("alice@example.com"))
    );
    let by_form = ask_by_form(&app, "orders", &secret, &alice.token)
        .await
        .expect(200);
    assert_eq!(by_form.json(), active);
    let encoded = basic("%6Frders", &secret.replace('_', "%5F")).replace("Basic", "bASIC");
    app.request("POST", "/oauth/introspect")
        .header("authorization", &encoded)
        .form(&[("token", &alice.token), ("client_id", "orders")])
        .send()
        .await
        .expect(200);
    alice.send("POST", "/logout").await.expect(204);
    // Longer than any session lives.
    app.advance(Duration::from_hours(24 * 365));
    let ended = ask(&app, "orders", &secret, &alice.token).await.expect(200);
    assert_eq!(ended.text, r#"{"active":false}"#);
    let nothing = app.request("POST", "/oauth/introspect").form(&[("token", "x")]);
    nothing.send().await.expect_problem(401, "not_authenticated");
    let public = app.request("POST", "/oauth/introspect");
    let public = public.form(&[("token", "x"), ("client_id", "orders")]);
    public.send().await.expect_problem(401, "not_authenticated");
    ask_by_form(&app, "orders", &secret, "")
        .await
        .expect_problem(400, "invalid_request");
    ask(&app, "orders", &secret, "")
        .await
        .expect_problem(400, "invalid_request");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_wrong_secret_an_unknown_client_and_a_missing_permission_are_refused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let orders = create(&app, "orders", INTROSPECT);
    let stock = create(&app, "stock", "stock:read");
    for (id, secret) in [
        ("orders", ""),
        ("orders", "dwx_x"),
        ("orders", stock.as_str()),
        ("orders", alice.refresh_token.as_str()),
        ("nobody", orders.as_str()),
        ("", orders.as_str()),
        ("orders", &orders[..orders.len() - 1]),
    ] {
        let refused = ask(&app, id, secret, &alice.token)
            .await
            .expect_problem(401, "invalid_client");
        assert_eq!(
            (refused.header("www-authenticate"), &refused.json()["error"]),
            (r#"Basic realm="doorward""#, &json!("invalid_client"))
        );
        if !id.is_empty() && !secret.is_empty() {
            ask_by_form(&app, id, secret, &alice.token)
                .await
                .expect_problem(401, "invalid_client");
        }
    }
    for header in ["Basic", "Basic ", "Basic !", "Basic b3JkZXJz", "Basic JWZmOng="] {
        app.request("POST", "/oauth/introspect")
            .header("authorization", header)
            .form(&[("token", "x")])
            .send()
            .await
            .expect_problem(401, "invalid_client");
    }
    ask(&app, "stock", &stock, &alice.token)
        .await
        .expect_problem(403, "insufficient_scope");
    let boss = app.admin().await;
    for header in [format!("Bearer {}", boss.token), basic("orders", &orders)] {
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            app.request("POST", path)
                .header("authorization", &header)
                .form(&[
                    ("token", "x"),
                    ("client_id", "orders"),
                    ("client_secret", &orders),
                ])
                .send()
                .await
                .expect_problem(400, "ambiguous_credentials");
        }
    }
    for path in ["/me", "/users", "/audit"] {
        app.request("GET", path)
            .header("authorization", &basic("orders", &orders))
            .send()
            .await
            .expect(401);
        app.request("GET", path).bearer(&orders).send().await.expect(401);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_client_revokes_and_a_wrong_secret_revokes_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let secret = create(&app, "orders", INTROSPECT);
    let revoke = async |secret: &str| {
        app.request("POST", "/oauth/revoke")
            .header("authorization", &basic("orders", secret))
            .form(&[("token", &alice.token)])
            .send()
            .await
    };
    revoke("dwx_x").await.expect_problem(401, "invalid_client");
    alice.get("/me").await.expect(200);
    revoke(&secret).await.expect(200);
    alice.get("/me").await.expect(401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_rotated_secret_is_accepted_for_its_overlap_and_a_deleted_client_no_more(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let status = async |secret: &str| ask(&app, "orders", secret, "x").await.status;
    let first = create(&app, "orders", INTROSPECT);
    assert_eq!(status(&first).await, 200);
    let second = secret(&app, &["rotate", "orders", "--overlap", "2h"]);
    app.go_to_the_present();
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    let listed = client(&app, &["list"]).expect(0).stdout;
    assert!(listed.contains("previous secret accepted until"), "{listed}");
    app.advance(Duration::from_hours(1));
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    app.advance(Duration::from_hours(1));
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    let third = secret(&app, &["rotate", "orders", "--now"]);
    app.go_to_the_present();
    assert_eq!((status(&second).await, status(&third).await), (401, 200));
    client(&app, &["delete", "orders"]).expect(0);
    assert_eq!(status(&third).await, 401);
    let anew = create(&app, "orders", INTROSPECT);
    assert_eq!((status(&third).await, status(&anew).await), (401, 200));
    let twice = client(&app, &["create", "orders", "--permission", INTROSPECT]).expect(1);
    assert!(
        twice.stderr.contains("there is a client orders already"),
        "{}",
        twice.stderr
    );
    for gone in [["rotate", "nosuch"], ["delete", "nosuch"]] {
        let refused = client(&app, &gone).expect(1).stderr;
        assert!(refused.contains("there is no client nosuch"), "{refused}");
    }
    let powerful = client(&app, &["create", "boss", "--permission", "users:write"]).expect(1);
    assert!(
        powerful.stderr.contains("tokens:introspect only"),
        "{}",
        powerful.stderr
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn wrong_secrets_take_from_the_budget_of_their_address_and_right_ones_do_not(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[("DOORWARD_LIMIT_LOGIN_IP", "2/1h")]).await;
    app.go_to_the_present();
    let right = create(&app, "orders", INTROSPECT);
    for left in ["1", "0"] {
        ask(&app, "orders", &right, "x").await.expect(200);
        let wrong = ask(&app, "orders", "dwx_x", "x").await.expect(401);
        let budget = wrong.header("ratelimit");
        assert!(budget.contains(&format!("r={left};")), "{budget}");
    }
    let wrong = ask_by_form(&app, "orders", "dwx_x", "x").await;
    assert_ne!(wrong.expect_problem(429, "throttled").header("retry-after"), "");
    ask(&app, "orders", &right, "x").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_done_to_clients_is_in_the_audit_record_without_their_secrets(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let first = create(&app, "orders", INTROSPECT);
    let second = secret(&app, &["rotate", "orders"]);
    client(&app, &["delete", "orders"]).expect(0);
    app.go_to_the_present();
    let boss = app.admin().await;
    for (kind, more) in [
        ("client_created", ("permissions", json!(INTROSPECT))),
        ("client_rotated", ("client", json!("orders"))),
        ("client_deleted", ("client", json!("orders"))),
    ] {
        let found = events(&boss, &format!("type={kind}")).await;
        assert_eq!(found.len(), 1, "{kind}");
        let details = &found[0]["details"];
        assert_eq!(
            (&found[0]["actor"], &details["client"], &details[more.0]),
            (&json!("cli"), &json!("orders"), &more.1),
            "{kind}"
        );
        for secret in [&first, &second] {
            assert!(!found[0].to_string().contains(secret.as_str()), "{kind}");
        }
    }
    assert_eq!(verify(&app).0, 0);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_restore_ends_the_secrets_of_clients(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let before = create(&app, "orders", INTROSPECT);
    let overlap = secret(&app, &["rotate", "orders"]);
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
    ];
    let said = output(folder.path(), &settings, &["restore", "--in-place"])
        .expect(0)
        .stdout;
    assert!(said.contains("the secrets of 1 clients have ended"), "{said}");
    app.go_to_the_present();
    let status = async |secret: &str| ask(&app, "orders", secret, "x").await.status;
    assert_eq!((status(&before).await, status(&overlap).await), (401, 401));
    let after = secret(&app, &["rotate", "orders"]);
    assert_eq!(status(&after).await, 200);
    assert_eq!((status(&before).await, status(&overlap).await), (401, 401));
}
