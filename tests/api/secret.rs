//! The root secret is replaced while two nodes serve, and rows of keys that do not open.

use rstest::rstest;
use serde_json::Value;

use super::keys::keys;
use super::throttle::login_with;
use crate::support::child::Finished;
use crate::support::process::{Server, output};
use crate::support::{Engine, PASSWORD, SECRET, TestApp};

const NEXT: &str = "the next root secret of these tests";
const OTHER: &str = "a secret that never sealed anything";
const WITH_JWKS: (&str, &str) = ("DOORWARD_JWT_ALGORITHM", "EdDSA");

/// A command on the database, with the secrets that are not empty.
fn command(app: &TestApp, secret: &str, previous: &str, arguments: &[&str]) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = vec![
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", secret),
        WITH_JWKS,
    ];
    if !previous.is_empty() {
        settings.push(("DOORWARD_SECRET_PREVIOUS", previous));
    }
    output(folder.path(), &settings, arguments)
}

/// What was issued before the rotation.
struct Issued {
    token: String,
    refresh_token: String,
    ticket: String,
}

impl Issued {
    /// All of it still works at a node; the refresh token is exchanged for the next.
    async fn check(&mut self, app: &TestApp) {
        app.me(&self.token).await.expect(200);
        let body = app.refresh(&self.refresh_token).await.expect(200).json();
        body["access_token"].as_str().unwrap().clone_into(&mut self.token);
        body["refresh_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.refresh_token);
        let login = login_with(app, &self.ticket, "alice@example.com", PASSWORD)
            .await
            .expect(200);
        assert_eq!(login.header("doorward-device"), "", "the ticket is known");
        app.login("bob@example.com", PASSWORD)
            .await
            .expect_problem(429, "throttled");
    }
}

async fn number_of_keys(app: &TestApp) -> usize {
    let keys: Value = app.get("/.well-known/jwks.json").await.expect(200).json();
    keys["keys"].as_array().unwrap().len()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_new_root_secret_is_noticed_by_nobody(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &[WITH_JWKS]).await;
    app.go_to_the_present();
    let node = async |secret: &'static str, previous: &'static str| {
        let mut settings = vec![WITH_JWKS, ("DOORWARD_SECRET", secret)];
        if !previous.is_empty() {
            settings.push(("DOORWARD_SECRET_PREVIOUS", previous));
        }
        app.sibling(&settings, None).await
    };
    app.registered("bob").await;
    for _ in 0..5 {
        app.login("bob@example.com", "wrong wrong").await.expect(401);
    }
    let alice = app.registered("alice").await;
    let login = app.login("alice@example.com", PASSWORD).await.expect(200);
    let mut issued = Issued {
        token: alice.token.clone(),
        refresh_token: alice.refresh_token.clone(),
        ticket: login.header("doorward-device").to_owned(),
    };
    issued.check(&app).await;

    let refused = command(&app, NEXT, "", &["secret", "rotate"]).expect(1).stderr;
    assert!(
        refused.contains("is not the one that this database was made with"),
        "{refused}"
    );
    let refused = command(&app, NEXT, OTHER, &["secret", "rotate"]).expect(1).stderr;
    assert!(
        refused.contains("neither DOORWARD_SECRET nor DOORWARD_SECRET_PREVIOUS"),
        "{refused}"
    );

    let first = node(SECRET, NEXT).await;
    issued.check(&first).await;
    issued.check(&app).await;
    let second = node(NEXT, SECRET).await;
    issued.check(&second).await;
    issued.check(&first).await;
    // The node that does not seal with the new secret yet takes up a key that is sealed with it.
    command(&app, NEXT, SECRET, &["keys", "rotate"]).expect(0);
    for _ in 0..500 {
        if number_of_keys(&first).await == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(number_of_keys(&first).await, 2);

    let done = command(&app, NEXT, SECRET, &["secret", "rotate"])
        .expect(0)
        .stdout;
    assert!(done.contains(": 1 signing keys, 3 inner keys;"), "{done}");
    let done = command(&app, NEXT, SECRET, &["secret", "rotate"])
        .expect(0)
        .stdout;
    assert!(
        done.contains(": 0 signing keys, 0 inner keys;"),
        "a second time: {done}"
    );
    issued.check(&first).await;
    issued.check(&second).await;

    let last = node(NEXT, "").await;
    issued.check(&last).await;
    assert_eq!(number_of_keys(&last).await, 2);
    command(&app, NEXT, "", &["audit", "verify"]).expect(0);
    let record = command(&app, NEXT, "", &["audit", "export"]).expect(0).stdout;
    assert_eq!(record.matches("secret_rotated").count(), 1);
    let refused = command(&app, SECRET, "", &["keys", "list"]).expect(1).stderr;
    assert!(
        refused.contains("is not the one that this database was made with"),
        "the old secret alone opens nothing: {refused}"
    );
}

/// Whoever brings the new program and the new secret in the same minute loses nothing.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_database_without_inner_keys_gets_those_of_the_secret_it_was_used_with(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.sql("DELETE FROM inner_keys").await;
    let settings = [("DOORWARD_SECRET", NEXT), ("DOORWARD_SECRET_PREVIOUS", SECRET)];
    let there = app.sibling(&settings, None).await;
    there.refresh(&alice.refresh_token).await.expect(200);
    command(&app, SECRET, NEXT, &["audit", "verify"]).expect(0);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_revoked_key_is_not_revived_by_its_row(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let listed = keys(&app, &["list"]);
    let kid = listed.split_whitespace().next().unwrap();
    keys(&app, &["revoke", kid]);
    app.until(&alice.token, 401).await;
    app.go_to_the_present();
    let again = app.logged_in(&alice.email).await;
    app.sql("UPDATE signing_keys SET revoked_at = NULL, retires_at = NULL")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
        ("DOORWARD_ISSUER", "http://127.0.0.1:8000"),
    ];
    let there = Server::start_on(folder.path(), &settings, "127.0.0.1:0");
    let http = reqwest::Client::new();
    for (token, status) in [(&again.token, 200), (&alice.token, 401)] {
        let answer = http
            .get(there.url("/me"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    // The keys are read once again, and the row is named once.
    keys(&app, &["rotate"]);
    for _ in 0..500 {
        if there.said("signing key skipped") > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let said = there.said(&format!("\"kid\":\"{kid}\""));
    assert_eq!(
        (said, there.said("signing key skipped")),
        (1, 1),
        "{:?}",
        there.log()
    );
}
