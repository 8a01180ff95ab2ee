//! Swagger UI as a person uses it: a real Chromium, driven from outside.

use std::process::{Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

use crate::support::child::Companion;
use crate::support::process::free_port;
use crate::support::{Engine, PASSWORD, TestApp};

const PATIENCE: Duration = Duration::from_secs(20);

/// A browser of the test's own, closed with it.
struct Browser {
    _driver: Companion,
    driver_url: String,
    client: Client,
    _profile: tempfile::TempDir,
}

impl Browser {
    async fn open() -> Self {
        let port = free_port();
        let mut driver = Command::new("chromedriver");
        let driver = Companion::start(driver.arg(format!("--port={port}")).stdout(Stdio::null()));
        let driver_url = format!("http://127.0.0.1:{port}");
        let profile = tempfile::tempdir().unwrap();
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,1600",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}});
        let mut tries = 0;
        let client = loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder
                .capabilities(wanted.as_object().unwrap().clone())
                .connect(&driver_url)
                .await
            {
                Ok(client) => break client,
                Err(cause) => assert!(tries < 100, "no browser: {cause}"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        Self {
            _driver: driver,
            driver_url,
            client,
            _profile: profile,
        }
    }

    async fn click(&self, css: &str) {
        let element = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|cause| panic!("{css}: {cause}"));
        element.click().await.unwrap();
    }

    async fn fill(&self, css: &str, text: &str) {
        let element = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|cause| panic!("{css}: {cause}"));
        element.send_keys(text).await.unwrap();
    }

    async fn text(&self, css: &str) -> String {
        let element = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
            .unwrap_or_else(|cause| panic!("{css}: {cause}"));
        element.text().await.unwrap()
    }

    /// What the page complained of, refused scripts and styles included.
    async fn complaints(&self) -> Vec<String> {
        let session = self.client.session_id().await.unwrap().unwrap();
        let answer = reqwest::Client::new()
            .post(format!("{}/session/{session}/se/log", self.driver_url))
            .json(&json!({"type": "browser"}))
            .send()
            .await
            .unwrap();
        let log: Value = answer.json().await.unwrap();
        let entries = log["value"].as_array().unwrap().iter();
        // Hints for the page's authors have the lowest level.
        entries
            .filter(|entry| entry["level"] != "DEBUG")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn someone_authorizes_in_swagger_ui_and_sees_their_account() {
    let app = TestApp::start(Engine::Sqlite).await;
    app.register("alice@example.com", PASSWORD).await.expect(201);
    let browser = Browser::open().await;
    browser.client.goto(&app.url("/docs")).await.unwrap();
    browser.click(".auth-wrapper .authorize").await;
    browser.fill("#oauth_username", "alice@example.com").await;
    browser.fill("#oauth_password", PASSWORD).await;
    browser.click(".modal-ux .auth-btn-wrapper .authorize").await;
    // "Logout" stands where "Authorize" stood once the token has come.
    let logout = Locator::XPath("//div[contains(@class,'modal-ux')]//button[text()='Logout']");
    browser
        .client
        .wait()
        .at_most(PATIENCE)
        .for_element(logout)
        .await
        .unwrap();
    browser.click(".modal-ux .btn-done").await;
    browser.click("#operations-me-me .opblock-summary-control").await;
    browser.click("#operations-me-me .execute").await;
    let status = browser
        .text("#operations-me-me .live-responses-table .response .response-col_status")
        .await;
    let body = browser
        .text("#operations-me-me .live-responses-table .response .response-col_description")
        .await;
    let picture = browser.client.screenshot().await.unwrap();
    let complaints = browser.complaints().await;
    browser.client.clone().close().await.unwrap();
    std::fs::write(
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/swagger-ui.png"),
        picture,
    )
    .unwrap();
    assert!(
        status.starts_with("200") && body.contains("alice@example.com"),
        "{status}: {body}"
    );
    assert!(complaints.is_empty(), "{complaints:#?}");
}
