//! The list of tables is the database's.

use rstest::rstest;
use std::collections::BTreeSet;

use doorward::store::schema::{Fate, TABLES};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::support::{Engine, TestApp};

/// The names that a statement of either engine finds.
pub(super) async fn names(app: &TestApp, sqlite: &str, postgres: &str) -> BTreeSet<String> {
    let found: Vec<(String,)> = if app.database.starts_with("postgres") {
        let mut connection = sqlx_postgres::PgConnection::connect(&app.database).await.unwrap();
        let found = sqlx::query_as(AssertSqlSafe(postgres))
            .fetch_all(&mut connection)
            .await;
        found.unwrap()
    } else {
        let mut connection = sqlx_sqlite::SqliteConnection::connect(&app.database)
            .await
            .unwrap();
        let found = sqlx::query_as(AssertSqlSafe(sqlite))
            .fetch_all(&mut connection)
            .await;
        found.unwrap()
    };
    found.into_iter().map(|(name,)| name).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_table_is_named_once_as_copied_or_left_behind(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let sqlite =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let there = names(
        &app,
        sqlite,
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .await;
    let named: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    assert_eq!(
        named, there,
        "src/store/schema.rs names the tables that there are"
    );
    assert_eq!(named.len(), TABLES.len(), "a table twice");
    for table in TABLES {
        match table.fate {
            Fate::Copied(columns) => {
                let sqlite = format!("SELECT name FROM pragma_table_info('{}')", table.name);
                let postgres = format!(
                    "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '{}'",
                    table.name
                );
                let there = names(&app, &sqlite, &postgres).await;
                let named: BTreeSet<String> = columns.iter().map(|column| column.name.to_owned()).collect();
                assert_eq!(named, there, "the columns of {}", table.name);
            }
            Fate::LeftBehind(because) => assert!(!because.is_empty(), "{} says why", table.name),
        }
    }
}
