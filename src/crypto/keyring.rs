//! The keyring: every signing key that verifies now. It is replaced whole when another node has
//! rotated or revoked a key.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::JwkSet;

use super::signing_keys::SigningKey;
use crate::model::clock::Timestamp;
use crate::model::signing_key::SigningAlgorithm;

/// Signing keys and the choice among them.
pub struct Keyring {
    /// The keys, the newest first. Held for the time of a clone.
    keys: RwLock<Arc<Vec<SigningKey>>>,
    /// Algorithm of new tokens.
    algorithm: SigningAlgorithm,
}

impl Keyring {
    /// Takes the keys that verify, the newest first, and the algorithm of new tokens.
    pub fn new(keys: Vec<SigningKey>, algorithm: SigningAlgorithm) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            algorithm,
        }
    }

    /// Takes other keys in place of those that it has.
    pub fn replace(&self, keys: Vec<SigningKey>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Arc<Vec<SigningKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Algorithm of new tokens.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public keys that verify at `now`, those that do not sign yet included (RFC 7517); none of
    /// a symmetric algorithm.
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        JwkSet {
            keys: self
                .keys()
                .iter()
                .filter(|key| key.retires_at.is_none_or(|at| now < at))
                .filter_map(|key| key.jwk.clone())
                .collect(),
        }
    }

    /// The key among `keys` that signs at `now`; none if there is no key.
    pub fn signer<'a>(&self, keys: &'a [SigningKey], now: Timestamp) -> Option<&'a SigningKey> {
        let usable = || keys.iter().filter(|key| key.retires_at.is_none_or(|at| now < at));
        let mut begun = usable().filter(|key| key.activates_at <= now);
        // Better a key of another algorithm than none, while nodes change theirs one after the
        // other. If a clock was set back, no key may have begun. Then the oldest signs, because every
        // node is most likely to know it.
        begun
            .clone()
            .find(|key| key.algorithm == self.algorithm)
            .or_else(|| begun.next())
            .or_else(|| usable().next_back())
    }
}
