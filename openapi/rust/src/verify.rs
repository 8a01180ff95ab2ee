//! Checks Doorward's access tokens in your own services: offline by its public keys, or by asking
//! it.
//!
//! Offline costs no request, and a token that was ended early is believed until its `exp`;
//! introspection costs one and sees every end at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::Doorward;
use crate::generated::types::PresentedToken;

/// Why a token was not let through.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not one to believe: answer 401.
    #[error("the token is not one to believe")]
    InvalidToken,
    /// The keys or the service could not be asked: answer 503, never 401.
    #[error("tokens cannot be checked: {0}")]
    Unavailable(String),
}

/// What a token says of who asks. `role` is what it was when the token was issued, or asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    pub subject: String,
    pub session: String,
    pub role: String,
    /// Seconds since 1970.
    pub expires_at: i64,
}

/// Either way of checking.
pub enum Verifier {
    Jwks(JwksVerifier),
    Introspection(IntrospectionVerifier),
}

impl Verifier {
    /// The claims of a good access token.
    ///
    /// # Errors
    /// Both kinds.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        match self {
            Self::Jwks(verifier) => verifier.verify(token).await,
            Self::Introspection(verifier) => verifier.verify(token).await,
        }
    }
}

/// What is checked offline; [`JwksOptions::new`] has what fits most.
#[derive(Debug, Clone)]
pub struct JwksOptions {
    pub issuer: String,
    pub audience: String,
    /// `/.well-known/jwks.json` of the issuer, unless set.
    pub jwks_uri: String,
    /// How long keys are kept.
    pub lifespan: Duration,
    /// How long at least between two fetches for unknown keys.
    pub cooldown: Duration,
    pub leeway: Duration,
}

impl JwksOptions {
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: "doorward".to_owned(),
            jwks_uri: format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')),
            lifespan: Duration::from_secs(300),
            cooldown: Duration::from_secs(30),
            leeway: Duration::from_secs(5),
        }
    }
}

/// Offline (the service signs with EdDSA, ES256 or RS256; with HS256 it publishes no keys). An
/// unknown `kid` fetches the keys anew, once per cooldown.
pub struct JwksVerifier {
    options: JwksOptions,
    http: reqwest::Client,
    keys: RwLock<Arc<Keys>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, (Algorithm, DecodingKey)>,
    /// `None` before the first.
    fetched: Option<Instant>,
}

/// What every access token has (RFC 9068), beyond what the validation asks for.
#[derive(Deserialize)]
#[expect(dead_code, reason = "that they are there is what is checked")]
struct Payload {
    sub: String,
    sid: String,
    role: String,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: String,
}

impl JwksVerifier {
    #[must_use]
    pub fn new(options: JwksOptions) -> Self {
        Self { options, http: reqwest::Client::new(), keys: RwLock::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The claims of a good access token.
    ///
    /// # Errors
    /// Both kinds.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let header = decode_header(token).map_err(|_| VerifyError::InvalidToken)?;
        // Another kind of token with the same signer is no access token (RFC 9068 section 4).
        let access = header.typ.as_deref().is_some_and(|typ| ["at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known)));
        let (true, Some(kid)) = (access, header.kid) else { return Err(VerifyError::InvalidToken) };
        let keys = self.keys_with(&kid).await?;
        let (algorithm, key) = keys.by_id.get(&kid).filter(|(algorithm, _)| *algorithm == header.alg).ok_or(VerifyError::InvalidToken)?;
        let mut validation = Validation::new(*algorithm);
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_audience(&[&self.options.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = self.options.leeway.as_secs();
        let claims = decode::<Payload>(token, key, &validation).map_err(|_| VerifyError::InvalidToken)?.claims;
        Ok(Claims { subject: claims.sub, session: claims.sid, role: claims.role, expires_at: claims.exp })
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys, fetched if there are none, they are old, or this one is unknown.
    async fn keys_with(&self, kid: &str) -> Result<Arc<Keys>, VerifyError> {
        let good = |keys: &Keys| {
            let age = keys.fetched.map(|at| at.elapsed());
            age.is_some_and(|age| age < self.options.lifespan && (keys.by_id.contains_key(kid) || age < self.options.cooldown))
        };
        let keys = self.keys();
        if good(&keys) {
            return Ok(keys);
        }
        let _only_one = self.fetching.lock().await;
        let keys = self.keys();
        if good(&keys) {
            return Ok(keys);
        }
        let keys = Arc::new(self.fetch().await.map_err(|cause| VerifyError::Unavailable(cause.to_string()))?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }

    #[allow(clippy::disallowed_methods, reason = "the age of the keys, in a process of its own; this clock goes one way")]
    async fn fetch(&self) -> Result<Keys, reqwest::Error> {
        let answer = self.http.get(&self.options.jwks_uri).timeout(Duration::from_secs(5)).send().await?.error_for_status()?;
        let set: JwkSet = answer.json().await?;
        let by_id = set.keys.iter().filter_map(|jwk| {
            let algorithm: Algorithm = jwk.common.key_algorithm?.to_string().parse().ok()?;
            let ours = matches!(algorithm, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::RS256);
            let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
            let key = DecodingKey::from_jwk(jwk).ok()?;
            (ours && signs).then_some((jwk.common.key_id.clone()?, (algorithm, key)))
        });
        Ok(Keys { by_id: by_id.collect(), fetched: Some(Instant::now()) })
    }
}

/// By asking the service (RFC 7662): with credentials of `doorward client create`, or with a client
/// that is logged in to an account. Either needs the permission `tokens:introspect`. The session of
/// an account ends at its maximal age; credentials do not.
pub struct IntrospectionVerifier {
    client: Doorward,
    credentials: Option<(String, String)>,
}

impl IntrospectionVerifier {
    #[must_use]
    pub fn new(client: Doorward) -> Self {
        Self { client, credentials: None }
    }

    /// With an id and a secret; nobody may be logged in to the client.
    #[must_use]
    pub fn with_credentials(client: Doorward, client_id: &str, client_secret: &str) -> Self {
        Self { client, credentials: Some((client_id.to_owned(), client_secret.to_owned())) }
    }

    /// The claims of an access token that is good now.
    ///
    /// # Errors
    /// Both kinds.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let (client_id, client_secret) = self.credentials.clone().unzip();
        let form = &PresentedToken { token: token.to_owned(), token_type_hint: None, client_id, client_secret };
        let answer = self.client.call(|api| async move { api.introspect(form).await }).await;
        let answer = answer.map_err(|cause| match cause.refusal() {
            Some(refusal) if ["invalid_request", "too_large"].contains(&refusal.code.as_str()) => VerifyError::InvalidToken,
            _ => VerifyError::Unavailable(cause.to_string()),
        })?;
        // A refresh token is none. Servers of version 0.1.0 call an access token access_token.
        if !answer.active || !matches!(answer.token_type.as_deref(), Some("Bearer" | "access_token")) {
            return Err(VerifyError::InvalidToken);
        }
        let (Some(subject), Some(session), Some(role), Some(expires_at)) = (answer.sub, answer.sid, answer.role, answer.exp) else {
            return Err(VerifyError::InvalidToken);
        };
        Ok(Claims { subject, session, role, expires_at })
    }
}
