//! `make bench`: what the service costs, as ratios against yardsticks measured in the same run, on the same cores, in turn.
//!
//! The program runs as users run it (release build, its own process); the load comes from this process. Nothing here asserts: these figures depend on the
//! machine, the ratios much less. `cargo bench -- me refresh` measures these two alone.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures spans")]

mod answer;
mod load;
mod peers;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a part of what the tests stand on")]
mod postgres;
#[path = "../tests/support/posts.rs"]
mod posts;
mod process;
mod raw;
mod refresh;
mod report;
mod service;
#[path = "../tests/load/slow_clients.rs"]
mod slow_clients;
mod watch;

use std::io::Write as _;
use std::time::{Duration, Instant};

use load::{Latencies, Load, median};
use report::{Plot, Report};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use service::{Account, Service};
use slow_clients::SlowClients;

const MILLION: usize = 1_000_000;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

/// Measures and reports.
type Figure = fn(&mut Report);

fn main() {
    // `cargo bench` passes flags for a harness that this is not.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [mode, port] = arguments.as_slice()
        && mode == "bare-actix"
    {
        return service::bare_actix(port.parse().expect("a port"));
    }
    let begun = Instant::now();
    let mut report = Report::begin();
    let figures: [(&str, Figure); 12] = [
        ("me", me_against_bare_actix),
        ("peers", peers::peers),
        ("login", logins_against_raw_argon2),
        ("libargon2", peers::logins_against_libargon2),
        ("timing", login_by_account),
        ("flood", me_within_a_login_flood),
        ("slow", me_beside_slow_clients),
        ("watched", me_while_watched),
        ("start", start_to_first_answer),
        ("algorithms", algorithms),
        ("refresh", refreshes),
        ("import", import),
    ];
    for (name, figure) in figures {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            figure(&mut report);
        }
    }
    if arguments.is_empty() {
        report.publish(begun.elapsed().as_secs().div_ceil(60));
    }
}

