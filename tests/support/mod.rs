//! What the tests stand on: a running service on either engine, people who use it, and the program
//! as a process.

pub mod app;
pub mod authority;
pub mod chance;
pub mod child;
pub mod document;
pub mod people;
pub mod postgres;
pub mod process;
pub mod secrets;

pub use app::{Engine, TestApp};
pub use people::Answer;

/// What nobody has to be told twice.
pub const PASSWORD: &str = "an owl keeps the door";

/// The root secret of every server that a test gives one.
pub const SECRET: &str = "the tests' own secret, forty bytes long!";
