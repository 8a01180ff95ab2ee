//! Password hashes: made by Argon2id, verified in our own form and in those of other systems. Slow
//! by design: for a hashing thread only.
//!
//! Verification runs exactly one hash, of the configured cost if there is no stored one to verify;
//! two if the password was typed in another form than NFC, because systems that do not normalise
//! hashed the text as typed.

mod argon2id;
mod cost;
mod foreign;
#[cfg(test)]
mod tests;
mod verdict;

use self::argon2id::Argon2Hash;
pub use self::argon2id::{Scratch, hash};
pub use self::cost::Cost;
use self::foreign::ForeignHash;
pub use self::verdict::{HashError, Verdict};
use crate::model::password::Password;

/// Verifies a password against a stored hash, ours or a foreign one. Without one, the same work is
/// done and the verdict is [`Verdict::Wrong`].
///
/// # Errors
/// [`HashError`].
pub fn verify(
    cost: &Cost,
    password: &Password,
    stored: Option<&str>,
    scratch: &mut Scratch,
) -> Result<Verdict, HashError> {
    match stored.map(StoredHash::parse) {
        Some(Ok(StoredHash::Argon2(known))) => known.verify(cost, password, scratch),
        Some(Ok(StoredHash::Foreign(known))) => {
            for form in password.as_typed().into_iter().chain([password.as_bytes()]) {
                if known.verify(form).map_err(HashError::CryptoError)? {
                    return Ok(Verdict::RightButOutdated);
                }
            }
            Ok(Verdict::Wrong)
        }
        None | Some(Err(_)) => {
            argon2id::work_in_vain(cost, password, scratch)?;
            Ok(Verdict::Wrong)
        }
    }
}

/// Whether a text could be stored as a user's password hash: ours, or a foreign one whose form and
/// cost are accepted.
///
/// # Errors
/// The reason why not, in words for a report.
pub fn check_verifiable(stored: &str) -> Result<(), &'static str> {
    StoredHash::parse(stored).map(drop)
}

/// Stored hash that can be verified.
enum StoredHash {
    Argon2(Argon2Hash),
    Foreign(ForeignHash),
}

impl StoredHash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        // Django writes its hasher's name before the PHC string.
        let phc = text
            .strip_prefix("argon2$")
            .map_or(text, |_| &text["argon2".len()..]);
        if phc.starts_with("$argon2") {
            Argon2Hash::parse(phc).map(Self::Argon2)
        } else {
            ForeignHash::parse(text).map(Self::Foreign)
        }
    }
}
