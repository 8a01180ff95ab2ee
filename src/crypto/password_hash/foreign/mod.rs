//! Verifies password hashes that other systems made, so that imported users keep their passwords;
//! never makes one.
//!
//! Parsing bounds the cost: a hash that someone wrote to the database cannot halt the service. A
//! parsed hash is verified within 512 MiB and a few seconds; what systems write by default takes
//! less than one. Argon2 of every maker is in [`argon2id`](super::argon2id).

mod bcrypt;
mod crypt;
mod fields;
mod pbkdf2;
mod scrypt;
#[cfg(test)]
mod tests;

use aws_lc_rs::constant_time;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use self::bcrypt::{Bcrypt, Before};
use self::crypt::{Phpass, ShaCrypt, Width};
use self::pbkdf2::Pbkdf2;
use self::scrypt::Scrypt;

/// The longest stored text that is parsed, in bytes. Firebase's, the longest known, has fewer than
/// 300.
const MAX_TEXT: usize = 1024;

/// A hash that another system made, within the limits: its function with all settings, and the hash.
pub enum ForeignHash {
    Bcrypt(Bcrypt),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
    ShaCrypt(ShaCrypt),
    Phpass(Phpass),
}

impl ForeignHash {
    /// Parses a stored text: modular crypt and PHC strings, those of passlib, and those of Django,
    /// which begin with its hasher's name.
    ///
    /// # Errors
    /// The reason why it cannot be verified, in words for a report.
    pub fn parse(stored: &str) -> Result<Self, &'static str> {
        if stored.len() > MAX_TEXT {
            return Err("too long for a password hash");
        }
        let fields: Vec<&str> = stored.split('$').collect();
        match fields[..] {
            ["", "2a" | "2b" | "2y", cost, text] | ["bcrypt", "", "2a" | "2b" | "2y", cost, text] => {
                bcrypt::parse(Before::Nothing, cost, text).map(Self::Bcrypt)
            }
            ["bcrypt_sha256", "", "2a" | "2b" | "2y", cost, text] => {
                bcrypt::parse(Before::HexSha256, cost, text).map(Self::Bcrypt)
            }
            ["", "bcrypt-sha256", params, salt, hash] => {
                bcrypt::parse_passlib(params, salt, hash).map(Self::Bcrypt)
            }
            ["", "scrypt", params, salt, hash] => scrypt::parse_phc(params, salt, hash).map(Self::Scrypt),
            ["", "fbscrypt", params, salt, hash] => {
                scrypt::parse_firebase(params, salt, hash).map(Self::Scrypt)
            }
            ["scrypt", n, salt, r, p, hash] => scrypt::parse_django(n, salt, [r, p], hash).map(Self::Scrypt),
            ["pbkdf2_sha1", iterations, salt, hash] => {
                pbkdf2::parse_django(PBKDF2_HMAC_SHA1, iterations, salt, hash).map(Self::Pbkdf2)
            }
            ["pbkdf2_sha256", iterations, salt, hash] => {
                pbkdf2::parse_django(PBKDF2_HMAC_SHA256, iterations, salt, hash).map(Self::Pbkdf2)
            }
            ["", "pbkdf2" | "pbkdf2-sha1", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA1, params, salt, hash).map(Self::Pbkdf2)
            }
            ["", "pbkdf2-sha256", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA256, params, salt, hash).map(Self::Pbkdf2)
            }
            ["", "pbkdf2-sha512", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA512, params, salt, hash).map(Self::Pbkdf2)
            }
            ["", "5", salt, hash] => crypt::parse_sha(Width::Sha256, None, salt, hash).map(Self::ShaCrypt),
            ["", "5", rounds, salt, hash] => {
                crypt::parse_sha(Width::Sha256, Some(rounds), salt, hash).map(Self::ShaCrypt)
            }
            ["", "6", salt, hash] => crypt::parse_sha(Width::Sha512, None, salt, hash).map(Self::ShaCrypt),
            ["", "6", rounds, salt, hash] => {
                crypt::parse_sha(Width::Sha512, Some(rounds), salt, hash).map(Self::ShaCrypt)
            }
            ["", "P" | "H", text] => crypt::parse_phpass(text).map(Self::Phpass),
            _ => Err("no known form of password hash"),
        }
    }

    /// Whether `password` makes this hash. Slow by design: for a hashing thread only.
    ///
    /// # Errors
    /// A primitive refused.
    pub fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        let (derived, hash) = match self {
            Self::Bcrypt(bcrypt) => (bcrypt.derive(password), &bcrypt.hash),
            Self::Scrypt(scrypt) => (scrypt.derive(password)?, &scrypt.hash),
            Self::Pbkdf2(pbkdf2) => (pbkdf2.derive(password), &pbkdf2.hash),
            Self::ShaCrypt(sha_crypt) => (sha_crypt.derive(password), &sha_crypt.hash),
            Self::Phpass(phpass) => (phpass.derive(password), &phpass.hash),
        };
        Ok(constant_time::verify_slices_are_equal(&derived, hash).is_ok())
    }
}
