//! Durable state: two engines behind one concrete [`Store`], every statement written once.
//!
//! A method is one atomic change or one question. [`statement`] runs one text on whichever engine is
//! open, [`tx`] puts several under one commit; a change appends its event and its feed row inside the
//! same transaction. A method that returned has its change on disk. No cryptography in here: keys
//! come sealed, and the links of the audit chain from outside.

pub mod accounts;
pub mod attempts;
pub mod authority;
pub mod clients;
mod error;
pub mod events;
pub mod feed;
mod file;
mod folder;
pub mod generation_uses;
mod handle;
pub mod inner_keys;
pub mod keys;
pub mod leaked_secret;
mod migrations;
mod open;
mod pool;
pub mod portability;
pub mod refresh;
pub mod roles;
pub mod schema;
pub mod sessions;
mod statement;
mod time_limits;
mod tx;
pub mod url;

pub use error::StoreError;
pub use handle::Store;
pub use open::{IfAbsent, OpenError};
