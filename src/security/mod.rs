//! Cryptography, and what is held in memory to keep the door: no SQL, no HTTP. All primitives come
//! from aws-lc-rs and the argon2 crate, apart from those that only foreign password hashes need.

pub mod access_tokens;
mod foreign_hashes;
pub mod passwords;
pub mod refresh_tokens;
pub mod registry;
#[cfg(test)]
mod registry_tests;
pub mod secret;
pub mod signing_keys;
pub mod throttle;
#[cfg(test)]
mod tokens_fuzz;

/// What the registry synchronises with.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}
