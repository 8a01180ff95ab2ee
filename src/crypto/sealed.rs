//! Sealed values: encrypted for the database under the root secret, each bound to its name.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::CryptoError;
use super::root_secret::RootSecret;

impl RootSecret {
    /// Encrypts for the database: AES-256-GCM under a random nonce, bound to `name`.
    ///
    /// # Errors
    /// No entropy.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut body = plain.to_vec();
        let nonce = self
            .sealing_key()?
            .seal_in_place_append_tag(Aad::from(name), &mut body)
            .map_err(|_| CryptoError::Entropy)?;
        Ok([nonce.as_ref().as_slice(), &body].concat())
    }

    /// Opens what [`Self::seal`] made for the same `name`.
    ///
    /// # Errors
    /// [`CryptoError::WrongSecret`] if it was sealed by another secret, for another name, or changed
    /// since.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(CryptoError::WrongSecret)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::WrongSecret)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .sealing_key()?
            .open_in_place(nonce, Aad::from(name), &mut body)
            .map_err(|_| CryptoError::WrongSecret)?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn sealing_key(&self) -> Result<RandomizedNonceKey, CryptoError> {
        let key = self.derive("seal database keys")?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| CryptoError::Primitive("AES-256-GCM"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_by_its_secret_and_name() {
        let secret = RootSecret::generate().unwrap();
        let sealed = secret.seal("k1", b"inner key").unwrap();
        assert_eq!(*secret.open("k1", &sealed).unwrap(), b"inner key");
        assert_ne!(
            sealed,
            secret.seal("k1", b"inner key").unwrap(),
            "a nonce is never used twice"
        );
        assert!(secret.open("k2", &sealed).is_err());
        assert!(RootSecret::generate().unwrap().open("k1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(secret.open("k1", &bent).is_err(), "byte {at}");
        }
        assert!(secret.open("k1", b"short").is_err());
    }
}
