//! Tests of refusals: claims, headers, other keys, other forms.

use serde_json::{Value, json};

use super::{NOW, changed, decoded, forged, issued, tokens};

#[test]
fn every_claim_is_required_and_checked() {
    let tokens = tokens();
    let token = issued(&tokens);
    let header = decoded(token.split('.').next().unwrap()).to_string();
    let claims = decoded(token.split('.').nth(1).unwrap());
    assert!(
        tokens
            .verify(&forged(&tokens, &header, &claims.to_string()), NOW)
            .is_ok()
    );
    assert!(
        tokens
            .verify(
                &forged(
                    &tokens,
                    &header,
                    &changed(&claims, "aud", json!(["other", "doorward"]))
                ),
                NOW
            )
            .is_ok()
    );
    let now = NOW.secs();
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://door.example/")),
        ("aud", Value::Null),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("aud", json!(1)),
        ("exp", Value::Null),
        ("exp", json!(now)),
        ("exp", json!("9999999999")),
        ("exp", json!(1.9e9)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("iat", Value::Null),
        ("iat", json!(now + 61)),
        ("iat", json!("1")),
        ("nbf", json!(now + 6)),
        ("nbf", json!("0")),
        ("nbf", json!(0.5)),
        ("sub", Value::Null),
        ("sub", json!("alice@example.com")),
        ("sub", json!(8)),
        ("sid", Value::Null),
        ("sid", json!("7")),
        ("sid", json!(["7"])),
        ("gen", json!("1")),
        ("gen", json!(0.5)),
    ] {
        assert!(
            tokens
                .verify(
                    &forged(&tokens, &header, &changed(&claims, name, value.clone())),
                    NOW
                )
                .is_err(),
            "{name} {value}"
        );
    }
    let doubled = claims
        .to_string()
        .replacen('{', &format!("{{\"exp\":{},", now + 99), 1);
    assert!(
        tokens.verify(&forged(&tokens, &header, &doubled), NOW).is_err(),
        "a claim twice"
    );
    let array = json!([
        claims["iss"],
        claims["aud"],
        claims["sub"],
        claims["iat"],
        claims["exp"],
        null,
        claims["sid"]
    ])
    .to_string();
    for odd in ["", "[]", "null", "7", "{", "\"x\"", &array] {
        assert!(
            tokens.verify(&forged(&tokens, &header, odd), NOW).is_err(),
            "{odd}"
        );
    }
}

#[test]
fn a_header_with_anything_else_in_it_is_refused() {
    let tokens = tokens();
    let token = issued(&tokens);
    let header = decoded(token.split('.').next().unwrap());
    let claims = decoded(token.split('.').nth(1).unwrap()).to_string();
    assert!(
        tokens
            .verify(
                &forged(
                    &tokens,
                    &changed(&header, "typ", json!("application/AT+JWT")),
                    &claims
                ),
                NOW
            )
            .is_ok()
    );
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("hs256")),
        ("alg", json!("HS512")),
        ("alg", json!("RS256")),
        ("alg", Value::Null),
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("kid", Value::Null),
        ("kid", json!("unknown")),
        ("kid", json!("../../dev/null")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("jku", json!("https://evil.example")),
        ("jwk", json!({"kty": "oct", "k": "AA"})),
        ("x5u", json!("https://evil.example")),
        ("x5c", json!(["AA"])),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
    ] {
        assert!(
            tokens
                .verify(
                    &forged(&tokens, &changed(&header, name, value.clone()), &claims),
                    NOW
                )
                .is_err(),
            "{name} {value}"
        );
    }
    let array = json!([header["typ"], header["alg"], header["kid"]]).to_string();
    assert!(
        tokens.verify(&forged(&tokens, &array, &claims), NOW).is_err(),
        "an array"
    );
}

#[test]
fn a_token_of_another_key_or_form_is_refused() {
    let (ours, theirs) = (tokens(), tokens());
    assert!(ours.verify(&issued(&theirs), NOW).is_err());
    let token = issued(&ours);
    for bent in [
        String::new(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{token}="),
        format!("{token}."),
        format!(".{token}"),
        format!(" {token}"),
        format!("{token} "),
        token.replace('.', ".."),
        token.rsplit_once('.').unwrap().0.to_owned() + ".",
        "x".repeat(9000),
        token.replacen('.', "=.", 1),
    ] {
        assert!(ours.verify(&bent, NOW).is_err(), "{bent}");
    }
}

#[test]
fn no_single_changed_character_goes_unseen() {
    let tokens = tokens();
    let token = issued(&tokens);
    for at in 0..token.len() {
        for other in *b"Aa0_-.=" {
            let mut bent = token.clone().into_bytes();
            if bent[at] != other {
                bent[at] = other;
                assert!(
                    tokens.verify(&String::from_utf8(bent).unwrap(), NOW).is_err(),
                    "{at} {}",
                    char::from(other)
                );
            }
        }
    }
}
