//! Opening the database: the connections, the schema brought up to date under a lock.

mod database_path;
mod error;
mod if_absent;
pub(super) mod postgres;
pub(super) mod sqlite;

pub use error::OpenError;
pub use if_absent::IfAbsent;

use super::migrations::SQLITE;
use super::pool::Opened;
use super::url::DatabaseUrl;

/// Connects, and brings the schema up to date.
///
/// # Errors
/// [`OpenError`].
pub(super) async fn open(url: &DatabaseUrl, if_absent: IfAbsent) -> Result<Opened, OpenError> {
    match (url, if_absent) {
        (DatabaseUrl::SqliteFile(path), _) => sqlite::open_file(path, if_absent).await,
        (DatabaseUrl::SqliteMemory, IfAbsent::Create) => sqlite::open_memory().await,
        (DatabaseUrl::SqliteMemory, IfAbsent::Refuse) => Err(OpenError::Absent(url.to_string())),
        (DatabaseUrl::Postgres(server), _) => postgres::open_server(server, url, if_absent).await,
    }
}

/// The version of the newest migration that this program knows.
pub(super) fn newest_version() -> Option<i64> {
    SQLITE.iter().map(|migration| migration.version).max()
}
