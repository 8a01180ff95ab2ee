//! Signing keys, sealed: the store keeps and finds them and can read none.

use super::{Store, StoreError, on_reader, on_writer};
use crate::model::clock::Timestamp;
use crate::model::signing_key::SealedKey;

impl Store {
    /// Every signing key, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT kid, algorithm, sealed
             FROM signing_keys
             ORDER BY generation DESC",
        )
        .fetch_all(db)
        .await?))
    }

    /// Stores a key as the first generation; does nothing if there is one, so of any number of nodes that start at once exactly one key comes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn insert_first_signing_key(&self, key: &SealedKey, now: Timestamp) -> Result<(), StoreError> {
        on_writer!(self, |db| sqlx::query(
            "INSERT INTO signing_keys (kid, generation, algorithm, sealed, created_at)
             VALUES ($1, 1, $2, $3, $4)
             ON CONFLICT (generation) DO NOTHING",
        )
        .bind(&key.kid)
        .bind(&key.algorithm)
        .bind(&key.sealed)
        .bind(now)
        .execute(db)
        .await
        .map(drop)?);
        Ok(())
    }
}
