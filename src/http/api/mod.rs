//! The JSON interface: a file for each thing that clients ask for. A handler converts, calls one
//! use-case, and converts again.

pub mod accounts;
pub mod audit;
pub mod health;
pub mod me;
pub mod roles;
pub mod sessions;
pub mod user_sessions;
pub mod users;
pub mod verify;
