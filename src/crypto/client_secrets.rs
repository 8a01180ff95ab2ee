//! Secrets of clients: signed texts of a subject and a generation, `dwx_` + base64url(subject,
//! generation, tag). The database has no secret, and a guess is refused before it is asked.

use aws_lc_rs::hmac;
use uuid::Uuid;

use super::inner_keys::InnerKeys;
use super::signed_text::SignedText;
use crate::model::ids::Subject;

const SUBJECT_BYTES: usize = 16;
const PAYLOAD_BYTES: usize = SUBJECT_BYTES + size_of::<i64>();
const TAG_BYTES: usize = 32;
/// Name under which their key is derived. The tag of a refresh token is a MAC of a longer text under
/// the same key, so no token can contain the derived key.
const PURPOSE: &[u8] = b"client secrets";

/// Content of a genuine secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedClientSecret {
    /// Subject of the client.
    pub subject: Subject,
    /// Generation of the secret.
    pub generation: i64,
}

/// Issues and verifies the secrets of clients.
pub struct ClientSecrets(SignedText<PAYLOAD_BYTES, TAG_BYTES>);

impl ClientSecrets {
    /// Derives their key from the key of refresh tokens. A stored key of their own would be lost if a
    /// node of an earlier version replaced the inner keys: it does not know the purpose.
    #[must_use]
    pub fn new(keys: &InnerKeys) -> Self {
        let inner = hmac::Key::new(hmac::HMAC_SHA256, keys.refresh_tokens.as_ref());
        let derived = hmac::sign(&inner, PURPOSE);
        Self(SignedText {
            prefix: "dwx_",
            domain: b"",
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        })
    }

    /// Secret of a client in a generation; the same text each time.
    #[must_use]
    pub fn issue(&self, subject: Subject, generation: i64) -> String {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..SUBJECT_BYTES].copy_from_slice(subject.as_bytes());
        payload[SUBJECT_BYTES..].copy_from_slice(&generation.to_be_bytes());
        self.0.issue(&payload)
    }

    /// Verifies a secret; none if this service did not issue it.
    #[must_use]
    pub fn verify(&self, secret: &str) -> Option<VerifiedClientSecret> {
        let payload = self.0.verify(secret)?;
        let (subject, generation) = payload.split_first_chunk::<SUBJECT_BYTES>()?;
        Some(VerifiedClientSecret {
            subject: Subject::from(Uuid::from_bytes(*subject)),
            generation: i64::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::refresh_tokens::RefreshTokens;
    use crate::crypto::root_secret::RootSecret;
    use crate::model::ids::SessionId;

    fn keys(secret: &str) -> InnerKeys {
        InnerKeys::derive(&RootSecret::parse(secret).unwrap()).unwrap()
    }

    #[test]
    fn a_secret_is_fixed_by_subject_generation_and_keys() {
        let ours = ClientSecrets::new(&keys("a secret of the tests, of forty bytes!!!"));
        let other = ClientSecrets::new(&keys("another secret, just as long as that one"));
        let subject = Subject::from(Uuid::from_u128(7));
        let secret = ours.issue(subject, 41);
        assert_eq!(secret, ours.issue(subject, 41));
        assert_eq!(secret.len(), 4 + 75, "16 + 8 + 32 bytes in base64url");
        assert_ne!(secret, ours.issue(subject, 42));
        let content = VerifiedClientSecret {
            subject,
            generation: 41,
        };
        assert_eq!(ours.verify(&secret), Some(content));
        assert_eq!(other.verify(&secret), None);
        for at in 0..secret.len() {
            let mut bent = secret.clone().into_bytes();
            bent[at] ^= 1;
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(ours.verify(&bent), None, "{bent}");
        }
    }

    #[test]
    fn a_refresh_token_is_no_secret_and_a_secret_no_refresh_token() {
        let keys = keys("a secret of the tests, of forty bytes!!!");
        let (secrets, tokens) = (ClientSecrets::new(&keys), RefreshTokens::new(&keys));
        let id = Uuid::from_u128(7);
        let token = tokens.issue(SessionId::from(id), 41);
        let secret = secrets.issue(Subject::from(id), 41);
        assert_eq!(secrets.verify(&token.replace("dwr_", "dwx_")), None);
        assert_eq!(tokens.verify(&secret.replace("dwx_", "dwr_")), None);
    }
}
