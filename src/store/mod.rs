//! Durable state: two engines behind one concrete [`Store`], every statement written once.
//!
//! `on_reader!` and `on_writer!` give a method's body the pool of whichever engine is open; both
//! arms are type-checked. On SQLite one connection writes and a few read, so no writer ever waits
//! for SQLite's lock behind another of this process; a transaction that writes begins IMMEDIATE,
//! for a plain BEGIN that reads first fails under contention whatever the busy timeout. WAL with
//! `synchronous=FULL`: a method that returned has its change on disk.

pub mod accounts;
pub mod attempts;
pub mod authority;
pub mod events;
pub mod feed;
mod file;
pub mod keys;
mod migrations;
pub mod portability;
pub mod refresh;
pub mod roles;
pub mod sessions;
pub mod url;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx_postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx_sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::telemetry::metrics::PoolUse;
use crate::telemetry::request_context;
use file::DatabaseFile;
use migrations::{POSTGRES, SQLITE};
use refresh::Rotations;
use url::DatabaseUrl;

/// How long a request waits for a connection, and a statement for its end, before the database
/// counts as away.
const PATIENCE: Duration = Duration::from_secs(3);
/// After that a call is given up from our side: longer than the database takes to say so itself.
const DEADLINE: Duration = Duration::from_millis(4500);
/// A connection that was used within this time is not asked for a sign of life before its next use:
/// that would double the round trips.
const TRUSTED: Duration = Duration::from_millis(500);
const POSTGRES_CONNECTIONS: u32 = 10;
const SQLITE_READERS: u32 = 4;

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is away, full, locked, damaged or starting; the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// A statement that cannot succeed: a defect of ours.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] Arc<sqlx::Error>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_outage(&error) {
            Self::Unavailable(Arc::new(error))
        } else {
            Self::Refused(Arc::new(error))
        }
    }
}

impl StoreError {
    fn database(&self) -> Option<&dyn DatabaseError> {
        let (Self::Unavailable(cause) | Self::Refused(cause)) = self;
        cause.as_database_error()
    }

    /// Whether a unique index refused: the value is another row's.
    fn is_taken(&self) -> bool {
        self.database().is_some_and(DatabaseError::is_unique_violation)
    }

    /// Whether a foreign key refused: other rows name this one.
    fn is_in_use(&self) -> bool {
        self.database()
            .is_some_and(DatabaseError::is_foreign_key_violation)
    }

    /// Whether SQLite takes the file for one that is only to be read (result code READONLY).
    fn is_read_only(&self) -> bool {
        self.database()
            .and_then(DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| code & 0xff == 8)
    }

    /// Whether the statement lost against another that ran beside it, or waited for its row in vain
    /// (SQLSTATE class 40, and 55P03).
    fn is_conflict(&self) -> bool {
        self.database()
            .and_then(DatabaseError::code)
            .is_some_and(|code| code.len() == 5 && (code.starts_with("40") || code == "55P03"))
    }
}

fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| outage_code(&code)),
        _ => false,
    }
}

/// PostgreSQL's SQLSTATE classes 08 connection, 25006 read only, 53 resources, 55 object state, 57
/// operator, 58 system, 40 to try again; SQLite's primary result codes BUSY, LOCKED, NOMEM,
/// READONLY, IOERR, CORRUPT (as which it also tells that the disk failed to read), FULL, CANTOPEN
/// and NOTADB.
fn outage_code(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 7 | 8 | 10 | 11 | 13 | 14 | 26),
        _ => {
            code == "25006"
                || ["08", "40", "53", "55", "57", "58"]
                    .iter()
                    .any(|class| code.starts_with(class))
        }
    }
}

/// Why the database cannot be opened; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A newer Doorward was here.
    #[error("the database has schema version {0}, newer than this program knows; run the newer doorward")]
    Newer(i64),
    /// A migration failed.
    #[error("migration of the database failed: {0}")]
    Migration(MigrateError),
    /// The server or the file refused.
    #[error("cannot open the database: {0}")]
    Connection(#[from] sqlx::Error),
}

#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
        file: Arc<DatabaseFile>,
    },
    Postgres(PgPool),
}

/// Runs a call in a span of its own, and gives up what takes longer than the database's own time
/// limits allow: its host has vanished without a word. `place` is what [`place`] gives within the
/// method. The work stays pinned where the method has it, so that each wrapper here does not hold
/// another copy of it.
pub(crate) async fn in_time<T>(
    place: &'static str,
    work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
) -> Result<T, StoreError> {
    let work = pin!(async {
        let result = tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()));
        if result.is_err() {
            request_context::failed("the database refused or was away");
        }
        result
    });
    request_context::span(|| format!("store {}", method_of(place)).into(), work).await
}

/// Where a macro stands, as the compiler names it: the method is in it.
macro_rules! place {
    () => {{
        fn here() {}
        std::any::type_name_of_val(&here)
    }};
}

