//! The contract of the store: what each method promises, on both engines.

use std::time::Duration;

use doorward::model::clock::Timestamp;
use doorward::model::email::Email;
use doorward::model::ids::{SessionId, Subject};
use doorward::model::session::NewSession;
use doorward::model::signing_key::SealedKey;
use doorward::model::user::{Me, NewUser};
use doorward::store::url::DatabaseUrl;
use doorward::store::{OpenError, Store};
use uuid::Uuid;

use crate::support::app::fresh_database;
use crate::support::{Engine, TestApp, on_both_engines};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The store behind a running service, opened a second time.
async fn store_of(app: &TestApp) -> Store {
    Store::open(&DatabaseUrl::parse(&app.database).unwrap()).await.unwrap()
}

async fn insert(store: &Store, email: &str) -> Option<Me> {
    let email = Email::parse("email", email).unwrap();
    let user = NewUser { subject: Subject::from(Uuid::new_v4()), email: &email, email_key: email.key(), password_hash: "$hash", created_at: NOW };
    store.insert_user(&user).await.unwrap()
}

fn session_of(user: &Me) -> NewSession<'static> {
    let idle_expires_at = NOW.plus(Duration::from_mins(1));
    NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: user.id,
        created_at: NOW,
        idle_expires_at,
        expires_at: NOW.plus(Duration::from_mins(2)),
        ip: "192.0.2.7",
        user_agent: "curl",
    }
}

on_both_engines! {
    async fn an_address_is_stored_once_whatever_its_case(app) {
        let store = store_of(&app).await;
        let first = insert(&store, "Ann@Example.com").await.unwrap();
        assert_eq!((first.email.as_str(), first.role.as_str(), first.is_active), ("Ann@example.com", "user", true));
        assert_eq!(insert(&store, "ANN@example.com").await, None);
        let found = store.user_by_email(Email::parse("email", "ann@example.com").unwrap().key()).await.unwrap().unwrap();
        assert_eq!((found.me, found.password_hash.as_str(), found.password_version), (first, "$hash", 1));
    }

    async fn an_unknown_address_finds_nothing(app) {
        assert!(store_of(&app).await.user_by_email(Email::parse("email", "nobody@example.com").unwrap().key()).await.unwrap().is_none());
    }

    async fn a_session_stands_for_its_user(app) {
        let store = store_of(&app).await;
        let ann = insert(&store, "ann@example.com").await.unwrap();
        let session = session_of(&ann);
        assert!(store.standing(session.id).await.unwrap().is_none());
        assert!(store.start_session(&session, 1, 50).await.unwrap().is_some());
        let standing = store.standing(session.id).await.unwrap().unwrap();
        assert_eq!((&standing.me, standing.idle_expires_at, standing.expires_at), (&ann, session.idle_expires_at, session.expires_at));
        assert!(standing.live(NOW) && !standing.live(session.idle_expires_at));
    }

    async fn a_session_does_not_start_for_another_password_or_a_disabled_user(app) {
        let store = store_of(&app).await;
        let ann = insert(&store, "ann@example.com").await.unwrap();
        assert!(store.start_session(&session_of(&ann), 2, 50).await.unwrap().is_none());
        app.sql("UPDATE users SET is_active = FALSE").await;
        assert!(store.start_session(&session_of(&ann), 1, 50).await.unwrap().is_none());
    }

    async fn an_ended_session_and_a_disabled_user_have_no_standing(app) {
        let store = store_of(&app).await;
        let ann = insert(&store, "ann@example.com").await.unwrap();
        let (first, second) = (session_of(&ann), session_of(&ann));
        assert!(store.start_session(&first, 1, 50).await.unwrap().is_some() && store.start_session(&second, 1, 50).await.unwrap().is_some());
        app.sql("UPDATE users SET is_active = FALSE").await;
        assert!(store.standing(first.id).await.unwrap().is_none());
        app.sql("UPDATE users SET is_active = TRUE").await;
        assert!(store.standing(first.id).await.unwrap().is_some());
        app.sql("UPDATE sessions SET ended_at = 1").await;
        assert!(store.standing(first.id).await.unwrap().is_none() && store.standing(second.id).await.unwrap().is_none());
    }

    async fn a_hash_is_upgraded_only_from_the_one_that_was_verified(app) {
        let store = store_of(&app).await;
        let ann = insert(&store, "ann@example.com").await.unwrap();
        let email = Email::parse("email", "ann@example.com").unwrap();
        store.upgrade_password_hash(ann.id, "$another", "$new").await.unwrap();
        assert_eq!(store.user_by_email(email.key()).await.unwrap().unwrap().password_hash, "$hash");
        store.upgrade_password_hash(ann.id, "$hash", "$new").await.unwrap();
        let found = store.user_by_email(email.key()).await.unwrap().unwrap();
        assert_eq!((found.password_hash.as_str(), found.password_version), ("$new", 1));
    }

    async fn the_first_signing_key_is_the_only_first(app) {
        let store = store_of(&app).await;
        let made = store.signing_keys().await.unwrap();
        let late = SealedKey { kid: "late".to_owned(), algorithm: "HS256".to_owned(), sealed: vec![1] };
        store.insert_first_signing_key(&late, NOW).await.unwrap();
        assert_eq!(store.signing_keys().await.unwrap(), made);
        assert_eq!(made.len(), 1);
    }

    async fn a_newer_schema_is_refused(app) {
        app.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'from the future', TRUE, 'x', 0)").await;
        match Store::open(&DatabaseUrl::parse(&app.database).unwrap()).await {
            Err(OpenError::Newer(9999)) => {}
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }
}

async fn many_open_at_once(engine: Engine) {
    let (url, _folder) = fresh_database(engine).await;
    let url = DatabaseUrl::parse(&url).unwrap();
    let opened = futures_util::future::join_all((0..8).map(|_| Store::open(&url))).await;
    for store in opened {
        assert!(store.unwrap().signing_keys().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn many_processes_may_make_one_sqlite_database_at_once() {
    many_open_at_once(Engine::Sqlite).await;
}

#[tokio::test]
async fn many_processes_may_make_one_postgres_database_at_once() {
    many_open_at_once(Engine::Postgres).await;
}
