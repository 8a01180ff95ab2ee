//! Two transactions that lock the same rows in another order: the one that PostgreSQL ends is made
//! again.

use std::time::Duration;

use doorward::model::throttle::{AccountCounters, Counters};
use doorward::store::attempts::{Admission, AttemptOutcome, PurgedBefore};
use rstest::rstest;
use sqlx::Connection as _;
use sqlx_postgres::PgConnection;
use uuid::Uuid;

use super::schema::names;
use super::{NOW, store_of};
use crate::support::{Engine, TestApp};

const DAY: Duration = Duration::from_hours(24);

fn strangers() -> Counters {
    Counters {
        place: Uuid::new_v4(),
        account: Some(AccountCounters {
            network: Uuid::new_v4(),
            everywhere: Uuid::new_v4(),
            fresh: Uuid::new_v4(),
        }),
        unlocks: None,
    }
}

#[tokio::test]
async fn a_transaction_that_postgres_ended_in_a_deadlock_is_made_again() {
    let app = TestApp::start(Engine::Postgres).await;
    let store = store_of(&app).await;
    let counters = strangers();
    let admitted = store.admit(counters, None, NOW).await.unwrap();
    assert_eq!(admitted, Admission::Admitted);

    let mut other = PgConnection::connect(&app.database).await.unwrap();
    let lock = |key: Uuid| sqlx::query("UPDATE throttles SET pending = pending WHERE key = $1").bind(key);
    let mut holding = other.begin().await.unwrap();
    lock(counters.account.unwrap().everywhere)
        .execute(&mut *holding)
        .await
        .unwrap();
    // It has its first row and waits for the second; it waits first, so PostgreSQL ends it and not
    // the other.
    let settling = async {
        let settled = store.settle_attempt(&counters, AttemptOutcome::Right, NOW).await;
        settled.unwrap();
    };
    let crossing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lock(counters.place).execute(&mut *holding).await.unwrap();
        holding.commit().await.unwrap();
    };
    tokio::join!(settling, crossing);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_attempt_that_is_taken_back_leaves_no_row_that_counts_nothing(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let counters = strangers();
    let admit = async || {
        assert_eq!(
            store.admit(counters, None, NOW).await.unwrap(),
            Admission::Admitted
        );
    };
    let rows = async || {
        const COUNT: &str = "SELECT CAST(count(*) AS TEXT) FROM throttles";
        names(&app, COUNT, COUNT).await.pop_first().unwrap()
    };
    admit().await;
    store.give_back(&counters).await.unwrap();
    assert_eq!(rows().await, "0");

    admit().await;
    admit().await;
    store.give_back(&counters).await.unwrap();
    assert_eq!(rows().await, "3", "another attempt is in flight");
    store
        .settle_attempt(&counters, AttemptOutcome::Wrong, NOW)
        .await
        .unwrap();
    admit().await;
    store.give_back(&counters).await.unwrap();
    assert_eq!(rows().await, "3", "a failure is counted");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_lock_is_purged_when_it_is_over_and_not_before(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let store = store_of(&app).await;
    let counters = strangers();
    for _ in 0..100 {
        // From another place each time.
        let counters = Counters {
            place: Uuid::new_v4(),
            ..counters
        };
        let admitted = store.admit(counters, None, NOW).await.unwrap();
        assert_eq!(admitted, Admission::Admitted);
        let wrong = AttemptOutcome::Wrong;
        store.settle_attempt(&counters, wrong, NOW).await.unwrap();
    }
    let purged = async |lock: Option<Duration>, after: Duration| {
        let now = NOW.plus(after);
        let before = PurgedBefore {
            places: now.minus(DAY),
            accounts: now.minus(DAY),
        };
        let (purged, _) = store
            .purge_throttles(Uuid::nil(), before, lock, now, 1000)
            .await
            .unwrap();
        purged
    };
    assert_eq!(purged(Some(DAY), DAY / 2).await, 0);
    assert_eq!(purged(None, 2 * DAY).await, 101, "places and the network");
    assert_eq!(purged(None, 1000 * DAY).await, 0, "a strict lock stays");
    assert_eq!(purged(Some(3 * DAY), 2 * DAY).await, 0);
    assert_eq!(purged(Some(DAY), 2 * DAY).await, 1);
}
