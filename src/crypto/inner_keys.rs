//! The keys behind refresh tokens, device tickets, counter names and the audit chain. Stored sealed
//! under the root secret, so that the secret can be replaced and they stay.
//!
//! They are random. Those of a database that an earlier version made are derived from the root secret,
//! as that version did at each start. All are replaced together.

use zeroize::Zeroizing;

use super::root_secret::{Key, RootSecret};
use super::root_secrets::RootSecrets;
use super::{CryptoError, random};
use crate::model::clock::Timestamp;
use crate::model::inner_key::{KeyPurpose, SealedInnerKey};

/// Generation of the keys of a new database.
pub const FIRST_GENERATION: i64 = 1;

/// The inner keys, ready for use.
pub struct InnerKeys {
    pub(super) refresh_tokens: Key,
    pub(super) throttle: Key,
    pub(super) audit_chain: Key,
    pub(super) generation: i64,
    /// Keys that linked events before, with their generations. They verify only.
    pub(super) earlier_chains: Vec<(i64, Key)>,
}

impl InnerKeys {
    /// The first keys of a new database, random.
    ///
    /// # Errors
    /// No entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        Self::first(|_| Ok(Zeroizing::new(random()?)))
    }

    /// The keys that are derived from a root secret (HKDF).
    ///
    /// # Errors
    /// The derivation failed.
    pub fn derive(root: &RootSecret) -> Result<Self, CryptoError> {
        Self::first(|purpose| root.derive(purpose.word()))
    }

    /// Random keys in the place of these. Of these, only the key of the audit chain is kept, to verify
    /// the events before.
    ///
    /// # Errors
    /// No entropy.
    pub fn successor(&self) -> Result<Self, CryptoError> {
        let mut earlier_chains = self.earlier_chains.clone();
        earlier_chains.push((self.generation, self.audit_chain.clone()));
        Ok(Self {
            generation: self.generation + 1,
            earlier_chains,
            ..Self::generate()?
        })
    }

    /// Opens the keys of the database.
    ///
    /// # Errors
    /// A key that no root secret opens, or that is not there.
    pub fn open(sealed: &[SealedInnerKey], secrets: &RootSecrets) -> Result<Self, CryptoError> {
        let of = |purpose: KeyPurpose| sealed.iter().filter(move |key| key.purpose == purpose.word());
        let newest = |purpose| {
            of(purpose)
                .max_by_key(|key| key.generation)
                .ok_or(CryptoError::Primitive("the database lacks an inner key"))
        };
        let earlier = of(KeyPurpose::EarlierAuditChain).map(|key| Ok((key.generation, open(key, secrets)?)));
        Ok(Self {
            refresh_tokens: open(newest(KeyPurpose::RefreshTokens)?, secrets)?,
            throttle: open(newest(KeyPurpose::Throttle)?, secrets)?,
            audit_chain: open(newest(KeyPurpose::AuditChain)?, secrets)?,
            generation: newest(KeyPurpose::AuditChain)?.generation,
            earlier_chains: earlier.collect::<Result<_, CryptoError>>()?,
        })
    }

    /// Seals the keys for the database.
    ///
    /// # Errors
    /// No entropy.
    pub fn seal(&self, root: &RootSecret, now: Timestamp) -> Result<Vec<SealedInnerKey>, CryptoError> {
        let current = [
            (KeyPurpose::RefreshTokens, &self.refresh_tokens),
            (KeyPurpose::Throttle, &self.throttle),
            (KeyPurpose::AuditChain, &self.audit_chain),
        ];
        let current = current.map(|(purpose, key)| (purpose, self.generation, key));
        let earlier = self.earlier_chains.iter();
        let earlier = earlier.map(|(generation, key)| (KeyPurpose::EarlierAuditChain, *generation, key));
        let seal = |(purpose, generation, key): (KeyPurpose, i64, &Key)| {
            Ok(SealedInnerKey {
                purpose: purpose.word().to_owned(),
                generation,
                sealed: root.seal(&sealing_name(purpose.word(), generation), key.as_ref())?,
                created_at: now,
            })
        };
        current.into_iter().chain(earlier).map(seal).collect()
    }

    fn first(key: impl Fn(KeyPurpose) -> Result<Key, CryptoError>) -> Result<Self, CryptoError> {
        Ok(Self {
            refresh_tokens: key(KeyPurpose::RefreshTokens)?,
            throttle: key(KeyPurpose::Throttle)?,
            audit_chain: key(KeyPurpose::AuditChain)?,
            generation: FIRST_GENERATION,
            earlier_chains: Vec::new(),
        })
    }
}

/// Seals a key of the database under the current secret; none if it is already.
///
/// # Errors
/// No secret opens it, or no entropy.
pub fn seal_again(key: &SealedInnerKey, secrets: &RootSecrets) -> Result<Option<Vec<u8>>, CryptoError> {
    secrets.seal_again(&sealing_name(&key.purpose, key.generation), &key.sealed)
}

fn open(key: &SealedInnerKey, secrets: &RootSecrets) -> Result<Key, CryptoError> {
    let name = sealing_name(&key.purpose, key.generation);
    let opened = secrets.open(|root| root.open(&name, &key.sealed))?;
    let bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| CryptoError::WrongSecret)?;
    Ok(Zeroizing::new(bytes))
}

fn sealing_name(purpose: &str, generation: i64) -> String {
    format!("inner key {purpose} {generation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_chain_key_is_never_the_current_one_again() {
        let secrets = RootSecrets {
            current: RootSecret::generate().unwrap(),
            previous: None,
        };
        let first = InnerKeys::generate().unwrap();
        let after = first.successor().unwrap().successor().unwrap();
        let sealed = after.seal(&secrets.current, Timestamp::from_secs(1)).unwrap();
        let opened = InnerKeys::open(&sealed, &secrets).unwrap();
        assert_eq!((opened.generation, opened.earlier_chains.len()), (3, 2));
        assert_eq!(opened.earlier_chains[0].1, first.audit_chain);
        assert_ne!(opened.refresh_tokens, first.refresh_tokens);
        assert_ne!(opened.throttle, first.throttle);
        let (earlier, mut others): (Vec<_>, Vec<_>) = sealed
            .into_iter()
            .partition(|key| key.purpose == KeyPurpose::EarlierAuditChain.word());
        others.retain(|key| key.purpose != KeyPurpose::AuditChain.word());
        others.push(SealedInnerKey {
            purpose: KeyPurpose::AuditChain.word().to_owned(),
            ..earlier[0].clone()
        });
        assert!(InnerKeys::open(&others, &secrets).is_err());
    }
}
