//! Rows of signing keys that somebody with access to the database edits or puts back.

use std::time::Duration;

use doorward::crypto::root_secret::RootSecret;
use doorward::model::signing_key::SealedKey;
use rstest::rstest;

use super::keys::keys;
use super::secret::store_at;
use crate::support::process::Server;
use crate::support::{Engine, SECRET, TestApp};

/// A server that reads the keys anew, and the folder that it lives in.
fn restarted(app: &TestApp) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
        ("DOORWARD_ISSUER", "http://127.0.0.1:8000"),
    ];
    let server = Server::start_on(folder.path(), &settings, "127.0.0.1:0");
    (server, folder)
}

async fn me(server: &Server, token: &str) -> u16 {
    let asked = reqwest::Client::new().get(server.url("/me")).bearer_auth(token);
    asked.send().await.unwrap().status().as_u16()
}

/// The id of the newest key.
fn kid(app: &TestApp) -> String {
    let listed = keys(app, &["list"]);
    listed.split_whitespace().next().unwrap().to_owned()
}

/// A key that goes on for ever could sign for somebody who has stolen it.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_key_whose_end_was_moved_is_skipped(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    keys(&app, &["rotate", "--now"]);
    let (server, _folder) = restarted(&app);
    assert_eq!(me(&server, &alice.token).await, 200, "until its end");
    app.sql("UPDATE signing_keys SET retires_at = NULL WHERE generation = 1")
        .await;
    let (server, _folder) = restarted(&app);
    assert_eq!(me(&server, &alice.token).await, 401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_row_of_a_revoked_key_put_back_whole_is_skipped(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let kid = kid(&app);
    app.sql("CREATE TABLE kept AS SELECT * FROM signing_keys").await;
    keys(&app, &["revoke", &kid]);
    app.until(&alice.token, 401).await;
    app.go_to_the_present();
    let again = app.logged_in(&alice.email).await;
    app.sql("DELETE FROM signing_keys WHERE revoked_at IS NOT NULL")
        .await;
    app.sql("INSERT INTO signing_keys SELECT * FROM kept").await;
    let (server, _folder) = restarted(&app);
    assert_eq!(me(&server, &again.token).await, 200);
    assert_eq!(me(&server, &alice.token).await, 401);
    keys(&app, &["rotate"]);
    for _ in 0..500 {
        if server.said("signing key skipped") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        server.said("the audit record says that it was revoked"),
        1,
        "{:?}",
        server.log()
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_key_that_ended_a_day_ago_is_wiped(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.go_to_the_present();
    keys(&app, &["rotate", "--now"]);
    let store = store_at(&app.database).await;
    let wiped = async || {
        let keys = store.signing_keys().await.unwrap();
        keys.iter().map(SealedKey::is_wiped).collect::<Vec<_>>()
    };
    app.advance(Duration::from_hours(23));
    let early = app.sibling(&[], None).await;
    early.registered("alice").await;
    assert_eq!(wiped().await, [false, false]);
    app.advance(Duration::from_hours(2));
    let _late = app.sibling(&[], None).await;
    for _ in 0..500 {
        if wiped().await == [false, true] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", wiped().await);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_key_that_an_earlier_version_sealed_is_bound_to_its_row_at_the_start(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_at(&app.database).await;
    let key = store.signing_keys().await.unwrap().remove(0);
    let root = RootSecret::parse(SECRET).unwrap();
    let earlier = root.seal(&format!("signing key {}", key.kid), &[7; 32]).unwrap();
    store.replace_signing_seal(&key, &earlier).await.unwrap();
    let there = app.sibling(&[], None).await;
    let bound = store.signing_keys().await.unwrap().remove(0);
    assert!(bound.kid == key.kid && bound.sealed != earlier);
    let other = app.sibling(&[], None).await;
    let alice = there.registered("alice").await;
    other.me(&alice.token).await.expect(200);
    assert_eq!(store.signing_keys().await.unwrap(), [bound], "once");
}
