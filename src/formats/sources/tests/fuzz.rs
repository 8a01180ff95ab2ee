//! Property tests of records: no input panics, no error repeats a value, and a written record is
//! read back.

use proptest::prelude::*;

use super::*;
use crate::model::email::Email;
use crate::model::ids::Subject;

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
    fn a_refused_block_of_parameters_is_told_in_one_line_without_its_values(text in "(\\PC|[{},:\n]|algorithm: SCRYPT,|rounds: hunter,|base64_signer_key: (hunter!|AAAA)?,){0,20}") {
        match FirebaseParameters::parse(&text) {
            Ok(_) => prop_assert!(["SCRYPT", "base64_signer_key", "rounds", "mem_cost"].iter().all(|part| text.contains(part)), "{}", text),
            Err(refused) => {
                let line = refused.to_string();
                prop_assert!(!line.contains("hunter") && !line.contains('\n') && line.len() < 200, "{}", line);
            }
        }
    }

    #[test]
    fn parameters_in_range_are_read_in_any_order(
        rounds in 0..12_u8,
        mem_cost in 0..20_u8,
        order in Just(vec![0_usize, 1, 2, 3, 4]).prop_shuffle(),
        between in "(,|\n|,\n) {0,2}",
    ) {
        let members = [
            "algorithm: SCRYPT".to_owned(),
            "base64_signer_key: \"anNr\"".to_owned(),
            "base64_salt_separator: Bw==".to_owned(),
            format!("rounds: {rounds}"),
            format!("mem_cost: {mem_cost}"),
        ];
        let shuffled: Vec<&str> = order.iter().map(|at| members[*at].as_str()).collect();
        let read = FirebaseParameters::parse(&format!("hash_config {{{}}}", shuffled.join(&between))).ok();
        prop_assert_eq!(read.is_some(), (1..=8).contains(&rounds) && (1..=14).contains(&mem_cost));
        prop_assert!(read == FirebaseParameters::parse(&members.join(",")).ok());
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
