//! Issue: header, claims and signature of a new access token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::Serialize;

use super::access_tokens::AccessTokens;
use super::header::Header;
use crate::crypto::signing_keys::jwa;
use crate::crypto::{CryptoError, random};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, Subject};
use crate::model::permission::Permissions;

/// The `client_id`, which RFC 9068 requires; people log in here without a client of their own.
const FIRST_PARTY_CLIENT: &str = "doorward";

/// Bearer of a token, as the token tells it to services that read it.
#[derive(Debug, Clone, Copy)]
pub struct TokenIdentity<'a> {
    /// RFC 7519 section 4.1.2.
    pub subject: Subject,
    /// Name of the role.
    pub role: &'a str,
    /// The `scope` (RFC 9068 section 2.2.3.1); left out if there is none.
    pub permissions: &'a Permissions,
    /// The `gen`: generation of the session's tokens that this one belongs to.
    pub generation: i64,
}

#[derive(Serialize)]
struct IssuedClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Subject,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    sid: SessionId,
    #[serde(rename = "gen")]
    generation: i64,
    role: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
}

impl AccessTokens {
    /// Issues a token for a session.
    ///
    /// # Errors
    /// No key, no entropy, or the signature failed.
    pub fn issue(
        &self,
        session: SessionId,
        identity: TokenIdentity<'_>,
        now: Timestamp,
    ) -> Result<String, CryptoError> {
        let keys = self.keyring.keys();
        let key = self
            .keyring
            .signer(&keys, now)
            .ok_or(CryptoError::Primitive("no signing key"))?;
        let encode = |json: Result<String, serde_json::Error>| {
            json.map(|json| URL_SAFE_NO_PAD.encode(json))
                .map_err(|_| CryptoError::Primitive("JSON"))
        };
        let claims = IssuedClaims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: identity.subject,
            client_id: FIRST_PARTY_CLIENT,
            iat: now.secs(),
            exp: now.plus(self.ttl).secs(),
            jti: &URL_SAFE_NO_PAD.encode(random::<16>()?),
            sid: session,
            generation: identity.generation,
            role: identity.role,
            scope: identity.permissions.as_str(),
        };
        let mut token = encode(serde_json::to_string(&Header::of(key)))?;
        token.push('.');
        token.push_str(&encode(serde_json::to_string(&claims))?);
        let signature = crypto::sign(token.as_bytes(), &key.signs, jwa(key.algorithm))
            .map_err(|_| CryptoError::Primitive("signature"))?;
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }
}
