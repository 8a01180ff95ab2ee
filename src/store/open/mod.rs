//! Opening the database: the connections, the schema brought up to date under a lock.

mod error;
pub(super) mod postgres;
pub(super) mod sqlite;

pub use error::OpenError;

use super::migrations::SQLITE;
use super::pool::Opened;
use super::url::DatabaseUrl;

/// Connects, and brings the schema up to date.
///
/// # Errors
/// [`OpenError`].
pub(super) async fn open(url: &DatabaseUrl) -> Result<Opened, OpenError> {
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
