//! Keycloak's users and credentials.

use super::*;

#[test]
fn keycloak_hashes_of_every_kind_and_age_become_phc_strings() {
    let outcomes = import(Source::Keycloak, sample!("keycloak-realm.json"));
    let expected = [
        "argon@example.com - active $argon2id$",
        "sha512@example.com - active $pbkdf2-sh",
        "sha256@example.com - inactive $pbkdf2-sh",
        "old@example.com - active $pbkdf2$i=",
        "federated@example.com - active no hash",
        "credentials: the password is hashed with bcrypt, which cannot be imported",
        "credentials: the password is in clear; it has to be set by its owner",
        "skipped",
        "email: is missing, and the username is not an address",
    ];
    assert_eq!(told(&outcomes), expected);
    let accounts = accounts(outcomes);
    let hashes: Vec<&str> = accounts
        .iter()
        .filter_map(|account| account.password_hash.as_deref())
        .collect();
    assert_eq!(
        hashes,
        [
            "$argon2id$v=19$m=7168,t=5,p=1$AQIDBAUGBwgJCgsMDQ4PEA$kXqFw3TUt2jRLy/wiOTkruiS0RWjbRxQca1inzoYKVU",
            "$pbkdf2-sha512$i=210000,l=64$AQIDBAUGBwgJCgsMDQ4PEA$2vvPJtAHSOdMV+3JccUrFo/bpKK3/9v/h2HktRp4kIR5shoI5Vlr8NWp9gJqaa0P1imfYQE8SEzCGTnkXarW6g",
            "$pbkdf2-sha256$i=27500,l=64$AQIDBAUGBwgJCgsMDQ4PEA$lVxzwHqOO9n90Jkg/QcOEdvDDVHLohmk7YA4gIU8RrvDGGxTo/wecsbbVWK9nQftvIRqAaWahEdPe7ER9dobkA",
            "$pbkdf2$i=20000,l=64$AQIDBAUGBwgJCgsMDQ4PEA$4HBh8QoN9ket8YUFKLvPRQo0ybL3dTb5zK4N+gGSTyN3Pg3Hc94p1WWOPS7lIW0zRzmu3hMrsq9aSRuTHeJuyg",
        ]
    );
    assert_eq!(
        accounts[0].subject.unwrap().to_string(),
        "b6f2f1de-3a52-4a39-9f1a-2a4a4c0d7b01"
    );
    assert_eq!(rfc3339(accounts[0].created_at), "2023-11-14T22:13:20.001000Z");
}

#[test]
fn a_keycloak_credential_that_is_not_whole_is_refused() {
    let with = |secret: &str, data: &str| json!({"email": "a@example.com", "enabled": true, "credentials": [{"type": "password", "secretData": secret, "credentialData": data}]});
    let (secret, data) = (
        r#"{"value":"AAAA","salt":"AAAA"}"#,
        r#"{"hashIterations":5,"algorithm":"pbkdf2-sha256"}"#,
    );
    assert!(account(Source::Keycloak, with(secret, data)).is_ok());
    let argon2 = |parameters: &str| {
        format!(r#"{{"hashIterations":5,"algorithm":"argon2","additionalParameters":{parameters}}}"#)
    };
    for (secret, data, expected) in [
        ("", data, "secretData: is missing"),
        ("not json", data, "secretData: is not a JSON object"),
        ("[]", data, "secretData: is not a JSON object"),
        (r#"{"value":"AAAA"}"#, data, "salt: is missing"),
        (r#"{"value":"!","salt":"AAAA"}"#, data, "value: is not base64"),
        (secret, "{", "credentialData: is not a JSON object"),
        (secret, r#"{"algorithm":"pbkdf2"}"#, "hashIterations: is missing"),
        (
            secret,
            r#"{"algorithm":"pbkdf2","hashIterations":-1}"#,
            "hashIterations: is not a positive number",
        ),
        (
            secret,
            r#"{"algorithm":"pbkdf2","hashIterations":1e9}"#,
            "hashIterations: is not a positive number",
        ),
        (secret, r#"{"hashIterations":5}"#, "algorithm: is missing"),
        (secret, &argon2("{}"), "type: is missing"),
        (
            secret,
            &argon2(r#"{"type":["x"]}"#),
            "credentials: the type of Argon2 is not known",
        ),
        (
            secret,
            &argon2(r#"{"type":["id"],"version":["2"]}"#),
            "credentials: the version of Argon2 is not known",
        ),
        (
            secret,
            &argon2(r#"{"type":["id"],"version":["1.3"],"memory":["much"]}"#),
            "memory: is not a positive number",
        ),
        (
            secret,
            &argon2(r#"{"type":["id"],"version":["1.3"],"memory":["7168"]}"#),
            "parallelism: is missing",
        ),
    ] {
        assert_eq!(refusal(Source::Keycloak, with(secret, data)), expected);
    }
    assert!(refusal(Source::Keycloak, json!({"realm": "a", "users": []})).contains("--realm"));
}
