//! The root secret of an installation: every internal key is sealed under it. Those of a database that
//! an earlier version made are derived from it by HKDF.
//!
//! Held in memory that is wiped on drop; never shown, not even by `Debug`. Its file is read and
//! written in [`secret_file`](super::secret_file), values are encrypted under it in
//! [`sealed`](super::sealed).

use std::fmt;

use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{CryptoError, random};

/// Least length of a root secret, in bytes (RFC 7518 section 3.2 asks as much of an HS256 key).
pub const MIN_SECRET_BYTES: usize = 32;

const KEY_BYTES: usize = 32;

/// Texts from tutorials and READMEs that are refused as a secret.
const KNOWN_EXAMPLES: &[&str] = &[
    "your-secret-key",
    "your_secret_key",
    "change-me",
    "changeme",
    "change_me",
    "supersecret",
    "super-secret",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// Key of 32 bytes for one purpose.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The one secret that an operator keeps.
#[derive(Clone)]
pub struct RootSecret(Zeroizing<Vec<u8>>);

impl RootSecret {
    /// Parses the text of a setting; none if it is too short, too simple, or a known example.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let folded = Zeroizing::new(text.to_ascii_lowercase());
        let known = KNOWN_EXAMPLES.iter().any(|example| folded.contains(example));
        let mut seen = [false; 256];
        text.bytes().for_each(|b| seen[usize::from(b)] = true);
        let varied = seen.iter().filter(|seen| **seen).count() >= 8;
        (text.len() >= MIN_SECRET_BYTES && varied && !known)
            .then(|| Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// A fresh secret of 256 random bits.
    ///
    /// # Errors
    /// No entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        let bytes = Zeroizing::new(random::<KEY_BYTES>()?);
        Ok(Self(Zeroizing::new(STANDARD.encode(*bytes).into_bytes())))
    }

    /// Bytes of the secret, for the one use where others share it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key for one purpose (HKDF-SHA-256, RFC 5869).
    ///
    /// # Errors
    /// The primitive refused.
    pub fn derive(&self, purpose: &str) -> Result<Key, CryptoError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward v1").extract(&self.0);
        let mut key = Key::default();
        let info = [purpose.as_bytes()];
        let okm = root
            .expand(&info, hkdf::HKDF_SHA256)
            .map_err(|_| CryptoError::Primitive("HKDF"))?;
        okm.fill(key.as_mut())
            .map_err(|_| CryptoError::Primitive("HKDF"))?;
        Ok(key)
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_or_well_known_secret_is_refused() {
        assert!(
            RootSecret::parse("0123456789abcdef0123456789abcde").is_none(),
            "31 bytes"
        );
        assert!(RootSecret::parse("0123456789abcdef0123456789abcdef").is_some());
        assert!(RootSecret::parse(&"x".repeat(64)).is_none());
        assert!(RootSecret::parse("your-secret-key-change-this-in-production-please").is_none());
        assert!(
            RootSecret::parse("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7").is_none(),
            "FastAPI's tutorial"
        );
    }

    #[test]
    fn keys_differ_by_purpose_and_stay_the_same() {
        let secret = RootSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(secret.derive("a").unwrap(), secret.derive("a").unwrap());
        assert_ne!(secret.derive("a").unwrap(), secret.derive("b").unwrap());
    }
}
