//! The purge of the record: what is old goes, and no moment of a wrong clock deletes anything.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use super::audit::{events, verify};
use crate::support::people::Person;
use crate::support::{Engine, PASSWORD, TestApp};

const DAY: Duration = Duration::from_hours(24);

/// The newest event of a type, once there are that many.
async fn event_of(boss: &Person<'_>, kind: &str, number: usize) -> Value {
    for _ in 0..500 {
        let mut found = events(boss, "limit=200").await;
        found.retain(|event| event["type"] == kind);
        if found.len() == number {
            return found[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {number} events of type {kind}: {:?}", events(boss, "").await);
}

/// Ten refused logins.
async fn happenings(app: &TestApp) {
    for number in 0..10 {
        app.login(&format!("nobody{number}@example.com"), PASSWORD)
            .await
            .expect(401);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn old_events_are_purged_and_the_rest_stays_verifiable(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    happenings(&app).await;
    let old = events(&boss, "limit=200").await.len();
    app.advance(402 * DAY);
    app.logged_in(&boss.email).await;
    // A week later the clock is confirmed.
    app.advance(8 * DAY);
    let boss = app.logged_in(&boss.email).await;
    let sibling = app.sibling(&[], None).await;
    let purged = event_of(&boss, "events_purged", 1).await;
    assert_eq!(
        purged["details"],
        serde_json::json!({"first": 1, "last": old, "events": old})
    );
    assert_eq!(purged["actor"], "server");
    let left = events(&boss, "").await.len();
    assert!(left < 5, "{left} events are left");
    assert_eq!(verify(&app).0, 0, "{}", verify(&app).1);
    drop(sibling);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_clock_that_is_wrong_for_a_moment_purges_no_event(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    happenings(&app).await;
    let before = events(&boss, "limit=200").await;
    for number in [1, 2] {
        app.advance(402 * DAY);
        let boss = app.logged_in(&boss.email).await;
        let wrong = app.sibling(&[], None).await;
        event_of(&boss, "purge_delayed", number).await;
        drop(wrong);
        app.set_back(402 * DAY);
        // Some days later it is wrong again; what it wrote a week before confirms nothing.
        app.advance(10 * DAY);
        happenings(&app).await;
    }
    let boss = app.logged_in(&boss.email).await;
    let after = events(&boss, "limit=200").await;
    assert!(
        after.ends_with(&before),
        "events are gone: {} of {} are left",
        after.len(),
        before.len()
    );
    assert!(events(&boss, "type=events_purged").await.is_empty());
    assert_eq!(verify(&app).0, 0, "{}", verify(&app).1);
}
