//! The keys that sign access tokens: made by a CSPRNG, sealed at rest, looked up by `kid` in memory
//! only (RFC 8725 section 3.10).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::root_secret::RootSecret;
use super::root_secrets::RootSecrets;
use super::{CryptoError, random};
use crate::model::clock::Timestamp;
use crate::model::signing_key::{SealedKey, SigningAlgorithm};

const KEY_BYTES: usize = 32;
const KID_BYTES: usize = 12;

/// Makes a fresh key, sealed: 256 random bits, or a private key in PKCS #8. It is the generation
/// that is asked for, made at `now`, signing from `activates_at`.
///
/// # Errors
/// No entropy.
pub fn generate(
    root: &RootSecret,
    algorithm: SigningAlgorithm,
    generation: i64,
    now: Timestamp,
    activates_at: Timestamp,
) -> Result<SealedKey, CryptoError> {
    let refused = |_| CryptoError::Primitive("key generation");
    let system = SystemRandom::new();
    let (kid, secret) = match algorithm {
        SigningAlgorithm::Hs256 => (
            Some(URL_SAFE_NO_PAD.encode(random::<KID_BYTES>()?)),
            Zeroizing::new(random::<KEY_BYTES>()?.to_vec()),
        ),
        SigningAlgorithm::EdDsa => (
            None,
            Zeroizing::new(
                Ed25519KeyPair::generate_pkcs8v1(&system)
                    .map_err(refused)?
                    .as_ref()
                    .to_vec(),
            ),
        ),
        SigningAlgorithm::Es256 => {
            let document =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system).map_err(refused)?;
            (None, Zeroizing::new(document.as_ref().to_vec()))
        }
        SigningAlgorithm::Rs256 => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).map_err(refused)?;
            let document: Pkcs8V1Der<'_> = pair.as_der().map_err(refused)?;
            (None, Zeroizing::new(document.as_ref().to_vec()))
        }
    };
    let kid = match kid {
        Some(kid) => kid,
        None => thumbprint(algorithm, &secret)?,
    };
    let mut key = SealedKey {
        sealed: Vec::new(),
        kid,
        generation,
        algorithm: algorithm.name().to_owned(),
        created_at: now,
        activates_at,
        retires_at: None,
        revoked_at: None,
    };
    key.sealed = root.seal(&sealing_name(&key), &secret)?;
    Ok(key)
}

/// Opens a sealed key for use.
///
/// # Errors
/// Another root secret, a changed row, or an algorithm that this version does not know.
pub fn open(key: &SealedKey, root: &RootSecret) -> Result<SigningKey, CryptoError> {
    let algorithm = SigningAlgorithm::parse(&key.algorithm)
        .ok_or(CryptoError::Primitive("a signing key of an unknown algorithm"))?;
    let secret = unseal(key, root)?;
    ready(
        key.kid.clone(),
        algorithm,
        &secret,
        key.activates_at,
        key.retires_at,
    )
}

/// Seals a key of the database under the current secret, for its row; none if it is already.
///
/// # Errors
/// No secret opens it, or no entropy.
pub fn seal_again(key: &SealedKey, secrets: &RootSecrets) -> Result<Option<Vec<u8>>, CryptoError> {
    let name = sealing_name(key);
    if secrets.current.open(&name, &key.sealed).is_ok() {
        return Ok(None);
    }
    let secret = secrets.open(|root| unseal(key, root))?;
    Ok(Some(secrets.current.seal(&name, &secret)?))
}

/// Seals a key with its whole row, under the same secret: an earlier version sealed it with its id
/// only. None if it is sealed with its row already, or if no secret opens it.
///
/// # Errors
/// No entropy.
pub fn bind(key: &SealedKey, secrets: &RootSecrets) -> Result<Option<Vec<u8>>, CryptoError> {
    for root in secrets.all() {
        if let Ok(secret) = root.open(&earlier_sealing_name(&key.kid), &key.sealed) {
            return Ok(Some(root.seal(&sealing_name(key), &secret)?));
        }
    }
    Ok(None)
}

/// Seals each key that has no end for the row that it has when it ends at `at`, under the same secret.
/// A key that does not open is left out.
///
/// # Errors
/// No entropy.
pub fn seal_retired<'a>(
    keys: &'a [SealedKey],
    at: Timestamp,
    secrets: &RootSecrets,
) -> Result<Vec<(&'a SealedKey, Vec<u8>)>, CryptoError> {
    let mut sealed = Vec::new();
    for key in keys.iter().filter(|key| key.retires_at.is_none()) {
        let retired = SealedKey {
            retires_at: Some(at),
            ..key.clone()
        };
        for root in secrets.all() {
            if let Ok(secret) = unseal(key, root) {
                sealed.push((key, root.seal(&sealing_name(&retired), &secret)?));
                break;
            }
        }
    }
    Ok(sealed)
}

