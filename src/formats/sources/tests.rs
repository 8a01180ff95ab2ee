//! Each source by an export of its own making where one could be had, in `tests/import/samples`;
//! the passwords behind their hashes are `alice-password-1`, `keycloak-password-1` and the like.

use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::formats::records::for_each;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/import/samples/",
            $name
        ))
    };
}

const HASH_CONFIG: &str = sample!("firebase-hash-config.txt");

fn parameters() -> Parameters {
    Parameters {
        now: Timestamp::from_secs(1_800_000_000),
        firebase: Some(FirebaseParameters::parse(HASH_CONFIG).unwrap()),
    }
}

type Outcome = Result<Option<ImportedAccount>, Refused>;

fn import(source: Source, text: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let parameters = parameters();
    for_each(text.as_bytes(), &mut |_, record| {
        outcomes.push(source.account(record.unwrap(), &parameters));
        ControlFlow::Continue(())
    })
    .unwrap();
    outcomes
}

fn account(source: Source, value: Value) -> Outcome {
    let Value::Object(record) = value else {
        panic!("not an object")
    };
    source.account(record, &parameters())
}

fn imported(source: Source, value: Value) -> ImportedAccount {
    account(source, value).unwrap().unwrap()
}

fn refusal(source: Source, value: Value) -> String {
    account(source, value).unwrap_err().to_string()
}

/// One line an outcome: the address, what is not as in a plain active account, the beginning of the
/// hash.
fn told(outcomes: &[Outcome]) -> Vec<String> {
    let tell = |account: &ImportedAccount| {
        let hash = account
            .password_hash
            .as_deref()
            .map_or("no hash", |hash| hash.get(..10).unwrap_or(hash));
        let role = account.role.as_deref().unwrap_or("-");
        format!(
            "{} {} {} {}",
            account.email.as_str(),
            role,
            if account.is_active { "active" } else { "inactive" },
            hash
        )
    };
    let outcomes = outcomes.iter();
    outcomes
        .map(|outcome| {
            outcome.as_ref().map_or_else(ToString::to_string, |account| {
                account.as_ref().map_or("skipped".to_owned(), tell)
            })
        })
        .collect()
}

fn accounts(outcomes: Vec<Outcome>) -> Vec<ImportedAccount> {
    outcomes
        .into_iter()
        .filter_map(|outcome| outcome.ok().flatten())
        .collect()
}

fn rfc3339(at: Option<Timestamp>) -> String {
    at.map(Timestamp::rfc3339).unwrap_or_default()
}

#[test]
fn every_source_is_found_by_its_name() {
    for source in Source::ALL {
        assert_eq!(Source::parse(source.name()), Some(source));
    }
    assert_eq!(Source::parse("Django"), None);
    assert_eq!(Source::parse(""), None);
}

#[test]
fn fastapi_users_rows_are_read_from_json_and_csv() {
    let expected = [
        "root@example.com admin active $argon2id$",
        "Alice@example.com - active $2b$10$",
        "bob@example.com - inactive $2b$10$",
    ];
    let (list, table) = (
        import(Source::FastapiUsers, sample!("fastapi-users.json")),
        import(Source::FastapiUsers, sample!("fastapi-users.csv")),
    );
    assert_eq!(list, table);
    for (line, expected) in told(&list).iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    let subjects: Vec<String> = accounts(list)
        .iter()
        .map(|account| account.subject.unwrap().to_string())
        .collect();
    assert_eq!(subjects[1], "0b6de0a4-55a1-4d6f-8f5b-9c9f3b7a1c02");
}

#[test]
fn booleans_are_read_however_they_were_written() {
    let is_active = |written: Value| {
        account(
            Source::FastapiUsers,
            json!({"email": "a@example.com", "is_active": written}),
        )
    };
    for yes in [
        json!(true),
        json!("t"),
        json!("true"),
        json!("True"),
        json!("1"),
        json!(1),
    ] {
        assert!(is_active(yes.clone()).unwrap().unwrap().is_active, "{yes}");
    }
    for no in [
        json!(false),
        json!("f"),
        json!("false"),
        json!("False"),
        json!("0"),
        json!(0),
    ] {
        assert!(!is_active(no.clone()).unwrap().unwrap().is_active, "{no}");
    }
    for bad in [
        json!("yes"),
        json!(2),
        json!(-1),
        json!(1.5),
        json!("on"),
        json!([]),
        json!({}),
        json!(" true"),
    ] {
        assert_eq!(
            is_active(bad.clone()).unwrap_err().to_string(),
            "is_active: is neither true nor false",
            "{bad}"
        );
    }
    for absent in [json!(null), json!("")] {
        assert_eq!(
            is_active(absent).unwrap_err().to_string(),
            "is_active: is missing"
        );
    }
}

