//! # Doorward: the auth service a team runs beside its app
//!
//! People register and log in, the app gets a JWT, and every token can be ended at once. This page
//! is the map, in reading order; imports go one way, held by `tests/architecture.rs`:
//!
//! ```text
//! main -> cli -> server -> http -> service -> app -> config -> { store, crypto, memory, formats } -> telemetry -> model
//! ```
//!
//! - [`model`]: plain values that are valid if they exist: [`model::email::Email`],
//!   [`model::password::Password`], [`model::session::SessionState`], the clock.
//! - [`crypto`]: the root secret and the keys derived from it, signing keys, access and refresh
//!   tokens, password hashes. [`memory`]: the registry of live sessions, rate limits, the hashing
//!   threads. No SQL, no HTTP in either.
//! - [`store`]: durable state: SQLite and PostgreSQL behind one text of SQL, migrations. Knows
//!   nothing of cryptography.
//! - [`formats`]: user exports of other services and our own, read as a stream and mapped to
//!   accounts. Pure parsing, nothing stored.
//! - [`config`]: the one table of settings, typed and checked at once. [`telemetry`]: logs.
//! - [`app`]: the long-lived parts, built once.
//! - [`service`]: one async function for each thing a caller can want; [`service::Failure`] names
//!   every refusal.
//! - [`http`]: [`http::routes`] is the whole URL map, [`http::problem`] the one table from failure
//!   to answer, [`http::pipeline`] what every request goes through, [`http::guard`] the bearer
//!   check, [`http::openapi`] the OpenAPI document.
//! - [`server`]: sockets, limits, certificate and key, the graceful end. [`cli`]: the commands.
//!
//! Two flows to follow first: `POST /login` from [`http::api::sessions::login`], `GET /me` from
//! [`http::guard::bearer`].

pub mod app;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod formats;
pub mod http;
pub mod memory;
pub mod model;
pub mod server;
pub mod service;
pub mod store;
pub mod telemetry;
