//! The keys that sign access tokens: made by a CSPRNG, sealed at rest, looked up by `kid` in memory only (RFC 8725 section 3.10).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use zeroize::Zeroizing;

use super::secret::{Broken, RootSecret, random};
use crate::model::signing_key::SealedKey;

/// The name of the one algorithm there is so far, as the database and the header write it.
pub const HS256: &str = "HS256";

const KEY_BYTES: usize = 32;
const KID_BYTES: usize = 12;

/// Makes a fresh HS256 key of 256 random bits, sealed.
///
/// # Errors
/// No entropy.
pub fn generate(root: &RootSecret) -> Result<SealedKey, Broken> {
    let kid = URL_SAFE_NO_PAD.encode(random::<KID_BYTES>()?);
    let key = Zeroizing::new(random::<KEY_BYTES>()?);
    Ok(SealedKey { sealed: root.seal(&sealing_name(&kid), key.as_ref())?, algorithm: HS256.to_owned(), kid })
}

/// Opens a sealed key for use.
///
/// # Errors
/// Another root secret, a changed row, or an algorithm that this version does not know.
pub fn open(key: &SealedKey, root: &RootSecret) -> Result<SigningKey, Broken> {
    if key.algorithm != HS256 {
        return Err(Broken::Primitive("a signing key of an unknown algorithm"));
    }
    let bytes = root.open(&sealing_name(&key.kid), &key.sealed)?;
    Ok(SigningKey {
        kid: key.kid.clone(),
        algorithm: Algorithm::HS256,
        signs: EncodingKey::from_secret(&bytes),
        verifies: DecodingKey::from_secret(&bytes),
    })
}

fn sealing_name(kid: &str) -> String {
    format!("signing key {kid}")
}

/// A signing key ready for use, with the one algorithm that it is good for.
pub struct SigningKey {
    /// The `kid` of its tokens.
    pub kid: String,
    /// Its algorithm; a token's own claim about that is only compared with it.
    pub algorithm: Algorithm,
    /// The half that signs.
    pub signs: EncodingKey,
    /// The half that verifies.
    pub verifies: DecodingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