/// `standing` of `doorward::store::sessions::<impl
/// doorward::store::Store>::standing::{{closure}}::here`.
fn method_of(place: &'static str) -> &'static str {
    place
        .trim_end_matches("::here")
        .trim_end_matches("::{{closure}}")
        .rsplit("::")
        .next()
        .unwrap_or(place)
}

/// Runs a body on a connection that only reads.
macro_rules! on_reader {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { read: $db, .. } => {
                $crate::store::in_time(
                    $crate::store::place!(),
                    std::pin::pin!(async { Ok::<_, $crate::store::StoreError>($body) }),
                )
                .await?
            }
            $crate::store::Pool::Postgres($db) => {
                $crate::store::in_time(
                    $crate::store::place!(),
                    std::pin::pin!(async { Ok::<_, $crate::store::StoreError>($body) }),
                )
                .await?
            }
        }
    };
}

/// Runs a body on a connection that may write, one statement at a time.
macro_rules! on_writer {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { write: $db, file, .. } => {
                file.write(
                    $crate::store::place!(),
                    std::pin::pin!(async { Ok::<_, $crate::store::StoreError>($body) }),
                )
                .await?
            }
            $crate::store::Pool::Postgres($db) => {
                $crate::store::in_time(
                    $crate::store::place!(),
                    std::pin::pin!(async { Ok::<_, $crate::store::StoreError>($body) }),
                )
                .await?
            }
        }
    };
}

/// Runs a body in a transaction that may write, and commits it. The only way to begin one, so that
/// none on SQLite begins without IMMEDIATE.
macro_rules! in_transaction {
    ($store:expr, |$tx:ident| $body:expr) => {
        match &$store.pool {
            $crate::store::Pool::Sqlite { write, file, .. } => {
                file.write(
                    $crate::store::place!(),
                    std::pin::pin!(async {
                        let mut $tx = write.begin_with("BEGIN IMMEDIATE").await?;
                        let result = $body;
                        $tx.commit().await?;
                        Ok(result)
                    }),
                )
                .await
            }
            $crate::store::Pool::Postgres(pool) => {
                $crate::store::in_time(
                    $crate::store::place!(),
                    std::pin::pin!(async {
                        let mut $tx = pool.begin().await?;
                        let result = $body;
                        $tx.commit().await?;
                        Ok(result)
                    }),
                )
                .await
            }
        }
    };
}

pub(crate) use {in_transaction, on_reader, on_writer, place};

/// A part of a statement that stands there only if it is asked for: an index serves `column = $2`,
/// but not `$2 IS NULL OR column = $2`.
fn part(asked: bool, text: &'static str) -> &'static str {
    if asked { text } else { "" }
}

/// The open database.
pub struct Store {
    pub(crate) pool: Pool,
    rotations: Rotations,
}

impl Store {
    /// Opens the database, creating a SQLite file that only its owner may read, and brings its
    /// schema up to date under a lock.
    ///
    /// # Errors
    /// [`OpenError`], in words for the operator.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let pool = match url {
            DatabaseUrl::SqliteFile(path) => open_sqlite(path).await?,
            DatabaseUrl::SqliteMemory => {
                let file = Arc::new(DatabaseFile::in_memory());
                let pool =
                    sqlite_pool(SqliteConnectOptions::from_str("sqlite::memory:")?, 1, || false).await?;
                migrate(SQLITE.run(&pool).await)?;
                Pool::Sqlite {
                    read: pool.clone(),
                    write: pool,
                    file,
                }
            }
            DatabaseUrl::Postgres(url) => open_postgres(url).await?,
        };
        Ok(Self {
            rotations: Rotations::start(pool.clone()),
            pool,
        })
    }

    /// Whether the schema is the one that this program knows, no migration more or less.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        if let Pool::Sqlite { file, .. } = &self.pool {
            file.check()?;
        }
        let (newest, unfinished): (i64, i64) = on_reader!(self, |db| sqlx::query_as(
            "SELECT MAX(version), COUNT(CASE WHEN NOT success THEN 1 END)
             FROM _sqlx_migrations"
        )
        .fetch_one(db)
        .await?);
        let known = SQLITE.iter().map(|migration| migration.version).max();
        Ok(Some(newest) == known && unfinished == 0)
    }

    /// How the connections are used.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        fn used<D: sqlx::Database>(pool: &'static str, connections: &sqlx::Pool<D>) -> PoolUse {
            let open = usize::try_from(connections.size()).unwrap_or(usize::MAX);
            let most = usize::try_from(connections.options().get_max_connections()).unwrap_or(usize::MAX);
            PoolUse {
                pool,
                busy: open.saturating_sub(connections.num_idle()),
                idle: connections.num_idle(),
                most,
            }
        }
        match &self.pool {
            Pool::Sqlite { read, write, .. } => vec![used("read", read), used("write", write)],
            Pool::Postgres(pool) => vec![used("all", pool)],
        }
    }

    /// Closes every connection after its statement.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(path: &Path) -> Result<Pool, OpenError> {
    let failed = |cause| OpenError::File {
        path: path.display().to_string(),
        cause,
    };
    let _lock = lock_folder(path).await.map_err(failed)?;
    make_private_file(path).map_err(failed)?;
    let file = Arc::new(DatabaseFile::at(path).map_err(failed)?);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    let written = Arc::clone(&file);
    let write = sqlite_pool(options.clone(), 1, move || written.take_stale()).await?;
    migrate(SQLITE.run(&write).await)?;
    let read = sqlite_pool(options.pragma("query_only", "ON"), SQLITE_READERS, || false).await?;
    Ok(Pool::Sqlite { read, write, file })
}

