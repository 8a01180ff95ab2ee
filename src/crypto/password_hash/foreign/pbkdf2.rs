//! PBKDF2 (RFC 8018 section 5.2) as Django, passlib and PHC strings store it.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use aws_lc_rs::pbkdf2::{Algorithm, derive};

use super::fields::{bytes, named, number, output};

/// Ten times what Django 5 asks for.
const ITERATIONS: RangeInclusive<u32> = 1..=10_000_000;

const MALFORMED: &str = "malformed PBKDF2 hash";

pub struct Pbkdf2 {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    pub(super) hash: Vec<u8>,
}

/// Parses Django's fields: the salt is text.
pub(super) fn parse_django(
    algorithm: Algorithm,
    iterations: &str,
    salt: &str,
    hash: &str,
) -> Result<Pbkdf2, &'static str> {
    new(algorithm, iterations, salt.into(), output(hash).ok_or(MALFORMED)?)
}

/// Parses passlib's fields, where `params` is the iterations alone, and PHC's, where it is
/// `i=600000,l=32` or without the length.
pub(super) fn parse(
    algorithm: Algorithm,
    params: &str,
    salt: &str,
    hash: &str,
) -> Result<Pbkdf2, &'static str> {
    let (Some(salt), Some(hash)) = (bytes(salt), output(hash)) else {
        return Err(MALFORMED);
    };
    match named(params, ["i", "l"]) {
        Some([_, length]) if length != hash.len().to_string() => Err(MALFORMED),
        Some([iterations, _]) => new(algorithm, iterations, salt, hash),
        None => new(algorithm, params.strip_prefix("i=").unwrap_or(params), salt, hash),
    }
}

fn new(algorithm: Algorithm, iterations: &str, salt: Vec<u8>, hash: Vec<u8>) -> Result<Pbkdf2, &'static str> {
    let iterations = number(iterations, &ITERATIONS)
        .and_then(NonZeroU32::new)
        .ok_or("PBKDF2 iterations outside 1 to 10000000")?;
    Ok(Pbkdf2 {
        algorithm,
        iterations,
        salt,
        hash,
    })
}

impl Pbkdf2 {
    pub(super) fn derive(&self, password: &[u8]) -> Vec<u8> {
        let mut hash = vec![0; self.hash.len()];
        derive(self.algorithm, self.iterations, &self.salt, password, &mut hash);
        hash
    }
}
