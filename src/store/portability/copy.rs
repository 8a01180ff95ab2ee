//! The whole of one database into another, table by table as [`schema`](crate::store::schema) has
//! them.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::placeholders::{ROWS, placeholders};
use crate::store::schema::{Column, Fate, Kind, TABLES};
use crate::store::statement::{EngineRow, Statement};
use crate::store::tx::End::{Commit, Rollback};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError};

/// Rows read at once.
const PAGE: usize = 1000;

/// Why one database was not copied into another.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is something in the other.
    #[error("the other database is not empty; copy into a new one")]
    NotEmpty,
    /// Either of them.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Copies the database into an empty one of either engine, as it is at one moment, in one
    /// transaction: all of it arrives, or nothing. Gives the number of rows; `progress` hears of the
    /// number so far.
    ///
    /// # Errors
    /// [`CopyError`]; the other database is then as empty as before.
    pub async fn copy_into(&self, other: &Self, progress: &mut dyn FnMut(u64)) -> Result<u64, CopyError> {
        let mut from = Tx::begin_snapshot(&self.pool).await?;
        let to = Tx::begin_unhurried(&other.pool).await?;
        let copied = to.run(async |to| {
            if !is_new(to).await? {
                return Ok(Rollback(None));
            }
            // The rows that the migrations and an opening have put there.
            to.query("DELETE FROM inner_keys").execute().await?;
            to.query("DELETE FROM roles").execute().await?;
            to.query("DELETE FROM audit_chain").execute().await?;
            let mut total = 0;
            for table in TABLES {
                match table.fate {
                    Fate::Copied(columns) => {
                        let mut tell = |rows| progress(total + rows);
                        total += copy_table(&mut from, to, table.name, columns, &mut tell).await?;
                    }
                    Fate::LeftBehind(_) => {}
                }
            }
            carry_numbering(&mut from, to).await?;
            Ok(Commit(Some(total)))
        });
        copied.await?.ok_or(CopyError::NotEmpty)
    }
}

/// Whether the database is unused.
async fn is_new(tx: &mut Tx) -> Result<bool, StoreError> {
    let (there,): (i64,) = tx
        .query("SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM signing_keys) + (SELECT last_id FROM audit_chain)")
        .one()
        .await?;
    Ok(there == 0)
}

/// Copies a table page by page in the order of its key; gives the number of rows.
async fn copy_table(
    from: &mut Tx,
    to: &mut Tx,
    table: &str,
    columns: &[Column],
    progress: &mut dyn FnMut(u64),
) -> Result<u64, StoreError> {
    let names = columns
        .iter()
        .map(|column| column.name)
        .collect::<Vec<_>>()
        .join(", ");
    let key = &columns[0];
    let page = |condition: &str| {
        AssertSqlSafe(format!(
            "SELECT {names} FROM {table} {condition} ORDER BY {} LIMIT {PAGE}",
            key.name
        ))
    };
    let after = format!("WHERE {} > $1", key.name);
    let mut rows = from.query(page("")).rows().await?;
    let mut total = 0;
    while let Some(last) = rows.last() {
        let next = bind(from.query(page(&after)), last, 0, key.kind)?;
        for rows in rows.chunks(ROWS) {
            let values = placeholders(rows.len(), columns.len());
            let mut insert = to.query(AssertSqlSafe(format!(
                "INSERT INTO {table} ({names}) VALUES {values}"
            )));
            for row in rows {
                for (place, column) in columns.iter().enumerate() {
                    insert = bind(insert, row, place, column.kind)?;
                }
            }
            insert.execute().await?;
        }
        total += rows.len() as u64;
        progress(total);
        rows = next.rows().await?;
    }
    Ok(total)
}

/// Binds a column of a row as the next value, in the form of the statement's engine.
fn bind<'c>(
    statement: Statement<'c>,
    row: &EngineRow,
    place: usize,
    kind: Kind,
) -> Result<Statement<'c>, StoreError> {
    Ok(match kind {
        Kind::Number => statement.bind(row.get::<Option<i64>>(place)?),
        Kind::Text => statement.bind(row.get::<Option<String>>(place)?),
        Kind::Flag => statement.bind(row.get::<Option<bool>>(place)?),
        Kind::Bytes => statement.bind(row.get::<Option<Vec<u8>>>(place)?),
        Kind::Uuid => statement.bind(row.get::<Option<Uuid>>(place)?),
    })
}

/// The number of an account that was deleted is not given again on the other side either.
async fn carry_numbering(from: &mut Tx, to: &mut Tx) -> Result<(), StoreError> {
    let last = match from {
        Tx::Sqlite(_) => "SELECT seq FROM sqlite_sequence WHERE name = 'users'",
        Tx::Postgres(_) => "SELECT last_value FROM users_id_seq WHERE is_called",
    };
    let last: Option<(i64,)> = from.query(last).optional().await?;
    let Some((last,)) = last else { return Ok(()) };
    let set = match to {
        Tx::Sqlite(_) => {
            to.query("DELETE FROM sqlite_sequence WHERE name = 'users'")
                .execute()
                .await?;
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('users', $1)"
        }
        Tx::Postgres(_) => "SELECT setval('users_id_seq', $1)",
    };
    to.query(set).bind(last).execute().await.map(drop)
}
