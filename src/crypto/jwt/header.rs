//! The header of an access token: `alg`, `typ` and `kid`, and nothing else.
//!
//! So `crit`, `jku`, `jwk`, `x5u`, `zip` and their like are refused by their mere presence (RFC 7515
//! section 4.1.11, RFC 8725 section 3.10).

use serde::{Deserialize, Serialize};

use super::verified::NotValid;
use crate::crypto::signing_keys::SigningKey;

/// Type of an access token (RFC 9068 section 2.1).
const TYPE: &str = "at+jwt";

/// The header's three members.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

impl<'a> Header<'a> {
    /// Header of a token that `key` signs.
    pub fn of(key: &'a SigningKey) -> Self {
        Self {
            typ: TYPE,
            alg: key.algorithm.name(),
            kid: &key.kid,
        }
    }

    /// Parses the JSON of a header.
    ///
    /// # Errors
    /// Another form, another member, or a member that is missing.
    pub fn parse(json: &'a [u8]) -> Result<Self, NotValid> {
        parse_object(json)
    }

    /// The key that the header names, if type and algorithm are those of its tokens. The algorithm
    /// is the key's; the header's word for it is only compared (RFC 8725 section 3.1).
    ///
    /// # Errors
    /// No such key, another type, or another algorithm.
    pub fn key<'k>(&self, keys: &'k [SigningKey]) -> Result<&'k SigningKey, NotValid> {
        let key = keys.iter().find(|key| key.kid == self.kid).ok_or(NotValid)?;
        if self.alg == key.algorithm.name() && is_access_token_type(self.typ) {
            Ok(key)
        } else {
            Err(NotValid)
        }
    }
}

/// Parses a JSON object. Header and claims are objects (RFC 7515 section 5.2, RFC 7519 section 7.2);
/// serde alone would take an array for a struct, field by field.
///
/// # Errors
/// Another form.
pub fn parse_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, NotValid> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(NotValid);
    }
    serde_json::from_slice(json).map_err(|_| NotValid)
}

/// `application/` may be left out (RFC 9068 section 2.1); media types are compared without regard
/// to case (RFC 7515 section 4.1.9).
fn is_access_token_type(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}
