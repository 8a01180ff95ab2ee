//! Refresh tokens: opaque to clients, without a row of their own.
//!
//! `dwr_` + base64url(session id, counter, HMAC-SHA-256 tag). The tag is made under a key derived
//! from the root secret, so a copy of the database mints nothing (RFC 6749 section 10.10, ASVS
//! 7.2.3) and a forged token is refused before the database is asked.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use uuid::Uuid;

use super::secret::{CryptoError, RootSecret};
use crate::model::ids::SessionId;

const PREFIX: &str = "dwr_";
const SESSION_BYTES: usize = 16;
const BODY_BYTES: usize = SESSION_BYTES + 8;
const TOKEN_BYTES: usize = BODY_BYTES + 32;

/// What a genuine refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedRefreshToken {
    /// The session that it belongs to.
    pub session: SessionId,
    /// How often the session had been refreshed when it was issued.
    pub counter: i64,
}

/// Makes refresh tokens and knows its own.
pub struct RefreshTokens {
    key: hmac::Key,
}

impl RefreshTokens {
    /// Under a key derived from the root secret.
    ///
    /// # Errors
    /// The derivation failed.
    pub fn new(root: &RootSecret) -> Result<Self, CryptoError> {
        let key = root.derive("refresh tokens")?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        })
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

    /// Reads a token that we issued; none for any other text. The tag is compared in constant time.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<VerifiedRefreshToken> {
        let encoded = token
            .strip_prefix(PREFIX)
            .filter(|encoded| encoded.len() <= 2 * TOKEN_BYTES)?;
        let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()?;
        let (body, tag) = bytes.split_at(BODY_BYTES);
        hmac::verify(&self.key, body, tag).ok()?;
        let (session, counter) = body.split_at(SESSION_BYTES);
        Some(VerifiedRefreshToken {
            session: SessionId::from(Uuid::from_slice(session).ok()?),
            counter: i64::from_be_bytes(counter.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
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
        assert_ne!(
            token,
            RefreshTokens::new(&RootSecret::generate().unwrap())
                .unwrap()
                .issue(session, 0)
        );
    }

    #[test]
    fn only_our_own_token_is_read() {
        let session = SessionId::from(Uuid::from_u128(7));
        let tokens = RefreshTokens::new(&RootSecret::generate().unwrap()).unwrap();
        let token = tokens.issue(session, 41);
        assert_eq!(
            tokens.verify(&token),
            Some(VerifiedRefreshToken { session, counter: 41 })
        );
        assert_eq!(
            RefreshTokens::new(&RootSecret::generate().unwrap())
                .unwrap()
                .verify(&token),
            None
        );
        for at in 0..token.len() {
            for other in *b"Aa0_-.=" {
                let mut bent = token.clone().into_bytes();
                if bent[at] != other {
                    bent[at] = other;
                    assert_eq!(
                        tokens.verify(&String::from_utf8(bent).unwrap()),
                        None,
                        "{at} {}",
                        char::from(other)
                    );
                }
            }
        }
        for bad in [
            "",
            "dwr_",
            "dwr_AAAA",
            &token[4..],
            &format!("{token}A"),
            &format!("{token}="),
            &"x".repeat(100_000),
        ] {
            assert_eq!(tokens.verify(bad), None);
        }
    }
}
