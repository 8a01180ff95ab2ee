//! `doorward secret rotate --leaked`: nothing that the old root secret opened is worth anything any
//! more, and nodes go on without a restart.

use doorward::crypto::inner_keys::InnerKeys;
use doorward::crypto::refresh_tokens::RefreshTokens;
use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::root_secrets::RootSecrets;
use rstest::rstest;

use super::clients::ask;
use super::secret::{NEXT, WITH_JWKS, command, store_at};
use super::throttle::login_with;
use crate::support::process::Server;
use crate::support::{Answer, Engine, PASSWORD, SECRET, TestApp};

const LEAKED: [&str; 3] = ["secret", "rotate", "--leaked"];
const STEP_1: [(&str, &str); 3] = [
    WITH_JWKS,
    ("DOORWARD_SECRET", SECRET),
    ("DOORWARD_SECRET_PREVIOUS", NEXT),
];
const STEP_2: [(&str, &str); 3] = [
    WITH_JWKS,
    ("DOORWARD_SECRET", NEXT),
    ("DOORWARD_SECRET_PREVIOUS", SECRET),
];

/// A login as soon as the node has taken up the new keys; until then it answers 503.
async fn login_soon(app: &TestApp, ticket: &str, username: &str) -> Answer {
    for _ in 0..500 {
        let answer = login_with(app, ticket, username, PASSWORD).await;
        if answer.status != 503 {
            return answer;
        }
        answer.expect_problem(503, "unavailable");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it never takes up the new keys");
}

/// The inner keys, as somebody with the secret and a copy of the database has them.
async fn inner_keys(app: &TestApp, secret: &str) -> InnerKeys {
    let secrets = RootSecrets {
        current: RootSecret::parse(secret).unwrap(),
        previous: None,
    };
    let sealed = store_at(&app.database).await.inner_keys().await.unwrap();
    InnerKeys::open(&sealed, &secrets).unwrap()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nothing_of_a_leaked_root_secret_works_and_running_nodes_go_on(#[case] engine: Engine) {
    let first = TestApp::start_with(engine, &STEP_1).await;
    first.go_to_the_present();
    let second = first.sibling(&STEP_2, None).await;
    let alice = first.registered("alice").await;
    let login = first.login(&alice.email, PASSWORD).await.expect(200);
    let ticket = login.header("doorward-device").to_owned();
    first.register("bob@example.com", PASSWORD).await.expect(201);
    for _ in 0..5 {
        first.login("bob@example.com", "wrong wrong").await.expect(401);
    }
    second
        .login("bob@example.com", PASSWORD)
        .await
        .expect_problem(429, "throttled");
    let stolen = inner_keys(&first, SECRET).await;
    let kid = |listed: String| listed.split_whitespace().next().unwrap().to_owned();
    let old_kid = kid(command(&first, NEXT, SECRET, &["keys", "list"]).expect(0).stdout);

    let client = ["client", "create", "orders", "--permission", "tokens:introspect"];
    let client = command(&first, SECRET, NEXT, &client).expect(0).stdout;
    let client = client.split_whitespace().last().unwrap().to_owned();
    assert_eq!(ask(&first, "orders", &client, "x").await.status, 200);
    for previous in ["", SECRET] {
        let refused = command(&first, SECRET, previous, &LEAKED).expect(1).stderr;
        assert!(
            refused.contains("set the new secret as DOORWARD_SECRET"),
            "{refused}"
        );
    }
    second.me(&alice.token).await.expect(200);
    let done = command(&first, NEXT, SECRET, &LEAKED).expect(0).stdout;
    assert!(done.contains("ended: 2 sessions, 1 signing keys"), "{done}");
    assert!(done.contains("without DOORWARD_SECRET_PREVIOUS"), "{done}");
    assert!(done.contains("doorward client rotate NAME"), "{done}");

    for node in [&first, &second] {
        node.until(&alice.token, 401).await;
        node.refresh(&alice.refresh_token)
            .await
            .expect_problem(400, "invalid_grant");
        ask(node, "orders", &client, "x")
            .await
            .expect_problem(401, "invalid_client");
        let again = login_soon(node, &ticket, &alice.email).await.expect(200);
        assert_ne!(again.header("doorward-device"), "", "the old ticket is void");
        let fresh = again.header("doorward-device").to_owned();
        let known = login_with(node, &fresh, &alice.email, PASSWORD).await.expect(200);
        assert_eq!(known.header("doorward-device"), "");
        node.login("bob@example.com", PASSWORD).await.expect(200);
    }
    // Each takes what the other issues, and nothing that the stolen keys make for a live session.
    let again = first.logged_in(&alice.email).await;
    second.me(&again.token).await.expect(200);
    let new = RefreshTokens::new(&inner_keys(&first, NEXT).await);
    let session = new.verify(&again.refresh_token).unwrap().session;
    let forged = RefreshTokens::new(&stolen).issue(session, 0);
    for node in [&first, &second] {
        node.refresh(&forged).await.expect_problem(400, "invalid_grant");
    }
    second.refresh(&again.refresh_token).await.expect(200);

    let listed = command(&first, NEXT, "", &["keys", "list"]).expect(0).stdout;
    assert_ne!(kid(listed.clone()), old_kid);
    assert!(
        listed
            .lines()
            .any(|line| line.starts_with(&old_kid) && line.ends_with("revoked")),
        "{listed}"
    );
    let record = command(&first, NEXT, "", &["audit", "export"]).expect(0).stdout;
    assert_eq!(record.matches(r#""leaked":true"#).count(), 1);
    // A second time: the record then has links of three keys.
    command(&first, NEXT, SECRET, &LEAKED).expect(0);
    login_soon(&second, "", &alice.email).await.expect(200);
    command(&first, NEXT, "", &["audit", "verify"]).expect(0);
    let last = first.sibling(&[WITH_JWKS, ("DOORWARD_SECRET", NEXT)], None).await;
    last.login(&alice.email, PASSWORD).await.expect(200);
    first
        .sql("UPDATE events SET ip = '203.0.113.7' WHERE id = 3")
        .await;
    let found = command(&first, NEXT, "", &["audit", "verify"]).expect(1).stderr;
    assert!(found.contains("event 3 was changed"), "{found}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_replacement_of_leaked_keys_that_fails_changes_nothing(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &STEP_1).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let store = store_at(&app.database).await;
    let keys = async || {
        (
            store.inner_keys().await.unwrap(),
            store.signing_keys().await.unwrap(),
        )
    };
    let before = keys().await;
    // The event is the last thing that the transaction writes.
    app.sql(match engine {
        Engine::Sqlite => {
            "CREATE TRIGGER broken BEFORE INSERT ON events WHEN NEW.type = 'secret_rotated'
             BEGIN SELECT RAISE(ABORT, 'broken'); END"
        }
        Engine::Postgres => "ALTER TABLE events ADD CONSTRAINT broken CHECK (type <> 'secret_rotated')",
    })
    .await;
    command(&app, NEXT, SECRET, &LEAKED).expect(1);
    assert_eq!(keys().await, before);
    app.me(&alice.token).await.expect(200);
    app.refresh(&alice.refresh_token).await.expect(200);
    app.login(&alice.email, PASSWORD).await.expect(200);
    command(&app, SECRET, "", &["audit", "verify"]).expect(0);
}

/// It would go on to accept what was issued with the replaced keys.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_node_with_only_the_leaked_secret_stops(#[case] engine: Engine) {
    let app = TestApp::start_with(engine, &STEP_1).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        ("DOORWARD_SECRET", SECRET),
        WITH_JWKS,
    ];
    let mut node = Server::start(folder.path(), &settings);
    command(&app, NEXT, SECRET, &LEAKED).expect(0);
    node.expect_end(1);
    let refused = Server::try_start_on(folder.path(), &settings, "127.0.0.1:0", &[]);
    let (said, status) = refused.err().expect("it does not start again");
    assert_eq!(status.code(), Some(1));
    assert!(
        said.concat()
            .contains("is not the one that this database was made with"),
        "{said:?}"
    );
}

/// An event that a replaced key links would break the record.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_node_with_replaced_keys_starts_no_session(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let alice = app.registered("alice").await;
    app.sql("UPDATE audit_chain SET key_generation = 2").await;
    app.login(&alice.email, PASSWORD)
        .await
        .expect_problem(503, "unavailable");
    app.sql("UPDATE audit_chain SET key_generation = 1").await;
    let sessions = alice.get("/me/sessions").await.expect(200).text;
    assert_eq!(sessions.matches("\"id\"").count(), 1, "{sessions}");
    app.login(&alice.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn with_a_shared_key_the_operator_is_told_to_replace_it_too() {
    let shared = ("DOORWARD_JWT_SECRET", "a secret that a team shares, of 32 bytes");
    let app = TestApp::start_with(Engine::Sqlite, &[shared, STEP_2[1], STEP_2[2]]).await;
    app.go_to_the_present();
    let alice = app.registered("alice").await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE_URL", app.database.as_str()),
        shared,
        STEP_2[1],
        STEP_2[2],
    ];
    let done = crate::support::process::output(folder.path(), &settings, &LEAKED)
        .expect(0)
        .stdout;
    assert!(
        done.contains("ended: 1 sessions, 0 signing keys") && done.contains("DOORWARD_JWT_SECRET"),
        "{done}"
    );
    app.until(&alice.token, 401).await;
    login_soon(&app, "", &alice.email).await.expect(200);
}
