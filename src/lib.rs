//! # Doorward: the auth service a team runs beside its app
//!
//! People register and log in, the app gets a JWT, and any session can be ended immediately. This page
//! is the map, in reading order; imports go one way, held by `tests/architecture.rs`:
//!
//! ```text
//! main -> cli -> server -> http -> service -> app -> config
//!      -> { store, crypto, memory, formats } -> telemetry -> model
//! ```
//!
//! - [`model`]: plain values that are valid if they exist: [`model::email::Email`],
//!   [`model::password::Password`], [`model::session::SessionState`], the clock.
//! - [`telemetry`]: log, metrics, traces, and the context of a request.
//! - [`crypto`]: root secret, signing keys, access and refresh tokens, device tickets, password
//!   hashes, the MACs of the audit record. [`memory`]: session registry, rate limits, hashing
//!   threads. Neither knows SQL or HTTP.
//! - [`store`]: durable state on SQLite or PostgreSQL, each statement written once. It knows no
//!   cryptography.
//! - [`formats`]: exports of other services and of Doorward, read as a stream. Nothing is stored.
//! - [`config`]: settings, one file an area, one row a setting.
//! - [`app`]: the long-lived parts, built once, and the background workers.
//! - [`service`]: the use-cases, one async function each; [`service::Failure`] names every refusal.
//! - [`http`]: [`http::routes`] is the URL map, [`http::pipeline`] the steps of every request,
//!   [`http::guard`] the bearer check, [`http::problem`] the table from failure to answer,
//!   [`http::openapi`] the document.
//! - [`server`]: sockets, limits of connections, TLS, the graceful stop. [`cli`]: the commands.
//!
//! Two flows to follow first: `POST /login` from [`http::api::sessions::login`], `GET /me` from
//! [`http::guard::bearer`]. `docs/architecture.md` walks through both.
//!
//! # Glossary
//!
//! - *Account*: address, password hash and role of a person. *Subject*: the account's random
//!   id, the `sub` of its tokens.
//! - *Session*: one login, until it ends. *Session state*: account, role and permissions now.
//! - *Access token*: signed JWT that names a session. *Refresh token*: opaque token that is exchanged
//!   for the next pair.
//! - *Rotation*: the exchange of a refresh token. *Generation*: the number of rotations before a pair
//!   of tokens. *Grace*: the time in which the previous refresh token may get the current one.
//! - *Registry*: the states of live sessions in memory. *Evict*: remove one from the registry.
//! - *Feed*: numbered list of changes, from which each node learns what to evict. *Lease*: the time for
//!   which the registry may be used after a reading of the feed.
//! - *Attempt*: one try at a password, admitted and counted. *Factor*: a way to prove an identity.
//! - *Place*: a place in the queue of password hashes. *Position*: a place in a list, feed or chain.
//! - *Source*: where attempts come from: an IP prefix, a known device or a session.
//! - *Device ticket*: signed proof that a device has logged in to an account before.
//! - *Event*: one row of the audit record. *Chain*: the MACs that link events.
//! - *Root secret*: the secret under which internal keys are sealed (encrypted).
//! - *Surface*: the kind of client that a path is for; it decides the form of errors.

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
