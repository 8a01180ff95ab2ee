//! `make bench`: what the service costs, as ratios against yardsticks measured in the same run, on
//! the same cores, in turn.
//!
//! The program runs as users run it (release build, its own process); the load comes from this
//! process. Nothing here asserts: these figures depend on the machine, the ratios much less. `make
//! bench FIGURES="me sessions"` measures these two alone.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures spans")]

mod answer;
#[path = "../tests/support/child.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a part of what the tests stand on")]
mod child;
mod growth;
mod isolation;
mod load;
mod logins;
mod me;
mod nodes;
mod peers;
#[path = "../tests/support/postgres.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a part of what the tests stand on")]
mod postgres;
#[path = "../tests/watching/posts.rs"]
mod posts;
mod process;
mod raw;
mod report;
mod seed;
mod service;
mod sessions;
#[path = "../tests/load/slow_clients.rs"]
mod slow_clients;
mod start;
mod watch;

use std::time::{Duration, Instant};

use report::Report;

const ROUNDS: usize = 5;
/// Where there are many figures.
const FEW_ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
/// Of a round where they are many.
const SHORT_ROUND: Duration = Duration::from_secs(1);

/// Measures and reports.
type Figure = fn(&mut Report);

fn main() {
    // `cargo bench` passes flags for a harness that this is not.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if let [mode, port] = arguments.as_slice()
        && mode == "bare-actix"
    {
        return service::bare_actix(port.parse().expect("a port"));
    }
    let begun = Instant::now();
    let mut report = Report::begin();
    let figures: [(&str, Figure); 13] = [
        ("me", me::against_bare_actix),
        ("peers", peers::peers),
        ("login", logins::against_raw_argon2),
        ("libargon2", peers::logins_against_libargon2),
        ("timing", logins::by_account),
        ("flood", isolation::within_login_floods),
        ("slow", isolation::beside_slow_clients),
        ("watched", me::while_watched),
        ("start", start::to_first_answer),
        ("sessions", sessions::against_raw_commits),
        ("nodes", nodes::on_one_postgres),
        ("growth", growth::by_users),
        ("import", start::import),
    ];
    for (name, figure) in figures {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            let begun = Instant::now();
            figure(&mut report);
            eprintln!("{name} took {:.0} s", begun.elapsed().as_secs_f64());
        }
    }
    if arguments.is_empty() {
        report.publish(begun.elapsed().as_secs().div_ceil(60));
    }
}
