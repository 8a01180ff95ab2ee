//! The HTTP interface as a black box over a socket, each test on both engines; every answer is
//! checked against the document.

mod account;
mod administration;
mod audit;
mod audit_purge;
mod budgets;
mod clients;
mod connections;
mod cut_connections;
mod devices;
mod expiry;
mod floods;
mod fresh_proof;
mod http;
mod identity;
mod key_rows;
mod keys;
mod leaked_secret;
mod lock;
mod login;
mod me;
mod nodes;
mod oauth;
mod refresh;
mod register;
mod resilience;
mod secret;
mod sessions;
mod stolen;
mod throttle;

use serde_json::Value;

use crate::support::app::Request;
use crate::support::people::Person;
use crate::support::{Answer, PASSWORD, TestApp};

impl TestApp {
    /// The one who was made an admin from outside, as the command line does.
    pub async fn admin(&self) -> Person<'_> {
        self.register("boss@example.com", PASSWORD).await.expect(201);
        self.sql("UPDATE users SET role = 'admin' WHERE email = 'boss@example.com'")
            .await;
        self.logged_in("boss@example.com").await
    }
}

impl Request {
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|builder| builder.header(name, value))
    }

    pub fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.with(|builder| builder.header("content-type", media_type).body(body))
    }
}

impl Answer {
    /// The (field, rule) pairs of a 422.
    pub fn faults(&self) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let detail = self.json()["detail"].as_array().cloned().unwrap_or_default();
        detail
            .iter()
            .map(|fault| (word(&fault["loc"][1]), word(&fault["type"])))
            .collect()
    }
}