#[test]
fn supabase_users_are_inactive_while_banned_and_when_deleted() {
    let expected = [
        "alice@example.com - active $2a$10$",
        "banned@example.com - inactive $2a$10$",
        "forgiven@example.com - active $2a$10$",
        "gone@example.com - inactive no hash",
        "email: is missing: the user is anonymous",
        "sso@example.com - active no hash",
    ];
    let (lines, table) = (
        import(Source::Supabase, sample!("supabase.jsonl")),
        import(Source::Supabase, sample!("supabase.csv")),
    );
    assert_eq!(
        lines, table,
        "RFC 3339 and PostgreSQL's own text are the same instants"
    );
    for (line, expected) in told(&lines).iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    let accounts = accounts(lines);
    assert_eq!(rfc3339(accounts[0].created_at), "2024-01-02T03:04:05.123456Z");
    assert_eq!(rfc3339(accounts[0].last_login_at), "2024-05-06T07:08:09.000000Z");
    assert_eq!(
        accounts[0].subject.unwrap().to_string(),
        "3f1c2a58-0c4c-4a55-9c0e-2f3d1b9a7e01"
    );
    assert!(accounts.iter().all(|account| account.role.is_none()));
    assert_eq!(
        refusal(Source::Supabase, json!({"phone": "15555550100", "email": ""})),
        "email: is missing"
    );
}

#[test]
fn a_ban_ends_at_its_instant() {
    let now = parameters().now;
    for (until, is_active) in [
        (now.secs() - 1, true),
        (now.secs(), true),
        (now.secs() + 1, false),
    ] {
        let record = json!({"email": "a@example.com", "banned_until": Timestamp::from_secs(until).rfc3339()});
        assert_eq!(imported(Source::Supabase, record).is_active, is_active, "{until}");
    }
}

