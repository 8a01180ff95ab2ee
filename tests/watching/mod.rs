//! What the operator sees: metrics that Prometheus takes, spans that a collector takes, lines that
//! a machine reads.

mod lines;
mod posts;
mod prometheus;
mod spans;

use crate::support::PASSWORD;
use crate::support::process::Server;

/// Registers and logs in at a server; gives the access token.
async fn someone(server: &Server, client: &reqwest::Client, email: &str) -> String {
    let account = serde_json::json!({"email": email, "password": PASSWORD});
    assert_eq!(
        client
            .post(server.url("/register"))
            .json(&account)
            .send()
            .await
            .unwrap()
            .status(),
        201
    );
    let login = client
        .post(server.url("/login"))
        .form(&[("username", email), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 200);
    login.json::<serde_json::Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}
