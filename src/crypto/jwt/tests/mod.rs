//! Tests of access tokens; tokens that no service issued are made here too.

mod keys;
mod refusals;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AccessTokens, TokenIdentity};
use crate::crypto::root_secret::RootSecret;
use crate::crypto::signing_keys::{self, SigningKey, jwa};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, Subject};
use crate::model::permission::Permissions;
use crate::model::signing_key::SigningAlgorithm;

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(super) fn tokens() -> AccessTokens {
    let root = RootSecret::generate().unwrap();
    tokens_of(vec![key(&root, SigningAlgorithm::Hs256)])
}

fn key(root: &RootSecret, algorithm: SigningAlgorithm) -> SigningKey {
    signing_keys::open(
        &signing_keys::generate(root, algorithm, 1, NOW, NOW).unwrap(),
        root,
    )
    .unwrap()
}

fn tokens_of(keys: Vec<SigningKey>) -> AccessTokens {
    let algorithm = keys[0].algorithm;
    AccessTokens::new(
        keys,
        algorithm,
        "https://door.example".to_owned(),
        "doorward".to_owned(),
        Duration::from_mins(15),
    )
}

pub(super) fn issued(tokens: &AccessTokens) -> String {
    tokens
        .issue(
            SessionId::from(Uuid::from_u128(7)),
            claimed(Subject::from(Uuid::from_u128(8)), &Permissions::default()),
            NOW,
        )
        .unwrap()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Signs any header and claims with the right key.
fn forged(tokens: &AccessTokens, header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = crypto::sign(
        message.as_bytes(),
        &tokens.keyring.keys()[0].signs,
        jwa(tokens.keyring.keys()[0].algorithm),
    )
    .unwrap();
    format!("{message}.{signature}")
}

fn changed(json: &Value, name: &str, value: Value) -> String {
    let mut json = json.clone();
    match value {
        Value::Null => drop(json.as_object_mut().unwrap().remove(name)),
        value => json[name] = value,
    }
    json.to_string()
}

fn claimed(subject: Subject, permissions: &Permissions) -> TokenIdentity<'_> {
    TokenIdentity {
        subject,
        role: "user",
        permissions,
        generation: 0,
    }
}

#[test]
fn a_token_has_the_header_and_claims_of_rfc_9068() {
    let tokens = tokens();
    let token = issued(&tokens);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(
        decoded(parts[0]),
        json!({"typ": "at+jwt", "alg": "HS256", "kid": tokens.keyring.keys()[0].kid})
    );
    let claims = decoded(parts[1]);
    let mut names: Vec<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aud",
            "client_id",
            "exp",
            "gen",
            "iat",
            "iss",
            "jti",
            "role",
            "sid",
            "sub"
        ]
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    assert_eq!(
        tokens.verify(&token, NOW).unwrap().subject,
        Subject::from(Uuid::from_u128(8))
    );
}

#[test]
fn it_lives_until_its_expiry_and_not_a_second_longer() {
    let tokens = tokens();
    let token = issued(&tokens);
    assert!(tokens.verify(&token, NOW.plus(Duration::from_secs(899))).is_ok());
    assert!(tokens.verify(&token, NOW.plus(Duration::from_mins(15))).is_err());
}