#[test]
fn times_of_databases_are_read_with_and_without_a_zone() {
    let created = |text: &str| {
        account(
            Source::Supabase,
            json!({"email": "a@example.com", "created_at": text}),
        )
        .map(|account| rfc3339(account.unwrap().created_at))
    };
    for (text, expected) in [
        ("2024-01-02 03:04:05.123456+00", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02 03:04:05+00", "2024-01-02T03:04:05.000000Z"),
        ("2024-01-02 03:04:05.1-08", "2024-01-02T11:04:05.100000Z"),
        ("2024-01-02 03:04:05+05:30", "2024-01-01T21:34:05.000000Z"),
        ("2024-01-02 03:04:05.123456", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02T03:04:05.123456", "2024-01-02T03:04:05.123456Z"),
        ("2024-01-02T03:04:05.123Z", "2024-01-02T03:04:05.123000Z"),
        (
            "2024-01-02T03:04:05.123456789+02:00",
            "2024-01-02T01:04:05.123456Z",
        ),
    ] {
        assert_eq!(created(text).unwrap(), expected, "{text}");
    }
    for bad in [
        "yesterday",
        "2024-01-02",
        "2024-13-02 03:04:05",
        "infinity",
        "0044-03-15 00:00:00+00 BC",
        "+12024-01-02 03:04:05",
        "2024-02-30 03:04:05+00",
        "1704164645",
    ] {
        assert_eq!(
            created(bad).unwrap_err().to_string(),
            "created_at: is not a date and time",
            "{bad}"
        );
    }
}

#[test]
fn django_dumps_and_tables_are_read() {
    let expected = [
        "root@example.com admin active pbkdf2_sha",
        "Alice@example.com - active pbkdf2_sha",
        "bob@example.com - active pbkdf2_sha",
        "carol@example.com - inactive no hash",
        "dave@example.com - active scrypt$163",
        "email: is missing, and the username is not an address",
    ];
    let (dump, table) = (
        import(Source::Django, sample!("django-dumpdata.json")),
        import(Source::Django, sample!("django-auth_user.csv")),
    );
    assert_eq!(told(&table), expected);
    assert_eq!(told(&dump)[..6], expected);
    assert_eq!(told(&dump)[6..], ["skipped"], "a group");
    assert_eq!(
        rfc3339(accounts(dump)[0].created_at),
        "2026-11-22T19:08:52.128000Z",
        "the dump has milliseconds"
    );
    assert_eq!(
        rfc3339(accounts(table)[0].created_at),
        "2026-11-22T19:08:52.128334Z"
    );
}

#[test]
fn a_django_project_may_have_its_own_user_model() {
    let record = json!({"model": "people.member", "pk": "6f1c2a58-0c4c-4a55-9c0e-2f3d1b9a7e01",
        "fields": {"password": "bcrypt_sha256$$2b$12$x", "last_login": null, "email": "a@example.com"}});
    let account = imported(Source::Django, record);
    assert!(
        account.is_active,
        "a model without the field has it as a constant"
    );
    assert_eq!(
        account.subject.unwrap().to_string(),
        "6f1c2a58-0c4c-4a55-9c0e-2f3d1b9a7e01"
    );
    for other in ["auth.permission", "sessions.session"] {
        assert_eq!(account_of_model(other), Ok(None), "{other}");
    }
}

fn account_of_model(model: &str) -> Outcome {
    account(
        Source::Django,
        json!({"model": model, "pk": 1, "fields": {"name": "x", "is_active": "perhaps"}}),
    )
}

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

#[test]
fn our_own_lines_are_read_strictly() {
    let good = json!({"email": "a@example.com", "password_hash": null, "role": null, "is_active": true, "subject": null, "created_at": null});
    assert!(account(Source::Doorward, good.clone()).is_ok());
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        refusal(Source::Doorward, changed)
    };
    assert_eq!(
        with("is_admin", json!(true)),
        "is_admin: is no member of this format"
    );
    assert_eq!(
        with("$2b$12$hash", json!(true)),
        "(a name that is not shown): is no member of this format"
    );
    assert_eq!(with("email", json!(null)), "email: is missing");
    assert!(with("email", json!("a@b")).starts_with("email: value is not a valid email address"));
    assert_eq!(with("subject", json!("1")), "subject: is not a UUID");
    assert_eq!(with("subject", json!(Uuid::nil())), "subject: is not a UUID");
    assert_eq!(
        with("created_at", json!("2024-01-02 03:04:05+00")),
        "created_at: is not a date and time of RFC 3339"
    );
    assert_eq!(
        with("created_at", json!(1_700_000_000)),
        "created_at: is not text"
    );
    assert_eq!(
        with("password_hash", json!("two words")),
        "password_hash: is not a password hash"
    );
    assert_eq!(
        with("password_hash", json!("x".repeat(1025))),
        "password_hash: is not a password hash"
    );
    assert_eq!(with("password_hash", json!({})), "password_hash: is not text");
}

#[test]
fn our_own_line_has_the_members_that_are_read_in_their_order() {
    let mut full = ImportedAccount::new(Email::parse("email", "a@example.com").unwrap());
    (full.password_hash, full.role) = (Some("$argon2id$x".to_owned()), Some("user".to_owned()));
    full.subject = Some(Subject::from(Uuid::from_u128(7)));
    let at = Some(Timestamp::from_micros(1_704_164_645_123_456));
    (full.created_at, full.password_expires_at, full.last_login_at) = (at, at, at);
    let mut line = Vec::new();
    write(&full, &mut line).unwrap();
    let expected = concat!(
        r#"{"email":"a@example.com","password_hash":"$argon2id$x","role":"user","is_active":true,"#,
        r#""subject":"00000000-0000-0000-0000-000000000007","created_at":"2024-01-02T03:04:05.123456Z","#,
        r#""password_expires_at":"2024-01-02T03:04:05.123456Z","last_login_at":"2024-01-02T03:04:05.123456Z"}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(line).unwrap(), expected);
    assert_eq!(import(Source::Doorward, expected), [Ok(Some(full))]);
}

#[test]
fn debug_output_hides_the_hash() {
    let account = imported(
        Source::FastapiUsers,
        json!({"email": "a@example.com", "is_active": true, "hashed_password": "$2b$12$secret"}),
    );
    assert!(!format!("{account:?}").contains("secret"));
}

/// Values of every kind, each text with the word `hunter` in it somewhere or in a form that some
/// field takes.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}hunter\\PC{0,12}".prop_map(Value::from),
        Just(json!("hunter@example.com")),
        Just(json!("hunter==")),
        Just(json!(["hunter"])),
        Just(json!({"hunter": "hunter"})),
        Just(
            json!([{"type": "password", "hashedSaltedValue": "hunter", "algorithm": "hunter!", "salt": 5, "hashIterations": "hunter"}])
        ),
        Just(json!([{"type": "password", "secretData": "hunter", "credentialData": "{\"hunter\":1}"}])),
        Just(json!([{"type": "password", "value": "hunter"}])),
        Just(
            json!({"email": "hunter", "password": "hunter hunter", "last_login": "hunter", "is_active": "hunter"})
        ),
    ]
}

