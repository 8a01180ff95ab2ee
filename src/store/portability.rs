//! In bulk: accounts in and out, a copy of the file, and the whole of one database into another.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;
use sqlx::{AssertSqlSafe, Transaction};
use sqlx_postgres::Postgres;
use sqlx_sqlite::Sqlite;
use uuid::Uuid;

use super::events::append_event;
use super::{Pool, Store, StoreError, on_reader};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::Event;
use crate::model::ids::{Subject, UserId};

/// An account that comes from elsewhere, or goes there.
#[derive(Debug, Clone)]
pub struct TransferredUser {
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// Its address.
    pub email: Email,
    /// The hash of its password in the form of the system that made it; [`NO_PASSWORD`] if it has
    /// none.
    pub password_hash: String,
    /// When the password ends, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
    /// Its role.
    pub role: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last session began.
    pub last_login_at: Option<Timestamp>,
}

/// Rows of one statement: SQLite looks each parameter up by its name, so the cost of a statement
/// grows with the square of their number.
const ROWS: usize = 32;

/// What stands for the hash of a password that nobody has.
pub const NO_PASSWORD: &str = "!";

/// An account as a page of an export has it.
#[derive(Debug, sqlx::FromRow)]
pub struct ExportedUser {
    /// Where the next page begins.
    pub id: UserId,
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// Its address.
    pub email: String,
    /// The hash of its password.
    pub password_hash: String,
    /// When the password ends, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
    /// Its role.
    pub role: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last session began.
    pub last_login_at: Option<Timestamp>,
}

/// `($1, $2), ($3, $4)` for two rows of two.
fn placeholders(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({})", numbers.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Begins a transaction that writes, on either engine, without the time limits of requests.
macro_rules! in_bulk {
    ($store:expr, |$tx:ident| $body:expr) => {
        match &$store.pool {
            Pool::Sqlite { write, .. } => {
                let work = async {
                    let mut $tx = write.begin_with("BEGIN IMMEDIATE").await?;
                    $body
                };
                work.await
            }
            Pool::Postgres(pool) => {
                let work = async {
                    let mut $tx = pool.begin().await?;
                    without_limits(&mut $tx).await?;
                    $body
                };
                work.await
            }
        }
    };
}

async fn without_limits(tx: &mut Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut **tx)
        .await?;
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut **tx)
        .await
        .map(drop)
}

impl Store {
    /// Stores accounts in one transaction, leaving out those whose address or subject is there;
    /// says how many it stored. A rehearsal says the same and stores nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn import_users(
        &self,
        users: &[TransferredUser],
        rehearsal: bool,
        event: &Event<'_>,
    ) -> Result<u64, StoreError> {
        in_bulk!(self, |tx| {
            let mut imported = 0;
            for rows in users.chunks(ROWS) {
                let statement = format!(
                    "INSERT INTO users (subject, email, email_key, password_hash, password_expires_at, role, is_active, created_at, last_login_at)
                     VALUES {}
                     ON CONFLICT DO NOTHING",
                    placeholders(rows.len(), 9)
                );
                let bound =
                    rows.iter()
                        .fold(sqlx::query(AssertSqlSafe(statement.as_str())), |query, user| {
                            query
                                .bind(user.subject)
                                .bind(user.email.as_str())
                                .bind(user.email.key())
                                .bind(&user.password_hash)
                                .bind(user.password_expires_at)
                                .bind(&user.role)
                                .bind(user.is_active)
                                .bind(user.created_at)
                                .bind(user.last_login_at)
                        });
                imported += bound.execute(&mut *tx).await?.rows_affected();
            }
            if !rehearsal && imported > 0 {
                append_event!(tx, event.clone().with(json!({"imported": imported})));
                tx.commit().await?;
            }
            Ok(imported)
        })
    }

    /// A page of accounts with their hashes, in the order of ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn export_users(&self, after: UserId, limit: i64) -> Result<Vec<ExportedUser>, StoreError> {
        on_reader!(self, |db| {
            Ok(sqlx::query_as(
            "SELECT id, subject, email, password_hash, password_expires_at, role, is_active, created_at, last_login_at
             FROM users
             WHERE id > $1
             ORDER BY id
             LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(db)
        .await?)
        })
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_users(&self) -> Result<i64, StoreError> {
        let (count,): (i64,) = on_reader!(self, |db| sqlx::query_as("SELECT COUNT(*) FROM users")
            .fetch_one(db)
            .await?);
        Ok(count)
    }

    /// Copies the SQLite file as it is at this moment into a new one that only its owner may read,
    /// while others read and write.
    ///
    /// # Errors
    /// [`BackupError`]; an unfinished file is removed.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let Pool::Sqlite { write, .. } = &self.pool else {
            return Err(BackupError::NotSqlite);
        };
        let path = to.to_str().ok_or(BackupError::Unreadable)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?;
        let copied = async {
            // A connection of its own: the writers go on meanwhile.
            let mut connection = sqlx::ConnectOptions::connect(&*write.connect_options()).await?;
            sqlx::query("VACUUM INTO $1")
                .bind(path)
                .execute(&mut connection)
                .await?;
            sqlx::Connection::close(connection).await
        };
        let finished = copied
            .await
            .map_err(BackupError::from)
            .and_then(|()| Ok(File::open(to)?.sync_all()?));
        if finished.is_err() {
            std::fs::remove_file(to)?;
        }
        finished
    }
}

