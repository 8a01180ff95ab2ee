//! A signing key as it lies in the database: named, and encrypted under the root secret.

/// One row of the keys.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SealedKey {
    /// The `kid` of its tokens: random, so that it tells nothing about a symmetric key.
    pub kid: String,
    /// The name of its one algorithm (RFC 8725 section 3.1).
    pub algorithm: String,
    /// The key itself, readable with the root secret only.
    pub sealed: Vec<u8>,
}
