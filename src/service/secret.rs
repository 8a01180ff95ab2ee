//! Replacing the root secret: what is sealed under the previous one is sealed again,
//! or, if others may have read that secret, replaced.

use std::sync::Arc;

use super::{Failure, keys};
use crate::app::App;
use crate::crypto::audit_chain::ChainKey;
use crate::crypto::inner_keys::InnerKeys;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::{CryptoError, inner_keys, signing_keys};
use crate::model::event::{Context, Event, EventType};
use crate::store::leaked_secret::{EndedByReplacement, NewKeys};

/// Why the keys were not sealed again.
#[derive(Debug, thiserror::Error)]
pub enum RotationFailure {
    /// A signing key that no secret opens.
    #[error(
        "signing key {0} opens neither with DOORWARD_SECRET nor with DOORWARD_SECRET_PREVIOUS; set the secret that it was sealed with, or revoke it: doorward keys revoke {0}"
    )]
    Unreadable(String),
    /// A replacement of keys that would be sealed under the leaked secret.
    #[error(
        "set the new secret as DOORWARD_SECRET and the leaked one as DOORWARD_SECRET_PREVIOUS first, for the servers too"
    )]
    NoNewSecret,
    /// Another node made or revoked a key.
    #[error("a key was made or revoked meanwhile; nothing has changed, run the command again")]
    Outrun,
    /// No entropy, or an inner key that does not open.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Numbers of the keys that were sealed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotatedSecret {
    /// Signing keys.
    pub signing_keys: usize,
    /// Inner keys.
    pub inner_keys: usize,
}

/// Seals every key under the current root secret, in one transaction; none changes its value, so
/// that running nodes notice nothing. Keys that are sealed so already stay as they are.
///
/// # Errors
/// [`RotationFailure`]; the database is then as before.
pub async fn rotate(app: &App, context: &Context) -> Result<RotatedSecret, RotationFailure> {
    let secrets = &app.crypto.root_secrets;
    let (all, inner) = (
        app.store.signing_keys().await.map_err(Failure::from)?,
        app.store.inner_keys().await.map_err(Failure::from)?,
    );
    let mut signing_again = Vec::new();
    for key in all.iter().filter(|key| !key.is_wiped()) {
        let sealed = signing_keys::seal_again(key, secrets).map_err(|error| match error {
            CryptoError::WrongSecret | CryptoError::WrongSecrets => {
                RotationFailure::Unreadable(key.kid.clone())
            }
            other => RotationFailure::Crypto(other),
        })?;
        signing_again.extend(sealed.map(|sealed| (key, sealed)));
    }
    let mut inner_again = Vec::new();
    for key in &inner {
        inner_again.extend(inner_keys::seal_again(key, secrets)?.map(|sealed| (key, sealed)));
    }
    let rotated = RotatedSecret {
        signing_keys: signing_again.len(),
        inner_keys: inner_again.len(),
    };
    if signing_again.is_empty() && inner_again.is_empty() {
        return Ok(rotated);
    }
    let event = app.event(EventType::SecretRotated, context);
    let replaced = app
        .store
        .replace_seals(&signing_again, &inner_again, all.len(), &event)
        .await
        .map_err(Failure::from)?;
    if replaced {
        Ok(rotated)
    } else {
        Err(RotationFailure::Outrun)
    }
}

/// Answers a leak of the previous root secret, in one transaction: every inner key and signing key is
/// replaced, and every session, device ticket and client secret ends. The old key of the audit record
/// is kept beside the new one, to verify earlier events. Running nodes take the new keys up by the feed.
///
/// # Errors
/// [`RotationFailure`]; the database is then as before.
pub async fn replace_leaked(app: &App, context: &Context) -> Result<EndedByReplacement, RotationFailure> {
    let secrets = &app.crypto.root_secrets;
    let is_new = |previous: &RootSecret| previous.as_bytes() != secrets.current.as_bytes();
    if !secrets.previous.as_ref().is_some_and(is_new) {
        return Err(RotationFailure::NoNewSecret);
    }
    let sealed = app.store.inner_keys().await.map_err(Failure::from)?;
    let before = InnerKeys::open(&sealed, secrets)?;
    let (after, now) = (before.successor()?, app.clock.now());
    let signing = keys::only_key(app).await?;
    let replacement = NewKeys {
        inner_before: &sealed,
        inner: &after.seal(&secrets.current, now)?,
        signing: signing.as_ref(),
        chain_before: &ChainKey::of(&before),
    };
    let chain = Arc::new(ChainKey::of(&after));
    let event = Event::new(chain, EventType::SecretRotated, context, now);
    let ended = app
        .store
        .replace_keys(&replacement, &event)
        .await
        .map_err(Failure::from)?
        .ok_or(RotationFailure::Outrun)?;
    keys::reload(app).await.map_err(Failure::from)?;
    Ok(ended)
}
