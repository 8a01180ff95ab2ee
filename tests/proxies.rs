//! Debian's nginx and Caddy in front of an app, with the files of `ops/`: who asks is told by
//! Doorward alone, whatever the client says of itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::raw::raw;
use crate::support::PASSWORD;
use crate::support::process::{Server, free_port, output};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Proxy {
    Nginx,
    Caddy,
}

/// The proxy's program, from the path or as `make tools-test` unpacks it.
fn program(name: &str, unpacked: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join(unpacked);
    if unpacked.exists() {
        unpacked
    } else {
        PathBuf::from(name)
    }
}

/// A running proxy; killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // nginx's workers end with their master, which a signal that it can hear tells them.
        let _ended = Command::new("kill").arg(self.0.id().to_string()).status();
        let _reaped = self.0.wait();
    }
}

impl Proxy {
    /// Starts it with its file of `ops/`, whose three addresses are exchanged.
    fn start(self, folder: &Path, doorward: &str, app: &str) -> (Running, String) {
        let port = format!(":{}", free_port());
        let listen = format!("127.0.0.1{port}");
        let file = match self {
            Self::Nginx => "ops/nginx.conf",
            Self::Caddy => "ops/Caddyfile",
        };
        let ours = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let mut ours = ours;
        for (from, to) in [
            ("127.0.0.1:8000", doorward),
            ("127.0.0.1:3000", app),
            (":8080", port.as_str()),
        ] {
            assert!(ours.contains(from), "{file} has no {from}");
            ours = ours.replace(from, to);
        }
        let mut command = match self {
            Self::Nginx => {
                fs::write(folder.join("doorward.conf"), ours).unwrap();
                let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let places = kinds.map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
                let whole = format!(
                    "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
                     http {{\naccess_log off;\n{places}include doorward.conf;\n}}\n"
                );
                fs::write(folder.join("nginx.conf"), whole).unwrap();
                let mut command = Command::new(program("nginx", "target/nginx/usr/sbin/nginx"));
                command
                    .arg("-p")
                    .arg(folder)
                    .args(["-c", "nginx.conf", "-e", "stderr"]);
                command
            }
            Self::Caddy => {
                // No administrative listener, and no files in a home.
                fs::write(folder.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{ours}")).unwrap();
                let mut command = Command::new(program("caddy", "target/caddy/usr/bin/caddy"));
                command
                    .args(["run", "--adapter", "caddyfile", "--config"])
                    .arg(folder.join("Caddyfile"));
                command.env("HOME", folder);
                command
            }
        };
        let errors = fs::File::create(folder.join("proxy.log")).unwrap();
        let mut child = command
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|cause| panic!("{command:?}: {cause}; `make tools-test` installs it"));
        for _ in 0..200 {
            if TcpStream::connect(&listen).is_ok() {
                return (Running(child), listen);
            }
            assert!(
                child.try_wait().unwrap().is_none(),
                "{self:?}: {}",
                fs::read_to_string(folder.join("proxy.log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{self:?} does not listen")
    }
}

/// An app that answers each request with its head.
fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || echo(stream.unwrap()));
        }
    });
    address
}

fn echo(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.eq_ignore_ascii_case("content-length")).then(|| value.trim().parse().unwrap())
        });
        reader
            .by_ref()
            .take(length.unwrap_or(0))
            .read_to_end(&mut Vec::new())
            .unwrap();
        let answer = if head.to_ascii_lowercase().contains("\r\nupgrade: websocket") {
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"
                .to_owned()
        } else {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len())
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// One request through the proxy, with headers as they are given.
fn ask(proxy: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let headers = headers.concat();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n{headers}\r\n");
    let answer = raw(proxy, request.as_bytes());
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or_else(|| panic!("{path}: {answer:?}")), answer)
}

/// Every header of the app's request that could be taken for one of ours, as `name=value`.
fn identity(echoed: &str) -> Vec<String> {
    let mut found: Vec<_> = echoed
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase().replace('_', "-"), value.trim()))
        .filter(|(name, _)| name.starts_with("x-doorward"))
        .map(|(name, value)| format!("{}={value}", name.trim_start_matches("x-doorward-")))
        .collect();
    found.sort();
    found
}

