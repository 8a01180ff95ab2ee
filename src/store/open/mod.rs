//! Opening the database: the connections, the schema brought up to date under a lock.

pub(super) mod postgres;
pub(super) mod sqlite;

use std::io;
use std::time::Duration;

use sqlx::migrate::MigrateError;

use super::migrations::SQLITE;
use super::pool::Pool;
use super::url::DatabaseUrl;

/// How long a request waits for a connection, and a statement for its end, before the database
/// counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why the database cannot be opened; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// The operating system's words.
        cause: io::Error,
    },
    /// A newer Doorward has migrated it.
    #[error("the database has schema version {0}, newer than this program knows; run the newer doorward")]
    Newer(i64),
    /// A migration failed.
    #[error("migration of the database failed: {0}")]
    Migration(MigrateError),
    /// The server or the file refused.
    #[error("cannot open the database: {0}")]
    Connection(#[from] sqlx::Error),
}

/// Connects, and brings the schema up to date.
///
/// # Errors
/// [`OpenError`].
pub(super) async fn open(url: &DatabaseUrl) -> Result<Pool, OpenError> {
    match url {
        DatabaseUrl::SqliteFile(path) => sqlite::open_file(path).await,
        DatabaseUrl::SqliteMemory => sqlite::open_memory().await,
        DatabaseUrl::Postgres(url) => postgres::open_server(url).await,
    }
}

/// The version of the newest migration that this program knows.
pub(super) fn newest_version() -> Option<i64> {
    SQLITE.iter().map(|migration| migration.version).max()
}

fn migrated(done: Result<(), MigrateError>) -> Result<(), OpenError> {
    done.map_err(|error| match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            OpenError::Newer(version)
        }
        other => OpenError::Migration(other),
    })
}
