//! A change that breaks clients needs a version that says so: the kept document against that of
//! the last release. Each release adds its document to `openapi/released`.

use serde_json::{Value, json};

use super::changes::{breaks, may_break};
use super::{KEPT, root};

/// The numbers of a version, to order by.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|number| number.parse().unwrap()).collect()
}

/// The newest released document, with its version.
fn released() -> (String, Value) {
    let folder = root().join("openapi/released");
    let versions = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let version = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (numbers(&version), version, path)
    });
    let (_, version, path) = versions.max().expect("a released document");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        document["info"]["version"], version,
        "the file is named for its version"
    );
    (version, document)
}

#[test]
fn nothing_breaks_since_the_last_release_unless_the_version_says_so() {
    let (before, then) = released();
    let now: Value = serde_json::from_str(KEPT).unwrap();
    let after = env!("CARGO_PKG_VERSION");
    assert_eq!(now["info"]["version"], after);
    assert!(
        numbers(&before) <= numbers(after),
        "{before} is newer than {after}"
    );
    let found = breaks(&then, &now);
    assert!(
        found.is_empty() || may_break(&before, after),
        "version {after} breaks clients of {before}: {found:#?}"
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
