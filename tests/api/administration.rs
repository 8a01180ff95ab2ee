//! Roles, others' accounts, and who may do what to whom.

use rstest::rstest;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::document::document;
use crate::support::people::Person;
use crate::support::{Engine, PASSWORD, TestApp};

/// What anyone may ask for. Whatever else there is must name what it asks of its caller.
const PUBLIC: &[&str] = &[
    "post /register",
    "post /login",
    "post /refresh",
    "post /oauth/token",
    "post /oauth/revoke",
    "get /.well-known/jwks.json",
    "get /.well-known/oauth-authorization-server",
    "get /health",
    "get /ready",
];
/// The permissions of this server, sorted.
const PERMISSIONS: &[&str] = &[
    "audit:read",
    "keys:write",
    "roles:read",
    "roles:write",
    "sessions:read",
    "sessions:write",
    "tokens:introspect",
    "users:read",
    "users:write",
];
/// What the bearer of any session may ask for.
const OWN: &[&str] = &["/me", "/logout", "/oauth/userinfo", "/verify"];

/// Every guarded operation: its method, a path of its form, and the permission that it asks for.
fn guarded() -> Vec<(String, String, Option<String>)> {
    let mut operations = Vec::new();
    for (template, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if PUBLIC.contains(&format!("{method} {template}").as_str()) {
                assert_eq!(operation["security"], json!([]), "{method} {template} is public");
                continue;
            }
            let permission = operation["security"][0]["password"]
                .as_array()
                .unwrap_or_else(|| panic!("{method} {template} names no permission"));
            let own = OWN.iter().any(|own| template.starts_with(own));
            assert_eq!(permission.is_empty(), own, "{method} {template}");
            let path = template.replace("{id}", "999999").replace("{name}", "nosuch");
            operations.push((
                method.to_ascii_uppercase(),
                path,
                permission.first().map(|name| name.as_str().unwrap().to_owned()),
            ));
        }
    }
    operations
}

async fn put_role(admin: &Person<'_>, name: &str, permissions: &[&str]) {
    admin
        .send_json(
            "PUT",
            &format!("/roles/{name}"),
            json!({"permissions": permissions}),
        )
        .await
        .expect(201);
}

/// Someone with an account of that role, and its id.
async fn someone<'a>(admin: &Person<'a>, name: &str, role: &str) -> (Person<'a>, i64) {
    let person = admin.app.registered(name).await;
    let id = person.get("/me").await.expect(200).json()["id"].as_i64().unwrap();
    admin
        .send_json("PATCH", &format!("/users/{id}"), json!({"role": role}))
        .await
        .expect(200);
    (person, id)
}

