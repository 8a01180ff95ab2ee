//! Verifies password hashes that other systems made, so that imported users keep their passwords;
//! never makes one.
//!
//! Parsing bounds the cost: a hash that someone wrote to the database cannot halt the service. A
//! parsed hash is verified within 512 MiB and half a minute: scrypt at its limits; bcrypt at
//! its own takes four seconds, and what systems write by default less than one. Argon2 is not here
//! but in [`argon2id`](super::argon2id), of every maker.

mod bcrypt;
mod crypt;
mod pbkdf2;
mod scrypt;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use aws_lc_rs::constant_time;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use self::bcrypt::{Bcrypt, Before};
use self::crypt::{Phpass, ShaCrypt, Width};
use self::pbkdf2::Pbkdf2;
use self::scrypt::Scrypt;

/// The longest stored text that is parsed, in bytes. Firebase's, the longest known, has fewer than
/// 300.
const MAX_TEXT: usize = 1024;
/// Bytes of output that a hash may have: all that these systems write. Fewer let other
/// passwords in, more multiply the cost of PBKDF2.
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// Padded or not; with bits to spare or not, since bcrypt's own writers leave some.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// A hash that another system made, within the limits.
pub struct ForeignHash {
    function: Function,
    hash: Vec<u8>,
}

/// Function that made the hash, with all its settings.
enum Function {
    Bcrypt(Bcrypt),
    Scrypt(Scrypt),
    Pbkdf2(Pbkdf2),
    ShaCrypt(ShaCrypt),
    Phpass(Phpass),
}

type Parsed = Result<ForeignHash, &'static str>;

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
                bcrypt::parse(Before::Nothing, cost, text)
            }
            ["bcrypt_sha256", "", "2a" | "2b" | "2y", cost, text] => {
                bcrypt::parse(Before::HexSha256, cost, text)
            }
            ["", "bcrypt-sha256", params, salt, hash] => bcrypt::parse_passlib(params, salt, hash),
            ["", "scrypt", params, salt, hash] => scrypt::parse_phc(params, salt, hash),
            ["", "fbscrypt", params, salt, hash] => scrypt::parse_firebase(params, salt, hash),
            ["scrypt", n, salt, r, p, hash] => scrypt::parse_django(n, salt, [r, p], hash),
            ["pbkdf2_sha1", iterations, salt, hash] => {
                pbkdf2::parse_django(PBKDF2_HMAC_SHA1, iterations, salt, hash)
            }
            ["pbkdf2_sha256", iterations, salt, hash] => {
                pbkdf2::parse_django(PBKDF2_HMAC_SHA256, iterations, salt, hash)
            }
            ["", "pbkdf2" | "pbkdf2-sha1", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA1, params, salt, hash)
            }
            ["", "pbkdf2-sha256", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA256, params, salt, hash)
            }
            ["", "pbkdf2-sha512", params, salt, hash] => {
                pbkdf2::parse(PBKDF2_HMAC_SHA512, params, salt, hash)
            }
            ["", "5", salt, hash] => crypt::parse_sha(Width::Sha256, None, salt, hash),
            ["", "5", rounds, salt, hash] => crypt::parse_sha(Width::Sha256, Some(rounds), salt, hash),
            ["", "6", salt, hash] => crypt::parse_sha(Width::Sha512, None, salt, hash),
            ["", "6", rounds, salt, hash] => crypt::parse_sha(Width::Sha512, Some(rounds), salt, hash),
            ["", "P" | "H", text] => crypt::parse_phpass(text),
            _ => Err("no known form of password hash"),
        }
    }

    /// Whether `password` makes this hash. Slow by design: for a hashing thread only.
    ///
    /// # Errors
    /// A primitive refused.
    pub fn verify(&self, password: &[u8]) -> Result<bool, &'static str> {
        let derived = match &self.function {
            Function::Bcrypt(bcrypt) => bcrypt.derive(password),
            Function::Scrypt(scrypt) => scrypt.derive(password, self.hash.len())?,
            Function::Pbkdf2(pbkdf2) => pbkdf2.derive(password, self.hash.len()),
            Function::ShaCrypt(sha_crypt) => sha_crypt.derive(password),
            Function::Phpass(phpass) => phpass.derive(password),
        };
        Ok(constant_time::verify_slices_are_equal(&derived, &self.hash).is_ok())
    }
}

fn number(text: &str, within: &RangeInclusive<u32>) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && within.contains(number))
}

/// The values of `a=1,b=2` with exactly these names in this order.
fn named<'text, const N: usize>(params: &'text str, names: [&str; N]) -> Option<[&'text str; N]> {
    let mut values = [""; N];
    let mut pairs = params.split(',');
    for (value, name) in values.iter_mut().zip(names) {
        *value = pairs.next()?.strip_prefix(name)?.strip_prefix('=')?;
    }
    pairs.next().is_none().then_some(values)
}

/// Decodes base64 in any of its alphabets: the standard one, the one for URLs, and passlib's, which
/// has '.' for '+'.
fn bytes(base64: &str) -> Option<Vec<u8>> {
    let standard: String = base64
        .chars()
        .map(|c| {
            if matches!(c, '.' | '-') {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT)
        .decode(standard)
        .ok()
}

fn output(base64: &str) -> Option<Vec<u8>> {
    bytes(base64).filter(|hash| OUTPUT_BYTES.contains(&hash.len()))
}