/// One core for the server, the other for the load; ours and the bare handler in turn.
fn me_against_bare_actix(report: &mut Report) {
    let ours = Service::start(Some(0));
    let bare = Service::start_bare(0);
    let account = ours.account("alice@example.com");
    assert_eq!(ours.ask(&account.me_request()).len(), bare.ask(&account.me_request()).len(), "the yardstick writes as much");
    let mut lines = [("Doorward".to_owned(), Vec::new()), ("a bare actix handler".to_owned(), Vec::new())];
    for (at, connections) in [(1.0, 1), (32.0, 32), (256.0, 256)] {
        let mut pairs = Vec::new();
        for round in 0..=ROUNDS {
            let measure = |service: &Service| Load::of(&service.address, &account.me_request(), connections).on_core(1).run_for(ROUND).per_second();
            let pair = (measure(&ours), measure(&bare));
            if round > 0 {
                pairs.push(pair);
            }
        }
        let ratio = median(pairs.iter().map(|(ours, bare)| ours / bare));
        let (ours, bare) = (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
        lines[0].1.push((at, ours));
        lines[1].1.push((at, bare));
        report.row(
            &format!("`GET /me`, HS256, {connections} connections, server on one core"),
            &format!("{ours:.0} requests/s"),
            &format!("{bare:.0} requests/s of a bare actix handler"),
            &format!("{ratio:.2}"),
            if connections == 1 { "" } else { "0.90" },
        );
    }
    report.plot(&Plot { name: "me", title: "GET /me, server on one core", x: "connections", y: "requests/s", lines: lines.into() });
}

/// With the metrics scraped each second and traces sent to a collector, against neither; log and counters as ever.
fn me_while_watched(report: &mut Report) {
    let collector = posts::taken_by(|_| {});
    let plain = Service::start(Some(0));
    let endpoint = format!("http://{collector}");
    for (share, sampled) in [("0.01", "one request in a hundred"), ("1", "every request")] {
        let metrics = format!("127.0.0.1:{}", process::free_port());
        let watched = Service::start_with(
            Some(0),
            &[
                ("DOORWARD_METRICS_LISTEN", &metrics),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", share),
            ],
        );
        let scraping = watch::Scraper::start(metrics);
        let accounts = [&plain, &watched].map(|service| service.account(&format!("alice{share}@example.com")));
        let mut ratios = Vec::new();
        for round in 0..=ROUNDS {
            let measure = |(service, account): (&Service, &Account)| {
                Load::of(&service.address, &account.me_request(), 32).on_core(1).run_for(ROUND).per_second()
            };
            let pair = (measure((&watched, &accounts[1])), measure((&plain, &accounts[0])));
            if round > 0 {
                ratios.push(pair);
            }
        }
        let scrapes = scraping.end();
        let (watched, plain) = (median(ratios.iter().map(|pair| pair.0)), median(ratios.iter().map(|pair| pair.1)));
        report.row(
            &format!("`GET /me`, 32 connections, metrics scraped each second ({scrapes} times), {sampled} traced"),
            &format!("{watched:.0} requests/s"),
            &format!("{plain:.0} requests/s with neither"),
            &format!("{:.2}", median(ratios.iter().map(|(watched, plain)| watched / plain))),
            if share == "1" { "" } else { "0.95" },
        );
    }
}

/// Both cores for both; the load costs next to nothing beside a hash.
fn logins_against_raw_argon2(report: &mut Report) {
    let service = Service::start(None);
    let account = service.account("alice@example.com");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut pairs = Vec::new();
    for round in 0..=ROUNDS {
        let logins = Load::of(&service.address, &account.login_request(), 32).run_for(ROUND).per_second();
        let hashes = raw::argon2_per_second(threads, ROUND);
        if round > 0 {
            pairs.push((logins, hashes));
        }
    }
    let ratio = median(pairs.iter().map(|(logins, hashes)| logins / hashes));
    let (logins, hashes) = (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
    report.row(
        "`POST /login`, SQLite, 32 connections",
        &format!("{logins:.0} logins/s"),
        &format!("{hashes:.0} raw Argon2id hashes/s on {threads} threads"),
        &format!("{ratio:.2}"),
        "0.97",
    );
}

/// Known, unknown and disabled accounts, in turn: what a stranger could tell them apart by.
fn login_by_account(report: &mut Report) {
    let service = Service::start(None);
    let mut times: [Vec<f64>; 3] = Default::default();
    // Five failures of each are free; the next would be refused without a hash.
    for set in 0..=10 {
        let known = service.account(&format!("known{set}@example.com"));
        let disabled = service.account(&format!("disabled{set}@example.com"));
        service.disable(&format!("disabled{set}@example.com"));
        let requests = [known.wrong_login_request(), Account::unknown(set).login_request(), disabled.login_request()];
        for _ in 0..5 {
            for (request, times) in requests.iter().zip(&mut times) {
                let begun = Instant::now();
                Load::of(&service.address, request, 1).run_once();
                if set > 0 {
                    times.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
            }
        }
    }
    let [known, unknown, disabled] = times.map(|times| median(times.into_iter()));
    for (name, time) in [("unknown", unknown), ("disabled", disabled)] {
        report.row(
            &format!("refused login, {name} account, median of 50"),
            &format!("{time:.2} ms"),
            &format!("{known:.2} ms for a known account's wrong password"),
            &format!("{:.3}", time / known),
            "",
        );
    }
}

/// What those who are already in notice of 64 connections that log in as fast as they can.
fn me_within_a_login_flood(report: &mut Report) {
    let service = Service::start(None);
    let idle_memory = service.memory_mib();
    let account = service.account("alice@example.com");
    let steady = |seconds| Load::of(&service.address, &account.me_request(), 4).at_rate(50, Duration::from_secs(seconds));
    let quiet = steady(10);
    // Another account: a login beyond the cap of sessions ends the oldest, which would be the one that is measured.
    let flood = Load::of(&service.address, &service.account("flood@example.com").login_request(), 64).begin();
    std::thread::sleep(Duration::from_secs(2));
    let flooded = steady(20);
    let flood_memory = service.memory_mib();
    let logins = flood.end();
    let show = |latencies: &Latencies| format!("p50 {:.2} ms, p99 {:.2} ms", latencies.quantile(0.5), latencies.quantile(0.99));
    report.row(
        "`GET /me` at 50/s within a flood of 64 connections of logins",
        &show(&flooded),
        &format!("{} without the flood", show(&quiet)),
        &format!("p99 × {:.1}", flooded.quantile(0.99) / quiet.quantile(0.99)),
        "p99 at most × 2 and below 5 ms",
    );
    report.row("logins/s in that flood", &format!("{:.0}", logins.per_second()), "", "", "");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    report.row("resident memory, idle", &format!("{idle_memory:.1} MiB"), "", "", "at most 12 MiB");
    #[expect(clippy::cast_precision_loss, reason = "a handful of threads")]
    let aim = threads as f64 * 19.0 + 20.0;
    report.row("resident memory, in the flood", &format!("{flood_memory:.1} MiB"), "", "", &format!("at most {aim:.1} MiB (threads × 19 + 20)"));
}

/// What an honest client notices of 1,500 that take their time over a head, a body or an answer, and of 300 that say nothing.
fn me_beside_slow_clients(report: &mut Report) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("descriptors for 1,800 connections");
    let service = Service::start(None);
    let account = service.account("alice@example.com");
    let steady = || Load::of(&service.address, &account.me_request(), 4).at_rate(50, Duration::from_secs(20));
    let quiet = steady();
    let crowd = SlowClients::begin(&service.address, 500, 300);
    let crowded = steady();
    drop(crowd);
    let show = |latencies: &Latencies| {
        let at = |quantile| latencies.quantile(quantile);
        format!("p50 {:.2} ms, p99 {:.2} ms, maximum {:.2} ms", at(0.5), at(0.99), at(1.0))
    };
    report.row(
        "`GET /me` at 50/s beside 500 slow heads, 500 slow bodies, 500 unread answers and 300 idle",
        &show(&crowded),
        &format!("{} without them", show(&quiet)),
        &format!("p99 × {:.1}", crowded.quantile(0.99) / quiet.quantile(0.99)),
        "p99 below 100 ms",
    );
}

/// What the algorithm costs once its tokens are known.
fn algorithms(report: &mut Report) {
    let hs256 = Service::start(Some(0));
    let eddsa = Service::start_with(Some(0), &[("DOORWARD_JWT_ALGORITHM", "EdDSA")]);
    let accounts = [&hs256, &eddsa].map(|service| service.account("alice@example.com"));
    let mut pairs = Vec::new();
    for round in 0..=ROUNDS {
        let measure =
            |service: &Service, account: &Account| Load::of(&service.address, &account.me_request(), 32).on_core(1).run_for(ROUND).per_second();
        let pair = (measure(&eddsa, &accounts[1]), measure(&hs256, &accounts[0]));
        if round > 0 {
            pairs.push(pair);
        }
    }
    let ratio = median(pairs.iter().map(|(eddsa, hs256)| eddsa / hs256));
    let (eddsa, hs256) = (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
    report.row(
        "`GET /me`, EdDSA, 32 connections, server on one core",
        &format!("{eddsa:.0} requests/s"),
        &format!("{hs256:.0} requests/s with HS256"),
        &format!("{ratio:.2}"),
        "",
    );
}

/// A refresh is one commit; and a logout reaches the other node of a PostgreSQL.
fn refreshes(report: &mut Report) {
    let server = postgres::Postgres::start_with("on");
    let url = server.url("postgres");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DOORWARD_SECRET", "the benchmark's own secret, forty bytes!!"),
        ("DOORWARD_ISSUER", "https://id.example.com"),
    ];
    let (sqlite, postgres, other) = (Service::start(None), Service::start_with(None, &settings), Service::start_with(None, &settings));
    for (name, service, database) in [("SQLite", &sqlite, sqlite.file_beside()), ("PostgreSQL", &postgres, url.clone())] {
        let account = service.account("alice@example.com");
        for clients in [8, 32] {
            let mut pairs = Vec::new();
            for round in 0..=ROUNDS {
                let refreshes = refresh::refreshes_per_second(service, &account, clients, ROUND);
                let pair = (refreshes, refresh::raw_commits_per_second(&database, clients, ROUND));
                if round > 0 {
                    pairs.push(pair);
                }
            }
            let ratio = median(pairs.iter().map(|(refreshes, commits)| refreshes / commits));
            let (refreshes, commits) = (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
            report.row(
                &format!("`POST /refresh`, {name}, {clients} connections"),
                &format!("{refreshes:.0} refreshes/s"),
                &format!("{commits:.0} raw one-row commits/s"),
                &format!("{ratio:.2}"),
                "0.85",
            );
        }
    }
    let lags = refresh::lag_between_nodes(&postgres, &other, &postgres.account("bob@example.com"), 200);
    let at = |hundredths: usize| lags[(lags.len() - 1) * hundredths / 100];
    report.row(
        "204 of a logout on one node to the first 401 on another, PostgreSQL, 200 times",
        &format!("median {:.1} ms, p99 {:.1} ms, maximum {:.1} ms", at(50), at(99), at(100)),
        "",
        "",
        "p99 at most 20 ms",
    );
}

/// A million accounts, each with a bcrypt hash, from a file of our own form; and the same again.
fn import(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("users.jsonl")).expect("a file");
    let mut lines = std::io::BufWriter::new(file);
    for number in 0..MILLION {
        let hash = "$2b$10$QaHPfOg3E9GIUyHywwFi7O9uI3lE3atIkqB5qa0qn8g4yT77ELC8S";
        writeln!(lines, r#"{{"email":"user{number}@example.com","password_hash":"{hash}","is_active":true,"created_at":"2024-01-02T03:04:05Z"}}"#)
            .expect("a line");
    }
    lines.flush().expect("a file");
    for figure in ["`doorward import` of a million accounts, SQLite", "the same again"] {
        let output = service::command(folder.path(), &["import", "users.jsonl"]).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let mut lines = said.lines();
        report.row(figure, lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), "", "");
    }
}

/// From the start of the process to the first 200, with nothing on disk and with a database that is there.
fn start_to_first_answer(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut fresh = Vec::new();
    let mut again = Vec::new();
    for _ in 0..10 {
        let empty = tempfile::tempdir().expect("a folder");
        fresh.push(Service::time_to_first_answer(empty.path()));
        again.push(Service::time_to_first_answer(folder.path()));
    }
    report.row("start to first 200, new database", &format!("{:.0} ms", median(fresh.into_iter())), "", "", "at most 30 ms");
    report.row("start to first 200, existing database", &format!("{:.0} ms", median(again.into_iter().skip(1))), "", "", "at most 30 ms");
}
