//! Plain values: parse, compare, print. No IO, no clock of their own, no chance.
//!
//! A value that exists is valid: constructors are named `parse` and say which rule refused.

pub mod authority;
pub mod client;
pub mod clock;
pub mod email;
pub mod event;
pub mod generation;
pub mod ids;
pub mod inner_key;
pub mod invalid;
pub mod password;
pub mod permission;
pub mod refusal;
pub mod session;
pub mod signing_key;
pub mod throttle;
pub mod user;
