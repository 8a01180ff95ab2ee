//! Cryptography: secrets, signing keys, tokens, password hashes. No SQL, no HTTP, and nothing that
//! changes while the process runs but the set of signing keys. All primitives come from aws-lc-rs
//! and the argon2 crate, apart from those that only foreign password hashes need.

pub mod access_tokens;
mod foreign_hashes;
pub mod passwords;
pub mod refresh_tokens;
pub mod secret;
pub mod signing_keys;
#[cfg(test)]
mod tokens_fuzz;
