//! A change that breaks clients needs a version that says so: the kept document against that of the
//! last tag.

use std::process::Command;

use serde_json::{Value, json};

use super::changes::{breaks, may_break};
use super::{KEPT, root};

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn nothing_breaks_since_the_last_tag_unless_the_version_says_so() {
    let Some(tag) = git(&["describe", "--tags", "--abbrev=0"]) else {
        println!("there is no tag yet, so there is nobody to break");
        return;
    };
    let Some(then) = git(&["show", &format!("{tag}:openapi/openapi.json")]) else {
        println!("{tag} had no document yet");
        return;
    };
    let (then, now): (Value, Value) = (
        serde_json::from_str(&then).unwrap(),
        serde_json::from_str(KEPT).unwrap(),
    );
    let (before, after) = (
        then["info"]["version"].as_str().unwrap(),
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(now["info"]["version"], after);
    let found = breaks(&then, &now);
    assert!(
        found.is_empty() || may_break(before, after),
        "version {after} breaks clients of {tag}: {found:#?}"
    );
}

#[test]
fn a_version_may_break_by_its_first_number_that_is_not_0() {
    for (old, new, may) in [
        ("0.1.0", "0.1.1", false),
        ("0.1.9", "0.2.0", true),
        ("0.9.0", "1.0.0", true),
        ("1.2.0", "1.3.0", false),
        ("1.2.0", "2.0.0-rc.1", true),
        ("0.2.0", "0.1.0", false),
        ("2.0.0", "1.9.0", false),
    ] {
        assert_eq!(may_break(old, new), may, "{old} -> {new}");
    }
}

#[test]
fn no_document_breaks_itself() {
    let kept: Value = serde_json::from_str(KEPT).unwrap();
    assert_eq!(breaks(&kept, &kept), Vec::<String>::new());
}

/// The kept document with one place changed.
fn with(pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut document: Value = serde_json::from_str(KEPT).unwrap();
    change(
        document
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("no {pointer}")),
    );
    document
}

fn without(pointer: &str, key: &str) -> Value {
    with(pointer, |place| {
        drop(
            place
                .as_object_mut()
                .unwrap()
                .remove(key)
                .unwrap_or_else(|| panic!("no {key}")),
        );
    })
}

fn set(pointer: &str, key: &str, value: Value) -> Value {
    with(pointer, |place| place[key] = value)
}

const ME: &str = "/components/schemas/Me";
const NEW_ACCOUNT: &str = "/components/schemas/NewAccount";

