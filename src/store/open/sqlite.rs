//! Opening a SQLite database: a file that only its owner may read, or one in memory.
//!
//! WAL with `synchronous=FULL`: a change that was acknowledged is on disk.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::Connection as _;
use sqlx_sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{IfAbsent, OpenError, database_path};
use crate::store::file::DatabaseFile;
use crate::store::folder::lock_folder;
use crate::store::migrations::SQLITE;
use crate::store::pool::{Opened, Pool};
use crate::store::time_limits::PATIENCE;

const READERS: u32 = 4;

/// Opens the file; creates it if it is missing and may be made.
pub(super) async fn open_file(path: &Path, if_absent: IfAbsent) -> Result<Opened, OpenError> {
    let failed = |cause: io::Error| OpenError::Path {
        path: path.display().to_string(),
        why: cause.to_string(),
    };
    // A first look, because a folder that is not there cannot be locked.
    database_path::check(path, if_absent).await?;
    let _lock = lock_folder(path).await.map_err(failed)?;
    database_path::check(path, if_absent).await?;
    make_file(path).map_err(failed)?;
    database_path::make_private(path).map_err(failed)?;
    let file = Arc::new(DatabaseFile::at(path).map_err(failed)?);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    let written = Arc::clone(&file);
    let write = connections(options.clone(), 1, move || written.take_stale()).await?;
    let (chains,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'audit_chain'")
        .fetch_one(&write)
        .await?;
    SQLITE.run(&write).await?;
    let read = connections(options.pragma("query_only", "ON"), READERS, || false).await?;
    Ok(Opened {
        pool: Pool::Sqlite { read, write, file },
        chain_is_new: chains == 0,
    })
}

/// Makes a database that is gone with the process.
pub(super) async fn open_memory() -> Result<Opened, OpenError> {
    let options = SqliteConnectOptions::from_str("sqlite::memory:")?;
    let pool = connections(options, 1, || false).await?;
    SQLITE.run(&pool).await?;
    Ok(Opened {
        pool: Pool::Sqlite {
            read: pool.clone(),
            write: pool,
            file: Arc::new(DatabaseFile::in_memory()),
        },
        chain_is_new: true,
    })
}

/// Creates the file with mode 0600 if it is missing.
fn make_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

/// A pool of connections; `stale` says that a connection must be replaced before its next use.
async fn connections(
    options: SqliteConnectOptions,
    most: u32,
    stale: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(most)
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn sqlite_connections_write_through_to_disk_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.db");
        fs::write(&path, "").unwrap();
        let pool = open_file(&path, IfAbsent::Create).await.unwrap().pool;
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
        let Pool::Sqlite { read, write, .. } = &pool else {
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
