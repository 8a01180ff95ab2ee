//! The root secret is replaced while two nodes serve; the first inner keys; rows that do not open.

use std::sync::Arc;

use doorward::crypto::audit_chain::ChainKey;
use doorward::crypto::device_tickets::{DeviceTickets, TicketHolder, TicketState};
use doorward::crypto::inner_keys::InnerKeys;
use doorward::crypto::password_hash::Cost;
use doorward::crypto::refresh_tokens::RefreshTokens;
use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::root_secrets::RootSecrets;
use doorward::model::clock::Timestamp;
use doorward::model::email::Email;
use doorward::model::event::ChainLinks as _;
use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, Store};
use rstest::rstest;
use serde_json::Value;

use super::audit::verify;
use super::keys::keys;
use super::throttle::login_with;
use crate::support::app::{BEGINNING, fresh_database};
use crate::support::child::Finished;
use crate::support::process::{Server, output};
use crate::support::{Engine, PASSWORD, SECRET, TestApp};

pub(super) const NEXT: &str = "the next root secret of these tests";
const OTHER: &str = "a secret that never sealed anything";
pub(super) const WITH_JWKS: (&str, &str) = ("DOORWARD_JWT_ALGORITHM", "EdDSA");

/// A command on the database, with the secrets that are not empty.
pub(super) fn command(app: &TestApp, secret: &str, previous: &str, arguments: &[&str]) -> Finished {
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

pub(super) async fn store_at(url: &str) -> Store {
    Store::open(&DatabaseUrl::parse(url).unwrap(), IfAbsent::Create)
        .await
        .unwrap()
}

/// The keys that earlier versions derived from the secret of the tests.
fn derived() -> InnerKeys {
    InnerKeys::derive(&RootSecret::parse(SECRET).unwrap()).unwrap()
}

/// A service whose database has the keys of an earlier version, which did not store them.
async fn of_an_earlier_version(engine: Engine, settings: &[(&str, &str)]) -> TestApp {
    let (url, folder) = fresh_database(engine).await;
    let (store, root) = (store_at(&url).await, RootSecret::parse(SECRET).unwrap());
    let sealed = derived().seal(&root, Timestamp::from_secs(1)).unwrap();
    store.add_inner_keys(&sealed).await.unwrap();
    store.close().await;
    let cost = Some(Cost::cheapest());
    TestApp::start_on(&url, Arc::new(folder), settings, cost, BEGINNING).await
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
    let app = of_an_earlier_version(engine, &[]).await;
    let alice = app.registered("alice").await;
    app.sql("DELETE FROM inner_keys").await;
    let settings = [("DOORWARD_SECRET", NEXT), ("DOORWARD_SECRET_PREVIOUS", SECRET)];
    let there = app.sibling(&settings, None).await;
    there.refresh(&alice.refresh_token).await.expect(200);
    command(&app, SECRET, NEXT, &["audit", "verify"]).expect(0);
}

/// With a shared key no signing key tells the secret: only the audit record does.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_wrong_secret_stores_no_inner_keys(#[case] engine: Engine) {
    let shared = [("DOORWARD_JWT_SECRET", "a secret that a team shares, of 32 bytes")];
    let app = of_an_earlier_version(engine, &shared).await;
    let alice = app.registered("alice").await;
    app.sql("DELETE FROM inner_keys").await;
    for previous in ["", NEXT] {
        let refused = command(&app, OTHER, previous, &["audit", "verify"])
            .expect(1)
            .stderr;
        assert!(
            refused.contains("DOORWARD_SECRET is not the one that this database was made with"),
            "{refused}"
        );
    }
    // Damaged ends of the record do not hide the secret.
    app.sql("UPDATE audit_chain SET first_id = 0").await;
    let there = app.sibling(&shared, None).await;
    there.refresh(&alice.refresh_token).await.expect(200);
}

/// Somebody who learns the root secret later, when it has been replaced, learns none of its keys.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn no_key_of_a_new_database_is_derived_from_the_root_secret(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    let ticket = app.login(&alice.email, PASSWORD).await.expect(200);
    let ticket = ticket.header("doorward-device").to_owned();
    let store = store_at(&app.database).await;
    let key = Email::parse("email", &alice.email).unwrap();
    let account = store.user_by_email(key.key()).await.unwrap().unwrap();
    let (holder, now) = (TicketHolder::of(&account), Timestamp::from_micros(BEGINNING));
    let chain = store.chain().await.unwrap();
    let accepts = |keys: &InnerKeys| {
        (
            RefreshTokens::new(keys).verify(&alice.refresh_token).is_some(),
            DeviceTickets::new(keys).check(&ticket, holder, now) != TicketState::Void,
            ChainKey::of(keys).seal(&chain) == chain.seal,
        )
    };
    assert_eq!(accepts(&derived()), (false, false, false));
    let secrets = RootSecrets {
        current: RootSecret::parse(SECRET).unwrap(),
        previous: None,
    };
    let stored = InnerKeys::open(&store.inner_keys().await.unwrap(), &secrets).unwrap();
    assert_eq!(accepts(&stored), (true, true, true));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn two_first_starts_at_once_end_with_the_same_keys(#[case] engine: Engine) {
    let (url, folder) = fresh_database(engine).await;
    let folder = Arc::new(folder);
    let start = || TestApp::start_on(&url, Arc::clone(&folder), &[], Some(Cost::cheapest()), BEGINNING);
    let (one, other) = tokio::join!(start(), start());
    let alice = one.registered("alice").await;
    other.refresh(&alice.refresh_token).await.expect(200);
    let (status, said) = verify(&one);
    assert_eq!(status, 0, "{said}");
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
