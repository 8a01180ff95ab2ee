//! What a restored database must not bring back: sessions that have ended, tickets that were void,
//! keys that were revoked, one-time passwords that were used, secrets of clients that were replaced.

use serde_json::json;
use uuid::Uuid;

use super::NO_PASSWORD;
use crate::model::event::Event;
use crate::model::session::EndReason;
use crate::model::signing_key::SealedKey;
use crate::store::clients::void_secrets;
use crate::store::feed::Change;
use crate::store::keys::replace_signing_keys;
use crate::store::sessions::end_all_sessions;
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
    /// Clients whose secrets were voided.
    pub clients: u64,
}

impl Store {
    /// Voids what [`schema`](crate::store::schema) says, in one transaction: ends every session,
    /// voids every device ticket, one-time password and secret of a client, and revokes every signing
    /// key. Adds `key`, if one is given. The feed gets the name `epoch`, so that each node reads everything again.
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
            let sessions = end_all_sessions(tx, EndReason::Restored, event.at).await?;
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
            let clients = void_secrets(tx, event.at).await?;
            let revoked = replace_signing_keys(tx, key, event.at).await?;
            let keys = revoked.len() as u64;
            tx.query("UPDATE feed_epoch SET value = $1").bind(epoch).execute().await?;
            feed::append(tx, Change::Everything).await?;
            let details = json!({
                "sessions": sessions,
                "one_time_passwords": one_time_passwords,
                "keys": keys,
                "revoked": revoked,
                "clients": clients,
            });
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Voided {
                sessions,
                one_time_passwords,
                keys,
                clients,
            }))
        })
        .await
    }
}
