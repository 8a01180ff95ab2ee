//! Each source by an export of its own making where one could be had, in `tests/import/samples`;
//! the passwords behind their hashes are `alice-password-1`, `keycloak-password-1` and the like.

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/import/samples/",
            $name
        ))
    };
}

mod databases;
mod firebase;
mod fuzz;
mod keycloak;
mod own;

use std::ops::ControlFlow;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::formats::readers::for_each;

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
fn debug_output_hides_the_hash() {
    let account = imported(
        Source::FastapiUsers,
        json!({"email": "a@example.com", "is_active": true, "hashed_password": "$2b$12$secret"}),
    );
    assert!(!format!("{account:?}").contains("secret"));
}
