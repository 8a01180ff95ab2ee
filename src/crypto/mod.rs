//! Cryptography: secrets, signing keys, tokens, password hashes. No SQL, no HTTP. Only the set
//! of signing keys and the memory of proved tokens change while the process runs. All primitives come from aws-lc-rs
//! and the argon2 crate, apart from those that only foreign password hashes need.

pub mod audit_chain;
pub mod client_secrets;
pub mod counter_names;
pub mod device_tickets;
pub mod inner_keys;
pub mod jwt;
mod keyring;
pub mod password_hash;
pub mod private_file;
pub mod refresh_tokens;
pub mod root_secret;
pub mod root_secrets;
mod sealed;
mod secret_file;
mod signed_text;
pub mod signing_keys;
#[cfg(test)]
mod tokens_fuzz;

use aws_lc_rs::rand;

/// Failure of keys or of the random number generator; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// The system gave no random bytes.
    #[error("the system's random number generator failed")]
    Entropy,
    /// A sealed key does not open.
    #[error(
        "a key in the database does not open: DOORWARD_SECRET is not the one that this database was made with"
    )]
    WrongSecret,
    /// A sealed key opens with neither secret.
    #[error(
        "a key in the database does not open: neither DOORWARD_SECRET nor DOORWARD_SECRET_PREVIOUS is the one that it was sealed with"
    )]
    WrongSecrets,
    /// Another primitive refused.
    #[error("cryptography failed: {0}")]
    Primitive(&'static str),
    /// The secret's file cannot be used.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// The reason.
        why: String,
    },
}

/// Random bytes from the operating system's generator.
///
/// # Errors
/// The generator failed; nothing may be issued then.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CryptoError::Entropy)?;
    Ok(bytes)
}
