//! Two transactions that lock the same rows in another order: the one that PostgreSQL ends is made
//! again.

use std::time::Duration;

use doorward::model::throttle::Counters;
use doorward::store::attempts::Admission;
use doorward::store::attempts::AttemptOutcome;
use rstest::rstest;
use sqlx::Connection as _;
use sqlx_postgres::PgConnection;
use uuid::Uuid;

use super::schema::names;
use super::{NOW, store_of};
use crate::support::{Engine, TestApp};

#[tokio::test]
async fn a_transaction_that_postgres_ended_in_a_deadlock_is_made_again() {
    let app = TestApp::start(Engine::Postgres).await;
    let store = store_of(&app).await;
    let counters = Counters {
        place: Uuid::new_v4(),
        account: Some(Uuid::new_v4()),
        unlocks: None,
    };
    let admitted = store.admit(counters, None, NOW).await.unwrap();
    assert_eq!(admitted, Admission::Admitted);

    let mut other = PgConnection::connect(&app.database).await.unwrap();
    let lock = |key: Uuid| sqlx::query("UPDATE throttles SET pending = pending WHERE key = $1").bind(key);
    let mut holding = other.begin().await.unwrap();
    lock(counters.account.unwrap())
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
    let counters = Counters {
        place: Uuid::new_v4(),
        account: Some(Uuid::new_v4()),
        unlocks: None,
    };
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
    assert_eq!(rows().await, "2", "another attempt is in flight");
    let wrong = AttemptOutcome::Wrong { locked_until: NOW };
    store.settle_attempt(&counters, wrong, NOW).await.unwrap();
    admit().await;
    store.give_back(&counters).await.unwrap();
    assert_eq!(rows().await, "2", "a failure is counted");
}
