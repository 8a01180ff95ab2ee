//! Signing keys as a running service shows them: four algorithms, JWKS, rotation, revocation,
//! introspection.

use rstest::rstest;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward::service::keys::KNOWN_EVERYWHERE;
use serde_json::{Value, json};

use crate::support::child::run;
use crate::support::process::output;
use crate::support::{Engine, PASSWORD, SECRET, TestApp};

impl TestApp {
    /// Moves this service's time to the system's, for tests where another process writes times too.
    #[expect(clippy::disallowed_methods, reason = "the other process reads the same clock")]
    pub fn go_to_the_present(&self) {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        self.clock
            .store(i64::try_from(now.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// `doorward keys …` on the database of a running service; the program has the system's clock.
pub(super) fn keys(app: &TestApp, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let done = output(
        folder.path(),
        &[("DATABASE_URL", &app.database), ("DOORWARD_SECRET", SECRET)],
        &[&["keys"], arguments].concat(),
    );
    done.expect(0).stdout
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_revoked_key_takes_every_token_of_its_with_it(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    let kid = header(&alice.token)["kid"].as_str().unwrap().to_owned();
    assert!(keys(&app, &["list"]).contains(&kid));
    keys(&app, &["revoke", &kid]);
    app.until(&alice.token, 401).await;
    assert!(keys(&app, &["list"]).contains("revoked"));
    app.go_to_the_present();
    let again = app.logged_in(&alice.email).await;
    assert_ne!(header(&again.token)["kid"], kid);
    again.get("/me").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_planned_rotation_is_noticed_by_nobody(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    keys(&app, &["rotate"]);
    alice.get("/me").await.expect(200);
    let later = app.logged_in(&alice.email).await;
    assert_eq!(keys(&app, &["list"]).lines().count(), 2);
    later.get("/me").await.expect(200);
    let next = app.refresh(&alice.refresh_token).await.expect(200).json()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        header(&later.token)["kid"],
        header(&alice.token)["kid"],
        "published first"
    );
    app.advance(Duration::from_mins(11));
    app.refresh(&next).await.expect(200);
    let mut after = app.logged_in(&alice.email).await;
    while header(&after.token)["kid"] == header(&alice.token)["kid"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
        after = app.logged_in(&alice.email).await;
    }
    after.get("/me").await.expect(200);
    later.get("/me").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn introspection_tells_those_who_may_ask(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let boss = app.registered("boss").await;
    app.sql("UPDATE users SET role = 'admin' WHERE email = 'boss@example.com'")
        .await;
    let ask = |token: &str| {
        app.request("POST", "/oauth/introspect")
            .bearer(&boss.token)
            .form(&[("token", token)])
            .send()
    };
    let active = ask(&alice.token).await.expect(200).json();
    assert_eq!(
        (
            &active["active"],
            &active["username"],
            &active["token_type"],
            &active["role"]
        ),
        (
            &true.into(),
            &"alice@example.com".into(),
            &"Bearer".into(),
            &"user".into()
        )
    );
    assert!(
        [
            "sub",
            "sid",
            "iss",
            "aud",
            "exp",
            "iat",
            "jti",
            "client_id",
            "scope"
        ]
        .iter()
        .all(|name| !active[*name].is_null()),
        "{active}"
    );
    alice.send("POST", "/logout").await.expect(204);
    for dead in [&alice.token, &alice.refresh_token, "x", "dwr_x"] {
        assert_eq!(ask(dead).await.expect(200).text, r#"{"active":false}"#);
    }
    app.request("POST", "/oauth/introspect")
        .form(&[("token", "x")])
        .send()
        .await
        .expect(401);
    let carol = app.registered("carol").await;
    let refused = app
        .request("POST", "/oauth/introspect")
        .bearer(&carol.token)
        .form(&[("token", &boss.token)])
        .send()
        .await
        .expect_problem(403, "insufficient_scope");
    assert!(
        refused
            .header("www-authenticate")
            .contains(r#"error="insufficient_scope""#)
    );
    app.request("POST", "/oauth/introspect")
        .bearer(&boss.token)
        .form(&[("x", "y")])
        .send()
        .await
        .expect_problem(400, "invalid_request");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refresh_token_is_active_only_for_those_who_expect_one(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let ask = async |token: &str, hint: &str| {
        app.request("POST", "/oauth/introspect")
            .bearer(&boss.token)
            .form(&[("token", token), ("token_type_hint", hint)])
            .send()
            .await
            .expect(200)
            .json()
    };
    for hint in ["", "access_token", "nonsense", "Refresh_Token"] {
        assert_eq!(
            ask(&alice.refresh_token, hint).await,
            json!({"active": false}),
            "{hint}"
        );
        assert_eq!(ask(&alice.token, hint).await["active"], true, "{hint}");
    }
    let found = ask(&alice.refresh_token, "refresh_token").await;
    assert_eq!(
        (&found["active"], &found["token_type"]),
        (&true.into(), &"refresh_token".into())
    );
    assert_eq!(ask(&alice.token, "refresh_token").await["active"], true);
    alice.send("POST", "/logout").await.expect(204);
    assert_eq!(
        ask(&alice.refresh_token, "refresh_token").await,
        json!({"active": false})
    );
}

#[tokio::test]
async fn each_algorithm_serves_and_others_verify_its_tokens_by_jwks() {
    for algorithm in ["HS256", "EdDSA", "ES256", "RS256"] {
        let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_JWT_ALGORITHM", algorithm)]).await;
        let alice = app.registered("alice").await;
        alice.get("/me").await.expect(200);
        assert_eq!(header(&alice.token)["alg"], algorithm);
        let answer = app.get("/.well-known/jwks.json").await.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let again = app
            .request("GET", "/.well-known/jwks.json")
            .header("if-none-match", answer.header("etag"))
            .send()
            .await
            .expect(304);
        assert_eq!(
            (again.header("etag"), again.text.as_str()),
            (answer.header("etag"), "")
        );
        let jwks = answer.json();
        if algorithm == "HS256" {
            assert_eq!(answer.text, r#"{"keys":[]}"#);
            continue;
        }
        let key = &jwks["keys"][0];
        assert_eq!(
            (&key["alg"], &key["use"], &key["kid"]),
            (&algorithm.into(), &"sig".into(), &header(&alice.token)["kid"])
        );
        assert!(
            ["d", "p", "q", "k"].iter().all(|private| key[*private].is_null()),
            "{jwks}"
        );
        let expected = json!({"aud": "doorward", "iss": "http://127.0.0.1:8000"});
        for verify in [
            &[
                "python3",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/verify.py"),
            ][..],
            &[
                "node",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/verify.mjs"),
            ],
        ] {
            let (jwks, expected) = (jwks.to_string(), expected.to_string());
            let verified = |token: &str| {
                run(Command::new(verify[0])
                    .args(&verify[1..])
                    .args([&jwks, token, algorithm, &expected]))
            };
            let done = verified(&alice.token).expect(0);
            assert!(done.stdout.contains("\"role\""), "{}", done.stdout);
            let mut bent = alice.token.clone();
            bent.replace_range(
                bent.len() - 10..bent.len() - 9,
                if bent.as_bytes()[bent.len() - 10] == b'A' {
                    "B"
                } else {
                    "A"
                },
            );
            verified(&bent).expect(1);
        }
    }
}

#[tokio::test]
async fn each_algorithm_rotates_and_revokes_without_a_restart() {
    for algorithm in ["HS256", "EdDSA", "ES256", "RS256"] {
        let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_JWT_ALGORITHM", algorithm)]).await;
        app.go_to_the_present();
        let before = app.registered("alice").await;
        let kid = header(&before.token)["kid"].clone();
        let folder = tempfile::tempdir().unwrap();
        let settings = [
            ("DATABASE_URL", app.database.as_str()),
            ("DOORWARD_SECRET", SECRET),
            ("DOORWARD_JWT_ALGORITHM", algorithm),
        ];
        output(folder.path(), &settings, &["keys", "rotate", "--now"]).expect(0);
        app.go_to_the_present();
        app.advance(KNOWN_EVERYWHERE);
        let mut after = app.logged_in(&before.email).await;
        while header(&after.token)["kid"] == kid {
            tokio::time::sleep(Duration::from_millis(200)).await;
            after = app.logged_in(&before.email).await;
        }
        assert_eq!(header(&after.token)["alg"], algorithm);
        before.get("/me").await.expect(200);
        after.get("/me").await.expect(200);
        let revoke = || {
            output(
                folder.path(),
                &settings,
                &["keys", "revoke", kid.as_str().unwrap()],
            )
        };
        revoke().expect(0);
        app.until(&before.token, 401).await;
        after.get("/me").await.expect(200);
        // Once.
        revoke().expect(1);
    }
}

#[tokio::test]
async fn another_algorithm_takes_over_and_the_old_tokens_live_on() {
    let app = TestApp::start(Engine::Sqlite).await;
    let alice = app.registered("alice").await;
    let next = app.sibling(&[("DOORWARD_JWT_ALGORITHM", "EdDSA")], None).await;
    next.me(&alice.token).await.expect(200);
    let token = next.refresh(&alice.refresh_token).await.expect(200).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(header(&token)["alg"], "EdDSA");
    next.me(&token).await.expect(200);
    app.until(&token, 200).await;
}

#[tokio::test]
async fn a_shared_secret_signs_what_its_other_holders_verify() {
    let secret = "a secret shared by a team, 32 bytes and more";
    let app = TestApp::start_with(Engine::Sqlite, &[("DOORWARD_JWT_SECRET", secret)]).await;
    let alice = app.registered("alice").await;
    alice.get("/me").await.expect(200);
    assert_eq!(
        app.get("/.well-known/jwks.json").await.expect(200).text,
        r#"{"keys":[]}"#
    );
    let python = "import sys, jwt; print(jwt.decode(sys.argv[1], sys.argv[2], algorithms=['HS256'], audience='doorward', options={'verify_exp': False, 'verify_iat': False})['role'])";
    let packages = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python");
    let done = run(Command::new("python3")
        .args(["-c", python, &alice.token, secret])
        .env("PYTHONPATH", packages));
    assert_eq!(done.expect(0).stdout.trim(), "user");
    let restarted = app.sibling(&[("DOORWARD_JWT_SECRET", secret)], None).await;
    restarted.me(&alice.token).await.expect(200);
    let other = app
        .sibling(
            &[("DOORWARD_JWT_SECRET", "another secret that is 32 bytes and more")],
            None,
        )
        .await;
    other.me(&alice.token).await.expect(401);
    other.login(&alice.email, PASSWORD).await.expect(200);
}