/// Keeps two processes from making the same new database and secret at once. The folder is locked,
/// not the file: closing a second handle of the file itself would drop SQLite's own locks on it
/// (POSIX).
async fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = File::open(folder)?;
    let lock = move || folder.lock().map(|()| folder);
    tokio::task::spawn_blocking(lock)
        .await
        .map_err(io::Error::other)?
}

/// Creates the file with mode 0600 or brings an existing one there; SQLite gives its `-wal` and
/// `-shm` files the same mode.
fn make_private_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, Permissions::from_mode(0o600))
            } else {
                Ok(())
            }
        }
        Err(cause) => Err(cause),
    }
}

/// `stale` says that a connection must be replaced.
async fn sqlite_pool(
    options: SqliteConnectOptions,
    connections: u32,
    stale: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // When the disk fails, SQLite rolls a transaction back by itself. sqlx's own ROLLBACK then
        // fails, it believes the transaction open for ever, and every later one is refused: such a
        // connection is replaced.
        .before_acquire(move |connection, _| {
            let fit = !connection.is_in_transaction() && !stale();
            Box::pin(async move { Ok(fit) })
        })
        .connect_with(options)
        .await
}

async fn open_postgres(url: &str) -> Result<Pool, OpenError> {
    let patience = PATIENCE.as_millis().to_string();
    let options = PgConnectOptions::from_str(url)?
        .application_name("doorward")
        .options([
            ("statement_timeout", patience.as_str()),
            ("lock_timeout", patience.as_str()),
            ("idle_in_transaction_session_timeout", patience.as_str()),
        ]);
    // Migrations may take longer than a request may, so they get a connection of their own.
    let migrating = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(
            options
                .clone()
                .options([("statement_timeout", "0"), ("lock_timeout", "0")]),
        )
        .await?;
    migrate(POSTGRES.run(&migrating).await)?;
    migrating.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for < TRUSTED {
                    Ok(true)
                } else {
                    connection.ping().await.map(|()| true)
                }
            })
        })
        .connect_with(options)
        .await?;
    Ok(Pool::Postgres(pool))
}

fn migrate(done: Result<(), MigrateError>) -> Result<(), OpenError> {
    done.map_err(|error| match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            OpenError::Newer(version)
        }
        other => OpenError::Migration(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_its_method() {
        struct Store;
        impl Store {
            fn standing() -> impl FnOnce() -> &'static str {
                || place!()
            }
        }
        assert_eq!(method_of(Store::standing()()), "standing");
    }

    #[test]
    fn an_outage_is_told_from_a_defect() {
        for away in [
            "5", "261", "517", "13", "10", "11", "26", "8", "1544", "57P01", "57P03", "53300", "08006",
            "40001", "25006",
        ] {
            assert!(outage_code(away), "{away}");
        }
        for defect in ["1", "19", "2067", "22021", "23505", "42P01"] {
            assert!(!outage_code(defect), "{defect}");
        }
    }

    #[tokio::test]
    async fn sqlite_connections_write_through_to_disk_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        fs::write(&path, "").unwrap();
        let store = Store::open(&DatabaseUrl::SqliteFile(path.clone())).await.unwrap();
        for file in [
            path.clone(),
            path.with_extension("db-wal"),
            path.with_extension("db-shm"),
        ] {
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
        let Pool::Sqlite { read, write, .. } = &store.pool else {
            unreachable!()
        };
        for pool in [read, write] {
            let (journal,): (String,) = sqlx::query_as("PRAGMA journal_mode")
                .fetch_one(pool)
                .await
                .unwrap();
            let (synchronous,): (i64,) = sqlx::query_as("PRAGMA synchronous")
                .fetch_one(pool)
                .await
                .unwrap();
            let (foreign_keys,): (i64,) = sqlx::query_as("PRAGMA foreign_keys")
                .fetch_one(pool)
                .await
                .unwrap();
            assert_eq!(
                (journal.as_str(), synchronous, foreign_keys),
                ("wal", 2, 1),
                "2 is FULL"
            );
        }
        assert!(
            sqlx::query("DELETE FROM users").execute(read).await.is_err(),
            "readers cannot write"
        );
    }
}