fn ids(page: &Value) -> Vec<i64> {
    page["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].as_i64().unwrap())
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_guarded_operation_asks_for_exactly_what_it_declares(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let operations = guarded();
    assert!(operations.len() >= 18, "{}", operations.len());
    for &permission in PERMISSIONS {
        let name = permission.replace(':', "-");
        put_role(&boss, &format!("only-{name}"), &[permission]).await;
        let others: Vec<&str> = PERMISSIONS
            .iter()
            .copied()
            .filter(|other| *other != permission)
            .collect();
        put_role(&boss, &format!("all-but-{name}"), &others).await;
        someone(&boss, &format!("only-{name}"), &format!("only-{name}")).await;
        someone(&boss, &format!("all-but-{name}"), &format!("all-but-{name}")).await;
    }
    app.registered("plain").await;
    let (gone, id) = someone(&boss, "gone", "admin").await;
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"is_active": false}))
        .await
        .expect(200);
    for (method, path, permission) in operations {
        let ask = async |email: &str| app.logged_in(email).await.send(&method, &path).await.status;
        assert_eq!(
            app.request(&method, &path).send().await.status,
            401,
            "{method} {path} without a token"
        );
        assert_eq!(
            gone.send(&method, &path).await.status,
            401,
            "{method} {path} by someone disabled"
        );
        let allowed = |status: u16| ![401, 403].contains(&status);
        assert!(
            allowed(ask("boss@example.com").await),
            "{method} {path} by an admin"
        );
        match permission {
            None => assert!(
                allowed(ask("plain@example.com").await),
                "{method} {path} by anyone signed in"
            ),
            Some(permission) => {
                let name = permission.replace(':', "-");
                assert_eq!(
                    ask("plain@example.com").await,
                    403,
                    "{method} {path} by a plain user"
                );
                assert!(
                    allowed(ask(&format!("only-{name}@example.com")).await),
                    "{method} {path} with {permission} alone"
                );
                assert_eq!(
                    ask(&format!("all-but-{name}@example.com")).await,
                    403,
                    "{method} {path} with all but {permission}"
                );
            }
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_refusal_names_what_is_missing_in_oauths_words(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let refusal = app
        .registered("alice")
        .await
        .get("/users")
        .await
        .expect_problem(403, "insufficient_scope");
    assert!(
        refusal
            .header("www-authenticate")
            .contains(r#"error="insufficient_scope""#)
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn promotion_demotion_and_disabling_act_on_the_next_request(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let path = format!("/users/{id}");
    for _ in 0..5 {
        alice.get("/users").await.expect(403);
        boss.send_json("PATCH", &path, json!({"role": "admin"}))
            .await
            .expect(200);
        alice.get("/users").await.expect(200);
        assert_eq!(alice.get("/me").await.json()["role"], "admin");
        boss.send_json("PATCH", &path, json!({"role": "user"}))
            .await
            .expect(200);
    }
    alice.get("/users").await.expect(403);
    boss.send_json("PATCH", &path, json!({"is_active": false}))
        .await
        .expect(200);
    alice.get("/me").await.expect_problem(401, "invalid_token");
    app.refresh(&alice.refresh_token)
        .await
        .expect_problem(400, "invalid_grant");
    boss.send_json("PATCH", &path, json!({"is_active": true}))
        .await
        .expect(200);
    alice.get("/me").await.expect_problem(401, "invalid_token");
    app.logged_in("alice@example.com")
        .await
        .get("/me")
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_on_one_node_acts_on_the_other(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let other = app.sibling(&[], None).await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.json()["id"].as_i64().unwrap();
    let there = async |path: &str| {
        other
            .request("GET", path)
            .bearer(&alice.token)
            .send()
            .await
            .status
    };
    let until = async |path: &str, status: u16| {
        for _ in 0..300 {
            if there(path).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} never answers {status} there");
    };
    put_role(&boss, "support", &["users:read"]).await;
    assert_eq!(there("/users").await, 403);
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"role": "support"}))
        .await
        .expect(200);
    until("/users", 200).await;
    let role = boss
        .app
        .request("PUT", "/roles/support")
        .bearer(&boss.token)
        .header("if-match", "\"1\"");
    role.json(&json!({"permissions": ["orders:refund"]}))
        .send()
        .await
        .expect(200);
    until("/users", 403).await;
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"is_active": false}))
        .await
        .expect(200);
    until("/me", 401).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_two_admins_who_demote_each_other_one_remains(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let (deputy, deputy_id) = someone(&boss, "deputy", "admin").await;
    let boss_id = boss.get("/me").await.json()["id"].as_i64().unwrap();
    let demote = [json!({"role": "user"}), json!({"is_active": false})];
    for race in 0..200 {
        let body = |of: usize| demote[(race + of) % 2].clone();
        let (boss_path, deputy_path) = (format!("/users/{boss_id}"), format!("/users/{deputy_id}"));
        let boss = app.logged_in("boss@example.com").await;
        let deputy = app.logged_in("deputy@example.com").await;
        let (one, two) = tokio::join!(
            boss.send_json("PATCH", &deputy_path, body(0)),
            deputy.send_json("PATCH", &boss_path, body(1))
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert!(
            statuses[0] == 200 && [401, 403, 409].contains(&statuses[1]),
            "{statuses:?}"
        );
        let winner = if one.status == 200 { &boss } else { &deputy };
        let admins = winner
            .get("/users?role=admin&is_active=true")
            .await
            .expect(200)
            .json();
        assert_eq!(admins["users"].as_array().unwrap().len(), 1, "race {race}");
        let loser = if one.status == 200 {
            &deputy_path
        } else {
            &boss_path
        };
        winner
            .send_json("PATCH", loser, json!({"role": "admin", "is_active": true}))
            .await
            .expect(200);
    }
    drop(deputy);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_last_active_admin_cannot_be_lost(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let id = boss.get("/me").await.json()["id"].as_i64().unwrap();
    let path = format!("/users/{id}");
    boss.send_json("PATCH", &path, json!({"role": "user"}))
        .await
        .expect_problem(409, "last_admin");
    boss.send_json("PATCH", &path, json!({"is_active": false}))
        .await
        .expect_problem(409, "last_admin");
    boss.send("DELETE", &path).await.expect_problem(409, "last_admin");
    boss.send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect_problem(409, "last_admin");
    boss.get("/users").await.expect(200);
    let (deputy, _) = someone(&boss, "deputy", "admin").await;
    boss.send_json("DELETE", "/me", json!({"current_password": PASSWORD}))
        .await
        .expect(204);
    deputy.get("/users").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_everybody_may_do_is_changed_by_full_admins_only(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    put_role(&boss, "clerk", &["roles:read", "roles:write", "orders:refund"]).await;
    let (clerk, _) = someone(&boss, "clerk", "clerk").await;
    let save = async |token: &str, permissions: Value| {
        app.request("PUT", "/roles/user")
            .bearer(token)
            .header("if-match", "*")
            .json(&json!({"permissions": permissions}))
            .send()
            .await
    };
    save(&clerk.token, json!(["orders:refund"]))
        .await
        .expect_problem(403, "insufficient_scope");
    save(&boss.token, json!(["orders:refund"])).await.expect(200);
    save(&clerk.token, json!([]))
        .await
        .expect_problem(403, "insufficient_scope");
    put_role(&clerk, "helper", &["orders:refund"]).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_acts_above_themselves_or_hands_on_what_they_lack(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let boss_id = boss.get("/me").await.json()["id"].as_i64().unwrap();
    put_role(
        &boss,
        "clerk",
        &[
            "users:read",
            "users:write",
            "roles:read",
            "roles:write",
            "sessions:write",
        ],
    )
    .await;
    let (clerk, clerk_id) = someone(&boss, "clerk", "clerk").await;
    let forbidden = async |method: &str, path: &str, body: Value| {
        clerk
            .send_json(method, path, body)
            .await
            .expect_problem(403, "insufficient_scope");
    };
    forbidden("PATCH", &format!("/users/{clerk_id}"), json!({"role": "admin"})).await;
    forbidden("PATCH", &format!("/users/{boss_id}"), json!({"is_active": false})).await;
    forbidden(
        "POST",
        "/users",
        json!({"email": "new@example.com", "role": "admin"}),
    )
    .await;
    forbidden("PUT", "/roles/spy", json!({"permissions": ["audit:read"]})).await;
    for (method, path) in [
        ("DELETE", format!("/users/{boss_id}")),
        ("POST", format!("/users/{boss_id}/one-time-password")),
        ("DELETE", format!("/users/{boss_id}/sessions")),
    ] {
        clerk
            .send(method, &path)
            .await
            .expect_problem(403, "insufficient_scope");
    }
    let widened = app
        .request("PUT", "/roles/clerk")
        .bearer(&clerk.token)
        .header("if-match", "\"1\"");
    widened
        .json(&json!({"permissions": ["users:read", "audit:read"]}))
        .send()
        .await
        .expect_problem(403, "insufficient_scope");
    forbidden(
        "PUT",
        "/roles/refunder",
        json!({"permissions": ["orders:refund"]}),
    )
    .await;
    put_role(&boss, "refunder", &["orders:refund"]).await;
    forbidden(
        "POST",
        "/users",
        json!({"email": "new@example.com", "role": "refunder"}),
    )
    .await;
    forbidden(
        "PATCH",
        &format!("/users/{clerk_id}"),
        json!({"role": "refunder"}),
    )
    .await;
    clerk
        .send_json("PUT", "/roles/reader", json!({"permissions": ["users:read"]}))
        .await
        .expect(201);
    clerk
        .send_json(
            "POST",
            "/users",
            json!({"email": "new@example.com", "role": "reader"}),
        )
        .await
        .expect(201);
    boss.get("/me").await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn accounts_are_found_by_address_prefix_role_and_state_page_by_page(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    for name in ["anna", "ann", "bert", "anne", "andy"] {
        app.registered(name).await;
    }
    let emails = async |query: &str| {
        let page = boss.get(&format!("/users?{query}")).await.expect(200).json();
        page["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| {
                user["email"]
                    .as_str()
                    .unwrap()
                    .split('@')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(emails("email=ANN%40Example.com").await, ["ann"]);
    assert_eq!(emails("email=nobody@example.com").await, [""; 0]);
    assert_eq!(emails("q=ANN").await, ["ann", "anna", "anne"]);
    assert_eq!(emails("role=admin").await, ["boss"]);
    assert_eq!(emails("is_active=false").await, [""; 0]);
    for filter in ["", "q=a&"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = boss
                .get(&format!("/users?{filter}limit=2{cursor}"))
                .await
                .expect(200)
                .json();
            seen.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        let whole = ids(&boss.get(&format!("/users?{filter}")).await.json());
        assert_eq!(
            (seen.len(), &seen),
            (if filter.is_empty() { 6 } else { 4 }, &whole),
            "{filter}"
        );
    }
    for bad in [
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=1000000000",
        "limit=ten",
        "is_active=yes",
        "cursor=x",
        "cursor=ZTE",
        "email=nobody",
        "limit=1&limit=2",
        "email=%ff",
        "email=a@example.com&q=a",
        "q=%00",
        "q=a%0ab",
        "role=%00",
        "role=No",
        "q=a&cursor=ZQA",
    ] {
        boss.get(&format!("/users?{bad}"))
            .await
            .expect_problem(422, "invalid_input");
    }
    let shown = boss.get("/users/2").await.expect(200);
    assert_eq!(
        (&shown.json()["email"], shown.header("etag")),
        (&"anna@example.com".into(), "\"1\"")
    );
    for missing in [
        "/users/999",
        "/users/x",
        "/users/-1",
        "/users/99999999999999999999",
    ] {
        boss.get(missing).await.expect_problem(404, "not_found");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_two_who_change_the_same_account_the_second_must_look_again(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let (_, id) = someone(&boss, "alice", "admin").await;
    let path = format!("/users/{id}");
    let seen = boss.get(&path).await.header("etag").to_owned();
    let change = async |tag: &str, body: Value| {
        app.request("PATCH", &path)
            .bearer(&boss.token)
            .header("if-match", tag)
            .json(&body)
            .send()
            .await
    };
    let first = change(&seen, json!({"role": "user"})).await.expect(200);
    assert_ne!(first.header("etag"), seen);
    for outdated in [seen.as_str(), "W/\"1\"", "\"x\"", "\"98\", \"99\""] {
        change(outdated, json!({"is_active": false}))
            .await
            .expect_problem(412, "outdated");
    }
    app.request("DELETE", &path)
        .bearer(&boss.token)
        .header("if-match", &seen)
        .send()
        .await
        .expect_problem(412, "outdated");
    change(first.header("etag"), json!({"is_active": false}))
        .await
        .expect(200);
    change("*", json!({"is_active": true})).await.expect(200);
    let now = boss.get(&path).await.header("etag").to_owned();
    change(&format!("\"x,y\", W/\"1\" ,, {now}"), json!({"is_active": true}))
        .await
        .expect(200);
    let now = boss.get(&path).await.header("etag").trim_matches('"').to_owned();
    for other in [
        format!("\"0{now}\""),
        format!("\"+{now}\""),
        format!("\" {now}\""),
        format!("W/\"{now}\""),
        format!("\"1,{now}\""),
    ] {
        change(&other, json!({"is_active": false}))
            .await
            .expect_problem(412, "outdated");
    }
    for malformed in [
        now.clone(),
        format!("*, \"{now}\""),
        format!("w/\"{now}\""),
        format!("\"{now}"),
    ] {
        change(&malformed, json!({"is_active": false}))
            .await
            .expect_problem(400, "malformed");
    }
    for bad in [
        json!({"role": 1}),
        json!({"is_active": "no"}),
        json!({"role": "nosuch"}),
        json!({"role": null}),
    ] {
        boss.send_json("PATCH", &path, bad)
            .await
            .expect_problem(422, "invalid_input");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invited_user_sets_a_password_before_anything_else(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let invited = boss
        .send_json("POST", "/users", json!({"email": "Bob@example.com"}))
        .await
        .expect(201);
    let body = invited.json();
    assert_eq!(
        (&body["user"]["email"], &body["user"]["role"]),
        (&"Bob@example.com".into(), &"user".into())
    );
    assert_eq!(
        invited.header("location"),
        format!("/users/{}", body["user"]["id"])
    );
    let once = body["invitation"]["one_time_password"]
        .as_str()
        .unwrap()
        .to_owned();
    let login = async |new: Option<&str>| {
        let mut form = vec![("username", "bob@example.com"), ("password", once.as_str())];
        form.extend(new.map(|new| ("new_password", new)));
        app.request("POST", "/login").form(&form).send().await
    };
    for _ in 0..25 {
        login(None).await.expect_problem(403, "password_change_required");
    }
    app.request("POST", "/oauth/token")
        .form(&[
            ("grant_type", "password"),
            ("username", "bob@example.com"),
            ("password", &once),
        ])
        .send()
        .await
        .expect_problem(400, "invalid_grant");
    assert_eq!(
        login(Some(&once)).await.expect(422).faults(),
        [("new_password".to_owned(), "value_error".to_owned())]
    );
    assert_eq!(
        login(Some("short")).await.expect(422).faults(),
        [("new_password".to_owned(), "string_too_short".to_owned())]
    );
    let in_at_last = login(Some(PASSWORD)).await.expect(200).json();
    app.me(in_at_last["access_token"].as_str().unwrap())
        .await
        .expect(200);
    login(Some(PASSWORD)).await.expect_problem(401, "bad_credentials");
    app.logged_in("bob@example.com").await;
    boss.send_json("POST", "/users", json!({"email": "bob@example.com"}))
        .await
        .expect_problem(400, "email_taken");
    boss.send_json("POST", "/users", json!({"email": "x", "role": "nosuch"}))
        .await
        .expect_problem(422, "invalid_input");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_one_time_password_ends_unused_after_three_days(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let body = boss
        .send_json("POST", "/users", json!({"email": "bob@example.com"}))
        .await
        .expect(201)
        .json();
    let once = body["invitation"]["one_time_password"].as_str().unwrap();
    app.advance(Duration::from_hours(72));
    let form = [
        ("username", "bob@example.com"),
        ("password", once),
        ("new_password", PASSWORD),
    ];
    app.request("POST", "/login")
        .form(&form)
        .send()
        .await
        .expect_problem(401, "bad_credentials");
}

/// A copied access token would take the account for good: `PUT /me/password` asks for the password.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_admin_cannot_reset_the_own_password_without_it(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let own = boss.get("/me").await.expect(200).json()["id"].clone();
    let refused = boss
        .send("POST", &format!("/users/{own}/one-time-password"))
        .await
        .expect_problem(409, "own_account");
    assert!(refused.text.contains("/me/password"), "{}", refused.text);
    boss.get("/me").await.expect(200);
    app.login(&boss.email, PASSWORD).await.expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_reset_ends_the_sessions_and_the_old_password(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let (alice, id) = someone(&boss, "alice", "user").await;
    let reset = boss
        .send("POST", &format!("/users/{id}/one-time-password"))
        .await
        .expect(200)
        .json();
    alice.get("/me").await.expect(401);
    app.login("alice@example.com", PASSWORD)
        .await
        .expect_problem(401, "bad_credentials");
    let form = [
        ("username", "alice@example.com"),
        ("password", reset["one_time_password"].as_str().unwrap()),
        ("new_password", "two owls keep two doors"),
    ];
    app.request("POST", "/login").form(&form).send().await.expect(200);
    app.login("alice@example.com", "two owls keep two doors")
        .await
        .expect(200);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn admins_see_and_end_the_sessions_of_others(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let (alice, id) = someone(&boss, "alice", "user").await;
    let again = app.logged_in("alice@example.com").await;
    let list = boss
        .get(&format!("/users/{id}/sessions"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            list.as_array().unwrap().len(),
            &list[0]["ip"],
            &list[0]["current"]
        ),
        (2, &"127.0.0.1".into(), &false.into())
    );
    boss.send("DELETE", &format!("/users/{id}/sessions"))
        .await
        .expect(204);
    alice.get("/me").await.expect(401);
    again.get("/me").await.expect(401);
    assert_eq!(boss.get(&format!("/users/{id}/sessions")).await.json(), json!([]));
    boss.send("DELETE", "/users/999/sessions")
        .await
        .expect_problem(404, "not_found");
    boss.get("/users/999/sessions")
        .await
        .expect_problem(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn roles_are_made_changed_in_turn_and_deleted_when_unused(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let put = async |name: &str, tag: Option<&str>, permissions: Value| {
        let request = app.request("PUT", &format!("/roles/{name}")).bearer(&boss.token);
        let request = tag
            .into_iter()
            .fold(request, |request, tag| request.header("if-match", tag));
        request.json(&json!({"permissions": permissions})).send().await
    };
    let made = put(
        "support",
        None,
        json!(["users:read", "orders:refund", "users:read"]),
    )
    .await
    .expect(201);
    assert_eq!(
        made.json(),
        json!({"name": "support", "permissions": ["orders:refund", "users:read"], "etag": "\"1\""})
    );
    put("support", None, json!([]))
        .await
        .expect_problem(428, "version_required");
    let changed = put("support", Some(made.header("etag")), json!(["orders:refund"]))
        .await
        .expect(200);
    put("support", Some(made.header("etag")), json!([]))
        .await
        .expect_problem(412, "outdated");
    put("nosuch", Some("\"1\""), json!([]))
        .await
        .expect_problem(412, "outdated");
    put("support", Some("*"), json!(["orders:refund"]))
        .await
        .expect(200);
    assert_eq!(changed.header("etag"), "\"2\"");
    for (name, permissions) in [
        ("Support", json!([])),
        ("2nd", json!([])),
        ("ok", json!(["orders"])),
        ("ok", json!("orders:refund")),
        ("ok", json!([1])),
        ("ok", json!(["a b:c"])),
    ] {
        put(name, None, permissions)
            .await
            .expect_problem(422, "invalid_input");
    }
    let names: Vec<Value> = boss
        .get("/roles")
        .await
        .expect(200)
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].clone())
        .collect();
    assert_eq!(names, ["admin", "support", "user"]);
    put("admin", Some("\"1\""), json!(["users:read"]))
        .await
        .expect_problem(409, "role_built_in");
    boss.send("DELETE", "/roles/admin")
        .await
        .expect_problem(409, "role_built_in");
    boss.send("DELETE", "/roles/user")
        .await
        .expect_problem(409, "role_built_in");
    boss.send("DELETE", "/roles/nosuch")
        .await
        .expect_problem(404, "not_found");
    let (_, id) = someone(&boss, "alice", "support").await;
    boss.send("DELETE", "/roles/support")
        .await
        .expect_problem(409, "role_in_use");
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"role": "user"}))
        .await
        .expect(200);
    boss.send("DELETE", "/roles/support").await.expect(204);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_carries_the_roles_permissions_as_its_scope(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    put_role(&boss, "refunder", &["orders:refund", "orders:read"]).await;
    let (_, id) = someone(&boss, "alice", "refunder").await;
    let claims = |token: &str| {
        use base64::Engine as _;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        serde_json::from_slice::<Value>(&claims).unwrap()
    };
    let alice = app.logged_in("alice@example.com").await;
    assert_eq!(
        (&claims(&alice.token)["role"], &claims(&alice.token)["scope"]),
        (&"refunder".into(), &"orders:read orders:refund".into())
    );
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"role": "user"}))
        .await
        .expect(200);
    let next = app.refresh(&alice.refresh_token).await.expect(200).json();
    assert_eq!(
        (
            &claims(next["access_token"].as_str().unwrap())["role"],
            claims(next["access_token"].as_str().unwrap()).get("scope")
        ),
        (&"user".into(), None)
    );
    let worth = app
        .request("POST", "/oauth/introspect")
        .bearer(&boss.token)
        .form(&[("token", &alice.token)])
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&worth["active"], &worth["role"], &worth["scope"]),
        (&true.into(), &"user".into(), &"".into()),
        "what it is worth now"
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_admin_role_permits_everything_whatever_its_row_says(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    app.admin().await;
    // As a permission that a later version adds, without a migration.
    app.sql("UPDATE roles SET permissions = 'orders:refund users:read' WHERE name = 'admin'")
        .await;
    let boss = app.logged_in("boss@example.com").await;
    for (method, path, permission) in guarded() {
        if let Some(permission) = permission {
            assert_ne!(
                boss.send(&method, &path).await.status,
                403,
                "{method} {path} asks for {permission}"
            );
        }
    }
    let roles = boss.send("GET", "/roles").await.expect(200).json();
    let admin = roles
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "admin")
        .unwrap();
    let permissions: Vec<&str> = admin["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(
        ["orders:refund", "audit:read", "users:write"]
            .iter()
            .all(|name| permissions.contains(name)),
        "{permissions:?}"
    );
    put_role(&boss, "clerk", &["users:read", "users:write"]).await;
    someone(&boss, "deputy", "admin").await;
    let deputy = app.refresh(&boss.refresh_token).await.expect(200).json();
    let worth = app
        .request("POST", "/oauth/introspect")
        .bearer(&boss.token)
        .form(&[("token", deputy["access_token"].as_str().unwrap())])
        .send()
        .await
        .expect(200)
        .json();
    let mut scope = [PERMISSIONS, &["orders:refund"]].concat();
    scope.sort_unstable();
    assert_eq!(worth["scope"], scope.join(" "), "{worth}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_right_that_ends_while_a_body_is_held_back_has_ended(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let (mallory, id) = someone(&boss, "mallory", "admin").await;
    let body = r#"{"email":"puppet@example.com","role":"admin"}"#;
    let head = |method: &str, path: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            mallory.token,
            body.len()
        )
    };
    let mut waiting: Vec<std::net::TcpStream> = [
        ("POST", "/users"),
        ("PUT", "/roles/puppet"),
        ("PATCH", "/users/1"),
    ]
    .into_iter()
    .map(|(method, path)| {
        let mut stream = std::net::TcpStream::connect(&app.address).unwrap();
        stream.write_all(head(method, path).as_bytes()).unwrap();
        stream
    })
    .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"role": "user"}))
        .await
        .expect(200);
    for stream in &mut waiting {
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nothing_in_a_body_raises_rights(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let body = json!({"role": "admin", "is_active": true, "id": 9, "email": "other@example.com", "subject": "x", "password_hash": "x", "version": 9});
    let (alice, id) = someone(&boss, "alice", "user").await;
    boss.send_json(
        "PATCH",
        &format!("/users/{id}"),
        json!({"email": "other@example.com", "id": 9, "password": "x"}),
    )
    .await
    .expect(422);
    alice
        .send_json(
            "PATCH",
            "/me",
            json!({"email": "alice@example.com", "current_password": PASSWORD, "role": "admin"}),
        )
        .await
        .expect(200);
    assert_eq!(
        alice.get("/me").await.json(),
        json!({"id": id, "email": "alice@example.com", "is_active": true, "role": "user"})
    );
    alice
        .send_json("PATCH", &format!("/users/{id}"), body)
        .await
        .expect(403);
}

#[tokio::test]
async fn the_document_lists_every_permission_as_a_scope() {
    let scopes = document()["components"]["securitySchemes"]["password"]["flows"]["password"]["scopes"]
        .as_object()
        .unwrap();
    let mut listed: Vec<&String> = scopes.keys().collect();
    listed.sort_unstable();
    assert_eq!(listed, PERMISSIONS);
    let named: Vec<String> = guarded()
        .into_iter()
        .filter_map(|(_, _, permission)| permission)
        .collect();
    assert!(
        named.iter().all(|permission| scopes.contains_key(permission)),
        "{named:?}"
    );
}

/// Nobody is an admin by being first.
#[tokio::test]
async fn the_first_account_is_a_plain_user() {
    let app = TestApp::start(Engine::Sqlite).await;
    assert_eq!(
        app.registered("first").await.get("/me").await.json()["role"],
        "user"
    );
}
