//! Our own lines.

use super::*;
use crate::model::email::Email;
use crate::model::ids::Subject;

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
