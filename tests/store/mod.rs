//! The contract of the store: what each method promises, on both engines.

mod conflicts;
mod schema;

use rstest::rstest;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use doorward::crypto::audit_chain::ChainKey;
use doorward::model::clock::Timestamp;
use doorward::model::email::Email;
use doorward::model::event::{Actor, Context, Event, EventType};
use doorward::model::ids::{SessionId, Subject};
use doorward::model::session::{EndReason, NewSession, SeenClient, Which};
use doorward::model::signing_key::SealedKey;
use doorward::model::user::{NewUser, PublicAccount};
use doorward::store::refresh::Rotation;
use doorward::store::sessions::SessionGuard;
use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, OpenError, Store};
use uuid::Uuid;

use crate::support::app::fresh_database;
use crate::support::{Engine, TestApp};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// The store behind a running service, opened a second time.
async fn store_of(app: &TestApp) -> Store {
    Store::open(&DatabaseUrl::parse(&app.database).unwrap(), IfAbsent::Create)
        .await
        .unwrap()
}

async fn insert(store: &Store, email: &str) -> Option<PublicAccount> {
    let email = Email::parse("email", email).unwrap();
    let user = NewUser {
        subject: Subject::from(Uuid::new_v4()),
        email: &email,
        email_key: email.key(),
        password_hash: "$hash",
        role: "user",
        password_expires_at: None,
    };
    store
        .insert_user(&user, &event(EventType::Registered))
        .await
        .unwrap()
        .map(|account| account.me)
}

/// A password of that version was verified, by whom nobody counted.
fn verified(password_version: i64) -> SessionGuard {
    SessionGuard {
        password_version,
        counters: None,
    }
}

static CURL: LazyLock<SeenClient> = LazyLock::new(|| SeenClient::new("192.0.2.7", "curl"));
static OWN: Context = Context::own(Actor::Server);
static KEY: LazyLock<Arc<ChainKey>> = LazyLock::new(|| Arc::new(ChainKey::new(&[7; 32])));

/// Something that happened now.
fn event(kind: EventType) -> Event<'static> {
    Event::new(KEY.clone(), kind, &OWN, NOW)
}

fn session_of(user: &PublicAccount) -> NewSession<'static> {
    let idle_expires_at = NOW.plus(Duration::from_mins(1));
    NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: user.id,
        created_at: NOW,
        idle_expires_at,
        expires_at: NOW.plus(Duration::from_mins(2)),
        client: &CURL,
    }
}

