//! Failure to open the database, in words for the operator.

use std::time::Duration;

use sqlx::migrate::MigrateError;

/// Why the database cannot be opened; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of a SQLite database, or its folder.
    #[error("DATABASE_URL: {path}: {why}")]
    Path {
        /// The file.
        path: String,
        /// The fault and its cure.
        why: String,
    },
    /// A command that makes no database found none.
    #[error("there is no database at {0}; set DATABASE_URL")]
    Absent(String),
    /// The database holds the migrations of another program.
    #[error("{0} holds the tables of another program that uses sqlx; give Doorward a database of its own")]
    Foreign(String),
    /// A newer Doorward has migrated it.
    #[error("the database has schema version {0}, newer than this program knows; run the newer doorward")]
    Newer(i64),
    /// A migration failed.
    #[error("migration of the database failed: {0}")]
    Migration(MigrateError),
    /// Nothing answered at the server's address.
    #[error("PostgreSQL at {address} did not answer within {after:?}: {cause}")]
    Unreachable {
        /// Host and port, or the folder of the socket.
        address: String,
        /// How long was waited.
        after: Duration,
        /// The last try's end, in words.
        cause: String,
    },
    /// The server or the file refused.
    #[error("cannot open the database: {0}")]
    Connection(#[from] sqlx::Error),
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
                Self::Newer(version)
            }
            other => Self::Migration(other),
        }
    }
}
