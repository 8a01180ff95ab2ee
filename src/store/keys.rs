//! Signing keys, sealed: the store keeps and finds them and can read none.

use serde_json::json;

use super::events::append_event;
use super::feed::append_change;
use super::{Store, StoreError, in_transaction, on_reader};
use crate::model::clock::Timestamp;
use crate::model::event::Event;
use crate::model::ids::{SessionId, UserId};
use crate::model::signing_key::SealedKey;

impl Store {
    /// Every signing key that there ever was, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn signing_keys(&self) -> Result<Vec<SealedKey>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(
            "SELECT kid, generation, algorithm, sealed, created_at, activates_at, retires_at, revoked_at
             FROM signing_keys
             ORDER BY generation DESC",
        )
        .fetch_all(db)
        .await?))
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
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
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
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                sqlx::query(
                    "UPDATE signing_keys
                     SET retires_at = $2
                     WHERE generation < $1 AND retires_at IS NULL",
                )
                .bind(key.generation)
                .bind(retire_older_at)
                .execute(&mut *tx)
                .await?;
                append_change!(tx, None::<SessionId>, None::<UserId>, None::<&str>, event.at);
                append_event!(
                    tx,
                    event.clone().with(json!({"kid": key.kid, "algorithm": key.algorithm, "activates_at": key.activates_at.rfc3339()}))
                );
            }
            rows > 0
        })
    }

    /// Revokes a key: from the moment that a node knows, no token of it is good there. Says whether
    /// there was such a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_signing_key(&self, kid: &str, event: &Event<'_>) -> Result<bool, StoreError> {
        in_transaction!(self, |tx| {
            let rows = sqlx::query(
                "UPDATE signing_keys
                 SET revoked_at = $2
                 WHERE kid = $1 AND revoked_at IS NULL",
            )
            .bind(kid)
            .bind(event.at)
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if rows > 0 {
                append_change!(tx, None::<SessionId>, None::<UserId>, None::<&str>, event.at);
                append_event!(tx, event.clone().with(json!({"kid": kid})));
            }
            rows > 0
        })
    }
}