const FIELDS: &[&str] = &[
    "email",
    "username",
    "password",
    "password_hash",
    "hashed_password",
    "encrypted_password",
    "passwordHash",
    "salt",
    "is_active",
    "is_superuser",
    "enabled",
    "disabled",
    "id",
    "subject",
    "role",
    "created_at",
    "createdAt",
    "createdTimestamp",
    "date_joined",
    "last_login",
    "last_sign_in_at",
    "banned_until",
    "deleted_at",
    "is_anonymous",
    "credentials",
    "model",
    "fields",
    "localId",
    "realm",
    "users",
    "hunter two",
];

fn any_instant() -> impl Strategy<Value = Timestamp> {
    // The years 0 to 9999.
    (-62_167_219_200_000_000_i64..253_402_300_800_000_000).prop_map(Timestamp::from_micros)
}

proptest! {
    #[test]
    fn no_record_panics_and_no_refusal_repeats_a_value(
        chosen in proptest::collection::vec((proptest::sample::select(FIELDS), any_value()), 0..10),
        is_whole in any::<bool>(),
    ) {
        let mut record: Record = chosen.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        if is_whole {
            for (field, value) in [("email", json!("a@example.com")), ("is_active", json!(true)), ("enabled", json!(true))] {
                record.insert(field.to_owned(), value);
            }
        }
        for source in Source::ALL {
            if let Err(refused) = source.account(record.clone(), &parameters()) {
                let line = refused.to_string();
                prop_assert!(!line.contains("hunter") && !line.contains('\n') && line.len() < 200, "{}", line);
            }
        }
    }

    #[test]
    fn no_text_of_parameters_panics(text in "(\\PC|[{},:\n]|algorithm: SCRYPT,|rounds: |base64_signer_key: ){0,20}") {
        let _ = FirebaseParameters::parse(&text);
    }

    #[test]
    fn what_we_write_we_read(
        local in "[a-zA-Z0-9+._-]{1,20}",
        password_hash in proptest::option::of("[!-~]{1,120}"),
        role in proptest::option::of("\\PC{1,20}"),
        is_active in any::<bool>(),
        subject in proptest::option::of(1..u128::MAX),
        times in proptest::collection::vec(proptest::option::of(any_instant()), 3),
    ) {
        let Ok(email) = Email::parse("email", &format!("{local}@bücher.example")) else { return Ok(()) };
        let account = ImportedAccount {
            email, password_hash, role, is_active,
            subject: subject.map(|id| Subject::from(Uuid::from_u128(id))),
            created_at: times[0], password_expires_at: times[1], last_login_at: times[2],
        };
        let mut line = Vec::new();
        write(&account, &mut line).unwrap();
        write(&account, &mut line).unwrap();
        let text = String::from_utf8(line).unwrap();
        prop_assert_eq!(text.lines().count(), 2);
        prop_assert_eq!(import(Source::Doorward, &text), [Ok(Some(account.clone())), Ok(Some(account))]);
    }
}
