//! People rather than tokens, and the answers that they get.

use serde_json::Value;

use super::app::TestApp;
use super::document::assert_declared;
use super::secrets;

/// Someone with a live session.
pub struct Person<'a> {
    pub app: &'a TestApp,
    pub email: String,
    pub token: String,
    pub refresh_token: String,
}

impl Person<'_> {
    pub async fn send(&self, method: &str, path: &str) -> Answer {
        self.app.request(method, path).bearer(&self.token).send().await
    }

    pub async fn send_json(&self, method: &str, path: &str, body: Value) -> Answer {
        self.app
            .request(method, path)
            .bearer(&self.token)
            .json(&body)
            .send()
            .await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.app.request("GET", path).bearer(&self.token).send().await
    }
}

/// An answer that the document declares, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Of the body, in bytes.
    pub length: usize,
}

impl Answer {
    pub async fn read(method: &str, path: &str, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        assert_declared(method, path, status);
        let body = response.bytes().await.unwrap();
        let answer = Self {
            status,
            headers,
            length: body.len(),
            text: String::from_utf8_lossy(&body).into_owned(),
        };
        answer
            .one_time_password()
            .iter()
            .for_each(|password| secrets::sent(password));
        answer.assert_dressed();
        answer
    }

    fn one_time_password(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.text).ok()?;
        let password = body["invitation"]["one_time_password"]
            .as_str()
            .or_else(|| body["one_time_password"].as_str())?;
        Some(password.to_owned())
    }

    /// What every answer carries (ASVS 3.4).
    fn assert_dressed(&self) {
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert!(
            self.header("content-security-policy")
                .contains("default-src 'none'")
                && self
                    .header("content-security-policy")
                    .contains("frame-ancestors 'none'")
        );
        assert!(!self.header("x-request-id").is_empty());
        assert!(!self.headers.contains_key("server"));
        if self.status >= 400 && !self.text.is_empty() && !self.text.contains("\"checks\"") {
            let body = self.json();
            assert_eq!(
                (&body["type"], &body["status"]),
                (&Value::from("about:blank"), &Value::from(self.status)),
                "{}",
                self.text
            );
            assert!(
                body["title"].is_string() && body["code"].is_string() && !body["detail"].is_null(),
                "{}",
                self.text
            );
            assert_eq!(body["request_id"], self.header("x-request-id"), "{}", self.text);
        }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} bytes: {}", self.length, self.text);
        self
    }

    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.json()["code"], code, "{}", answer.text);
        answer
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|cause| panic!("{cause}: {}", self.text))
    }
}
