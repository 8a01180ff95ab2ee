//! The result of a verification, and the reason why a hash was not computed.

/// Reason why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full, the job waited too long, or there is no memory for it now.
    #[error("the password hashing queue is full, or there is no memory for a hash")]
    Busy,
    /// Argon2 or the random number generator refused.
    #[error("hashing a password failed: {0}")]
    CryptoError(&'static str),
}

/// Result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right and its hash costs what is configured.
    Right,
    /// The password is right; its hash was made at another cost or by another system and should be
    /// replaced.
    RightButOutdated,
    /// Wrong password, no account, or a stored hash that cannot be verified.
    Wrong,
}
