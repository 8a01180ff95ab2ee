//! Handle of the open database: its connections, and the way to the task that commits rotations.
//! What can be asked of it stands in the file of each matter.

use super::pool::{Opened, Pool};
use super::refresh::Rotations;
use super::url::DatabaseUrl;
use super::{IfAbsent, OpenError, StoreError, open};
use crate::telemetry::metrics::Reading;

/// The open database.
pub struct Store {
    pub(super) pool: Pool,
    pub(super) rotations: Rotations,
    /// Whether the chain of events was made by the migrations of this start.
    pub(super) chain_is_new: bool,
}

impl Store {
    /// Opens the database and brings its schema up to date under a lock. A SQLite file that is
    /// created may be read by its owner only.
    ///
    /// # Errors
    /// [`OpenError`], in words for the operator.
    pub async fn open(url: &DatabaseUrl, if_absent: IfAbsent) -> Result<Self, OpenError> {
        let Opened { pool, chain_is_new } = open::open(url, if_absent).await?;
        Ok(Self {
            rotations: Rotations::start(pool.clone()),
            pool,
            chain_is_new,
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
