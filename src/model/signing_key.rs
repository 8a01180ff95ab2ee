//! A signing key as it lies in the database: named, and encrypted under the root secret.

use super::clock::Timestamp;

/// How tokens are signed. Each key has one algorithm for life (RFC 8725 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256: this service alone verifies.
    Hs256,
    /// Ed25519: others verify by JWKS.
    EdDsa,
    /// ECDSA on P-256.
    Es256,
    /// RSA PKCS #1 v1.5 of 2048 bits.
    Rs256,
}

impl SigningAlgorithm {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::EdDsa, Self::Es256, Self::Rs256];

    /// The name in a token's header, the database and the settings (RFC 7518 section 3.1, RFC
    /// 8037).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// One row of the keys.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SealedKey {
    /// The `kid` of its tokens: the RFC 7638 thumbprint, or, for a symmetric key, random, so that
    /// it tells nothing about the key.
    pub kid: String,
    /// Counts the keys; the newest signs.
    pub generation: i64,
    /// The name of its one algorithm.
    pub algorithm: String,
    /// The key itself, readable with the root secret only.
    pub sealed: Vec<u8>,
    /// When it was made, and so published.
    pub created_at: Timestamp,
    /// From when it signs.
    pub activates_at: Timestamp,
    /// Until when it verifies; none while no other has followed.
    pub retires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl SealedKey {
    /// Whether its tokens are still good at `now`.
    #[must_use]
    pub fn verifies(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.retires_at.is_none_or(|at| now < at)
    }
}
