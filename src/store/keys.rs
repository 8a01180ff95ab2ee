//! Signing keys, sealed: the store keeps and finds them and can read none.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::feed::Change;
use super::inner_keys::SealedAgain;
use super::tx::End::{Commit, Rollback};
use super::tx::Tx;
use super::{Store, StoreError, events, feed};
use crate::model::clock::Timestamp;
use crate::model::event::{Event, EventType};
use crate::model::signing_key::{SealedKey, WIPED};

/// Revokes and wipes every signing key, and adds `key` if one is given, within a transaction that goes
/// on to append the change; gives the ids of the revoked keys, for its event. Fails if there is a key of
/// its generation.
pub(super) async fn replace_signing_keys(
    tx: &mut Tx,
    key: Option<&SealedKey>,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let revoked: Vec<(String,)> = tx
        .query(
            "UPDATE signing_keys
             SET revoked_at = $1, sealed = $2
             WHERE revoked_at IS NULL
             RETURNING kid",
        )
        .bind(now)
        .bind(WIPED)
        .all()
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
    Ok(revoked.into_iter().map(|(kid,)| kid).collect())
}

/// Ids of the keys that an event says were revoked.
fn revoked_in((details,): (String,)) -> Vec<String> {
    // Details that are no JSON are none of ours; a verification of the record finds them.
    let details: Value = serde_json::from_str(&details).unwrap_or_default();
    let one = details["kid"].as_str().filter(|_| details["revoked"].is_null());
    let several = details["revoked"].as_array().into_iter().flatten();
    one.into_iter()
        .chain(several.filter_map(Value::as_str))
        .map(str::to_owned)
        .collect()
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

    /// Adds a key. Older keys without an end get the end `retire_older_at`; `retired` has their new
    /// seals. Gives false if another node added the same generation first, or if a key in `retired`
    /// has changed since it was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_signing_key(
        &self,
        key: &SealedKey,
        retire_older_at: Timestamp,
        retired: &[SealedAgain<&SealedKey>],
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
                return Ok(Rollback(false));
            }
            for (key, sealed) in retired {
                let replaced = tx
                    .query(
                        "UPDATE signing_keys
                         SET sealed = $3, retires_at = $4
                         WHERE kid = $1 AND sealed = $2 AND retires_at IS NULL",
                    )
                    .bind(&key.kid)
                    .bind(&key.sealed)
                    .bind(sealed)
                    .bind(retire_older_at)
                    .execute()
                    .await?;
                if replaced != 1 {
                    return Ok(Rollback(false));
                }
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
            feed::append(tx, Change::Everything).await?;
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
                feed::append(tx, Change::Everything).await?;
                events::append(tx, &event.clone().with(json!({"kid": kid}))).await?;
            }
            Ok(Commit(revoked > 0))
        })
        .await
    }

    /// Seals a key for its row, if it is sealed still as it was read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_signing_seal(&self, key: &SealedKey, sealed: &[u8]) -> Result<(), StoreError> {
        self.write(
            "store replace_signing_seal",
            "UPDATE signing_keys
             SET sealed = $3
             WHERE kid = $1 AND sealed = $2",
        )
        .bind(&key.kid)
        .bind(&key.sealed)
        .bind(sealed)
        .execute()
        .await
        .map(drop)
    }

    /// Wipes the keys that have ended before `before`: no token of theirs is good any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn wipe_ended_signing_keys(&self, before: Timestamp) -> Result<(), StoreError> {
        self.write(
            "store wipe_ended_signing_keys",
            "UPDATE signing_keys
             SET sealed = $2
             WHERE retires_at < $1 AND sealed <> $2",
        )
        .bind(before)
        .bind(WIPED)
        .execute()
        .await
        .map(drop)
    }

    /// Ids of the keys whose revocation is in the audit record. It tells if the row of a key was put
    /// back as it was before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoked_signing_keys(&self) -> Result<HashSet<String>, StoreError> {
        let events: Vec<(String,)> = self
            .read(
                "store revoked_signing_keys",
                "SELECT details
                 FROM events
                 WHERE type IN ($1, $2, $3)",
            )
            .bind(EventType::KeyRevoked.word())
            .bind(EventType::Restored.word())
            .bind(EventType::SecretRotated.word())
            .all()
            .await?;
        Ok(events.into_iter().flat_map(revoked_in).collect())
    }
}
