//! Client of Doorward: the generated operations with the tokens held, refusals typed and one
//! refresh for all calls that wait.
//!
//! With the feature `verify`, [`verify`] checks its tokens in your own services; with `actix`,
//! [`verify::Claims`] is an extractor.

mod client;
mod error;
#[allow(missing_docs, unused_qualifications, clippy::pedantic, reason = "generated")]
pub mod generated;
mod tokens;
#[cfg(feature = "verify")]
pub mod verify;

#[cfg(feature = "actix")]
mod actix;

pub use client::Doorward;
pub use error::{Error, Kind, Refusal};
pub use generated::types::{LogoutScope, Me, Session, TokenResponse};
pub use tokens::{Bearer, Tokens};
