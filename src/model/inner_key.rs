//! An inner key as it is stored: named by its purpose, and encrypted under the root secret.

use strum::IntoStaticStr;

use super::clock::Timestamp;

/// Purpose of an inner key. Its word is the name in the database, and the name under which earlier
/// versions derived the key from the root secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum KeyPurpose {
    /// Signs refresh tokens.
    #[strum(serialize = "refresh tokens")]
    RefreshTokens,
    /// Names counters of attempts, and signs device tickets.
    #[strum(serialize = "throttle")]
    Throttle,
    /// Links the events of the audit record.
    #[strum(serialize = "audit chain")]
    AuditChain,
    /// Verifies the events that it linked, and links none any more: it may be known to others. It has
    /// another word than before, so that its row does not open as the row of the current key.
    #[strum(serialize = "audit chain, verifies only")]
    EarlierAuditChain,
}

impl KeyPurpose {
    /// Word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// Row of an inner key.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SealedInnerKey {
    /// The word of its [`KeyPurpose`].
    pub purpose: String,
    /// Counts the replacements of all inner keys, from 1.
    pub generation: i64,
    /// The key itself, readable with the root secret only.
    pub sealed: Vec<u8>,
    /// Time at which it was stored.
    pub created_at: Timestamp,
}
