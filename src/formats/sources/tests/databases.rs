//! The sources that are tables of a database: fastapi-users, Supabase, Django.

use super::*;

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
