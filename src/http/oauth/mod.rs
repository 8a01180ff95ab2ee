//! The strict OAuth endpoints, thin over the use-cases of `/login`, `/refresh` and `/logout`: RFC
//! 6749, RFC 7009, RFC 7662, RFC 7517, RFC 8414. [`client`] is the authentication of clients,
//! [`userinfo`] shows the account of a token.

pub mod client;
pub mod form;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod revoke;
pub mod token;
pub mod userinfo;
