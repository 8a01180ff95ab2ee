//! Refresh tokens: opaque to clients, without a row of their own.
//!
//! `dwr_` + base64url(session id, counter, HMAC-SHA-256 tag). The tag is made under a key derived from the root secret, so a copy of the database
//! mints nothing (RFC 6749 section 10.10, ASVS 7.2.3) and a forged token is refused before the database is asked.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::secret::{Broken, RootSecret};
use crate::model::ids::SessionId;

const PREFIX: &str = "dwr_";

/// Makes refresh tokens.
pub struct RefreshTokens {
    key: hmac::Key,
}

impl RefreshTokens {
    /// Under a key derived from the root secret.
    ///
    /// # Errors
    /// The derivation failed.
    pub fn new(root: &RootSecret) -> Result<Self, Broken> {
        let key = root.derive("refresh tokens")?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()) })
    }

    /// The refresh token of a session at a counter; the same text each time.
    #[must_use]
    pub fn issue(&self, session: SessionId, counter: i64) -> String {
        let mut body = session.as_bytes().to_vec();
        body.extend(counter.to_be_bytes());
        let tag = hmac::sign(&self.key, &body);
        body.extend(tag.as_ref());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(body))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_token_is_fixed_by_session_counter_and_secret() {
        let session = SessionId::from(Uuid::from_u128(7));
        let tokens = RefreshTokens::new(&RootSecret::generate().unwrap()).unwrap();
        let token = tokens.issue(session, 0);
        assert_eq!(token, tokens.issue(session, 0));
        assert_eq!(token.len(), 4 + 75, "16 + 8 + 32 bytes in base64url");
        assert_ne!(token, tokens.issue(session, 1));
        assert_ne!(token, tokens.issue(SessionId::from(Uuid::from_u128(8)), 0));
        assert_ne!(token, RefreshTokens::new(&RootSecret::generate().unwrap()).unwrap().issue(session, 0));
    }
}
