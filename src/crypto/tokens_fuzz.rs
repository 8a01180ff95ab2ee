//! Tokens of any form, signed by the right key or by none: nothing panics, and what is accepted is
//! what could have been issued.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::inner_keys::InnerKeys;
use super::jwt::AccessTokens;
use super::refresh_tokens::RefreshTokens;
use super::root_secret::RootSecret;
use super::signing_keys::{self, SigningKey, jwa};
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::signing_key::SigningAlgorithm;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const KID: &str = "the-kid";

struct Fixture {
    signer: SigningKey,
    tokens: AccessTokens,
    refresh_tokens: RefreshTokens,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let root = RootSecret::generate().unwrap();
    let sealed = signing_keys::generate(&root, SigningAlgorithm::Hs256, 1, NOW, NOW).unwrap();
    let open = || SigningKey {
        kid: KID.to_owned(),
        ..signing_keys::open(&sealed, &root).unwrap()
    };
    let tokens = AccessTokens::new(
        vec![open()],
        SigningAlgorithm::Hs256,
        "iss".to_owned(),
        "doorward".to_owned(),
        Duration::from_mins(15),
    );
    Fixture {
        signer: open(),
        tokens,
        refresh_tokens: RefreshTokens::new(&InnerKeys::derive(&root).unwrap()),
    }
});

fn signed(header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = crypto::sign(
        message.as_bytes(),
        &FIXTURE.signer.signs,
        jwa(SigningAlgorithm::Hs256),
    )
    .unwrap();
    format!("{message}.{signature}")
}

const ID: &str = "\"00000000-0000-0000-0000-000000000007\"";

/// A member as it should be, and now and then as it should not.
fn member(name: &'static str, good: &'static [&'static str]) -> impl Strategy<Value = String> {
    let bad = prop::sample::select(vec![
        "null",
        "0",
        "-1",
        "1.5",
        "1e30",
        "\"\"",
        "[]",
        "{}",
        "true",
        "\"1800000900\"",
        "18446744073709551616",
        "[\"doorward\"]",
    ]);
    prop_oneof![
        12 => prop::sample::select(good).prop_map(move |value| format!("\"{name}\":{value}")),
        1 => bad.prop_map(move |value| format!("\"{name}\":{value}")),
        1 => Just(String::new()),
    ]
}

fn object(members: Vec<String>, more: Option<String>, as_array: bool) -> String {
    let members: Vec<String> = members
        .into_iter()
        .chain(more)
        .filter(|member| !member.is_empty())
        .collect();
    if as_array {
        let values: Vec<&str> = members
            .iter()
            .filter_map(|member| member.split_once(':'))
            .map(|(_, value)| value)
            .collect();
        return format!("[{}]", values.join(","));
    }
    format!("{{{}}}", members.join(","))
}

fn header() -> impl Strategy<Value = String> {
    let members = (
        member("typ", &["\"at+jwt\"", "\"application/at+jwt\""]),
        member("alg", &["\"HS256\""]),
        member("kid", &["\"the-kid\""]),
    );
    let more = prop::option::weighted(
        0.2,
        "\"(crit|jku|jwk|x5c|b64|zip|typ|alg|[a-z]{1,3})\":(null|1|\\[\\]|\"HS256\")",
    );
    (members, more, prop::bool::weighted(0.1))
        .prop_map(|((typ, alg, kid), more, as_array)| object(vec![typ, alg, kid], more, as_array))
}

fn claims() -> impl Strategy<Value = String> {
    let members = (
        member("iss", &["\"iss\""]),
        member("aud", &["\"doorward\"", "[\"other\",\"doorward\"]"]),
        member("sub", &[ID]),
        member("iat", &["1800000000"]),
        member("exp", &["1800000900", "9223372036854775807"]),
        member("nbf", &["1800000000", "null"]),
        member("sid", &[ID]),
    );
    let more = prop::option::weighted(
        0.3,
        "\"(role|scope|jti|exp|aud|[a-z]{1,3})\":(null|1|\"admin\"|\\{\"a\":\\[\\]\\})",
    );
    (members, more, prop::bool::weighted(0.1)).prop_map(
        |((iss, aud, sub, iat, exp, nbf, sid), more, as_array)| {
            object(vec![iss, aud, sub, iat, exp, nbf, sid], more, as_array)
        },
    )
}

proptest! {
    #[test]
    fn no_text_is_an_access_token(text in "\\PC{0,60}|[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,40}){0,4}") {
        prop_assert!(FIXTURE.tokens.verify(&text, NOW).is_err() && FIXTURE.tokens.claims(&text, NOW).is_err());
    }

    #[test]
    fn what_is_accepted_under_the_right_key_could_have_been_issued(header in header(), claims in claims()) {
        let Ok(presented) = FIXTURE.tokens.verify(&signed(&header, &claims), NOW) else { return Ok(()) };
        let header: Value = serde_json::from_str(&header).unwrap();
        let claims: Value = serde_json::from_str(&claims).unwrap();
        prop_assert!(header.as_object().is_some_and(|members| members.len() == 3));
        prop_assert!(header["alg"] == "HS256" && header["kid"] == KID);
        prop_assert!(claims["iss"] == "iss" && claims["aud"].to_string().contains("\"doorward\""));
        prop_assert!(claims["exp"].as_i64().unwrap() > NOW.secs());
        prop_assert!(claims["iat"].as_i64().unwrap() <= NOW.secs() + 30);
        prop_assert_eq!(presented.session, SessionId::from(Uuid::from_u128(7)));
    }

    #[test]
    fn any_text_under_the_right_key_panics_nothing(header in any::<String>(), claims in any::<String>()) {
        prop_assert!(FIXTURE.tokens.verify(&signed(&header, &claims), NOW).is_err());
    }

    #[test]
    fn no_text_is_a_refresh_token(text in "(dwr_)?\\PC{0,80}|dwr_[A-Za-z0-9_-]{70,80}") {
        prop_assert_eq!(FIXTURE.refresh_tokens.verify(&text), None);
    }

    #[test]
    fn an_issued_refresh_token_says_what_it_was_issued_for(session in any::<u128>(), counter in any::<i64>()) {
        let session = SessionId::from(Uuid::from_u128(session));
        let presented = FIXTURE.refresh_tokens.verify(&FIXTURE.refresh_tokens.issue(session, counter)).unwrap();
        prop_assert_eq!((presented.session, presented.counter), (session, counter));
    }
}
