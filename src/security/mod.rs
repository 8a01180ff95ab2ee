//! Cryptography, and what is held in memory to keep the door: no SQL, no HTTP. All primitives come from aws-lc-rs and the argon2 crate.

pub mod access_tokens;
pub mod passwords;
pub mod refresh_tokens;
pub mod registry;
pub mod secret;
pub mod signing_keys;
