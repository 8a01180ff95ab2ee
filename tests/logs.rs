//! The log: it never stops the service, and it never tells a secret.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, pipe};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward::model::clock::monotonic_now;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::raw::raw;
use crate::support::app::fresh_database;
use crate::support::authority::{Authority, FILES};
use crate::support::process::{Server, doorward, free_port, output, scheme};
use crate::support::secrets::told;
use crate::support::{Engine, PASSWORD};

impl Server {
    /// Starts it with nobody who reads what it says, and waits until it answers.
    pub fn start_unheard(folder: &Path, settings: &[(&str, &str)], stdout: Stdio, stderr: Stdio) -> Self {
        let settings = [
            &[
                ("DOORWARD_LIMIT_LOGIN_IP", "off"),
                ("DOORWARD_LIMIT_REGISTER_IP", "off"),
            ],
            settings,
        ]
        .concat();
        let address = format!("127.0.0.1:{}", free_port());
        let child = doorward(folder, &settings, &["--listen", &address])
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stands = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            TcpStream::connect(&address).is_ok()
        });
        assert!(stands, "the server does not stand");
        Self {
            child,
            address,
            greeting: String::new(),
            log: Arc::default(),
            ear: None,
            scheme: scheme(&settings),
        }
    }
}

#[test]
fn a_forgotten_proxy_is_one_warning() {
    let folder = tempfile::tempdir().unwrap();
    let warnings = |settings: &[(&str, &str)]| {
        let server = Server::start(folder.path(), settings);
        for hop in ["203.0.113.7", "203.0.113.8", "nonsense"] {
            let request = format!(
                "POST /login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {hop}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\
                 Connection: close\r\n\r\n"
            );
            let answer = raw(&server.address, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
        }
        let log = server.log();
        let told = |line: &&String| line.contains("X-Forwarded-For") && line.contains("127.0.0.1");
        log.iter().filter(told).count()
    };
    assert_eq!(warnings(&[]), 1);
    assert_eq!(warnings(&[("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")]), 0);
}

#[tokio::test]
async fn a_flood_of_refused_logins_is_one_warning_a_second_with_their_count() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DOORWARD_HASH_THREADS", "1"), ("DOORWARD_HASH_QUEUE", "1")];
    let mut server = Server::start(folder.path(), &settings);
    let client = reqwest::Client::new();
    let login = async |number: usize| {
        let name = format!("nobody{number}@example.com");
        let form = [("username", name.as_str()), ("password", PASSWORD)];
        let answer = client.post(server.url("/login")).form(&form).send().await;
        answer.unwrap().status().as_u16()
    };
    let begun = monotonic_now();
    let mut refused = 0;
    for round in 0..4 {
        let answers = join_all((0..40).map(|number| login(40 * round + number))).await;
        refused += answers.iter().filter(|status| **status == 503).count();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    server.signal("TERM");
    server.expect_end(0);
    let seconds = begun.elapsed().as_secs();
    server.ear.take().unwrap().join().unwrap();
    let told: Vec<Value> = server
        .log()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| !line["refused"].is_null())
        .collect();
    let counted: u64 = told.iter().filter_map(|line| line["refused"].as_u64()).sum();
    assert!(refused > 40, "only {refused} were refused");
    assert_eq!(counted, refused as u64, "{told:?}");
    assert!(
        told.iter().all(|line| line["level"] == "warn") && told.len() as u64 <= seconds + 2,
        "in {seconds} s: {told:?}"
    );
    assert_eq!(server.said("request failed"), 0);
}

/// More than a pipe of 64 KiB and a queue of a MiB hold, at trace level.
const FLOOD: usize = 2000;

