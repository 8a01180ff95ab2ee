//! Signing keys, sealed: the store keeps and finds them and can read none.

use serde_json::json;

use super::feed::Change;
use super::tx::End::Commit;
use super::tx::Tx;
use super::{Store, StoreError, events, feed};
use crate::model::clock::Timestamp;
use crate::model::event::Event;
use crate::model::signing_key::{SealedKey, WIPED};

/// Revokes and wipes every signing key, and adds `key` if one is given, within a transaction that goes
/// on to append the change; gives the number of revoked keys. Fails if there is a key of its
/// generation.
pub(super) async fn replace_signing_keys(
    tx: &mut Tx,
    key: Option<&SealedKey>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let revoked = tx
        .query(
            "UPDATE signing_keys
             SET revoked_at = $1, sealed = $2
             WHERE revoked_at IS NULL",
        )
        .bind(now)
        .bind(WIPED)
        .execute()
        .await?;
    if let Some(key) = key {
        tx.query(
            "INSERT INTO signing_keys (kid, generation, algorithm, sealed, created_at, activates_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&key.kid)
        .bind(key.generation)
        .bind(&key.algorithm)
        .bind(&key.sealed)
        .bind(key.created_at)
        .bind(key.activates_at)
        .execute()
        .await?;
    }
    Ok(revoked)
}

impl Store {
    /// Every signing key that there ever was, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        self.read(
            "store signing_keys",
            "SELECT kid, generation, algorithm, sealed, created_at, activates_at, retires_at, revoked_at
             FROM signing_keys
             ORDER BY generation DESC",
        )
        .all()
        .await
    }

    /// Adds a key as the generation that it names; older ones without an end retire at
    /// `retire_older_at`. Says whether it did: of any number of nodes that add the same generation
    /// at once, one does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_signing_key(
        &self,
        key: &SealedKey,
        retire_older_at: Timestamp,
        event: &Event<'_>,
    ) -> Result<bool, StoreError> {
        self.transaction("store add_signing_key", async |tx| {
            let added = tx
                .query(
                    "INSERT INTO signing_keys (kid, generation, algorithm, sealed, created_at, activates_at)
                     VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (generation) DO NOTHING",
                )
                .bind(&key.kid)
                .bind(key.generation)
                .bind(&key.algorithm)
                .bind(&key.sealed)
                .bind(key.created_at)
                .bind(key.activates_at)
                .execute()
                .await?;
            if added == 0 {
                return Ok(Commit(false));
            }
            tx.query(
                "UPDATE signing_keys
                 SET retires_at = $2
                 WHERE generation < $1 AND retires_at IS NULL",
            )
            .bind(key.generation)
            .bind(retire_older_at)
            .execute()
            .await?;
            feed::append(tx, Change::Everything, event.at).await?;
            let details = json!({"kid": key.kid, "algorithm": key.algorithm, "activates_at": key.activates_at.rfc3339()});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(true))
        })
        .await
    }

    /// Revokes a key and wipes it: from the moment that a node knows, it accepts no token of the key,
    /// and its row cannot be made to sign again. Says whether there was such a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_signing_key(&self, kid: &str, event: &Event<'_>) -> Result<bool, StoreError> {
        self.transaction("store revoke_signing_key", async |tx| {
            let revoked = tx
                .query(
                    "UPDATE signing_keys
                     SET revoked_at = $2, sealed = $3
                     WHERE kid = $1 AND revoked_at IS NULL",
                )
                .bind(kid)
                .bind(event.at)
                .bind(WIPED)
                .execute()
                .await?;
            if revoked > 0 {
                feed::append(tx, Change::Everything, event.at).await?;
                events::append(tx, &event.clone().with(json!({"kid": kid}))).await?;
            }
            Ok(Commit(revoked > 0))
        })
        .await
    }
}
