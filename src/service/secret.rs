//! The last step of replacing the root secret: what is sealed under the previous one is sealed again.

use super::Failure;
use crate::app::App;
use crate::crypto::{CryptoError, inner_keys, signing_keys};
use crate::model::event::{Context, EventType};

/// Why the keys were not sealed again.
#[derive(Debug, thiserror::Error)]
pub enum RotationFailure {
    /// A signing key that no secret opens.
    #[error(
        "signing key {0} opens neither with DOORWARD_SECRET nor with DOORWARD_SECRET_PREVIOUS; set the secret that it was sealed with, or revoke it: doorward keys revoke {0}"
    )]
    Unreadable(String),
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
