//! The result of a verification: the content of a valid token, or that it is not valid.

use crate::model::ids::{SessionId, Subject};

/// The token is not one that we issued, or no longer good. It has no reason on purpose: the
/// caller learns none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid access token")]
pub struct NotValid;

/// Content of a valid token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAccessToken {
    /// Session that it belongs to.
    pub session: SessionId,
    /// Subject that the session must have.
    pub subject: Subject,
    /// Generation of the session's tokens that it belongs to. 0 for a token of version 0.1, which
    /// does not say.
    pub generation: i64,
}
