//! What users would pick instead, beside ours in the same rounds: the FastAPI service that this one
//! grew from, fastapi-users and better-auth.
//!
//! Each has one core of the same two, its own default hash and no limit of requests. `make
//! tools-bench` installs them; their programs are in `benches/peers`. And libargon2, the C that
//! most of them hash with, as a second yardstick of logins.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::load::{Latencies, Load, median, pin_this_thread};
use crate::process::free_port;
use crate::report::Report;
use crate::service::{PASSWORD, Service, pinned, post, text_in, under};
use crate::{ROUND, ROUNDS};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-python");
const NODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench-node");

const EMAIL: &str = "alice@example.com";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Logins are told apart well enough in fewer rounds than `GET /me`.
const LOGIN_ROUNDS: usize = 3;

/// A server with an account, and what its owner asks of it.
struct Contender {
    name: &'static str,
    /// The path that stands for our `/me`.
    path: &'static str,
    hash: &'static str,
    service: Service,
    login: String,
    me: String,
}

/// `GET /me` at full speed and at a steady rate, and `POST /login`: ours and each peer in turn.
pub fn peers(report: &mut Report) {
    report.row("the peers of this run", &versions(), "", "", "");
    let contenders = [doorward(), fastapi_seed(), fastapi_users(), better_auth()];
    for contender in &contenders {
        let answer = contender.service.ask(&contender.me);
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains(EMAIL),
            "{}: {answer}",
            contender.name
        );
    }

    let me = |contender: &Contender| {
        Load::of(&contender.service.address, &contender.me, 32)
            .on_core(1)
            .run_for(ROUND)
            .per_second()
    };
    let rates = in_turn(&contenders, ROUNDS, me);
    for (peer, against) in contenders.iter().zip(&rates).skip(1) {
        report.row(
            &format!("`GET /me`, 32 connections, one core each, against {}", peer.name),
            &format!("{:.0} requests/s", median(rates[0].iter().copied())),
            &format!(
                "{:.0} requests/s of its `GET {}`",
                median(against.iter().copied()),
                peer.path
            ),
            &ratio(&rates[0], against),
            if peer.path == "/me" { "at least × 50" } else { "" },
        );
    }
    let bars: Vec<(String, f64)> = contenders
        .iter()
        .zip(&rates)
        .map(|(contender, rates)| (contender.name.to_owned(), median(rates.iter().copied())))
        .collect();
    report.bars(
        "peers",
        "GET /me or what stands for it, requests/s, 32 connections, one core each",
        &bars,
    );

    let ours = steadily(&contenders[0]);
    for peer in &contenders[1..] {
        let theirs = steadily(peer);
        let show = |latencies: &Latencies| {
            format!(
                "p50 {:.2} ms, p99 {:.2} ms",
                latencies.quantile(0.5),
                latencies.quantile(0.99)
            )
        };
        report.row(
            &format!("`GET /me` at 200/s, one core each, against {}", peer.name),
            &show(&ours),
            &show(&theirs),
            &format!(
                "p50 × {:.2}, p99 × {:.2}",
                ours.quantile(0.5) / theirs.quantile(0.5),
                ours.quantile(0.99) / theirs.quantile(0.99)
            ),
            "",
        );
    }

    let logins = |contender: &Contender| {
        let running = Load::of(&contender.service.address, &contender.login, 8)
            .on_core(1)
            .begin();
        std::thread::sleep(ROUND);
        running.finish().per_second()
    };
    let rates = in_turn(&contenders, LOGIN_ROUNDS, logins);
    for (peer, against) in contenders.iter().zip(&rates).skip(1) {
        report.row(
            &format!(
                "`POST /login`, 8 connections, one core each, {}, against {}",
                contenders[0].hash, peer.name
            ),
            &format!("{:.0} logins/s", median(rates[0].iter().copied())),
            &format!(
                "{:.1} logins/s with its {}",
                median(against.iter().copied()),
                peer.hash
            ),
            &ratio(&rates[0], against),
            "",
        );
    }
}

/// Both cores for both, as in the comparison with the crate's own hashes.
pub fn logins_against_libargon2(report: &mut Report) {
    installed();
    let service = Service::start(None);
    let account = service.account(EMAIL);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let logins = Load::of(&service.address, &account.login_request(), 32)
            .run_for(ROUND)
            .per_second();
        let hashes = libargon2_per_second(threads);
        if round > 0 {
            rates[0].push(logins);
            rates[1].push(hashes);
        }
    }
    report.row(
        "`POST /login`, SQLite, 32 connections, against libargon2 (C)",
        &format!("{:.0} logins/s", median(rates[0].iter().copied())),
        &format!(
            "{:.0} hashes/s of the same parameters on {threads} threads of argon2-cffi",
            median(rates[1].iter().copied())
        ),
        &ratio(&rates[0], &rates[1]),
        "at least × 1.7",
    );
}

/// What each reached in each round; the first round warms up and does not count.
fn in_turn(contenders: &[Contender], rounds: usize, measure: impl Fn(&Contender) -> f64) -> Vec<Vec<f64>> {
    let mut rates = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, rates) in contenders.iter().zip(&mut rates) {
            let rate = measure(contender);
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    rates
}

/// Of the rounds' ratios the one in the middle.
fn ratio(ours: &[f64], theirs: &[f64]) -> String {
    format!(
        "× {:.1}",
        median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    )
}

