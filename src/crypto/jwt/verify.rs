//! Verification: form, key, signature, then every claim.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::Deserialize;

use super::access_tokens::AccessTokens;
use super::header::{Header, parse_object};
use super::proved::Proved;
use super::verified::{NotValid, VerifiedAccessToken};
use crate::crypto::signing_keys::jwa;
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, Subject};

/// Longest token that is read, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Claims of a token that are for others to read.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    /// RFC 7519 section 4.1.4, in seconds.
    pub exp: i64,
    /// RFC 7519 section 4.1.6, in seconds.
    pub iat: i64,
    /// RFC 7519 section 4.1.7.
    pub jti: String,
    /// RFC 8693 section 4.3.
    pub client_id: String,
}

#[derive(Deserialize)]
struct PresentedClaims {
    iss: String,
    aud: Audience,
    sub: Subject,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    sid: SessionId,
    #[serde(default, rename = "gen")]
    generation: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Several(several) => several.iter().any(|one| one == name),
        }
    }
}

impl AccessTokens {
    /// Verifies a token: form, key, signature, then every claim.
    ///
    /// # Errors
    /// [`NotValid`] for every reason.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedAccessToken, NotValid> {
        let proved = if let Some(known) = self.proved.find(token) {
            known
        } else {
            let epoch = self.proved.epoch();
            let proved = self.prove(token)?;
            self.proved.insert(token, proved, epoch);
            proved
        };
        if proved.holds(now.secs()) {
            Ok(proved.presented)
        } else {
            Err(NotValid)
        }
    }

    /// Verifies a token and reads the claims that others may know.
    ///
    /// # Errors
    /// [`NotValid`] for every reason.
    pub fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, NotValid> {
        self.verify(token, now)?;
        let claims = token
            .split('.')
            .nth(1)
            .and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok())
            .ok_or(NotValid)?;
        serde_json::from_slice(&claims).map_err(|_| NotValid)
    }

    /// Verifies all of a token that does not change with time.
    fn prove(&self, token: &str) -> Result<Proved, NotValid> {
        if token.len() > MAX_BYTES {
            return Err(NotValid);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(NotValid)?;
        let (header, claims) = message.split_once('.').ok_or(NotValid)?;
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| NotValid)?;
        let keys = self.keyring.keys();
        let key = Header::parse(&header)?.key(&keys)?;
        if !crypto::verify(signature, message.as_bytes(), &key.verifies, jwa(key.algorithm)).unwrap_or(false)
        {
            return Err(NotValid);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| NotValid)?;
        let claims: PresentedClaims = parse_object(&claims)?;
        if claims.iss != self.issuer || !claims.aud.contains(&self.audience) {
            return Err(NotValid);
        }
        let presented = VerifiedAccessToken {
            session: claims.sid,
            subject: claims.sub,
            generation: claims.generation,
        };
        let expires_at = key.retires_at.map_or(claims.exp, |at| claims.exp.min(at.secs()));
        Ok(Proved {
            presented,
            issued_at: claims.iat,
            not_before: claims.nbf,
            expires_at,
        })
    }
}
