//! bcrypt as such, which reads no more than 72 bytes of a password, and as Django and passlib wrap
//! it so that all of it counts.

use std::ops::RangeInclusive;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::fields::{LENIENT, named, number};

/// The cost is an exponent: 12 takes a quarter of a second, 16 four.
const COST: RangeInclusive<u32> = 4..=16;
/// Bytes that bcrypt reads of a password and the NUL after it.
const KEY_BYTES: usize = 72;
const SALT_CHARS: usize = 22;
const HASH_BYTES: usize = 23;

const MALFORMED: &str = "malformed bcrypt hash";

pub struct Bcrypt {
    before: Before,
    cost: u32,
    salt: [u8; 16],
    pub(super) hash: Vec<u8>,
}

/// Step before bcrypt that the password goes through.
pub enum Before {
    Nothing,
    /// Django.
    HexSha256,
    /// passlib until 1.7.2.
    Base64Sha256,
    /// passlib; the key is the salt as bcrypt writes it.
    Base64HmacSha256(String),
}

/// Parses what follows `$2b$`: the cost, then salt and hash in one piece.
pub(super) fn parse(before: Before, cost: &str, text: &str) -> Result<Bcrypt, &'static str> {
    let cost = number(cost, &COST).ok_or("bcrypt cost outside 4 to 16")?;
    let decode = |text: &str| {
        GeneralPurpose::new(&alphabet::BCRYPT, LENIENT)
            .decode(text)
            .map_err(|_| MALFORMED)
    };
    let (salt, hash) = text.split_at_checked(SALT_CHARS).ok_or(MALFORMED)?;
    let (salt, hash) = (decode(salt)?.try_into().map_err(|_| MALFORMED)?, decode(hash)?);
    if hash.len() != HASH_BYTES {
        return Err(MALFORMED);
    }
    Ok(Bcrypt {
        before,
        cost,
        salt,
        hash,
    })
}

/// Parses `v=2,t=2b,r=12` or, of the first version, `2b,12`.
pub(super) fn parse_passlib(params: &str, salt: &str, hash: &str) -> Result<Bcrypt, &'static str> {
    let (before, cost) = match (named(params, ["v", "t", "r"]), params.split_once(',')) {
        (Some(["2", "2b", cost]), _) => (Before::Base64HmacSha256(salt.to_owned()), cost),
        (None, Some(("2a" | "2b", cost))) => (Before::Base64Sha256, cost),
        _ => return Err(MALFORMED),
    };
    parse(before, cost, &[salt, hash].concat())
}

impl Bcrypt {
    pub(super) fn derive(&self, password: &[u8]) -> Vec<u8> {
        let base64 = |digest: &[u8]| Zeroizing::new(STANDARD.encode(digest).into_bytes());
        let password = match &self.before {
            Before::Nothing => Zeroizing::new(password.to_vec()),
            Before::HexSha256 => hex(digest(&SHA256, password).as_ref()),
            Before::Base64Sha256 => base64(digest(&SHA256, password).as_ref()),
            Before::Base64HmacSha256(key) => {
                base64(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), password).as_ref())
            }
        };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let read = password.len().min(KEY_BYTES);
        key[..read].copy_from_slice(&password[..read]);
        ::bcrypt::bcrypt(self.cost, self.salt, &key[..(read + 1).min(KEY_BYTES)])[..HASH_BYTES].to_vec()
    }
}

fn hex(digest: &[u8]) -> Zeroizing<Vec<u8>> {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    Zeroizing::new(
        digest
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect(),
    )
}
