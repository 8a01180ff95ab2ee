//! Tests of algorithms, and of keys that come and go.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde_json::json;
use uuid::Uuid;

use super::{NOW, claimed, decoded, issued, key, tokens_of};
use crate::crypto::jwt::AccessTokens;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::root_secrets::RootSecrets;
use crate::crypto::signing_keys;
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, Subject};
use crate::model::permission::Permissions;
use crate::model::signing_key::SigningAlgorithm;

#[test]
fn each_algorithm_signs_and_verifies_and_passes_for_no_other() {
    let root = RootSecret::generate().unwrap();
    let all: Vec<AccessTokens> = SigningAlgorithm::ALL
        .iter()
        .map(|algorithm| tokens_of(vec![key(&root, *algorithm)]))
        .collect();
    for (number, ours) in all.iter().enumerate() {
        let token = issued(ours);
        assert_eq!(
            decoded(token.split('.').next().unwrap())["alg"],
            ours.algorithm().name()
        );
        for (other, theirs) in all.iter().enumerate() {
            assert_eq!(theirs.verify(&token, NOW).is_ok(), number == other);
        }
        assert_eq!(
            ours.jwks(NOW).keys.len(),
            usize::from(ours.algorithm() != SigningAlgorithm::Hs256)
        );
    }
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let root = RootSecret::generate().unwrap();
    for algorithm in [
        SigningAlgorithm::EdDsa,
        SigningAlgorithm::Es256,
        SigningAlgorithm::Rs256,
    ] {
        let tokens = tokens_of(vec![key(&root, algorithm)]);
        let public = serde_json::to_string(&tokens.jwks(NOW).keys[0]).unwrap();
        let claims = decoded(issued(&tokens).split('.').nth(1).unwrap()).to_string();
        for secret in [
            public.as_bytes(),
            tokens.keyring.keys()[0]
                .verifies
                .try_get_as_bytes()
                .unwrap_or_default(),
        ] {
            let header =
                json!({"typ": "at+jwt", "alg": "HS256", "kid": tokens.keyring.keys()[0].kid}).to_string();
            let message = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(header),
                URL_SAFE_NO_PAD.encode(&claims)
            );
            let signature = crypto::sign(
                message.as_bytes(),
                &jsonwebtoken::EncodingKey::from_secret(secret),
                jsonwebtoken::Algorithm::HS256,
            )
            .unwrap();
            assert!(tokens.verify(&format!("{message}.{signature}"), NOW).is_err());
        }
    }
}

#[test]
fn a_new_key_waits_for_its_time_and_an_old_one_goes_with_its() {
    let root = RootSecret::generate().unwrap();
    let later = NOW.plus(Duration::from_mins(10));
    let end = NOW.plus(Duration::from_mins(26));
    let mut old = signing_keys::generate(&root, SigningAlgorithm::EdDsa, 1, NOW, NOW).unwrap();
    let secrets = RootSecrets {
        current: root.clone(),
        previous: None,
    };
    let unbounded = [old.clone()];
    old.sealed = signing_keys::seal_retired(&unbounded, end, &secrets)
        .unwrap()
        .remove(0)
        .1;
    old.retires_at = Some(end);
    let new = signing_keys::generate(&root, SigningAlgorithm::EdDsa, 2, NOW, later).unwrap();
    let tokens = tokens_of(
        [&new, &old]
            .map(|sealed| signing_keys::open(sealed, &root).unwrap())
            .into(),
    );
    let issue = |at| {
        tokens
            .issue(
                SessionId::from(Uuid::nil()),
                claimed(Subject::from(Uuid::nil()), &Permissions::default()),
                at,
            )
            .unwrap()
    };
    let kid = |token: &str| {
        decoded(token.split('.').next().unwrap())["kid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (kid(&issue(NOW)), kid(&issue(later))),
        (old.kid.clone(), new.kid.clone())
    );
    assert_eq!(tokens.jwks(NOW).keys.len(), 2, "published before its first use");
    assert!(tokens.verify(&issue(later), later).is_ok());
    assert_eq!(
        kid(&issue(Timestamp::from_secs(7))),
        old.kid,
        "a clock set back stops nobody"
    );
    let by_old = issue(NOW);
    assert!(tokens.verify(&by_old, NOW.plus(Duration::from_mins(14))).is_ok());
    assert_eq!(tokens.jwks(end).keys.len(), 1);
    tokens.replace_keys(vec![signing_keys::open(&new, &root).unwrap()]);
    assert!(
        tokens.verify(&by_old, NOW).is_err(),
        "what was proved by a key that has gone is forgotten"
    );
}
