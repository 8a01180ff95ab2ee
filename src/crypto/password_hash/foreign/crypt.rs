//! Two forms of crypt(3)'s family: SHA-crypt (`$5$`, `$6$`) of Unix accounts and phpass's portable
//! one (`$P$`, `$H$`) of `WordPress` and phpBB.
//!
//! Both write bytes in an alphabet and order of their own, the lowest bits first.

use std::ops::RangeInclusive;

use ::sha_crypt::{Params, sha256_crypt, sha512_crypt};
use md5::{Digest as _, Md5};

use super::fields::number;

/// Rounds from the form's own minimum to half as much again as passlib's default.
const SHA_ROUNDS: RangeInclusive<u32> = 1_000..=1_000_000;
const SHA_DEFAULT_ROUNDS: u32 = 5_000;
const SHA_MAX_SALT_BYTES: usize = 16;

/// An exponent. `WordPress` and phpBB write 11 to 13 and passlib 19; 22 takes half a second, 31,
/// the form's own limit, five minutes.
const PHPASS_ROUNDS: RangeInclusive<u32> = 7..=22;
const PHPASS_SALT_CHARS: usize = 8;
const PHPASS_HASH_BYTES: usize = 16;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The order in which SHA-256-crypt writes the bytes of its digest.
const SHA256_ORDER: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29,
    19, 9, 30, 31,
];
/// The order in which SHA-512-crypt writes the bytes of its digest.
const SHA512_ORDER: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51,
    30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59,
    60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];

pub struct ShaCrypt {
    width: Width,
    rounds: Params,
    salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// Width of the SHA.
pub enum Width {
    Sha256,
    Sha512,
}

pub struct Phpass {
    rounds: u32,
    salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// Parses what follows `$5$` or `$6$`.
pub(super) fn parse_sha(
    width: Width,
    rounds: Option<&str>,
    salt: &str,
    hash: &str,
) -> Result<ShaCrypt, &'static str> {
    let malformed = "malformed SHA-crypt hash";
    let length = match width {
        Width::Sha256 => SHA256_ORDER.len(),
        Width::Sha512 => SHA512_ORDER.len(),
    };
    let hash = decode(hash)
        .filter(|hash| hash.len() == length)
        .ok_or(malformed)?;
    let rounds = match rounds {
        Some(rounds) => number(rounds.strip_prefix("rounds=").ok_or(malformed)?, &SHA_ROUNDS),
        None => Some(SHA_DEFAULT_ROUNDS),
    };
    let rounds = rounds
        .and_then(|rounds| Params::new(rounds).ok())
        .ok_or("SHA-crypt rounds outside 1000 to 1000000")?;
    if salt.len() > SHA_MAX_SALT_BYTES {
        return Err(malformed);
    }
    Ok(ShaCrypt {
        width,
        rounds,
        salt: salt.into(),
        hash,
    })
}

/// Parses what follows `$P$` or `$H$`: a character of cost, the salt as text, the hash.
pub(super) fn parse_phpass(text: &str) -> Result<Phpass, &'static str> {
    let malformed = "malformed phpass hash";
    let (rounds, text) = text.split_at_checked(1).ok_or(malformed)?;
    let (salt, hash) = text.split_at_checked(PHPASS_SALT_CHARS).ok_or(malformed)?;
    let hash = decode(hash)
        .filter(|hash| hash.len() == PHPASS_HASH_BYTES)
        .ok_or(malformed)?;
    let rounds = rounds
        .bytes()
        .next()
        .and_then(digit)
        .filter(|rounds| PHPASS_ROUNDS.contains(rounds))
        .ok_or("phpass cost outside 7 to 22")?;
    Ok(Phpass {
        rounds,
        salt: salt.into(),
        hash,
    })
}

impl ShaCrypt {
    pub(super) fn derive(&self, password: &[u8]) -> Vec<u8> {
        match self.width {
            Width::Sha256 => {
                let digest = sha256_crypt(password, &self.salt, self.rounds);
                SHA256_ORDER.map(|at| digest[at]).to_vec()
            }
            Width::Sha512 => {
                let digest = sha512_crypt(password, &self.salt, self.rounds);
                SHA512_ORDER.map(|at| digest[at]).to_vec()
            }
        }
    }
}

impl Phpass {
    pub(super) fn derive(&self, password: &[u8]) -> Vec<u8> {
        let first = Md5::new()
            .chain_update(&self.salt)
            .chain_update(password)
            .finalize();
        let last = (0..1 << self.rounds).fold(first, |hash, _| {
            Md5::new().chain_update(hash).chain_update(password).finalize()
        });
        last.to_vec()
    }
}

fn digit(character: u8) -> Option<u32> {
    ALPHABET
        .iter()
        .position(|&c| c == character)
        .and_then(|at| u32::try_from(at).ok())
}

/// Four characters are three bytes, the lowest bits first.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for group in text.as_bytes().chunks(4) {
        let word = group
            .iter()
            .rev()
            .try_fold(0, |word, &c| Some(word << 6 | digit(c)?))?;
        bytes.extend(&word.to_le_bytes()[..group.len() * 3 / 4]);
    }
    Some(bytes)
}
