//! The keys behind refresh tokens, device tickets, counter names and the audit chain. Stored sealed
//! under the root secret, so that the secret can be replaced and they stay.
//!
//! They are random. Those of a database that an earlier version made are derived from the root secret,
//! as that version did at each start.

use zeroize::Zeroizing;

use super::root_secret::{Key, RootSecret};
use super::root_secrets::RootSecrets;
use super::{CryptoError, random};
use crate::model::clock::Timestamp;
use crate::model::inner_key::{KeyPurpose, SealedInnerKey};

const FIRST_GENERATION: i64 = 1;

/// The inner keys, ready for use.
pub struct InnerKeys {
    pub(super) refresh_tokens: Key,
    pub(super) throttle: Key,
    pub(super) audit_chain: Key,
}

impl InnerKeys {
    /// Fresh random keys.
    ///
    /// # Errors
    /// No entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        Self::of(|_| Ok(Zeroizing::new(random()?)))
    }

    /// The keys that are derived from a root secret (HKDF).
    ///
    /// # Errors
    /// The derivation failed.
    pub fn derive(root: &RootSecret) -> Result<Self, CryptoError> {
        Self::of(|purpose| root.derive(purpose.word()))
    }

    /// Opens the keys of the database.
    ///
    /// # Errors
    /// A key that no root secret opens, or that is not there.
    pub fn open(sealed: &[SealedInnerKey], secrets: &RootSecrets) -> Result<Self, CryptoError> {
        Self::of(|purpose| {
            let newest = sealed
                .iter()
                .filter(|key| key.purpose == purpose.word())
                .max_by_key(|key| key.generation)
                .ok_or(CryptoError::Primitive("the database lacks an inner key"))?;
            let opened = secrets.open(|root| open(newest, root))?;
            let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| CryptoError::WrongSecret)?;
            Ok(Zeroizing::new(bytes))
        })
    }

    /// Seals the keys for the database.
    ///
    /// # Errors
    /// No entropy.
    pub fn seal(&self, root: &RootSecret, now: Timestamp) -> Result<Vec<SealedInnerKey>, CryptoError> {
        let seal = |&purpose: &KeyPurpose| {
            let key = match purpose {
                KeyPurpose::RefreshTokens => &self.refresh_tokens,
                KeyPurpose::Throttle => &self.throttle,
                KeyPurpose::AuditChain => &self.audit_chain,
            };
            let name = sealing_name(purpose.word(), FIRST_GENERATION);
            Ok(SealedInnerKey {
                purpose: purpose.word().to_owned(),
                generation: FIRST_GENERATION,
                sealed: root.seal(&name, key.as_ref())?,
                created_at: now,
            })
        };
        KeyPurpose::ALL.iter().map(seal).collect()
    }

    fn of(key: impl Fn(KeyPurpose) -> Result<Key, CryptoError>) -> Result<Self, CryptoError> {
        Ok(Self {
            refresh_tokens: key(KeyPurpose::RefreshTokens)?,
            throttle: key(KeyPurpose::Throttle)?,
            audit_chain: key(KeyPurpose::AuditChain)?,
        })
    }
}

/// Seals a key of the database under the current secret; none if it is already.
///
/// # Errors
/// No secret opens it, or no entropy.
pub fn seal_again(key: &SealedInnerKey, secrets: &RootSecrets) -> Result<Option<Vec<u8>>, CryptoError> {
    secrets.seal_again(&sealing_name(&key.purpose, key.generation), &key.sealed)
}

fn open(key: &SealedInnerKey, root: &RootSecret) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    root.open(&sealing_name(&key.purpose, key.generation), &key.sealed)
}

fn sealing_name(purpose: &str, generation: i64) -> String {
    format!("inner key {purpose} {generation}")
}