/// Four connections that share 200 requests a second.
fn steadily(contender: &Contender) -> Latencies {
    let load = || {
        pin_this_thread(1);
        Load::of(&contender.service.address, &contender.me, 4).at_rate(200, Duration::from_secs(4))
    };
    std::thread::scope(|scope| scope.spawn(load).join().expect("a load"))
}

fn doorward() -> Contender {
    let service = Service::start(Some(0));
    let account = service.account(EMAIL);
    let (login, me) = (account.login_request(), account.me_request());
    Contender {
        name: "Doorward",
        path: "/me",
        hash: "Argon2id (19 MiB, t=2, p=1)",
        service,
        login,
        me,
    }
}

fn fastapi_seed() -> Contender {
    let service = uvicorn("fastapi_seed:app");
    let (login, me) = by_bearer(&service, ["/register", "/login", "/me"]);
    Contender {
        name: "the FastAPI service",
        path: "/me",
        hash: "bcrypt (12 rounds)",
        service,
        login,
        me,
    }
}

fn fastapi_users() -> Contender {
    let service = uvicorn("fastapi_users_app:app");
    let (login, me) = by_bearer(&service, ["/auth/register", "/auth/jwt/login", "/users/me"]);
    Contender {
        name: "fastapi-users",
        path: "/users/me",
        hash: "Argon2id (64 MiB, t=3, p=4)",
        service,
        login,
        me,
    }
}

fn better_auth() -> Contender {
    installed();
    // A module's imports are looked for beside it.
    let program = format!("{NODE}/better_auth.mjs");
    std::fs::copy(format!("{PROGRAMS}/better_auth.mjs"), &program).expect("better-auth's program");
    let (folder, port) = (Arc::new(tempfile::tempdir().expect("a folder")), free_port());
    let mut command = under(&pinned(Some(0)), &node());
    command
        .args([&program, &port.to_string()])
        .env("NODE_ENV", "production")
        .current_dir(folder.path());
    let service = Service::spawn(command, format!("127.0.0.1:{port}"), folder, "/api/auth/ok");

    let account = format!(r#"{{"name":"Alice","email":"{EMAIL}","password":"{PASSWORD}"}}"#);
    service.ask(&post("/api/auth/sign-up/email", JSON, &account));
    let login = post("/api/auth/sign-in/email", JSON, &account);
    let answer = service.ask(&login);
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next())
        .expect("a session");
    let me = format!("GET /api/auth/get-session HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n");
    Contender {
        name: "better-auth",
        path: "/api/auth/get-session",
        hash: "scrypt (N=16384, r=16, p=1)",
        service,
        login,
        me,
    }
}

/// With uvicorn's standard extras, one worker, and no line for each request, since we write none
/// for a GET.
fn uvicorn(app: &str) -> Service {
    installed();
    let (folder, port) = (Arc::new(tempfile::tempdir().expect("a folder")), free_port());
    let mut command = under(&pinned(Some(0)), "python3");
    command.args([
        "-m",
        "uvicorn",
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--app-dir",
        PROGRAMS,
        app,
    ]);
    command
        .args(["--port", &port.to_string()])
        .env("PYTHONPATH", PYTHON)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder.path());
    Service::spawn(command, format!("127.0.0.1:{port}"), folder, "/openapi.json")
}

/// The requests of a login and of `/me`, by a token from there.
fn by_bearer(service: &Service, [register, login, me]: [&str; 3]) -> (String, String) {
    service.ask(&post(
        register,
        JSON,
        &format!(r#"{{"email":"{EMAIL}","password":"{PASSWORD}"}}"#),
    ));
    let login = post(
        login,
        FORM,
        &format!("username={EMAIL}&password={}", PASSWORD.replace(' ', "+")),
    );
    let token = text_in(&service.ask(&login), "access_token");
    let me = format!("GET {me} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    (login, me)
}

fn libargon2_per_second(threads: usize) -> f64 {
    let program = format!("{PROGRAMS}/libargon2.py");
    said(Command::new("python3").args([&program, &threads.to_string(), &ROUND.as_secs().to_string()]))
        .parse()
        .expect("hashes per second")
}

/// As installed.
fn versions() -> String {
    installed();
    let program = "import platform, sys; from importlib.metadata import version; \
        print('CPython ' + platform.python_version(), *(name + ' ' + version(name) for name in sys.argv[1:]), sep=', ')";
    let names = [
        "fastapi",
        "uvicorn",
        "uvloop",
        "httptools",
        "python-jose",
        "pwdlib",
        "bcrypt",
        "fastapi-users",
        "sqlalchemy",
        "argon2-cffi-bindings",
    ];
    let python = said(Command::new("python3").args(["-c", program]).args(names));
    let program = format!(
        "process.version.slice(1) + ', better-auth ' + require('{NODE}/node_modules/better-auth/package.json').version"
    );
    format!(
        "{python}, Node {}",
        said(Command::new(node()).args(["-p", &program]))
    )
}

fn said(command: &mut Command) -> String {
    let output = command
        .env("PYTHONPATH", PYTHON)
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// Of the registry, under a name for each architecture: Debian's has no SQLite inside.
fn node() -> String {
    let entries = std::fs::read_dir(format!("{NODE}/node_modules")).expect("installed peers");
    let mut programs = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin/node"));
    programs
        .find(|program| program.exists())
        .expect("an installed Node")
        .display()
        .to_string()
}

fn installed() {
    assert!(
        Path::new(PYTHON).exists() && Path::new(NODE).exists(),
        "`make tools-bench` installs the peers"
    );
}
