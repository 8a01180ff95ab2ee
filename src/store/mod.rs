//! Durable state: two engines behind one concrete [`Store`], every statement written once.
//!
//! A method is one atomic change or one question. [`statement`] runs one text on whichever engine is
//! open, [`tx`] puts several under one commit; a change appends its event and its feed row inside the
//! same transaction. A method that returned has its change on disk. No cryptography in here: keys
//! come sealed, and the links of the audit chain from outside.

pub mod accounts;
pub mod attempts;
pub mod authority;
mod error;
pub mod events;
pub mod feed;
mod file;
pub mod keys;
mod migrations;
mod open;
mod pool;
pub mod portability;
pub mod refresh;
pub mod roles;
pub mod schema;
pub mod sessions;
mod statement;
mod tx;
pub mod url;

pub use error::StoreError;
pub use open::OpenError;
use pool::Pool;
use refresh::Rotations;
use url::DatabaseUrl;

use crate::telemetry::metrics::Reading;

/// The open database.
pub struct Store {
    pool: Pool,
    rotations: Rotations,
}

impl Store {
    /// Opens the database, creating a SQLite file that only its owner may read, and brings its
    /// schema up to date under a lock.
    ///
    /// # Errors
    /// [`OpenError`], in words for the operator.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let pool = open::open(url).await?;
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
        if let Some(file) = self.pool.file() {
            file.check()?;
        }
        let (newest, unfinished): (i64, i64) = self
            .read(
                "store is_migrated",
                "SELECT MAX(version), COUNT(CASE WHEN NOT success THEN 1 END)
                 FROM _sqlx_migrations",
            )
            .one()
            .await?;
        Ok(Some(newest) == open::newest_version() && unfinished == 0)
    }

    /// Tells how the connections are used.
    pub fn figures(&self, reading: &mut Reading) {
        self.pool.figures(reading);
    }

    /// Closes every connection after its statement.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A part of a statement that stands there only if it is asked for: an index serves `column = $2`,
/// but not `$2 IS NULL OR column = $2`.
fn part(asked: bool, text: &'static str) -> &'static str {
    if asked { text } else { "" }
}
