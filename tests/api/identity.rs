//! Joining a token with its account: for proxies, for services that have only the token, and for
//! administrators; and administrative requests that ask for what there is not.

use rstest::rstest;
use serde_json::json;

use crate::support::document::document;
use crate::support::people::{Answer, Person};
use crate::support::{Engine, TestApp};

const IDENTITY: [&str; 4] = [
    "x-doorward-subject",
    "x-doorward-email",
    "x-doorward-role",
    "x-doorward-permissions",
];

fn identity(answer: &Answer) -> [&str; 4] {
    IDENTITY.map(|name| answer.header(name))
}

/// Makes a clerk who may refund orders.
async fn clerk<'a>(boss: &Person<'a>) -> Person<'a> {
    let permissions = json!({"permissions": ["orders:refund", "orders:read"]});
    boss.send_json("PUT", "/roles/clerk", permissions)
        .await
        .expect(201);
    let clerk = boss.app.registered("clerk").await;
    let id = clerk.get("/me").await.expect(200).json()["id"].clone();
    boss.send_json("PATCH", &format!("/users/{id}"), json!({"role": "clerk"}))
        .await
        .expect(200);
    clerk
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_proxy_learns_who_asks_and_what_they_may(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let clerk = clerk(&boss).await;
    let subject = clerk.get("/oauth/userinfo").await.expect(200).json()["sub"].clone();

    let all = [
        subject.as_str().unwrap(),
        "clerk@example.com",
        "clerk",
        "orders:read orders:refund",
    ];
    for path in [
        "/verify",
        "/verify?permission=orders:refund",
        "/verify?permission=orders%3Aread",
    ] {
        let answer = clerk.get(path).await.expect(204);
        assert_eq!(identity(&answer), all, "{path}");
    }
    let head = clerk.send("HEAD", "/verify").await.expect(204);
    assert_eq!(identity(&head), all);

    let lacks = clerk.get("/verify?permission=orders:delete").await;
    let lacks = lacks.expect_problem(403, "insufficient_scope");
    assert_eq!(
        lacks.header("www-authenticate"),
        r#"Bearer realm="doorward", error="insufficient_scope", scope="orders:delete""#
    );
    // What begins as a permission does is none of it.
    clerk
        .get("/verify?permission=orders:ref")
        .await
        .expect_problem(403, "insufficient_scope");
    for bad in [
        "permission=orders",
        "permission=Orders:refund",
        "permission=orders:refund%22",
        "permissions=orders:refund",
        "permission=orders:refund&permission=orders:read",
        "permission=orders:refund&x=y",
    ] {
        let refused = clerk.get(&format!("/verify?{bad}")).await;
        let refused = refused.expect_problem(422, "invalid_input");
        assert_eq!(identity(&refused), [""; 4], "{bad}");
    }
    app.request("GET", "/verify")
        .send()
        .await
        .expect_problem(401, "not_authenticated");

    // An account without a permission has the header all the same.
    let plain = app.registered("plain").await;
    let answer = plain.get("/verify").await.expect(204);
    assert!(answer.headers.contains_key("x-doorward-permissions"));
    assert_eq!(identity(&answer)[3], "");

    clerk.send("POST", "/logout").await.expect(204);
    let out = clerk.get("/verify").await.expect_problem(401, "invalid_token");
    assert_eq!(identity(&out), [""; 4]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_token_is_joined_with_its_account_by_its_subject(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let clerk = clerk(&boss).await;
    let info = clerk.get("/oauth/userinfo").await.expect(200).json();
    let me = clerk.get("/me").await.expect(200).json();
    let subject = info["sub"].as_str().unwrap();
    assert_eq!(
        info,
        json!({"sub": subject, "email": "clerk@example.com", "role": "clerk", "permissions": ["orders:read", "orders:refund"]})
    );

    let found = boss
        .get(&format!("/users?subject={subject}"))
        .await
        .expect(200)
        .json();
    assert_eq!(found["users"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["users"][0]["id"], me["id"]);
    let both = boss
        .get(&format!("/users?subject={subject}&q=boss"))
        .await
        .expect(200);
    assert_eq!(both.json()["users"], json!([]));
    let nobody = "00000000-0000-4000-8000-000000000000";
    let none = boss.get(&format!("/users?subject={nobody}")).await.expect(200);
    assert_eq!(none.json()["users"], json!([]));
    boss.get("/users?subject=7")
        .await
        .expect_problem(422, "invalid_input");

    let by_subject = boss.get(&format!("/users/{subject}")).await.expect(200);
    assert_eq!(by_subject.json()["id"], me["id"]);
    for wrong in [nobody, &subject.to_uppercase(), &subject.replace('-', "")] {
        boss.get(&format!("/users/{wrong}"))
            .await
            .expect_problem(404, "not_found");
    }
    boss.get(&format!("/users/{subject}/sessions")).await.expect(200);
    boss.send("DELETE", &format!("/users/{subject}/sessions"))
        .await
        .expect(204);
    clerk.get("/me").await.expect_problem(401, "invalid_token");
    boss.send("POST", &format!("/users/{subject}/one-time-password"))
        .await
        .expect(200);
    boss.send("DELETE", &format!("/users/{subject}"))
        .await
        .expect(204);
    boss.get(&format!("/users/{subject}"))
        .await
        .expect_problem(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_administrator_changes_an_address(#[case] engine: Engine) {
    let app = TestApp::start(engine).await;
    let boss = app.admin().await;
    let alice = app.registered("alice").await;
    let id = alice.get("/me").await.expect(200).json()["id"].clone();
    let path = format!("/users/{id}");
    let email = |address: &str| json!({"email": address});

    boss.send_json("PATCH", &path, email("BOSS@example.com"))
        .await
        .expect_problem(400, "email_taken");
    let bad = boss.send_json("PATCH", &path, email("alice")).await.expect(422);
    assert_eq!(bad.faults(), [("email".to_owned(), "value_error".to_owned())]);
    alice
        .send_json("PATCH", &path, email("x@example.com"))
        .await
        .expect(403);
    assert_eq!(
        alice.get("/me").await.expect(200).json()["email"],
        "alice@example.com"
    );

    let changed = boss
        .send_json("PATCH", &path, email("Alice.New@Example.com"))
        .await
        .expect(200);
    assert_eq!(changed.json()["email"], "Alice.New@example.com");
    // The session goes on, and shows the new address at once.
    assert_eq!(
        alice.get("/me").await.expect(200).json()["email"],
        "Alice.New@example.com"
    );
    app.login("alice@example.com", crate::support::PASSWORD)
        .await
        .expect(401);
    app.login("alice.new@example.com", crate::support::PASSWORD)
        .await
        .expect(200);

    let events = boss.get("/audit?type=user_updated").await.expect(200).json();
    let details = &events["events"][0]["details"];
    assert_eq!(details["email"], "changed", "{details}");
    assert!(!details.to_string().contains('@'), "{details}");
}

/// Every operation that asks for a permission, but for OAuth's own: method, path, and whether it has
/// a body.
fn administrative() -> Vec<(String, String, bool)> {
    let mut operations = Vec::new();
    for (template, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let permission = &operation["security"][0]["password"][0];
            if permission.is_string() && !template.starts_with("/oauth/") {
                let path = template.replace("{id}", "999999").replace("{name}", "nosuch");
                let has_body = operation["requestBody"].is_object();
                operations.push((method.to_ascii_uppercase(), path, has_body));
            }
        }
    }
    operations
}

#[tokio::test]
async fn an_administrative_request_that_says_more_than_there_is_is_refused() {
    let app = TestApp::start(Engine::Sqlite).await;
    let boss = app.admin().await;
    let operations = administrative();
    assert!(operations.len() >= 12, "{operations:?}");
    for (method, path, has_body) in operations {
        let unknown = format!("{path}?subjcet=1");
        let body = |more: &str| json!({"email": "new@example.com", "role": "user", "permissions": [], "is_active": true, more: 1});
        let mut request = app.request(&method, &unknown).bearer(&boss.token);
        if has_body {
            request = request.json(&json!({"email": "new@example.com", "permissions": []}));
        }
        let refused = request.send().await.expect_problem(422, "invalid_input");
        assert_eq!(
            refused.json()["detail"][0]["type"],
            "extra_forbidden",
            "{method} {unknown}: {}",
            refused.text
        );
        assert!(!refused.text.contains("subjcet"), "{}", refused.text);
        if has_body {
            let refused = boss.send_json(&method, &path, body("emial")).await;
            let refused = refused.expect_problem(422, "invalid_input");
            let kinds = refused.faults();
            assert!(
                kinds.iter().any(|(_, kind)| kind == "extra_forbidden"),
                "{method} {path}: {}",
                refused.text
            );
            assert!(!refused.text.contains("emial"), "{}", refused.text);
        }
    }
    let found = boss.get("/users?q=new").await.expect(200).json();
    assert_eq!(found["users"], json!([]), "nothing was made");
    // The app's own operations ignore what they do not know.
    let registration = json!({"email": "a@example.com", "password": crate::support::PASSWORD, "name": "A"});
    app.request("POST", "/register?ref=x")
        .json(&registration)
        .send()
        .await
        .expect(201);
}
