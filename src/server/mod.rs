//! The process as a server: sockets, bounds of connections, certificate and key, background work,
//! the graceful end.
//!
//! Nothing here knows what a request asks for; that begins with [`http_app`], which puts the
//! pipeline and the routes of [`http`](crate::http) together for each worker.

mod accept;
mod application;
mod connections;
mod expect;
mod listen;
mod metrics_listener;
mod run;
pub mod tls;

pub use application::{Shared, http_app};
pub use connections::limits::raise_descriptors;
pub use listen::listen;
pub use run::{Listeners, begin, run};