fn key(kid: &str, generation: i64) -> SealedKey {
    let algorithm = "HS256".to_owned();
    SealedKey {
        kid: kid.to_owned(),
        generation,
        algorithm,
        sealed: vec![1],
        created_at: NOW,
        activates_at: NOW,
        retires_at: None,
        revoked_at: None,
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_address_is_stored_once_whatever_its_case(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let first = insert(&store, "Ann@Example.com").await.unwrap();
    assert_eq!(
        (first.email.as_str(), first.role.as_str(), first.is_active),
        ("Ann@example.com", "user", true)
    );
    assert_eq!(insert(&store, "ANN@example.com").await, None);
    let found = store
        .user_by_email(Email::parse("email", "ann@example.com").unwrap().key())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.me, found.password_hash.as_str(), found.password_version),
        (first, "$hash", 1)
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_unknown_address_finds_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    assert!(
        store_of(&app)
            .await
            .user_by_email(Email::parse("email", "nobody@example.com").unwrap().key())
            .await
            .unwrap()
            .is_none()
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_stands_for_its_user(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let session = session_of(&ann);
    assert!(store.session_state(session.id).await.unwrap().is_none());
    assert!(
        store
            .start_session(&session, verified(1), 50, &event(EventType::LoginSuccess))
            .await
            .unwrap()
            .is_some()
    );
    let state = store.session_state(session.id).await.unwrap().unwrap();
    assert_eq!(
        (&state.me, state.idle_expires_at, state.expires_at),
        (&ann, session.idle_expires_at, session.expires_at)
    );
    assert!(state.live(NOW) && !state.live(session.idle_expires_at));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_session_does_not_start_for_another_password_or_a_disabled_user(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    assert!(
        store
            .start_session(
                &session_of(&ann),
                verified(2),
                50,
                &event(EventType::LoginSuccess)
            )
            .await
            .unwrap()
            .is_none()
    );
    app.sql("UPDATE users SET is_active = FALSE").await;
    assert!(
        store
            .start_session(
                &session_of(&ann),
                verified(1),
                50,
                &event(EventType::LoginSuccess)
            )
            .await
            .unwrap()
            .is_none()
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_ended_session_and_a_disabled_user_have_no_standing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let (first, second) = (session_of(&ann), session_of(&ann));
    assert!(
        store
            .start_session(&first, verified(1), 50, &event(EventType::LoginSuccess))
            .await
            .unwrap()
            .is_some()
            && store
                .start_session(&second, verified(1), 50, &event(EventType::LoginSuccess))
                .await
                .unwrap()
                .is_some()
    );
    app.sql("UPDATE users SET is_active = FALSE").await;
    assert!(store.session_state(first.id).await.unwrap().is_none());
    app.sql("UPDATE users SET is_active = TRUE").await;
    assert!(store.session_state(first.id).await.unwrap().is_some());
    app.sql("UPDATE sessions SET ended_at = 1").await;
    assert!(
        store.session_state(first.id).await.unwrap().is_none()
            && store.session_state(second.id).await.unwrap().is_none()
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_hash_is_upgraded_only_from_the_one_that_was_verified(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let email = Email::parse("email", "ann@example.com").unwrap();
    store
        .upgrade_password_hash(ann.id, "$another", "$new")
        .await
        .unwrap();
    assert_eq!(
        store
            .user_by_email(email.key())
            .await
            .unwrap()
            .unwrap()
            .password_hash,
        "$hash"
    );
    store
        .upgrade_password_hash(ann.id, "$hash", "$new")
        .await
        .unwrap();
    let found = store.user_by_email(email.key()).await.unwrap().unwrap();
    assert_eq!(
        (found.password_hash.as_str(), found.password_version),
        ("$new", 1)
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_first_signing_key_is_the_only_first(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let made = store.signing_keys().await.unwrap();
    assert_eq!((made.len(), made[0].generation), (1, 1));
    assert!(
        !store
            .add_signing_key(&key("late", 1), NOW, &[], &event(EventType::KeyRotated))
            .await
            .unwrap()
    );
    assert_eq!(store.signing_keys().await.unwrap(), made);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_next_key_retires_the_one_before_and_a_revoked_one_stays_so(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let first = store.signing_keys().await.unwrap().remove(0);
    let end = NOW.plus(Duration::from_mins(9));
    let adding = futures_util::future::join_all(["a", "b", "c", "d"].map(|kid| {
        let (store, key) = (&store, key(kid, 2));
        async move {
            store
                .add_signing_key(&key, end, &[], &event(EventType::KeyRotated))
                .await
                .unwrap()
        }
    }))
    .await;
    assert_eq!(
        adding.iter().filter(|added| **added).count(),
        1,
        "of four at once one"
    );
    let keys = store.signing_keys().await.unwrap();
    assert_eq!(
        (
            keys.len(),
            keys[0].generation,
            keys[0].retires_at,
            keys[1].retires_at
        ),
        (2, 2, None, Some(end))
    );
    assert!(
        store
            .revoke_signing_key(&first.kid, &event(EventType::KeyRevoked))
            .await
            .unwrap()
    );
    assert!(
        !store
            .revoke_signing_key(&first.kid, &event(EventType::KeyRevoked))
            .await
            .unwrap()
            && !store
                .revoke_signing_key("none", &event(EventType::KeyRevoked))
                .await
                .unwrap()
    );
    assert!(!store.signing_keys().await.unwrap()[1].verifies(NOW));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_feed_names_what_changed_in_order(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let place = store.newest_place().await.unwrap();
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let (one, two) = (session_of(&ann), session_of(&ann));
    store
        .start_session(&one, verified(1), 50, &event(EventType::LoginSuccess))
        .await
        .unwrap();
    store
        .start_session(&two, verified(1), 50, &event(EventType::LoginSuccess))
        .await
        .unwrap();
    assert!(
        store
            .end_session(one.id, 0, EndReason::Logout, &event(EventType::Logout))
            .await
            .unwrap()
    );
    assert!(
        !store
            .end_session(one.id, 0, EndReason::Logout, &event(EventType::Logout))
            .await
            .unwrap(),
        "an ended one is not news"
    );
    store
        .end_sessions(ann.id, Which::All, EndReason::Logout, &event(EventType::Logout))
        .await
        .unwrap();
    store
        .add_signing_key(&key("next", 2), NOW, &[], &event(EventType::KeyRotated))
        .await
        .unwrap();
    let changes = store.changes_after(&place, 100).await.unwrap().unwrap();
    let named: Vec<_> = changes
        .iter()
        .map(|change| (change.session_id, change.user_id))
        .collect();
    assert_eq!(named, [(Some(one.id), None), (None, Some(ann.id)), (None, None)]);
    assert!(changes.is_sorted_by_key(|change| change.id));
    assert_eq!(
        store
            .changes_after(&place.clone().moved_to(changes[0].id), 1)
            .await
            .unwrap()
            .unwrap(),
        changes[1..2]
    );
    let newest = store.newest_place().await.unwrap();
    assert_eq!(store.changes_after(&newest, 1).await.unwrap(), Some(vec![]));
    assert_eq!(
        store
            .changes_after(&newest.clone().moved_to(newest.change + 1), 1)
            .await
            .unwrap(),
        None,
        "a reader that is ahead was of another database"
    );
    let hour = Duration::from_hours(1);
    assert_eq!(store.purge_changes(hour, 100).await.unwrap(), 0, "all are new");
    app.sql("UPDATE changes SET created_at = created_at - 7200000000")
        .await;
    assert_eq!(
        store.purge_changes(hour, 100).await.unwrap(),
        newest.change.unsigned_abs() - 1,
        "the newest keeps the place"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn each_session_that_runs_out_is_named_in_the_feed_once(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let sessions: Vec<_> = (0..100).map(|_| session_of(&ann)).collect();
    for session in &sessions {
        store
            .start_session(session, verified(1), 100, &event(EventType::LoginSuccess))
            .await
            .unwrap();
    }
    store
        .end_session(sessions[0].id, 0, EndReason::Logout, &event(EventType::Logout))
        .await
        .unwrap();
    let place = store.newest_place().await.unwrap();
    let end = async |at| {
        store
            .end_expired_sessions(SessionId::FIRST, SessionId::LAST, at)
            .await
            .unwrap()
    };
    assert_eq!(end(NOW).await, 0);
    assert_eq!(end(sessions[0].idle_expires_at).await, 99);
    assert_eq!(end(sessions[0].expires_at).await, 0, "they have ended already");
    let changes = store.changes_after(&place, 1000).await.unwrap().unwrap();
    let told: HashSet<_> = changes.iter().filter_map(|change| change.session_id).collect();
    assert_eq!((changes.len(), told.len()), (99, 99));
    assert!(sessions[1..].iter().all(|session| told.contains(&session.id)));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_rotation_is_won_once(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let session = session_of(&ann);
    store
        .start_session(&session, verified(1), 50, &event(EventType::LoginSuccess))
        .await
        .unwrap();
    let rotation = |counter, now| Rotation {
        session: session.id,
        counter,
        now,
        idle_expires_at: session.idle_expires_at,
        client: CURL.clone(),
    };
    for counter in 0..10 {
        let won = futures_util::future::join_all((0..8).map(|_| store.rotate(rotation(counter, NOW)))).await;
        assert_eq!(
            won.into_iter()
                .filter(|won| won.as_ref().unwrap().is_some())
                .count(),
            1
        );
        assert_eq!(
            store.refresh_state(session.id).await.unwrap().unwrap().counter,
            counter + 1
        );
    }
    assert_eq!(
        store.rotate(rotation(10, session.expires_at)).await.unwrap(),
        None,
        "not after its end"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_end_of_all_sessions_voids_tickets_also_if_none_is_live(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let email = Email::parse("email", "ann@example.com").unwrap();
    let version = async || {
        store
            .user_by_email(email.key())
            .await
            .unwrap()
            .unwrap()
            .password_version
    };
    let before = version().await;
    let ended = store
        .end_sessions(ann.id, Which::All, EndReason::Logout, &event(EventType::Logout))
        .await;
    assert!(!ended.unwrap(), "there was none");
    assert_eq!(version().await, before + 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn only_what_ended_long_ago_is_purged_and_in_batches(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let sessions: Vec<_> = (0..5).map(|_| session_of(&ann)).collect();
    for session in &sessions {
        store
            .start_session(session, verified(1), 50, &event(EventType::LoginSuccess))
            .await
            .unwrap();
    }
    store
        .end_session(sessions[0].id, 0, EndReason::Logout, &event(EventType::Logout))
        .await
        .unwrap();
    let begin = SessionId::FIRST;
    assert_eq!(store.purge_sessions(begin, NOW, 100).await.unwrap(), (0, None));
    assert_eq!(
        store
            .purge_sessions(begin, NOW.plus(Duration::from_secs(1)), 100)
            .await
            .unwrap(),
        (1, None)
    );
    let (purged, next) = store
        .purge_sessions(begin, NOW.plus(Duration::from_hours(1)), 3)
        .await
        .unwrap();
    assert_eq!(
        (
            purged,
            store
                .purge_sessions(next.unwrap(), NOW.plus(Duration::from_hours(1)), 3)
                .await
                .unwrap()
        ),
        (3, (1, None))
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn rotations_of_many_sessions_at_once_are_each_answered(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let ann = insert(&store, "ann@example.com").await.unwrap();
    let sessions: Vec<_> = (0..100).map(|_| session_of(&ann)).collect();
    for session in &sessions {
        store
            .start_session(session, verified(1), 100, &event(EventType::LoginSuccess))
            .await
            .unwrap();
    }
    store
        .end_session(sessions[7].id, 0, EndReason::Logout, &event(EventType::Logout))
        .await
        .unwrap();
    for counter in 0..5 {
        // Every third token is not the newest.
        let presented = |place: usize| {
            if place.is_multiple_of(3) {
                counter + 1
            } else {
                counter
            }
        };
        let rotation = |(place, session): (usize, &NewSession<'_>)| Rotation {
            session: session.id,
            counter: presented(place),
            now: NOW,
            idle_expires_at: session.idle_expires_at,
            client: CURL.clone(),
        };
        let answers = futures_util::future::join_all(
            sessions
                .iter()
                .enumerate()
                .map(rotation)
                .map(|rotation| store.rotate(rotation)),
        )
        .await;
        for (place, answer) in answers.into_iter().enumerate() {
            let holder = answer.unwrap();
            assert_eq!(
                holder.is_some(),
                !place.is_multiple_of(3) && place != 7,
                "session {place}, counter {counter}"
            );
            assert!(holder.is_none_or(|holder| holder.role == "user"));
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_newer_schema_is_refused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.sql("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'from the future', TRUE, 'x', 0)").await;
    match Store::open(&DatabaseUrl::parse(&app.database).unwrap(), IfAbsent::Create).await {
        Err(OpenError::Newer(9999)) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

async fn many_open_at_once(engine: Engine) {
    let (url, _folder) = fresh_database(engine).await;
    let url = DatabaseUrl::parse(&url).unwrap();
    let opened = futures_util::future::join_all((0..8).map(|_| Store::open(&url, IfAbsent::Create))).await;
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
