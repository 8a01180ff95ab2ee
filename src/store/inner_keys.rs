//! Inner keys, sealed, and the change of what the keys are sealed under: the store keeps them and can
//! read none.

use serde_json::json;

use super::tx::End::{Commit, Rollback};
use super::tx::Tx;
use super::{Store, StoreError, events};
use crate::model::event::Event;
use crate::model::inner_key::SealedInnerKey;
use crate::model::signing_key::SealedKey;

/// A key, and what it is sealed as from now on.
pub type SealedAgain<K> = (K, Vec<u8>);

/// Adds a key, if there is none of its purpose and generation.
pub(super) async fn add_inner_key(tx: &mut Tx, key: &SealedInnerKey) -> Result<(), StoreError> {
    tx.query(
        "INSERT INTO inner_keys (purpose, generation, sealed, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(&key.purpose)
    .bind(key.generation)
    .bind(&key.sealed)
    .bind(key.created_at)
    .execute()
    .await
    .map(drop)
}

impl Store {
    /// Every inner key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn inner_keys(&self) -> Result<Vec<SealedInnerKey>, StoreError> {
        self.read(
            "store inner_keys",
            "SELECT purpose, generation, sealed, created_at
             FROM inner_keys
             ORDER BY purpose, generation",
        )
        .all()
        .await
    }

    /// Whether nothing was ever issued from the database: it has no accounts, sessions, signing keys
    /// or events.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_unused(&self) -> Result<bool, StoreError> {
        let (unused,) = self
            .read(
                "store is_unused",
                "SELECT NOT EXISTS (SELECT 1 FROM users)
                    AND NOT EXISTS (SELECT 1 FROM sessions)
                    AND NOT EXISTS (SELECT 1 FROM signing_keys)
                    AND NOT EXISTS (SELECT 1 FROM events)
                    AND NOT EXISTS (SELECT 1 FROM audit_chain WHERE last_id > 0)",
            )
            .one()
            .await?;
        Ok(unused)
    }

    /// Adds the keys that are not there. Of any number of nodes that add them at once, one adds all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_inner_keys(&self, keys: &[SealedInnerKey]) -> Result<(), StoreError> {
        self.transaction("store add_inner_keys", async |tx| {
            for key in keys {
                add_inner_key(tx, key).await?;
            }
            Ok(Commit(()))
        })
        .await
    }

    /// Replaces what keys are sealed as, all of them or none. Says whether it did: none, if one of
    /// them has changed meanwhile, or if there are not `of_all` signing keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_seals(
        &self,
        signing: &[SealedAgain<&SealedKey>],
        inner: &[SealedAgain<&SealedInnerKey>],
        of_all: usize,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        self.transaction("store replace_seals", async |tx| {
            for (key, sealed) in signing {
                let replaced = tx
                    .query(
                        "UPDATE signing_keys
                         SET sealed = $3
                         WHERE kid = $1 AND sealed = $2",
                    )
                    .bind(&key.kid)
                    .bind(&key.sealed)
                    .bind(sealed)
                    .execute()
                    .await?;
                if replaced != 1 {
                    return Ok(Rollback(false));
                }
            }
            for (key, sealed) in inner {
                let replaced = tx
                    .query(
                        "UPDATE inner_keys
                         SET sealed = $4
                         WHERE purpose = $1 AND generation = $2 AND sealed = $3",
                    )
                    .bind(&key.purpose)
                    .bind(key.generation)
                    .bind(&key.sealed)
                    .bind(sealed)
                    .execute()
                    .await?;
                if replaced != 1 {
                    return Ok(Rollback(false));
                }
            }
            let (there,): (i64,) = tx.query("SELECT COUNT(*) FROM signing_keys").one().await?;
            if usize::try_from(there) != Ok(of_all) {
                return Ok(Rollback(false));
            }
            let details = json!({"signing_keys": signing.len(), "inner_keys": inner.len()});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(true))
        })
        .await
    }
}
