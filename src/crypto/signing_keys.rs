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
    Ok(SealedKey {
        sealed: root.seal(&sealing_name(&kid), &secret)?,
        kid,
        generation,
        algorithm: algorithm.name().to_owned(),
        created_at: now,
        activates_at,
        retires_at: None,
        revoked_at: None,
    })
}

/// Opens a sealed key for use.
///
/// # Errors
/// Another root secret, a changed row, or an algorithm that this version does not know.
pub fn open(key: &SealedKey, root: &RootSecret) -> Result<SigningKey, CryptoError> {
    let algorithm = SigningAlgorithm::parse(&key.algorithm)
        .ok_or(CryptoError::Primitive("a signing key of an unknown algorithm"))?;
    let secret = root.open(&sealing_name(&key.kid), &key.sealed)?;
    ready(
        key.kid.clone(),
        algorithm,
        &secret,
        key.activates_at,
        key.retires_at,
    )
}

/// Seals a key of the database under the current secret; none if it is already.
///
/// # Errors
/// No secret opens it, or no entropy.
pub fn seal_again(key: &SealedKey, secrets: &RootSecrets) -> Result<Option<Vec<u8>>, CryptoError> {
    secrets.seal_again(&sealing_name(&key.kid), &key.sealed)
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

fn sealing_name(kid: &str) -> String {
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
mod tests {
    use super::*;

    #[test]
    fn a_sealed_key_tells_nothing_and_its_jwk_only_the_public_half() {
        let root = RootSecret::generate().unwrap();
        for &algorithm in SigningAlgorithm::ALL {
            let sealed = generate(
                &root,
                algorithm,
                1,
                Timestamp::from_secs(1),
                Timestamp::from_secs(1),
            )
            .unwrap();
            let key = open(&sealed, &root).unwrap();
            assert_eq!((key.algorithm, &key.kid), (algorithm, &sealed.kid));
            assert_eq!(SigningAlgorithm::parse(&sealed.algorithm), Some(algorithm));
            match key.jwk {
                None => assert_eq!(algorithm, SigningAlgorithm::Hs256),
                Some(jwk) => {
                    let json = serde_json::to_value(&jwk).unwrap();
                    assert_eq!(
                        (&json["alg"], &json["use"], &json["kid"]),
                        (
                            &algorithm.name().into(),
                            &"sig".into(),
                            &sealed.kid.clone().into()
                        )
                    );
                    assert!(
                        ["d", "p", "q", "dp", "dq", "qi", "k"]
                            .iter()
                            .all(|private| json.get(private).is_none()),
                        "{json}"
                    );
                    assert_eq!(
                        jwk.thumbprint(ThumbprintHash::SHA256).unwrap(),
                        sealed.kid,
                        "RFC 7638"
                    );
                }
            }
            assert!(open(&sealed, &RootSecret::generate().unwrap()).is_err());
            assert!(
                open(
                    &SealedKey {
                        kid: "another".to_owned(),
                        ..sealed
                    },
                    &root
                )
                .is_err()
            );
        }
    }

    #[test]
    fn a_shared_secret_keeps_its_kid_and_hides_itself() {
        let secret = RootSecret::parse("a secret shared by a team, 32 bytes and more").unwrap();
        assert_eq!(shared(&secret).unwrap().kid, shared(&secret).unwrap().kid);
        assert!(shared(&secret).unwrap().jwk.is_none());
    }
}
