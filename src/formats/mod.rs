//! User exports, ours and other services': a stream of records, and each record as the account that
//! it means.
//!
//! Pure parsing: nothing is stored, verified or hashed here, and whether a password hash can be
//! verified is not judged. Memory does not grow with the file, only with its longest record, which
//! is bounded.

pub mod account;
pub mod readers;
pub mod record;
pub mod sources;