async fn json_of(request: reqwest::RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

async fn an_app_behind(kind: Proxy) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (running, proxy) = kind.start(folder.path(), &server.address, &app());
    let client = reqwest::Client::new();
    let login = async |name: &str| {
        let email = format!("{name}@example.com");
        let registration = json!({"email": email, "password": PASSWORD});
        client
            .post(server.url("/register"))
            .json(&registration)
            .send()
            .await
            .unwrap();
        let form = [("username", email.as_str()), ("password", PASSWORD)];
        let pair = json_of(client.post(server.url("/login")).form(&form)).await;
        pair["access_token"].as_str().unwrap().to_owned()
    };
    let (alice, clerk) = (login("alice").await, login("clerk").await);
    let permissions = "INSERT INTO roles (name, permissions, version) VALUES ('clerk', 'orders:refund', 1)";
    let database = folder.path().join("doorward.db");
    let mut connection = <sqlx_sqlite::SqliteConnection as sqlx::Connection>::connect(&format!(
        "sqlite://{}",
        database.display()
    ))
    .await
    .unwrap();
    sqlx::query(permissions).execute(&mut connection).await.unwrap();
    output(
        folder.path(),
        &[],
        &["user", "set-role", "clerk@example.com", "clerk"],
    )
    .expect(0);

    let bearer = |token: &str| format!("Bearer {token}");
    let (alice, clerk) = (bearer(&alice), bearer(&clerk));
    let mine = |echoed: &str, name: &str, role: &str, permissions: &str| {
        let found = identity(echoed);
        let held = |text: String| found.contains(&text);
        assert!(
            held(format!("email={name}@example.com")) && held(format!("role={role}")),
            "{kind:?}: {found:?}"
        );
        let told = format!("permissions={permissions}");
        let nothing = permissions.is_empty() && !found.iter().any(|one| one.starts_with("permissions="));
        assert!(held(told) || nothing, "{kind:?}: {found:?}");
        assert!(found.len() <= 4, "{kind:?}: {found:?}");
    };

    // The identity, 401 and 403. The follower of `set-role` needs a moment.
    for _ in 0..100 {
        if ask(&proxy, "GET", "/refunds/1", &[("Authorization", &clerk)]).0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (status, echoed) = ask(&proxy, "GET", "/refunds/1", &[("Authorization", &clerk)]);
    assert_eq!(status, 200, "{echoed}");
    mine(&echoed, "clerk", "clerk", "orders:refund");
    let (status, echoed) = ask(&proxy, "GET", "/orders", &[("Authorization", &alice)]);
    assert_eq!(status, 200, "{echoed}");
    mine(&echoed, "alice", "user", "");
    assert_eq!(
        ask(&proxy, "GET", "/refunds/1", &[("Authorization", &alice)]).0,
        403
    );
    for path in ["/orders", "/refunds/1"] {
        let (status, answer) = ask(&proxy, "GET", path, &[]);
        assert_eq!(status, 401, "{answer}");
        assert!(!answer.contains("app.example.com"), "the app was asked: {answer}");
        assert_eq!(
            ask(&proxy, "GET", path, &[("Authorization", "Bearer nonsense")]).0,
            401
        );
    }

    // Forged headers, in three spellings, with and without a session.
    for name in ["Subject", "Email", "Role", "Permissions"] {
        for spelled in [
            format!("X-Doorward-{name}"),
            format!("X_Doorward_{name}"),
            format!("x-doorward-{name}").to_ascii_uppercase(),
            format!("X-Doorward_{name}"),
        ] {
            let forged = (spelled.as_str(), "admin");
            for (token, person, role, permissions) in [
                (&alice, "alice", "user", ""),
                (&clerk, "clerk", "clerk", "orders:refund"),
            ] {
                let (status, echoed) = ask(
                    &proxy,
                    "GET",
                    "/orders",
                    &[forged, ("Authorization", token), forged],
                );
                assert_eq!(status, 200, "{echoed}");
                mine(&echoed, person, role, permissions);
                assert!(
                    !identity(&echoed).iter().any(|one| one.ends_with("=admin")),
                    "{echoed}"
                );
            }
            let (status, echoed) = ask(&proxy, "GET", "/public/page", &[forged]);
            assert_eq!(status, 200, "{echoed}");
            assert!(
                identity(&echoed).iter().all(|one| one.ends_with('=')),
                "{kind:?} lets {spelled} through: {echoed}"
            );
            assert_eq!(ask(&proxy, "GET", "/orders", &[forged]).0, 401);
        }
    }

    // A body and an upgrade stay between client and app.
    let post = [
        ("Authorization", alice.as_str()),
        ("Content-Length", "0"),
        ("Cookie", "a=b"),
    ];
    assert_eq!(ask(&proxy, "POST", "/orders", &post).0, 200);
    let upgrade = format!(
        "GET /socket HTTP/1.1\r\nHost: app.example.com\r\nAuthorization: {alice}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let answer = raw(&proxy, upgrade.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 101"), "{kind:?}: {answer}");

    // A logout bites on the next request.
    client
        .post(server.url("/logout"))
        .header("authorization", &alice)
        .send()
        .await
        .unwrap();
    assert_eq!(ask(&proxy, "GET", "/orders", &[("Authorization", &alice)]).0, 401);
    assert_eq!(ask(&proxy, "GET", "/orders", &[("Authorization", &clerk)]).0, 200);
    drop(running);
}

#[tokio::test]
async fn nginx_tells_an_app_who_asks_and_nobody_else_can() {
    an_app_behind(Proxy::Nginx).await;
}

#[tokio::test]
async fn caddy_tells_an_app_who_asks_and_nobody_else_can() {
    an_app_behind(Proxy::Caddy).await;
}