/// Someone logs in and asks, many times, at trace level; nothing may take longer than a client's
/// patience.
async fn flood(server: &Server, kind: &str) {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let account = json!({"email": "alice@example.com", "password": PASSWORD});
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
        .form(&[("username", "alice@example.com"), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    let token = login.json::<Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let begun = monotonic_now();
    for _ in 0..FLOOD {
        assert_eq!(
            client
                .get(server.url("/me"))
                .bearer_auth(&token)
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
    println!(
        "log: {FLOOD} requests at trace level with a log that is {kind}: {:.2} s",
        begun.elapsed().as_secs_f64()
    );
}

fn loud() -> [(&'static str, &'static str); 1] {
    [("RUST_LOG", "trace")]
}

/// What is in the pipe until its other end is closed.
fn lines(pipe: PipeReader) -> Vec<String> {
    BufReader::new(pipe).lines().map(Result::unwrap).collect()
}

fn is_one_object(line: &str) -> bool {
    serde_json::from_str::<Value>(line)
        .is_ok_and(|value| value["level"].is_string() && value["message"].is_string())
}

/// The largest count of dropped lines that the log tells.
fn dropped(lines: &[String]) -> u64 {
    let notices = lines
        .iter()
        .filter(|line| line.contains("log lines were dropped"));
    notices
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["dropped"]
                .as_u64()
                .unwrap()
        })
        .max()
        .unwrap_or_default()
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing_and_what_it_lost_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(
        folder.path(),
        &loud(),
        writer.try_clone().unwrap().into(),
        writer.into(),
    );
    flood(&server, "stuck").await;
    let reading = std::thread::spawn(move || lines(reader));
    a_calm_while(&server).await;
    server.signal("TERM");
    server.expect_end(0);
    let lines = reading.join().unwrap();
    assert!(
        dropped(&lines) > 1000,
        "{} were dropped of {}",
        dropped(&lines),
        lines.len()
    );
    assert!(lines.iter().all(|line| is_one_object(line)));
    assert!(
        lines.first().unwrap().contains("\"time\"") && lines.last().unwrap().contains("stopped"),
        "{:?}",
        lines.last()
    );
}

async fn a_calm_while(server: &Server) {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(reqwest::get(server.url("/health")).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_server_whose_log_is_stuck_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), Stdio::null(), writer.into());
    flood(&server, "stuck").await;
    server.signal("TERM");
    tokio::task::spawn_blocking(move || server.expect_end(0))
        .await
        .unwrap();
    drop(reader);
}

#[tokio::test]
async fn a_log_whose_reader_has_gone_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(
        folder.path(),
        &loud(),
        writer.try_clone().unwrap().into(),
        writer.into(),
    );
    // `2>&1 | head -c 1`
    reader.read_exact(&mut [0]).unwrap();
    drop(reader);
    flood(&server, "closed").await;
    server.signal("TERM");
    server.expect_end(0);
}

#[tokio::test]
async fn a_log_on_a_full_disk_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let mut server = Server::start_unheard(folder.path(), &loud(), full(), full());
    flood(&server, "on a full disk").await;
    server.signal("TERM");
    server.expect_end(0);
}

#[tokio::test]
async fn a_log_that_is_read_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), Stdio::null(), writer.into());
    let reading = std::thread::spawn(move || lines(reader));
    flood(&server, "read").await;
    server.signal("TERM");
    server.expect_end(0);
    let lines = reading.join().unwrap();
    assert!(lines.len() > 5 * FLOOD, "only {} lines", lines.len());
    assert!(dropped(&lines) == 0 && lines.iter().all(|line| is_one_object(line)));
    assert!(lines.last().unwrap().contains("stopped"), "{:?}", lines.last());
}

/// A start that fails says why, and ends with its own status where nobody listens.
#[test]
fn a_start_that_fails_unheard_keeps_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = doorward(folder.path(), &[("DOORWARD_LISTEN", "nowhere")], &[]);
    assert_eq!(command.stderr(writer).status().unwrap().code(), Some(2));
}

