//! What fails beneath the program: calls of the operating system one by one, the disk, the
//! database's file, descriptors, memory.
//!
//! The short rounds run with all other tests. The long ones are `#[ignore]`d and say on a line that
//! starts with `torture: ` what they did.

mod damaged_file;
mod disk_full;
mod exhaustion;
mod nth_failure;
mod power;
mod shim;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use doorward::model::clock::monotonic_now;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx_sqlite::SqliteConnection;

use crate::support::process::{Server, free_port};

/// How soon it must serve again after the fault has ended (I7).
const HEALED_WITHIN: Duration = Duration::from_secs(5);
/// The least work that the floor of `DOORWARD_ARGON2` allows.
const LEAST_COST: (&str, &str) = ("DOORWARD_ARGON2", "m=7168,t=5,p=1");

impl Server {
    /// As [`Self::start`], perhaps within a wrapper such as `prlimit`; what it said and how it
    /// ended if it does not come to stand.
    pub fn try_start(
        folder: &Path,
        settings: &[(&str, &str)],
        wrapper: &[&str],
    ) -> Result<Self, (Vec<String>, ExitStatus)> {
        Self::try_start_on(folder, settings, &format!("127.0.0.1:{}", free_port()), wrapper)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

/// Someone who talks to a server.
struct Client<'a> {
    server: &'a Server,
    http: &'a reqwest::Client,
}

/// The tokens of a session.
#[derive(Debug, Clone)]
struct Tokens {
    access: String,
    refresh: String,
}

impl Client<'_> {
    async fn send(&self, request: RequestBuilder) -> (u16, Value) {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(cause) => panic!("no answer: {cause:?}; it said {:?}", last_words(self.server)),
        };
        let status = answer.status().as_u16();
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()["retry-after"], "2");
        }
        let text = answer.text().await.unwrap();
        if status >= 500 {
            println!("{status} {text}; it said {:?}", last_words(self.server));
        }
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(self.server.url(path))
    }

    async fn register(&self, email: &str, password: &str) -> u16 {
        self.send(
            self.post("/register")
                .json(&json!({"email": email, "password": password})),
        )
        .await
        .0
    }

    async fn login(&self, email: &str, password: &str) -> (u16, Option<Tokens>) {
        tokens(
            self.send(
                self.post("/login")
                    .form(&[("username", email), ("password", password)]),
            )
            .await,
        )
    }

    async fn refresh(&self, token: &str) -> (u16, Option<Tokens>) {
        tokens(
            self.send(self.post("/refresh").form(&[("refresh_token", token)]))
                .await,
        )
    }

    async fn logout(&self, token: &str) -> u16 {
        self.send(self.post("/logout").bearer_auth(token)).await.0
    }

    async fn change_password(&self, token: &str, current: &str, new: &str) -> (u16, Option<Tokens>) {
        let body = json!({"current_password": current, "new_password": new});
        let request = self.http.put(self.server.url("/me/password")).bearer_auth(token);
        tokens(self.send(request.json(&body)).await)
    }

    /// The status and whose account it is.
    async fn me(&self, token: &str) -> (u16, String) {
        let (status, body) = self
            .send(self.http.get(self.server.url("/me")).bearer_auth(token))
            .await;
        (status, body["email"].as_str().unwrap_or_default().to_owned())
    }

    async fn ready(&self) -> u16 {
        self.send(self.http.get(self.server.url("/ready"))).await.0
    }

    /// Someone new, with a session.
    async fn registered(&self, email: &str, password: &str) -> Tokens {
        assert_eq!(self.register(email, password).await, 201, "{email}");
        self.logged_in(email, password).await
    }

    async fn logged_in(&self, email: &str, password: &str) -> Tokens {
        let (status, tokens) = self.login(email, password).await;
        assert_eq!(status, 200, "{email}");
        tokens.unwrap()
    }
}

fn tokens((status, body): (u16, Value)) -> (u16, Option<Tokens>) {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    (
        status,
        text("access_token")
            .zip(text("refresh_token"))
            .map(|(access, refresh)| Tokens { access, refresh }),
    )
}

/// Asks until the answer is not 503; fails if it stays so for longer than the promise. Gives the
/// answer and how long it took.
async fn healed<T>(ask: impl AsyncFn() -> (u16, T)) -> (u16, T) {
    let begun = monotonic_now();
    loop {
        let (status, rest) = ask().await;
        if status != 503 {
            return (status, rest);
        }
        assert!(begun.elapsed() < HEALED_WITHIN, "it does not heal");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What SQLite itself says of a file that no server has open: nothing damaged, no row without the
/// row that it names.
async fn assert_whole(file: &Path) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let (verdict,): (String,) = sqlx::query_as("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(verdict, "ok");
    assert!(
        sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut connection)
            .await
            .unwrap()
            .is_empty(),
        "a row names a row that is not there"
    );
    let half = sqlx::query("SELECT id FROM users WHERE password_hash NOT LIKE '$argon2id$%'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(half.is_empty(), "a user without a hash");
    connection.close().await.unwrap();
}

/// The one line of a program that ends; it says nothing of a panic.
fn assert_ends_clearly((said, status): &(Vec<String>, ExitStatus)) {
    assert!(status.code().is_some_and(|code| code != 0), "{status}: {said:?}");
    assert_eq!(
        said.iter().filter(|line| line.starts_with("doorward: ")).count(),
        1,
        "{said:?}"
    );
    assert_eq!(our_panic(said), None, "{said:?}");
}

/// sqlx panics in a thread of its own over a damaged schema, where a column's type is no text; the
/// connection is replaced, and that is all.
fn our_panic(log: &[String]) -> Option<&String> {
    log.iter()
        .find(|line| line.contains("panicked") && !line.contains("'sqlx-sqlite-worker-"))
}

/// Whether it is ready in time; it may still end, as long as it says why.
async fn stands(server: &mut Server, http: &reqwest::Client) -> bool {
    let begun = monotonic_now();
    loop {
        if let Ok(answer) = http.get(server.url("/ready")).send().await
            && answer.status() == 200
        {
            assert_quiet(server);
            return true;
        }
        if let Some(status) = server.ended() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_ends_clearly(&(server.log(), status));
            return false;
        }
        assert!(begun.elapsed() < HEALED_WITHIN, "it neither stands nor ends");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The end of its log.
fn last_words(server: &Server) -> Vec<String> {
    let mut log = server.log();
    log.split_off(log.len().saturating_sub(5))
}

fn assert_quiet(server: &Server) {
    assert_eq!(server.said("panicked"), 0, "{:?}", server.log());
}

fn database(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("doorward.db")
}