#[test]
fn each_kind_of_break_is_found() {
    let kept: Value = serde_json::from_str(KEPT).unwrap();
    let get_me = "/paths/~1me/get";
    let query = "/paths/~1users/get/parameters";
    let changes = [
        ("the operation is gone", without("/paths", "/me")),
        ("the operation is gone", without("/paths/~1me", "get")),
        ("another id", set(get_me, "operationId", json!("whoami"))),
        (
            "now asks for authentication",
            set("/paths/~1health/get", "security", json!([{"password": []}])),
        ),
        (
            "another permission",
            set(
                "/paths/~1users/get",
                "security",
                json!([{"password": ["users:write"]}]),
            ),
        ),
        (
            "the status is gone",
            without(&format!("{get_me}/responses"), "200"),
        ),
        (
            "the status is gone",
            without(&format!("{get_me}/responses"), "401"),
        ),
        (
            "header ETag is gone",
            without("/paths/~1users~1{id}/get/responses/200/headers", "ETag"),
        ),
        (
            "media type application/json is gone",
            without(&format!("{get_me}/responses/200/content"), "application/json"),
        ),
        (
            "media type application/json is gone",
            without("/paths/~1register/post/requestBody/content", "application/json"),
        ),
        (
            "the property is gone",
            without(&format!("{ME}/properties"), "role"),
        ),
        (
            "\"role\" may now be absent",
            with(&format!("{ME}/required"), |required| {
                required.as_array_mut().unwrap().retain(|name| name != "role");
            }),
        ),
        (
            "the type was \"integer\" and is \"string\"",
            set(&format!("{ME}/properties/id"), "type", json!("string")),
        ),
        (
            "the type was \"string\"",
            set(
                &format!("{ME}/properties/role"),
                "type",
                json!(["string", "null"]),
            ),
        ),
        (
            "the format was",
            without(&format!("{ME}/properties/email"), "format"),
        ),
        (
            "\"invitation\" is now required",
            with(&format!("{NEW_ACCOUNT}/required"), |required| {
                required.as_array_mut().unwrap().push(json!("invitation"));
            }),
        ),
        (
            "other properties are now refused",
            set(NEW_ACCOUNT, "additionalProperties", json!(false)),
        ),
        (
            "minLength was 8 and is 15",
            set(
                &format!("{NEW_ACCOUNT}/properties/password"),
                "minLength",
                json!(15),
            ),
        ),
        (
            "maxLength was 1024 and is 64",
            set(
                &format!("{NEW_ACCOUNT}/properties/password"),
                "maxLength",
                json!(64),
            ),
        ),
        (
            "the pattern was null",
            set(
                &format!("{NEW_ACCOUNT}/properties/password"),
                "pattern",
                json!("^[a-z]+$"),
            ),
        ),
        (
            "the words are others",
            set(
                &format!("{NEW_ACCOUNT}/properties/email"),
                "enum",
                json!(["a@b.c"]),
            ),
        ),
        (
            "the words are others",
            with("/paths/~1logout/post/parameters/0/schema/enum", |words| {
                drop(words.as_array_mut().unwrap().pop());
            }),
        ),
        (
            "the parameter is gone",
            with(query, |list| drop(list.as_array_mut().unwrap().pop())),
        ),
        (
            "is now required",
            set(&format!("{query}/0"), "required", json!(true)),
        ),
        (
            "is now required",
            with(query, |list| {
                list.as_array_mut()
                    .unwrap()
                    .push(json!({"name": "n", "in": "query", "required": true, "schema": {}}));
            }),
        ),
        (
            "the property is gone",
            without("/components/schemas/Event/properties", "ip"),
        ),
        (
            "the type was",
            set("/components/schemas/PermissionName", "type", json!("integer")),
        ),
        (
            "the alternatives of oneOf are others",
            with("/components/schemas/Detail/oneOf", |all| {
                all.as_array_mut().unwrap().push(json!({"type": "integer"}));
            }),
        ),
    ];
    for (expected, changed) in changes {
        let found = breaks(&kept, &changed);
        assert!(
            found.iter().any(|found| found.contains(expected)),
            "{expected}: {found:#?}"
        );
    }
}

#[test]
fn what_only_adds_or_eases_breaks_nobody() {
    let kept: Value = serde_json::from_str(KEPT).unwrap();
    for changed in [
        set(
            "/paths",
            "/new",
            json!({"get": {"operationId": "new", "responses": {"200": {"description": "x"}}}}),
        ),
        set("/paths/~1me/get/responses", "418", json!({"description": "x"})),
        set(&format!("{ME}/properties"), "locale", json!({"type": "string"})),
        with(&format!("{ME}/required"), |required| {
            required.as_array_mut().unwrap().push(json!("locale"));
        }),
        set(
            &format!("{NEW_ACCOUNT}/properties"),
            "locale",
            json!({"type": "string"}),
        ),
        with(&format!("{NEW_ACCOUNT}/required"), |required| {
            drop(required.as_array_mut().unwrap().pop());
        }),
        set(
            &format!("{NEW_ACCOUNT}/properties/password"),
            "minLength",
            json!(6),
        ),
        without(&format!("{NEW_ACCOUNT}/properties/password"), "maxLength"),
        set(
            &format!("{NEW_ACCOUNT}/properties/password"),
            "type",
            json!(["string", "null"]),
        ),
        with("/paths/~1logout/post/parameters/0/schema/enum", |words| {
            words.as_array_mut().unwrap().push(json!("new"));
        }),
        with("/paths/~1users/get/parameters", |list| {
            list.as_array_mut()
                .unwrap()
                .push(json!({"name": "n", "in": "query", "schema": {}}));
        }),
        set("/paths/~1me/get", "security", json!([])),
        set(
            &format!("{ME}/properties/role"),
            "description",
            json!("Other words"),
        ),
        with("/components/schemas/Detail/oneOf", |all| {
            drop(all.as_array_mut().unwrap().pop());
        }),
    ] {
        assert_eq!(breaks(&kept, &changed), Vec::<String>::new());
    }
}
