//! A signing key as it is stored: named, and encrypted under the root secret.

use strum::{EnumString, IntoStaticStr, VariantArray};

use super::clock::Timestamp;

/// Algorithm that signs tokens. Each key has one for life (RFC 8725 section 3.1). The word of a
/// variant is its name in a token's header, the database and the settings (RFC 7518 section 3.1, RFC
/// 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256: only holders of the secret verify.
    #[strum(serialize = "HS256")]
    Hs256,
    /// Ed25519: others verify by JWKS.
    #[strum(serialize = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256.
    #[strum(serialize = "ES256")]
    Es256,
    /// RSA PKCS #1 v1.5 of 2048 bits.
    #[strum(serialize = "RS256")]
    Rs256,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Name of the algorithm.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Algorithm of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// Content of a row whose key was revoked: nothing that opens.
pub const WIPED: &[u8] = &[];

/// Row of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SealedKey {
    /// The `kid` of its tokens: the RFC 7638 thumbprint, or, for a symmetric key, random, so that
    /// it tells nothing about the key.
    pub kid: String,
    /// Counts the keys; the newest signs.
    pub generation: i64,
    /// The name of its one algorithm.
    pub algorithm: String,
    /// The key itself, readable with the root secret only; [`WIPED`] since it was revoked.
    pub sealed: Vec<u8>,
    /// Time of its making, and so of its publication.
    pub created_at: Timestamp,
    /// Time from which it signs.
    pub activates_at: Timestamp,
    /// Time until which it verifies; none while no other has followed.
    pub retires_at: Option<Timestamp>,
    /// Time of its revocation.
    pub revoked_at: Option<Timestamp>,
}

/// The generation of the key after these, of which the newest is the first.
#[must_use]
pub fn next_generation(newest_first: &[SealedKey]) -> i64 {
    newest_first.first().map_or(1, |key| key.generation + 1)
}

impl SealedKey {
    /// Whether its tokens are still good at `now`.
    #[must_use]
    pub fn verifies(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.retires_at.is_none_or(|at| now < at)
    }

    /// Whether there is nothing in it any more.
    #[must_use]
    pub fn is_wiped(&self) -> bool {
        self.sealed == WIPED
    }
}