/// Everything that one server must not tell: what its people sent and what they got.
#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Kept {
    fn keep(&self, secret: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of a token each part, for a part is as good as the whole to whoever has the rest.
        kept.extend(
            secret
                .split('.')
                .filter(|part| part.len() >= 8)
                .map(str::to_owned),
        );
        kept.extend([
            secret.replace(' ', "+"),
            secret.replace(' ', "%20"),
            STANDARD.encode(secret),
        ]);
    }

    /// What the line tells.
    fn told(&self, line: &str) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .find(|secret| line.contains(secret.as_str()))
            .cloned()
            .or_else(|| told(line))
    }
}

/// Someone who goes everywhere, right and wrong.
struct Visitor<'a> {
    client: reqwest::Client,
    server: &'a Server,
    kept: &'a Kept,
}

impl Visitor<'_> {
    async fn read(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        if let Some(ticket) = response.headers().get("doorward-device") {
            self.kept.keep(ticket.to_str().unwrap());
        }
        let status = response.status().as_u16();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
        for secret in [
            &body["access_token"],
            &body["refresh_token"],
            &body["one_time_password"],
            &body["invitation"]["one_time_password"],
        ] {
            secret
                .as_str()
                .into_iter()
                .for_each(|secret| self.kept.keep(secret));
        }
        (status, body)
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.read(self.client.post(self.server.url(path)).json(&body))
            .await
    }

    async fn form(&self, path: &str, body: &[(&str, &str)]) -> (u16, Value) {
        self.read(self.client.post(self.server.url(path)).form(body))
            .await
    }

    async fn login(&self, email: &str, password: &str) -> (String, String) {
        let (status, body) = self
            .form("/login", &[("username", email), ("password", password)])
            .await;
        assert_eq!(status, 200, "{body}");
        (
            body["access_token"].as_str().unwrap().to_owned(),
            body["refresh_token"].as_str().unwrap().to_owned(),
        )
    }

    async fn bearer(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let request = self
            .client
            .request(method.parse().unwrap(), self.server.url(path))
            .bearer_auth(token);
        self.read(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Registers, logs in rightly and wrongly, refreshes, uses a refresh token twice, changes
    /// everything, leaves.
    async fn live(&self) -> (String, String) {
        let (email, password, next) = (
            "alice.the.first@example.com",
            "a wren minds the gate",
            "two wrens mind two gates",
        );
        for secret in [email, password, next, "no wren at all here"] {
            self.kept.keep(secret);
        }
        for expected in [201, 400] {
            assert_eq!(
                self.post("/register", json!({"email": email, "password": password}))
                    .await
                    .0,
                expected
            );
        }
        let (token, refresh) = self.login(email, password).await;
        assert_eq!(
            self.form(
                "/login",
                &[("username", email), ("password", "no wren at all here")]
            )
            .await
            .0,
            401
        );
        assert_eq!(
            self.form(
                "/login",
                &[("username", "nobody.here@example.com"), ("password", password)]
            )
            .await
            .0,
            401
        );
        self.form(
            "/oauth/token",
            &[
                ("grant_type", "password"),
                ("username", email),
                ("password", password),
                ("client_secret", next),
            ],
        )
        .await;
        let (_, second) = self.form("/refresh", &[("refresh_token", &refresh)]).await;
        let (_, third) = self
            .form(
                "/refresh",
                &[("refresh_token", second["refresh_token"].as_str().unwrap())],
            )
            .await;
        assert_eq!(
            self.bearer("GET", "/me", third["access_token"].as_str().unwrap(), None)
                .await
                .0,
            200
        );
        assert_eq!(
            self.form(
                "/oauth/token",
                &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]
            )
            .await
            .0,
            400,
            "refresh token reused"
        );
        self.bearer("GET", "/me", &token, None).await;
        let (token, _) = self.login(email, password).await;
        let change = json!({"current_password": password, "new_password": next});
        let (status, pair) = self.bearer("PUT", "/me/password", &token, Some(change)).await;
        assert_eq!(status, 200);
        let token = pair["access_token"].as_str().unwrap().to_owned();
        let change = json!({"email": "alice.the.second@example.com", "current_password": next});
        assert_eq!(self.bearer("PATCH", "/me", &token, Some(change)).await.0, 200);
        assert_eq!(
            self.bearer(
                "PUT",
                "/me/password",
                &token,
                Some(json!({"current_password": password, "new_password": next}))
            )
            .await
            .0,
            403
        );
        self.form(
            "/oauth/revoke",
            &[("token", &self.login("alice.the.second@example.com", next).await.1)],
        )
        .await;
        self.bearer("POST", "/logout?scope=all", &token, None).await;
        self.login("alice.the.second@example.com", next).await
    }

    /// The other side of the counter.
    async fn administer(&self, folder: &Path, settings: &[(&str, &str)]) -> String {
        let made = output(
            folder,
            settings,
            &[
                "user",
                "create",
                "the.boss@example.com",
                "--role",
                "admin",
                "--invite",
                "--json",
            ],
        );
        let made: Value = serde_json::from_str(&made.expect(0).stdout).unwrap();
        let once = made["one_time_password"]
            .as_str()
            .or_else(|| made["invitation"]["one_time_password"].as_str())
            .unwrap_or_else(|| panic!("{made}"));
        self.kept.keep(once);
        let own = "a heron owns this pond";
        self.kept.keep(own);
        assert_eq!(
            self.form(
                "/login",
                &[("username", "the.boss@example.com"), ("password", once)]
            )
            .await
            .0,
            403
        );
        assert_eq!(
            self.form(
                "/login",
                &[
                    ("username", "the.boss@example.com"),
                    ("password", once),
                    ("new_password", own)
                ]
            )
            .await
            .0,
            200
        );
        let (boss, _) = self.login("the.boss@example.com", own).await;
        let (status, carol) = self
            .bearer(
                "POST",
                "/users",
                &boss,
                Some(json!({"email": "carol.c@example.com", "role": "user"})),
            )
            .await;
        assert_eq!(status, 201);
        let carol = format!(
            "/users/{}",
            carol["id"]
                .as_i64()
                .or_else(|| carol["user"]["id"].as_i64())
                .unwrap()
        );
        self.bearer("POST", &format!("{carol}/one-time-password"), &boss, None)
            .await;
        for path in [
            "/users?q=alice",
            "/users?email=alice.the.second@example.com",
            "/users?q=alice.the%40",
            "/audit",
            "/roles",
            carol.as_str(),
        ] {
            self.bearer("GET", path, &boss, None).await;
        }
        self.bearer(
            "PUT",
            "/roles/cook",
            &boss,
            Some(json!({"permissions": ["soup:stir"]})),
        )
        .await;
        self.bearer("PATCH", &carol, &boss, Some(json!({"is_active": false})))
            .await;
        self.bearer("DELETE", &carol, &boss, None).await;
        boss
    }

    /// Secrets where they do not belong.
    async fn misplace(&self, token: &str, refresh: &str) {
        let (email, password) = ("alice.the.second@example.com", "two wrens mind two gates");
        for path in ["/me", "/users", "/login", "/nowhere", "/docs/"] {
            for query in [
                format!("access_token={token}"),
                format!("refresh_token={refresh}"),
                format!("username={email}&password={password}"),
            ] {
                self.read(self.client.get(format!("{}?{query}", self.server.url(path))))
                    .await;
            }
        }
        for path in [
            token,
            refresh,
            email,
            &format!("users/{email}"),
            &format!("users/{token}"),
            &format!("me/sessions/{refresh}"),
            &format!("roles/{email}"),
        ] {
            self.bearer("GET", &format!("/{path}"), token, None).await;
            self.bearer("DELETE", &format!("/{path}"), token, None).await;
        }
        let basic = STANDARD.encode(format!("{email}:{password}"));
        self.kept.keep(&basic);
        for bad in [
            format!("Basic {basic}"),
            format!("Bearer {token}x"),
            format!("bearer  {token}"),
            token.to_owned(),
            format!("Token {refresh}"),
            format!("Bearer {refresh}"),
        ] {
            for (name, value) in [
                ("authorization", bad.as_str()),
                ("cookie", &format!("session={token}")),
                ("doorward-device", refresh),
                ("x-forwarded-for", email),
                ("if-match", token),
                ("referer", &format!("https://x/?t={token}")),
                ("user-agent", email),
                ("origin", &format!("https://{token}")),
            ] {
                self.read(self.client.get(self.server.url("/me")).header(name, value))
                    .await;
            }
        }
        for body in [
            json!({"email": password, "password": email}),
            json!({"email": {"deep": email}, "password": [password, token]}),
            json!([token, refresh, email, password]),
            json!({password: email, token: refresh}),
            json!({"email": email, "password": password, "role": password}),
        ] {
            assert!(self.post("/register", body).await.0 >= 400);
        }
        for (media_type, body) in [
            (
                "application/json",
                format!(r#"{{"email":"{email}","password":"{password}""#),
            ),
            (
                "application/json",
                format!(r#"{{"email":"{email}","password":"{password}"}}{token}"#),
            ),
            (
                "application/x-www-form-urlencoded",
                format!("username={email}&username={email}&password={password}"),
            ),
            (
                "application/x-www-form-urlencoded",
                format!("{token}={refresh}&{password}"),
            ),
            ("text/plain", format!("{email} {password}")),
            (&format!("text/{}", "x".repeat(4)), token.to_owned()),
        ] {
            for path in [
                "/register",
                "/login",
                "/refresh",
                "/oauth/token",
                "/oauth/introspect",
            ] {
                self.read(
                    self.client
                        .post(self.server.url(path))
                        .header("content-type", media_type)
                        .body(body.clone()),
                )
                .await;
            }
        }
    }

    /// The same in requests that are none.
    fn garble(&self, token: &str, refresh: &str) {
        for text in [
            format!("POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: {token}\r\n\r\n"),
            format!("POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {refresh}\r\n\r\n"),
            format!("GET /{token} HTTP/9.9\r\nHost: {refresh}\r\n\r\n"),
            format!(
                "GET /me HTTP/1.1\r\nHost: alice.the.second@example.com\r\nAuthorization : Bearer {token}\r\n\r\n"
            ),
            format!(
                "GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n folded\r\nContent-Length: 5, 6\r\n\r\n"
            ),
            format!("{token} {refresh}\r\n\r\n"),
            format!(
                "GET /me?t={token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
            ),
            format!(
                "GET /{} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
                token,
                refresh.repeat(2000)
            ),
        ] {
            raw(
                &self.server.address,
                (text + "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
            );
        }
    }
}

/// A database that refuses a row and, in PostgreSQL's DETAIL, repeats it.
async fn refuse_rows(url: &str) {
    if url.starts_with("postgres") {
        let mut database = sqlx_postgres::PgConnection::connect(url).await.unwrap();
        database
            .execute("ALTER TABLE users ADD CONSTRAINT nobody_else CHECK (email NOT LIKE 'dave%')")
            .await
            .unwrap();
    } else {
        let mut database = sqlx_sqlite::SqliteConnection::connect(url).await.unwrap();
        let trigger = "CREATE TRIGGER nobody_else BEFORE INSERT ON users WHEN NEW.email LIKE 'dave%' BEGIN SELECT RAISE(ABORT, 'refused'); END";
        database.execute(trigger).await.unwrap();
    }
}

/// The whole tour at trace level, and what its log says.
async fn tour(engine: Engine, format: &str, tls: bool) {
    let (url, folder) = fresh_database(engine).await;
    let secret = "the tour's very own root, forty bytes long!";
    // It asks for no password, and gets one.
    let mut url_with_password = url.replace("doorward@", "doorward:database-hush-hush@");
    if engine == Engine::Postgres {
        url_with_password += "?pasword=database-hush-hush";
    }
    let authority = Authority::new();
    let mut settings = vec![
        ("RUST_LOG", "trace"),
        ("DOORWARD_LOG_FORMAT", format),
        ("DATABASE_URL", url_with_password.as_str()),
        ("DOORWARD_SECRET", secret),
        ("DOORWARD_ISSUER", "https://id.example.com"),
    ];
    if tls {
        authority.install(folder.path());
        settings.extend(FILES);
        settings.push(("DOORWARD_HTTP2", "on"));
    }
    let kept = Kept::default();
    for secret in [
        secret,
        "database-hush-hush",
        "the.boss@example.com",
        "carol.c@example.com",
        "alice.the.second@example.com",
        "nobody.here@example.com",
    ] {
        kept.keep(secret);
    }
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &settings, Stdio::null(), writer.into());
    let reading = std::thread::spawn(move || lines(reader));
    let client = if tls {
        authority.client(false)
    } else {
        reqwest::Client::new()
    };
    let visitor = Visitor {
        client,
        server: &server,
        kept: &kept,
    };
    let (token, refresh) = visitor.live().await;
    let boss = visitor.administer(folder.path(), &settings).await;
    visitor.misplace(&token, &refresh).await;
    visitor
        .bearer("GET", "/users/dave@example.com", &boss, None)
        .await;
    visitor.garble(&token, &refresh);
    refuse_rows(&url).await;
    let dave = json!({"email": "dave.d@example.com", "password": "a wren minds the gate"});
    kept.keep("dave.d@example.com");
    assert!(visitor.post("/register", dave).await.0 >= 500);
    server.signal("TERM");
    server.expect_end(0);
    let lines = reading.join().unwrap();
    let telling: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((kept.told(line)?, line)))
        .collect();
    assert!(telling.is_empty(), "{telling:#?}");
    let says = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    println!(
        "log: a tour of {} lines at trace level, {} of them of the database",
        lines.len(),
        says("sqlx")
    );
    assert!(
        says("request failed") > 0 && says("login refused") > 1 && says("refresh token reused") == 1,
        "the tour was short"
    );
    assert_eq!(dropped(&lines), 0);
    if format == "json" {
        let http = if tls { "h2::" } else { "actix_http::" };
        assert!(says("sqlx::query") > 50 && says(http) > 50, "not at trace level");
    }
}

#[tokio::test]
async fn no_secret_and_no_address_is_in_the_log_of_a_tour_on_sqlite() {
    tour(Engine::Sqlite, "json", false).await;
}

#[tokio::test]
async fn no_secret_and_no_address_is_in_the_log_of_a_tour_on_postgres() {
    tour(Engine::Postgres, "json", false).await;
}

#[tokio::test]
async fn no_secret_and_no_address_is_in_the_log_of_a_tour_over_tls() {
    tour(Engine::Sqlite, "json", true).await;
}

#[tokio::test]
async fn no_secret_and_no_address_is_in_the_log_of_a_tour_as_text() {
    tour(Engine::Postgres, "text", false).await;
}

/// Of every other test too each line is heard, by `support::secrets`; here, that it would know one.
#[test]
fn a_line_that_tells_is_known() {
    for line in [
        "login of alice@example.com",
        "q=alice%40example.com",
        r#"{"message":"Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"}"#,
        "refreshed dwr_AAAAAAAAAAAAAAAA",
        "hash $argon2id$v=19$m=8",
        "password=an+owl",
        "key -----BEGIN PRIVATE KEY-----",
    ] {
        assert!(told(line).is_some(), "{line}");
    }
    for line in [
        "",
        "Doorward 0.2.0 listens at http://127.0.0.1:8000",
        "begins with dwr_",
        "at once @ night",
        "a 50% @ b",
    ] {
        assert_eq!(told(line), None, "{line}");
    }
}
