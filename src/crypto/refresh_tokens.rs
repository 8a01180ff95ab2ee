//! Refresh tokens: signed texts of a session id and a counter, `dwr_` + base64url(session id,
//! counter, tag). No row is kept of them.

use aws_lc_rs::hmac;
use uuid::Uuid;

use super::inner_keys::InnerKeys;
use super::signed_text::SignedText;
use crate::model::ids::SessionId;

const SESSION_BYTES: usize = 16;
const PAYLOAD_BYTES: usize = SESSION_BYTES + size_of::<i64>();
const TAG_BYTES: usize = 32;

/// Content of a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedRefreshToken {
    /// Session that it belongs to.
    pub session: SessionId,
    /// Number of refreshes of the session when it was issued.
    pub counter: i64,
}

/// Issues and verifies refresh tokens.
pub struct RefreshTokens(SignedText<PAYLOAD_BYTES, TAG_BYTES>);

impl RefreshTokens {
    /// Takes their key.
    #[must_use]
    pub fn new(keys: &InnerKeys) -> Self {
        Self(SignedText {
            prefix: "dwr_",
            domain: b"",
            key: hmac::Key::new(hmac::HMAC_SHA256, keys.refresh_tokens.as_ref()),
        })
    }

    /// Refresh token of a session at a counter; the same text each time.
    #[must_use]
    pub fn issue(&self, session: SessionId, counter: i64) -> String {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..SESSION_BYTES].copy_from_slice(session.as_bytes());
        payload[SESSION_BYTES..].copy_from_slice(&counter.to_be_bytes());
        self.0.issue(&payload)
    }

    /// Verifies a token; none if this service did not issue it.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<VerifiedRefreshToken> {
        let payload = self.0.verify(token)?;
        let (session, counter) = payload.split_first_chunk::<SESSION_BYTES>()?;
        Some(VerifiedRefreshToken {
            session: SessionId::from(Uuid::from_bytes(*session)),
            counter: i64::from_be_bytes(counter.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::root_secret::RootSecret;

    fn of_another_secret() -> RefreshTokens {
        RefreshTokens::new(&InnerKeys::derive(&RootSecret::generate().unwrap()).unwrap())
    }

    #[test]
    fn a_token_is_fixed_by_session_counter_and_secret() {
        let session = SessionId::from(Uuid::from_u128(7));
        let tokens = of_another_secret();
        let token = tokens.issue(session, 0);
        assert_eq!(token, tokens.issue(session, 0));
        assert_eq!(token.len(), 4 + 75, "16 + 8 + 32 bytes in base64url");
        assert_ne!(token, tokens.issue(session, 1));
        assert_ne!(token, tokens.issue(SessionId::from(Uuid::from_u128(8)), 0));
        assert_ne!(token, of_another_secret().issue(session, 0));
    }

    #[test]
    fn a_token_of_an_earlier_release_is_still_read() {
        let root = RootSecret::parse("a secret of the tests, of forty bytes!!!").unwrap();
        let token = "dwr_AAAAAAAAAAAAAAAAAAAABwAAAAAAAAAp2Z1buN01V9cr0SENrKeiAOnU7Po-F_IlWyPdYf0Zt88";
        let session = SessionId::from(Uuid::from_u128(7));
        let tokens = RefreshTokens::new(&InnerKeys::derive(&root).unwrap());
        assert_eq!(
            tokens.verify(token),
            Some(VerifiedRefreshToken { session, counter: 41 })
        );
        assert_eq!(tokens.issue(session, 41), token);
    }

    #[test]
    fn only_our_own_token_is_read() {
        let session = SessionId::from(Uuid::from_u128(7));
        let tokens = of_another_secret();
        let token = tokens.issue(session, 41);
        assert_eq!(
            tokens.verify(&token),
            Some(VerifiedRefreshToken { session, counter: 41 })
        );
        assert_eq!(of_another_secret().verify(&token), None);
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
