//! scrypt as a PHC string, as Django stores it, and as Firebase does, where its output is the key
//! that encrypts the project's signer key.

use std::ops::RangeInclusive;

use ::scrypt::Params;
use aws_lc_rs::cipher::{AES_256, AES_256_KEY_LEN, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::fields::{bytes, named, number, output};

/// Limits of scrypt's parameters; N is 2 to the power of `ln`.
const LN: RangeInclusive<u32> = 1..=20;
const R: RangeInclusive<u32> = 1..=32;
const P: RangeInclusive<u32> = 1..=16;
/// Highest 128 * N * r: the memory of one verification.
const MAX_MEMORY_BYTES: u64 = 512 << 20;
/// Highest N * r * p: four times what OWASP asks for, a good second of a core.
const MAX_WORK: u64 = 1 << 22;

const MALFORMED: &str = "malformed scrypt hash";
const COST: &str =
    "scrypt cost outside ln=1 to 20, r=1 to 32, p=1 to 16, above 512 MiB or N * r * p above 2^22";

pub struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    /// Firebase's.
    signer_key: Option<Vec<u8>>,
    pub(super) hash: Vec<u8>,
}

/// Parses `ln=14,r=8,p=1`.
pub(super) fn parse_phc(params: &str, salt: &str, hash: &str) -> Result<Scrypt, &'static str> {
    let [ln, r, p] = named(params, ["ln", "r", "p"]).ok_or(MALFORMED)?;
    let (Some(salt), Some(hash)) = (bytes(salt), output(hash)) else {
        return Err(MALFORMED);
    };
    let params = cost(number(ln, &LN), r, p)?;
    Ok(Scrypt {
        params,
        salt,
        signer_key: None,
        hash,
    })
}

/// Parses Django's fields, in their order: N itself, the salt as text, r and p.
pub(super) fn parse_django(
    n: &str,
    salt: &str,
    [r, p]: [&str; 2],
    hash: &str,
) -> Result<Scrypt, &'static str> {
    let hash = output(hash).ok_or(MALFORMED)?;
    let ln = number(n, &(1 << LN.start()..=1 << LN.end()))
        .filter(|n| n.is_power_of_two())
        .map(u32::ilog2);
    let params = cost(ln, r, p)?;
    Ok(Scrypt {
        params,
        salt: salt.into(),
        signer_key: None,
        hash,
    })
}

/// Parses what supabase/auth makes of a Firebase export: `v=1,n=14,r=8,p=1,ss=Bw==,sk=…`, where n
/// is the exponent.
pub(super) fn parse_firebase(params: &str, salt: &str, hash: &str) -> Result<Scrypt, &'static str> {
    let ["1", n, r, p, separator, signer_key] =
        named(params, ["v", "n", "r", "p", "ss", "sk"]).ok_or(MALFORMED)?
    else {
        return Err(MALFORMED);
    };
    let (Some(salt), Some(separator), Some(signer_key), Some(hash)) =
        (bytes(salt), bytes(separator), bytes(signer_key), output(hash))
    else {
        return Err(MALFORMED);
    };
    if signer_key.len() != hash.len() {
        return Err(MALFORMED);
    }
    let params = cost(number(n, &LN), r, p)?;
    let salt = [salt, separator].concat();
    Ok(Scrypt {
        params,
        salt,
        signer_key: Some(signer_key),
        hash,
    })
}

fn cost(ln: Option<u32>, r: &str, p: &str) -> Result<Params, &'static str> {
    let (Some(ln), Some(r), Some(p)) = (ln, number(r, &R), number(p, &P)) else {
        return Err(COST);
    };
    if u64::from(128 * r) << ln > MAX_MEMORY_BYTES || u64::from(r * p) << ln > MAX_WORK {
        return Err(COST);
    }
    let ln = u8::try_from(ln).map_err(|_| COST)?;
    Params::new(ln, r, p).map_err(|_| COST)
}

impl Scrypt {
    pub(super) fn derive(&self, password: &[u8]) -> Result<Vec<u8>, &'static str> {
        let Some(signer_key) = &self.signer_key else {
            let mut hash = vec![0; self.hash.len()];
            ::scrypt::scrypt(password, &self.salt, &self.params, &mut hash).map_err(|_| "scrypt")?;
            return Ok(hash);
        };
        let mut key = Zeroizing::new([0; AES_256_KEY_LEN]);
        ::scrypt::scrypt(password, &self.salt, &self.params, key.as_mut()).map_err(|_| "scrypt")?;
        let mut hash = signer_key.clone();
        let start_at_zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        UnboundCipherKey::new(&AES_256, key.as_ref())
            .and_then(EncryptingKey::ctr)
            .and_then(|cipher| cipher.less_safe_encrypt(&mut hash, start_at_zero))
            .map_err(|_| "AES-256-CTR")?;
        Ok(hash)
    }
}
