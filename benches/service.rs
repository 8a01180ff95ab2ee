//! The program under load, the bare handler beside it, and the requests that are sent to them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{App, HttpResponse, HttpServer, web};
use doorward::model::clock::monotonic_now;

use crate::process::free_port;

/// Where it lies.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_doorward");
pub const PASSWORD: &str = "an owl keeps the door";
pub const SECRET: &str = "the benchmark's own secret, forty bytes!!";
pub const ISSUER: &str = "http://id.example.com";

/// What nodes of one database have in common, and whoever issues tokens as they do.
pub const IN_COMMON: [(&str, &str); 2] = [("DOORWARD_SECRET", SECRET), ("DOORWARD_ISSUER", ISSUER)];

pub struct Service {
    child: Child,
    pub address: String,
    folder: Arc<tempfile::TempDir>,
}

pub struct Account {
    email: String,
    pub token: String,
    pub refresh: String,
}

/// What keeps a program on one core, if one is named.
pub fn pinned(core: Option<usize>) -> Vec<String> {
    core.map_or_else(Vec::new, |core| {
        ["taskset", "-c", &core.to_string()].map(str::to_owned).into()
    })
}

/// The program, started by another if one is named.
pub fn under(starter: &[String], program: &str) -> Command {
    let mut words = starter.iter().map(String::as_str).chain([program]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

impl Service {
    pub fn start(core: Option<usize>) -> Self {
        Self::start_with(core, &[])
    }

    pub fn start_with(core: Option<usize>, settings: &[(&str, &str)]) -> Self {
        Self::start_in(&Arc::new(tempfile::tempdir().expect("a folder")), core, settings)
    }

    /// On the data that the folder holds, if it holds any.
    pub fn start_in(folder: &Arc<tempfile::TempDir>, core: Option<usize>, settings: &[(&str, &str)]) -> Self {
        Self::start_under(&pinned(core), folder, settings)
    }

    /// Started by another program, which becomes it.
    pub fn start_under(
        starter: &[String],
        folder: &Arc<tempfile::TempDir>,
        settings: &[(&str, &str)],
    ) -> Self {
        let (address, mut command) = doorward(starter, folder.path());
        command.envs(settings.iter().copied());
        Self::spawn(command, address, Arc::clone(folder), "/health")
    }

    /// Where the database of SQLite is.
    pub fn folder(&self) -> &Arc<tempfile::TempDir> {
        &self.folder
    }

    /// A file beside the service's database, on the same disk.
    pub fn file_beside(&self) -> String {
        self.folder.path().join("raw.db").display().to_string()
    }

    /// A bare actix handler that writes the bytes of `GET /me` and checks nothing.
    pub fn start_bare(core: usize) -> Self {
        Self::start_bare_under(&pinned(Some(core)))
    }

    /// As [`Self::start_bare`], started by another program.
    pub fn start_bare_under(starter: &[String]) -> Self {
        let port = free_port();
        let this = std::env::current_exe().expect("our own path");
        let mut command = under(starter, this.to_str().expect("a readable path"));
        command.args(["bare-actix", &port.to_string()]);
        Self::spawn(
            command,
            format!("127.0.0.1:{port}"),
            Arc::new(tempfile::tempdir().expect("a folder")),
            "/health",
        )
    }

    /// Ours or a peer, which answers 200 at `path` once it serves.
    pub fn spawn(mut command: Command, address: String, folder: Arc<tempfile::TempDir>, path: &str) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        wait_for_answer(&address, path);
        Self {
            child,
            address,
            folder,
        }
    }

    /// Milliseconds.
    pub fn time_to_first_answer(folder: &Path, settings: &[(&str, &str)]) -> f64 {
        let (address, mut command) = doorward(&[], folder);
        command.envs(settings.iter().copied());
        let begun = monotonic_now();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        wait_for_answer(&address, "/health");
        let time = begun.elapsed().as_secs_f64() * 1000.0;
        child.kill().and_then(|()| child.wait()).expect("it ends");
        time
    }

    pub fn account(&self, email: &str) -> Account {
        let registered = ask(&self.address, &register_request(email));
        assert!(registered.starts_with("HTTP/1.1 201"), "{registered}");
        self.known_account(email)
    }

    /// One that is registered.
    pub fn known_account(&self, email: &str) -> Account {
        Account {
            email: email.to_owned(),
            token: String::new(),
            refresh: String::new(),
        }
        .new_session(self)
    }

    /// One request on a connection of its own.
    pub fn ask(&self, request: &str) -> String {
        ask(&self.address, request)
    }

    /// By the command line, as an operator would.
    pub fn disable(&self, email: &str) {
        let status = command(self.folder.path(), &["user", "disable", email])
            .stdout(Stdio::null())
            .status()
            .expect("the program runs");
        assert!(status.success());
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds that its threads have spent on a processor since the start.
    pub fn cpu_time(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a running process");
        let spent = tasks.filter_map(|task| {
            std::fs::read_to_string(task.ok()?.path().join("schedstat"))
                .ok()?
                .split(' ')
                .next()?
                .parse::<u64>()
                .ok()
        });
        Duration::from_nanos(spent.sum()).as_secs_f64()
    }

    /// Resident memory.
    pub fn memory_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a running process");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("its memory");
        let kib: f64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number");
        kib / 1024.0
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}

impl Account {
    /// One that nobody registered.
    pub fn unknown(number: usize) -> Self {
        Self {
            email: format!("unknown{number}@example.com"),
            token: String::new(),
            refresh: String::new(),
        }
    }

    /// Logs in again.
    pub fn new_session(&self, service: &Service) -> Self {
        let answer = service.ask(&self.login_request());
        Self {
            email: self.email.clone(),
            token: text_in(&answer, "access_token"),
            refresh: text_in(&answer, "refresh_token"),
        }
    }

    pub fn me_request(&self) -> String {
        bearer_request("GET /me", &self.token)
    }

    pub fn login_request(&self) -> String {
        login_request(&self.email)
    }

    pub fn wrong_login_request(&self) -> String {
        post(
            "/login",
            "application/x-www-form-urlencoded",
            &format!("username={}&password=not+the+password+at+all", self.email),
        )
    }
}

pub fn login_request(email: &str) -> String {
    post(
        "/login",
        "application/x-www-form-urlencoded",
        &format!("username={email}&password={}", PASSWORD.replace(' ', "+")),
    )
}

pub fn register_request(email: &str) -> String {
    post(
        "/register",
        "application/json",
        &format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#),
    )
}

/// Method and path, and by whose token.
pub fn bearer_request(operation: &str, token: &str) -> String {
    format!("{operation} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// The program in a folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn doorward(starter: &[String], folder: &Path) -> (String, Command) {
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = under(starter, PROGRAM);
    command
        .args(["--listen", &address])
        .current_dir(folder)
        .env("DOORWARD_LOG_FORMAT", "json");
    // All load comes from one address.
    command
        .env("DOORWARD_LIMIT_LOGIN_IP", "off")
        .env("DOORWARD_LIMIT_REGISTER_IP", "off");
    (address, command)
}

/// A text within a JSON object.
pub fn text_in(answer: &str, name: &str) -> String {
    answer
        .split(&format!("\"{name}\":\""))
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a text of that name")
        .to_owned()
}

pub fn post(path: &str, media_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    stream
        .write_all(
            request
                .replacen("\r\n", "\r\nConnection: close\r\n", 1)
                .as_bytes(),
        )
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    answer
}

fn wait_for_answer(address: &str, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let begun = monotonic_now();
    while begun.elapsed() < Duration::from_secs(20) {
        if TcpStream::connect(address).is_ok() && ask(address, &request).starts_with("HTTP/1.1 200") {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("no answer from {address}");
}

/// The yardstick of `GET /me`: the same bytes, no check, and nothing made for a request that could
/// be made before.
pub fn bare_actix(port: u16) {
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    const BODY: &str = r#"{"id":1,"email":"alice@example.com","is_active":true,"role":"user"}"#;
    async fn me() -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((REQUEST_ID, HeaderValue::from_static("d53cccda32aac2c100000003")))
            .insert_header((
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .insert_header((header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
            .insert_header((
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
            ))
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .content_type(HeaderValue::from_static("application/json"))
            .body(BODY)
    }
    let serve = async move {
        let app = || {
            App::new()
                .route("/me", web::get().to(me))
                .route("/health", web::get().to(|| async { "ok" }))
        };
        HttpServer::new(app)
            .workers(1)
            .bind(("127.0.0.1", port))?
            .run()
            .await
    };
    actix_web::rt::System::new()
        .block_on(serve)
        .expect("the bare server runs");
}
