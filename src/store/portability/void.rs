//! What a restored database must not bring back: sessions that have ended, tickets that were void,
//! keys that were revoked, one-time passwords that were used.

use serde_json::json;
use uuid::Uuid;

use super::NO_PASSWORD;
use crate::model::event::Event;
use crate::model::session::EndReason;
use crate::model::signing_key::{SealedKey, WIPED};
use crate::store::feed::Change;
use crate::store::tx::End::Commit;
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, events, feed};

/// Numbers of what was voided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voided {
    /// Sessions that were live.
    pub sessions: u64,
    /// One-time passwords.
    pub one_time_passwords: u64,
    /// Signing keys.
    pub keys: u64,
}

impl Store {
    /// Voids what [`schema`](crate::store::schema) says, in one transaction: ends every session,
    /// voids every device ticket and one-time password, and revokes every signing key. Adds `key`, if
    /// one is given. The feed gets the name `epoch`, so that each node reads everything again.
    ///
    /// A ticket names the password version. Versions issued after the backup are unknown, so every
    /// account gets the time in microseconds, which is above any number of changes.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then.
    pub async fn void_restored(
        &self,
        key: Option<&SealedKey>,
        epoch: Uuid,
        event: &Event<'_>,
    ) -> Result<Voided, StoreError> {
        let tx = Tx::begin_unhurried(&self.pool).await?;
        tx.run(async |tx| {
            let sessions = tx
                .query(
                    "UPDATE sessions
                     SET ended_at = $1, end_reason = $2
                     WHERE ended_at IS NULL",
                )
                .bind(event.at)
                .bind(EndReason::Restored.word())
                .execute()
                .await?;
            tx.query(
                "UPDATE users
                 SET password_version = CASE WHEN password_version < $1 THEN $1 ELSE password_version + 1 END",
            )
            .bind(event.at)
            .execute()
            .await?;
            let one_time_passwords = tx
                .query(
                    "UPDATE users
                     SET password_hash = $1
                     WHERE password_expires_at IS NOT NULL AND password_hash <> $1",
                )
                .bind(NO_PASSWORD)
                .execute()
                .await?;
            let keys = tx
                .query(
                    "UPDATE signing_keys
                     SET revoked_at = $1, sealed = $2
                     WHERE revoked_at IS NULL",
                )
                .bind(event.at)
                .bind(WIPED)
                .execute()
                .await?;
            if let Some(key) = key {
                // Does not give way to another key of its generation, as `add_signing_key` does: it fails.
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
            tx.query("UPDATE feed_epoch SET value = $1").bind(epoch).execute().await?;
            feed::append(tx, Change::Everything, event.at).await?;
            let details = json!({"sessions": sessions, "one_time_passwords": one_time_passwords, "keys": keys});
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Voided {
                sessions,
                one_time_passwords,
                keys,
            }))
        })
        .await
    }
}
