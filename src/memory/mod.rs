//! State that one process holds in memory: the registry of live sessions, the rate limits, the
//! hashing threads, what waits to be written, the time of the last warning. No SQL, no HTTP, no keys.

pub mod abandoned;
pub mod generation_uses;
pub mod hash_pool;
pub mod hash_queue;
pub mod once_per;
pub mod once_per_key;
pub mod rate_limit;
pub mod session_registry;
#[cfg(test)]
mod session_registry_tests;

/// Primitives that the registry synchronises with.
mod sync {
    pub(super) use std::sync::atomic::{AtomicU64, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError};
}
