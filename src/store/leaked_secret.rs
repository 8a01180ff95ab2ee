//! The answer to a leaked root secret: every key that it opened is replaced, and what was issued with
//! them ends.

use serde_json::json;

use super::clients::void_secrets;
use super::feed::Change;
use super::inner_keys::add_inner_key;
use super::keys::replace_signing_keys;
use super::sessions::end_all_sessions;
use super::tx::End::{Commit, Rollback};
use super::tx::Tx;
use super::{Store, StoreError, events, feed};
use crate::model::event::{ChainLinks, Event};
use crate::model::inner_key::SealedInnerKey;
use crate::model::session::EndReason;
use crate::model::signing_key::SealedKey;

/// Keys in the place of others.
pub struct NewKeys<'a> {
    /// The inner keys as they were read.
    pub inner_before: &'a [SealedInnerKey],
    /// The inner keys from now on.
    pub inner: &'a [SealedInnerKey],
    /// The signing key from now on; none if it is not in the database.
    pub signing: Option<&'a SealedKey>,
    /// The key that has linked the events so far.
    pub chain_before: &'a dyn ChainLinks,
}

/// Numbers of what a replacement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedByReplacement {
    /// Sessions that were live.
    pub sessions: u64,
    /// Signing keys that were not revoked before.
    pub signing_keys: u64,
    /// Clients, whose secrets have ended.
    pub clients: u64,
}

impl Store {
    /// Replaces the inner keys, revokes and wipes every signing key, ends every session and the
    /// secrets of all clients, in one transaction. The key of `event` links it and all that follow.
    /// None if one of the keys has changed since it was read.
    ///
    /// Earlier secrets of clients do not verify under the new keys. A node that still has the old keys
    /// refuses them by the generation in the client's row.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then.
    pub async fn replace_keys(
        &self,
        keys: &NewKeys<'_>,
        event: &Event<'_>,
    ) -> Result<Option<EndedByReplacement>, StoreError> {
        let tx = Tx::begin_unhurried(&self.pool).await?;
        tx.run(async |tx| {
            if !replace_inner_keys(tx, keys).await? {
                return Ok(Rollback(None));
            }
            let sessions = end_all_sessions(tx, EndReason::SecretLeaked, event.at).await?;
            let clients = void_secrets(tx, event.at).await?;
            let revoked = match replace_signing_keys(tx, keys.signing, event.at).await {
                Err(error) if error.is_taken() => return Ok(Rollback(None)),
                done => done?,
            };
            feed::append(tx, Change::Everything).await?;
            if !events::replace_key(tx, keys.chain_before, event.key()).await? {
                return Ok(Rollback(None));
            }
            let details = json!({
                "leaked": true,
                "sessions": sessions,
                "signing_keys": revoked.len(),
                "inner_keys": keys.inner_before.len(),
                "kid": keys.signing.map(|key| &key.kid),
                "revoked": revoked,
                "clients": clients,
            });
            events::append(tx, &event.clone().with(details)).await?;
            Ok(Commit(Some(EndedByReplacement {
                sessions,
                signing_keys: revoked.len() as u64,
                clients,
            })))
        })
        .await
    }
}

/// Says whether it did: not if the rows are others than were read.
async fn replace_inner_keys(tx: &mut Tx, keys: &NewKeys<'_>) -> Result<bool, StoreError> {
    for key in keys.inner_before {
        let deleted = tx
            .query(
                "DELETE FROM inner_keys
                 WHERE purpose = $1 AND generation = $2 AND sealed = $3",
            )
            .bind(&key.purpose)
            .bind(key.generation)
            .bind(&key.sealed)
            .execute()
            .await?;
        if deleted != 1 {
            return Ok(false);
        }
    }
    let (others,): (bool,) = tx.query("SELECT EXISTS (SELECT 1 FROM inner_keys)").one().await?;
    if others {
        return Ok(false);
    }
    for key in keys.inner {
        add_inner_key(tx, key).await?;
    }
    Ok(true)
}
