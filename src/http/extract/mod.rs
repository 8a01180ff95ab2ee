//! Readers of requests: what a handler's arguments are made of.
//!
//! An extractor settles the shape (media type, size, encoding, no field twice), the use-case the
//! meaning. Both name the field at fault, never its value.

pub mod account_path;
pub mod bearer;
pub mod body;
pub mod client;
pub mod fields;
pub mod form;
pub mod if_match;
pub mod json;
pub mod page;
pub mod query;
pub mod typed;
