//! Signing keys: the first one, planned rotation, revocation, and taking up what another node did.
//!
//! A planned rotation publishes the new key first and lets the old one verify until its last token
//! has ended, so clients notice nothing. A revocation is for the bad day: every token of the key is
//! refused as soon as a node knows.

use std::time::Duration;

use super::Failure;
use crate::app::start::{self, StartError, UsableKeys};
use crate::app::{App, OWN};
use crate::crypto::CryptoError;
use crate::crypto::inner_keys::InnerKeys;
use crate::crypto::signing_keys::{self, SigningKey};
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::event::{Context, EventType};
use crate::model::signing_key::{SealedKey, next_generation};
use crate::store::StoreError;

/// Time for which a new key is published before it signs; longer than others may keep our JWKS
/// ([`JWKS_MAX_AGE`]).
pub const PUBLISHED_AHEAD: Duration = Duration::from_mins(10);
/// Time until every node has taken up a new key: the feed's bound of a second, and clocks that
/// stand a little apart.
pub const KNOWN_EVERYWHERE: Duration = Duration::from_secs(5);
/// Time for which others may keep our JWKS.
pub const JWKS_MAX_AGE: Duration = Duration::from_mins(5);

/// Every key there ever was, the newest first.
///
/// # Errors
/// An infrastructure failure.
pub async fn list(app: &App) -> Result<Vec<SealedKey>, Failure> {
    Ok(app.store.signing_keys().await?)
}

/// Adds the next key, which signs from `activates_at`; older ones verify until the last token that
/// they can have signed has ended. Says its `kid`, or none if another node was first.
///
/// # Errors
/// An infrastructure failure, or no entropy.
pub async fn rotate(
    app: &App,
    activates_at: Timestamp,
    context: &Context,
) -> Result<Option<String>, Failure> {
    let keys = app.store.signing_keys().await?;
    let generation = next_generation(&keys);
    let (root, algorithm, now) = (
        app.crypto.root_secrets.current.clone(),
        app.crypto.access_tokens.algorithm(),
        app.clock.now(),
    );
    // An RSA key takes a good part of a second to make.
    let key = tokio::task::spawn_blocking(move || {
        signing_keys::generate(&root, algorithm, generation, now, activates_at)
    });
    let key = key
        .await
        .map_err(|cause| Failure::Internal(cause.to_string()))??;
    let end = start::retirement(activates_at, app.crypto.access_tokens.ttl_secs());
    let retired = signing_keys::seal_retired(&keys, end, &app.crypto.root_secrets)?;
    let event = app.event(EventType::KeyRotated, context);
    let added = app.store.add_signing_key(&key, end, &retired, &event).await?;
    reload(app).await?;
    Ok(added.then_some(key.kid))
}

/// Rotates if the newest key that is not revoked is older than `interval`. Of any number of nodes
/// that find so at once, one does.
///
/// # Errors
/// An infrastructure failure, or no entropy.
pub async fn rotate_if_due(app: &App, interval: Duration) -> Result<(), Failure> {
    let now = app.clock.now();
    let keys = app.store.signing_keys().await?;
    // A key of the far future was made before a clock was set back; to wait for its interval may
    // take years.
    let is_due =
        |key: &SealedKey| key.created_at.plus(interval) <= now || key.created_at > now.plus(NODES_APART);
    let due = keys
        .iter()
        .find(|key| key.revoked_at.is_none())
        .is_none_or(is_due);
    if due && let Some(kid) = rotate(app, now.plus(PUBLISHED_AHEAD), &OWN).await? {
        log::info!(kid = kid.as_str(); "new signing key published; it signs in ten minutes");
    }
    Ok(())
}

/// Revokes a key at once. If no other would go on signing, the next one is made first, so that
/// there is always one. Says whether there was such a key.
///
/// # Errors
/// An infrastructure failure, or no entropy.
pub async fn revoke(app: &App, kid: &str, context: &Context) -> Result<bool, Failure> {
    let now = app.clock.now();
    let keys = app.store.signing_keys().await?;
    if !keys.iter().any(|key| key.kid == kid && key.revoked_at.is_none()) {
        return Ok(false);
    }
    let goes_on = |key: &SigningKey| key.kid != kid && key.retires_at.is_none() && key.activates_at <= now;
    if !usable(app).await?.keys.iter().any(goes_on) {
        rotate(app, now, context).await?;
    }
    let revoked = app
        .store
        .revoke_signing_key(kid, &app.event(EventType::KeyRevoked, context))
        .await?;
    reload(app).await?;
    Ok(revoked)
}

/// Makes a key that signs from now on, for the place of all others; none if the key is not in the
/// database.
///
/// # Errors
/// An infrastructure failure, or no entropy.
pub async fn only_key(app: &App) -> Result<Option<SealedKey>, Failure> {
    if app.config.tokens.shares_its_key() {
        return Ok(None);
    }
    let generation = next_generation(&app.store.signing_keys().await?);
    let (root, algorithm) = (
        &app.crypto.root_secrets.current,
        app.crypto.access_tokens.algorithm(),
    );
    let now = app.clock.now();
    Ok(Some(signing_keys::generate(
        root, algorithm, generation, now, now,
    )?))
}

/// Why the keys of the database were not taken up.
#[derive(Debug, thiserror::Error)]
pub enum ReloadFailure {
    /// The inner keys are sealed under a root secret that this process does not have.
    #[error(
        "the keys of the database were sealed under another root secret while this node ran; set DOORWARD_SECRET to it: {0}"
    )]
    SecretReplaced(CryptoError),
    /// Another failure, which may pass.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<StoreError> for ReloadFailure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ReloadFailure> for Failure {
    fn from(failure: ReloadFailure) -> Self {
        match failure {
            ReloadFailure::SecretReplaced(_) => Self::Internal(failure.to_string()),
            ReloadFailure::Failed(failure) => failure,
        }
    }
}

/// Takes up the keys as the database has them now: the inner keys and the signing keys.
///
/// # Errors
/// [`ReloadFailure`]; keys that were not taken up stay as they are then.
pub async fn reload(app: &App) -> Result<(), ReloadFailure> {
    // One at a time: of two readings the older must not be installed last.
    let _one_at_a_time = app.crypto.reloading.lock().await;
    let sealed = app.store.inner_keys().await?;
    let inner = InnerKeys::open(&sealed, &app.crypto.root_secrets).map_err(|error| match error {
        CryptoError::WrongSecret | CryptoError::WrongSecrets => ReloadFailure::SecretReplaced(error),
        other => ReloadFailure::Failed(other.into()),
    })?;
    app.crypto.replace_inner_keys(&inner);
    if !app.config.tokens.shares_its_key() {
        app.crypto.access_tokens.replace_keys(usable(app).await?.logged());
    }
    Ok(())
}

async fn usable(app: &App) -> Result<UsableKeys, Failure> {
    start::usable_keys(&app.store, &app.crypto.root_secrets, app.clock.now())
        .await
        .map_err(|error| match error {
            StartError::Store(error) => error.into(),
            other => Failure::Internal(other.to_string()),
        })
}
