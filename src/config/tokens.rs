//! Settings of access tokens and of the keys that sign them.

use std::time::Duration;

use super::row::settings;
use super::server::MaskedSecret;
use super::setting::BadSetting;
use super::values::{By, DURATION, DurationOr, Or};
use crate::crypto::root_secret::RootSecret;
use crate::model::signing_key::SigningAlgorithm;

const JWT_SECRET: &str = "DOORWARD_JWT_SECRET";
const KEY_ROTATION: &str = "DOORWARD_KEY_ROTATION";

/// A signing algorithm by its JOSE name.
const ALGORITHM: By<SigningAlgorithm> = By(parse_algorithm, |algorithm| algorithm.name().to_owned());
/// Issuer URL. The default is empty until `Config::load` sets it from the listen address.
const ISSUER: Or<By<String>> = Or(By(parse_issuer, String::clone), String::new);

settings! {
    /// Settings of access tokens and of the keys that sign them.
    TokenSettings {
        algorithm: SigningAlgorithm = "DOORWARD_JWT_ALGORITHM", "HS256", ALGORITHM,
            "HS256, EdDSA, ES256 or RS256; with the last three, other services verify tokens by JWKS; old \
             tokens stay valid after a change";
        jwt_secret: Option<RootSecret> = JWT_SECRET, "none", MaskedSecret,
            "HS256 only: signing key shared with your other services, at least 32 bytes";
        key_rotation: Option<Duration> = KEY_ROTATION, "never", DurationOr("never", "30d"),
            "time between new signing keys, at least 1h, such as 30d; with never, only `doorward keys \
             rotate` creates a new key";
        issuer: String = "DOORWARD_ISSUER", "http(s):// + listen address", ISSUER,
            "`iss` of every token: your public http or https URL; https also turns HSTS on";
        audience: String = "DOORWARD_AUDIENCE", "doorward", By(parse_audience, String::clone),
            "`aud` of every token";
        access_token_ttl: Duration = "DOORWARD_ACCESS_TOKEN_TTL", "15m", DURATION,
            "lifetime of an access token";
    }
}

impl TokenSettings {
    /// Whether `DOORWARD_JWT_SECRET` is the signing key, in place of the keys in the database.
    #[must_use]
    pub const fn shares_its_key(&self) -> bool {
        self.jwt_secret.is_some()
    }

    /// Whether the public URL is https.
    #[must_use]
    pub fn issuer_is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    /// The first contradiction between these settings.
    pub(super) fn contradiction(&self) -> Option<BadSetting> {
        if !self.shares_its_key() {
            None
        } else if self.algorithm != SigningAlgorithm::Hs256 {
            Some(BadSetting::new(
                JWT_SECRET,
                "can only be used with DOORWARD_JWT_ALGORITHM=HS256",
            ))
        } else if self.key_rotation.is_some() {
            Some(BadSetting::new(
                KEY_ROTATION,
                "cannot be used with DOORWARD_JWT_SECRET, which is not rotated",
            ))
        } else {
            None
        }
    }
}

fn parse_algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::parse(text).ok_or_else(|| "must be HS256, EdDSA, ES256 or RS256".to_owned())
}

/// An issuer identifier: an http or https URL without query or fragment (RFC 8414 section 2).
fn parse_issuer(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"?#\"\\<>".contains(&byte);
    if !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("must be an http:// or https:// URL without query or fragment".to_owned())
    }
}

fn parse_audience(text: &str) -> Result<String, String> {
    let graphic = !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
    graphic
        .then(|| text.to_owned())
        .ok_or_else(|| "must be 1 to 255 visible ASCII characters".to_owned())
}
