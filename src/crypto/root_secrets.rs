//! The root secret, and while it is replaced the other one, which also opens.

use super::CryptoError;
use super::root_secret::RootSecret;

/// The root secrets of the settings.
#[derive(Debug, Clone)]
pub struct RootSecrets {
    /// Seals, and opens.
    pub current: RootSecret,
    /// Also opens.
    pub previous: Option<RootSecret>,
}

impl RootSecrets {
    /// Both of them, or the one.
    pub fn all(&self) -> impl Iterator<Item = &RootSecret> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Opens something with the secret, else with the previous one.
    ///
    /// # Errors
    /// [`CryptoError::WrongSecret`] or, if a previous one is set, [`CryptoError::WrongSecrets`] if
    /// neither opens it; or an error of `open`.
    pub fn open<T>(&self, open: impl Fn(&RootSecret) -> Result<T, CryptoError>) -> Result<T, CryptoError> {
        let Some(previous) = &self.previous else {
            return open(&self.current);
        };
        for root in [&self.current, previous] {
            match open(root) {
                Err(CryptoError::WrongSecret) => {}
                other => return other,
            }
        }
        Err(CryptoError::WrongSecrets)
    }

    /// Seals a sealed value under the current secret; none if it is already.
    ///
    /// # Errors
    /// No secret opens it, or no entropy.
    pub(super) fn seal_again(&self, name: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, CryptoError> {
        if self.current.open(name, sealed).is_ok() {
            return Ok(None);
        }
        let plain = self.open(|root| root.open(name, sealed))?;
        Ok(Some(self.current.seal(name, &plain)?))
    }
}
