//! Access tokens of this service: keys, issuer, audience, lifetime, and the memory of proved tokens.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;

use super::proved::ProvedTokens;
use crate::crypto::keyring::Keyring;
use crate::crypto::signing_keys::SigningKey;
use crate::model::clock::Timestamp;
use crate::model::signing_key::SigningAlgorithm;

/// Issues and verifies access tokens.
pub struct AccessTokens {
    pub(super) keyring: Keyring,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) ttl: Duration,
    pub(super) proved: ProvedTokens,
}

impl AccessTokens {
    /// Takes the keys that verify, the newest first, and what new tokens say and live.
    #[must_use]
    pub fn new(
        keys: Vec<SigningKey>,
        algorithm: SigningAlgorithm,
        issuer: String,
        audience: String,
        ttl: Duration,
    ) -> Self {
        Self {
            keyring: Keyring::new(keys, algorithm),
            issuer,
            audience,
            ttl,
            proved: ProvedTokens::new(),
        }
    }

    /// Takes other keys in place of those that it has: a token that only an old one proved is not
    /// valid from now on.
    pub fn replace_keys(&self, keys: Vec<SigningKey>) {
        self.keyring.replace(keys);
        self.proved.clear();
    }

    /// The public keys that verify at `now`, those that do not sign yet included (RFC 7517); none
    /// of a symmetric algorithm.
    #[must_use]
    pub fn jwks(&self, now: Timestamp) -> JwkSet {
        self.keyring.jwks(now)
    }

    /// Time since which the key that signs at `now` does; none if there is no key.
    #[must_use]
    pub fn signing_since(&self, now: Timestamp) -> Option<Timestamp> {
        let keys = self.keyring.keys();
        self.keyring.signer(&keys, now).map(|key| key.activates_at)
    }

    /// Algorithm of new tokens.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.keyring.algorithm()
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `aud` of every token.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Life of a token in whole seconds: `expires_in`.
    #[must_use]
    pub const fn ttl_secs(&self) -> u64 {
        self.ttl.as_secs()
    }
}
