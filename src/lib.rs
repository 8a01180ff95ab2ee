//! # Doorward: the auth service a team runs beside its app
//!
//! People register and log in, the app gets a JWT, and every token can be ended at once. This page
//! is the map, in reading order; imports go one way, held by `tests/architecture.rs`:
//!
//! ```text
//! main -> cli -> server -> { api -> service -> app, tls } -> config -> { store, security, import } -> model
//! ```
//!
//! - [`model`]: plain values that are valid if they exist: [`model::email::Email`],
//!   [`model::password::Password`], [`model::session::Standing`], the clock.
//! - [`security`]: cryptography and what is held in memory: the root secret and what is derived
//!   from it, signing keys, access and refresh tokens, the hashing threads, the registry of live
//!   sessions. No SQL, no HTTP.
//! - [`store`]: durable state: SQLite and PostgreSQL behind one text of SQL, migrations. Knows
//!   nothing of security.
//! - [`import`]: user exports of other services and our own, read as a stream and mapped to
//!   accounts. Pure parsing, nothing stored.
//! - [`config`]: the one table of settings, typed and checked at once. [`telemetry`]: logs.
//!   [`tls`]: certificate and key.
//! - [`app`]: the long-lived parts, built once.
//! - [`service`]: one async function for each thing a caller can want; [`service::Failure`] names
//!   every refusal.
//! - [`api`]: HTTP. [`api::serve`] is the whole URL map, [`api::problem`] the one table from
//!   failure to answer, [`api::envelope`] what every request goes through, [`api::guard`] the
//!   bearer check, [`api::document`] the OpenAPI document.
//! - [`server`]: sockets, limits, the graceful end. [`cli`]: the commands.
//!
//! Two flows to follow first: `POST /login` from [`api::sessions::login`], `GET /me` from
//! [`api::guard::bearer`].

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod import;
pub mod model;
pub mod security;
pub mod server;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;
