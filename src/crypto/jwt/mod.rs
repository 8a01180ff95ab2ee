//! Access tokens: JWTs after RFC 9068, issued and verified by the same strict rules.
//!
//! A verified token proves who asks and by which session, nothing about rights. The signature of a
//! token is verified once and remembered ([`proved`]); its times are checked at every use, and the
//! state of its session is the registry's matter.

mod access_tokens;
mod header;
mod issue;
mod proved;
#[cfg(test)]
mod tests;
mod verified;
mod verify;

pub use self::access_tokens::AccessTokens;
pub use self::issue::TokenIdentity;
pub use self::verified::{NotValid, VerifiedAccessToken};
pub use self::verify::Claims;
