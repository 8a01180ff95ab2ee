//! Firebase's users and hash parameters.

use super::*;

#[test]
fn firebase_users_get_hashes_with_the_projects_parameters() {
    let outcomes = import(Source::Firebase, sample!("firebase-users.json"));
    let expected = [
        "alice@example.com - active $fbscrypt$",
        "url-safe@example.com - inactive $fbscrypt$",
        "federated@example.com - active no hash",
        "email: is missing",
    ];
    assert_eq!(told(&outcomes), expected);
    let accounts = accounts(outcomes);
    let key = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==";
    let head = format!("$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={key}");
    let alice = "42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    assert_eq!(accounts[0].password_hash, Some(format!("{head}${alice}")));
    let url_safe = "+//+IHNhbHQhIQ==$4kkJ6fPK2OQLpNCZF3B8XSKxdSro6+QQxb1D8eE9ezyzpfM18t81Sr3cVf3+v5P0zpZbsp13Bj4fQVKwvkBPjg==";
    assert_eq!(accounts[1].password_hash, Some(format!("{head}${url_safe}")));
    assert_eq!(
        (accounts[0].subject, rfc3339(accounts[0].created_at)),
        (None, "2017-02-05T19:54:05.000000Z".to_owned())
    );
    assert_eq!(rfc3339(accounts[0].last_login_at), "2024-05-06T12:53:20.123000Z");
    assert!(
        accounts[1].subject.is_some(),
        "a project that chose UUIDs keeps them"
    );
}

#[test]
fn a_firebase_hash_needs_its_salt_the_parameters_and_the_right_to_read_it() {
    let user = |hash: &str, salt: Option<&str>| json!({"email": "a@example.com", "passwordHash": hash, "salt": salt});
    assert_eq!(
        refusal(Source::Firebase, user("UkVEQUNURUQ=", Some("Bw=="))),
        "passwordHash: was redacted by Firebase: export as an owner of the project"
    );
    assert_eq!(refusal(Source::Firebase, user("AAAA", None)), "salt: is missing");
    assert_eq!(
        refusal(Source::Firebase, user("not base64!", Some("Bw=="))),
        "passwordHash: is not base64"
    );
    let Value::Object(record) = user("AAAA", Some("Bw==")) else {
        panic!()
    };
    let bare = Parameters {
        now: Timestamp::from_secs(0),
        firebase: None,
    };
    assert_eq!(
        Source::Firebase.account(record, &bare),
        Err(Refused::NoFirebaseParameters)
    );
    for bad in ["soon", "99999999999999999999", "1e3", ""] {
        let outcome = account(
            Source::Firebase,
            json!({"email": "a@example.com", "createdAt": bad}),
        );
        assert_eq!(outcome.is_err(), !bad.is_empty(), "{bad}");
    }
}

#[test]
fn firebase_parameters_are_read_as_the_console_shows_them() {
    let parsed = FirebaseParameters::parse(HASH_CONFIG).unwrap();
    assert_eq!(
        FirebaseParameters::parse(&HASH_CONFIG.replace('\n', " ")),
        Ok(parsed.clone()),
        "on one line"
    );
    assert_eq!(
        FirebaseParameters::parse(&HASH_CONFIG.replace(",\n", "\n")),
        Ok(parsed.clone()),
        "without commas"
    );
    assert!(!format!("{parsed:?}").contains("jxspr8"));
    for (from, to, expected) in [
        ("SCRYPT", "BCRYPT", "algorithm: is not SCRYPT"),
        ("rounds: 8", "rounds: 9", "rounds: is not a number from 1 to 8"),
        ("rounds: 8", "rounds: 0", "rounds: is not a number from 1 to 8"),
        (
            "mem_cost: 14",
            "mem_cost: 30",
            "mem_cost: is not a number from 1 to 14",
        ),
        ("mem_cost: 14", "mem: 14", "mem_cost: is missing"),
        ("jxspr8", "jx$pr8", "base64_signer_key: is not base64"),
        ("Bw==", "B", "base64_salt_separator: is not base64"),
        ("algorithm", "algo", "algorithm: is missing"),
    ] {
        assert_eq!(
            FirebaseParameters::parse(&HASH_CONFIG.replace(from, to))
                .unwrap_err()
                .to_string(),
            expected
        );
    }
    assert!(FirebaseParameters::parse("").is_err());
}