/// The key that a team shares with its other services (`DOORWARD_JWT_SECRET`), under a `kid` that
/// is derived from it one way.
///
/// # Errors
/// The derivation failed.
pub fn shared(secret: &RootSecret) -> Result<SigningKey, CryptoError> {
    let kid = URL_SAFE_NO_PAD.encode(&secret.derive("kid of a shared signing key")?[..KID_BYTES]);
    ready(
        kid,
        SigningAlgorithm::Hs256,
        secret.as_bytes(),
        Timestamp::from_secs(0),
        None,
    )
}

fn ready(
    kid: String,
    algorithm: SigningAlgorithm,
    secret: &[u8],
    activates_at: Timestamp,
    retires_at: Option<Timestamp>,
) -> Result<SigningKey, CryptoError> {
    let signs = encoding_key(algorithm, secret)?;
    let (verifies, jwk) = if algorithm == SigningAlgorithm::Hs256 {
        (DecodingKey::from_secret(secret), None)
    } else {
        let mut jwk = public_jwk(algorithm, &signs)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        (
            DecodingKey::from_jwk(&jwk).map_err(|_| CryptoError::Primitive("public key"))?,
            Some(jwk),
        )
    };
    Ok(SigningKey {
        kid,
        algorithm,
        signs,
        verifies,
        jwk,
        activates_at,
        retires_at,
    })
}

fn encoding_key(algorithm: SigningAlgorithm, secret: &[u8]) -> Result<EncodingKey, CryptoError> {
    match algorithm {
        SigningAlgorithm::Hs256 => Ok(EncodingKey::from_secret(secret)),
        SigningAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(secret)),
        SigningAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(secret)),
        SigningAlgorithm::Rs256 => {
            // The crate takes RSA keys from PKCS #8 as PEM only.
            let body = Zeroizing::new(STANDARD.encode(secret));
            let pem = Zeroizing::new(format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                *body
            ));
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| CryptoError::Primitive("RSA key"))
        }
    }
}

fn public_jwk(algorithm: SigningAlgorithm, signs: &EncodingKey) -> Result<Jwk, CryptoError> {
    Jwk::from_encoding_key(signs, jwa(algorithm)).map_err(|_| CryptoError::Primitive("public key"))
}

/// RFC 7638, SHA-256.
fn thumbprint(algorithm: SigningAlgorithm, secret: &[u8]) -> Result<String, CryptoError> {
    let jwk = public_jwk(algorithm, &encoding_key(algorithm, secret)?)?;
    jwk.thumbprint(ThumbprintHash::SHA256)
        .map_err(|_| CryptoError::Primitive("thumbprint"))
}

/// The library's name for it.
pub(super) const fn jwa(algorithm: SigningAlgorithm) -> Algorithm {
    match algorithm {
        SigningAlgorithm::Hs256 => Algorithm::HS256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::Rs256 => Algorithm::RS256,
    }
}

/// Opens what was sealed for the row as it is. Also opens what an earlier version sealed, which was for
/// the id only: the next start seals it again.
fn unseal(key: &SealedKey, root: &RootSecret) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    root.open(&sealing_name(key), &key.sealed)
        .or_else(|_| root.open(&earlier_sealing_name(&key.kid), &key.sealed))
}

/// Everything in the row that says what the key is good for: a row that was edited does not open.
fn sealing_name(key: &SealedKey) -> String {
    let SealedKey {
        kid,
        generation,
        algorithm,
        created_at,
        activates_at,
        retires_at,
        ..
    } = key;
    let end = retires_at.map_or_else(|| "none".to_owned(), |at| at.micros().to_string());
    format!(
        "row of signing key {kid} {generation} {algorithm} {} {} {end}",
        created_at.micros(),
        activates_at.micros()
    )
}

fn earlier_sealing_name(kid: &str) -> String {
    format!("signing key {kid}")
}

/// A signing key ready for use, with the one algorithm that it is good for.
pub struct SigningKey {
    /// The `kid` of its tokens.
    pub kid: String,
    /// Its algorithm; a token's own claim about that is only compared with it.
    pub algorithm: SigningAlgorithm,
    /// The half that signs.
    pub signs: EncodingKey,
    /// The half that verifies.
    pub verifies: DecodingKey,
    /// The public half as others may know it (RFC 7517); none of a symmetric key.
    pub jwk: Option<Jwk>,
    /// Time from which it signs.
    pub activates_at: Timestamp,
    /// Time until which it verifies.
    pub retires_at: Option<Timestamp>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