/// Why there is no copy of the file.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has tools of its own.
    #[error("only a SQLite database is a file; for PostgreSQL use pg_dump")]
    NotSqlite,
    /// The path is no UTF-8.
    #[error("the file's name is not UTF-8")]
    Unreadable,
    /// The file.
    #[error("the file: {0}")]
    File(#[from] io::Error),
    /// The database.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
}

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

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One moment of one database, or all of what is written to another.
enum CopyTransaction {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

macro_rules! on_held {
    ($held:expr, |$tx:ident| $body:expr) => {
        match $held {
            CopyTransaction::Sqlite($tx) => $body,
            CopyTransaction::Postgres($tx) => $body,
        }
    };
}

/// A table as it is copied: a page in the order of its key, and the rows into the same table
/// elsewhere.
macro_rules! table {
    ($row:ident, $table:literal, $key:ident: $key_type:ty, [$($column:ident: $kind:ty),* $(,)?]) => {
        #[derive(sqlx::FromRow)]
        struct $row {
            $($column: $kind),*
        }

        impl $row {
            const COLUMNS: &[&str] = &[$(stringify!($column)),*];

            /// Copies the whole table; says how many rows.
            async fn copy(from: &mut CopyTransaction, to: &mut CopyTransaction, first: $key_type, progress: &mut dyn FnMut(&str, u64)) -> Result<u64, CopyError> {
                // Rust spells the column `type` otherwise.
                let columns = Self::COLUMNS.join(", ").replace("r#", "");
                let page = format!("SELECT {columns} FROM {} WHERE {} > $1 ORDER BY {} LIMIT {PAGE}", $table, stringify!($key), stringify!($key));
                let (mut after, mut total) = (first, 0);
                loop {
                    let rows: Vec<Self> =
                        on_held!(&mut *from, |tx| sqlx::query_as(AssertSqlSafe(page.as_str())).bind(after.clone()).fetch_all(&mut **tx).await?);
                    let Some(last) = rows.last() else { return Ok(total) };
                    after = last.$key.clone();
                    total += rows.len() as u64;
                    for rows in rows.chunks(ROWS) {
                        let statement = format!("INSERT INTO {} ({columns}) VALUES {}", $table, placeholders(rows.len(), Self::COLUMNS.len()));
                        on_held!(&mut *to, |tx| {
                            let bound =
                                rows.iter().fold(sqlx::query(AssertSqlSafe(statement.as_str())), |query, row| query$(.bind(row.$column.clone()))*);
                            bound.execute(&mut **tx).await?;
                        });
                    }
                    progress($table, total);
                }
            }
        }
    };
}

/// Rows read at once.
const PAGE: usize = 1000;

table!(RoleRow, "roles", name: String, [name: String, permissions: String, version: i64]);
table!(UserRow, "users", id: i64, [
    id: i64, subject: Uuid, email: String, email_key: String, password_hash: String, password_version: i64, password_expires_at: Option<i64>, role: String,
    is_active: bool, created_at: i64, last_login_at: Option<i64>, version: i64,
]);
table!(SessionRow, "sessions", id: Uuid, [
    id: Uuid, user_id: i64, counter: i64, created_at: i64, idle_expires_at: i64, expires_at: i64, ended_at: Option<i64>, last_used_at: i64,
    rotated_at: Option<i64>, ip: String, user_agent: String, end_reason: Option<String>,
]);
table!(KeyRow, "signing_keys", kid: String, [
    kid: String, generation: i64, algorithm: String, sealed: Vec<u8>, created_at: i64, activates_at: i64, retires_at: Option<i64>, revoked_at: Option<i64>,
]);
table!(StoredEvent, "events", id: i64, [
    id: i64, created_at: i64, r#type: String, actor: String, actor_id: Option<i64>, user_id: Option<i64>, session_id: Option<Uuid>, ip: String,
    request_id: String, details: String, link: Vec<u8>,
]);
table!(ChainRow, "audit_chain", last_id: i64, [first_id: i64, first_link: Vec<u8>, last_id: i64, last_link: Vec<u8>, seal: Vec<u8>]);

impl Store {
    /// Copies everything into an empty database of either engine, as it is at one moment, in one transaction: all of it arrives, or nothing. The feed
    /// stays behind: it is for those who run on this database. `progress` hears of each table and its rows so far.
    ///
    /// # Errors
    /// [`CopyError`]; the other database is then as empty as before.
    pub async fn copy_into(
        &self,
        other: &Self,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<u64, CopyError> {
        let mut from = match &self.pool {
            Pool::Sqlite { read, .. } => CopyTransaction::Sqlite(read.begin().await?),
            Pool::Postgres(pool) => {
                let mut tx = pool
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    .await?;
                without_limits(&mut tx).await?;
                CopyTransaction::Postgres(tx)
            }
        };
        let mut to = match &other.pool {
            Pool::Sqlite { write, .. } => CopyTransaction::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => {
                let mut tx = pool.begin().await?;
                without_limits(&mut tx).await?;
                CopyTransaction::Postgres(tx)
            }
        };
        on_held!(&mut to, |tx| {
            let (there,): (i64,) =
                sqlx::query_as("SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM signing_keys) + (SELECT last_id FROM audit_chain)")
                    .fetch_one(&mut **tx)
                    .await?;
            if there > 0 {
                return Err(CopyError::NotEmpty);
            }
            sqlx::query("DELETE FROM roles").execute(&mut **tx).await?;
            sqlx::query("DELETE FROM audit_chain").execute(&mut **tx).await?;
        });
        let mut total = RoleRow::copy(&mut from, &mut to, String::new(), progress).await?;
        total += UserRow::copy(&mut from, &mut to, 0, progress).await?;
        total += SessionRow::copy(&mut from, &mut to, Uuid::nil(), progress).await?;
        total += KeyRow::copy(&mut from, &mut to, String::new(), progress).await?;
        total += StoredEvent::copy(&mut from, &mut to, 0, progress).await?;
        total += ChainRow::copy(&mut from, &mut to, -1, progress).await?;
        carry_numbering(&mut from, &mut to).await?;
        match to {
            CopyTransaction::Sqlite(tx) => tx.commit().await?,
            CopyTransaction::Postgres(tx) => tx.commit().await?,
        }
        Ok(total)
    }
}

/// The number of an account that was deleted is not given again on the other side either.
async fn carry_numbering(from: &mut CopyTransaction, to: &mut CopyTransaction) -> Result<(), CopyError> {
    let last: Option<(i64,)> = match from {
        CopyTransaction::Sqlite(tx) => {
            sqlx::query_as("SELECT seq FROM sqlite_sequence WHERE name = 'users'")
                .fetch_optional(&mut **tx)
                .await?
        }
        CopyTransaction::Postgres(tx) => {
            sqlx::query_as("SELECT last_value FROM users_id_seq WHERE is_called")
                .fetch_optional(&mut **tx)
                .await?
        }
    };
    let Some((last,)) = last else { return Ok(()) };
    match to {
        CopyTransaction::Sqlite(tx) => {
            sqlx::query("DELETE FROM sqlite_sequence WHERE name = 'users'")
                .execute(&mut **tx)
                .await?;
            sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('users', $1)")
                .bind(last)
                .execute(&mut **tx)
                .await?;
        }
        CopyTransaction::Postgres(tx) => {
            sqlx::query("SELECT setval('users_id_seq', $1)")
                .bind(last)
                .execute(&mut **tx)
                .await?;
        }
    }
    Ok(())
}
