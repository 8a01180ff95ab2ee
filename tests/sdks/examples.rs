//! The example apps: 401 without a token, 200 with one.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{House, made_in, node, python, root, rust_example};
use crate::support::child::Companion;
use crate::support::process::free_port;

async fn guards(app: impl FnOnce(u16) -> Command) {
    let house = House::open();
    let port = free_port();
    let mut process = Companion::start(
        app(port)
            .env("DOORWARD_ISSUER", house.url())
            .env("PORT", port.to_string())
            .stdout(Stdio::null()),
    );
    let mut tries = 0;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert_eq!(process.child.try_wait().unwrap(), None, "the app has ended");
        tries += 1;
        assert!(tries < 600, "the app does not stand");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let http = reqwest::Client::new();
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    assert_eq!(http.get(at("/")).send().await.unwrap().status(), 200);
    let refused = http.get(at("/private")).send().await.unwrap();
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["www-authenticate"].to_str().unwrap()
        ),
        (401, "Bearer")
    );
    let account = [
        ("username", "alice@example.com"),
        ("password", "an owl keeps the door"),
    ];
    let registration = serde_json::json!({"email": account[0].1, "password": account[1].1});
    assert_eq!(
        http.post(house.server.url("/register"))
            .json(&registration)
            .send()
            .await
            .unwrap()
            .status(),
        201
    );
    let tokens: Value = http
        .post(house.server.url("/login"))
        .form(&account)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let answer = http.get(at("/private")).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let who: Value = answer.json().await.unwrap();
    assert_eq!(who["role"], "user");
    assert!(
        who["subject"].as_str().is_some_and(|subject| !subject.is_empty()),
        "{who}"
    );
    for bad in [
        tokens["refresh_token"].as_str().unwrap(),
        &format!("{}A.{}", &token[..20], &token[20..]),
        "x",
    ] {
        let refused = http.get(at("/private")).bearer_auth(bad).send().await.unwrap();
        assert_eq!(refused.status(), 401, "{bad}");
        assert_eq!(
            refused.headers()["www-authenticate"],
            r#"Bearer error="invalid_token""#
        );
    }
}

#[tokio::test]
async fn the_fastapi_example_lets_nobody_in_without_a_token() {
    guards(|port| {
        let mut command = python(&made_in("python-tools/bin/uvicorn"));
        command
            .args(["fastapi_app:app", "--port", &port.to_string(), "--app-dir"])
            .arg(root().join("openapi/python/examples"));
        command
    })
    .await;
}

#[tokio::test]
async fn the_express_example_lets_nobody_in_without_a_token() {
    guards(|_| node(&made_in("node/examples/express_app.js"))).await;
}

#[tokio::test]
async fn the_actix_example_lets_nobody_in_without_a_token() {
    guards(|_| rust_example("actix_app")).await;
}
