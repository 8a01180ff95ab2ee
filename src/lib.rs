//! Doorward: the auth service a team runs beside its app.

pub mod model;
pub mod security;
pub mod store;
