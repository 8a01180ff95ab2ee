//! What those who are already in notice of others: of floods of logins, and of clients that take
//! their time.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::load::{Latencies, Load};
use crate::report::{Plot, Report};
use crate::seed;
use crate::service::{IN_COMMON, Service, login_request};
use crate::slow_clients::SlowClients;

/// Accounts that the flood logs in to: so many that no limit of one of them stands in its way.
const ACCOUNTS: u32 = 64;
/// Requests/s of those who are in, the connections that they come by, and for how many seconds.
const STEADY: [(u32, usize, u64); 2] = [(50, 4, 20), (1000, 8, 10)];

/// The flood has no patience: whoever is told to come back later comes back at once.
pub fn within_login_floods(report: &mut Report) {
    let (folder, _database) = seed::folder(ACCOUNTS, 0);
    let service = Service::start_in(&folder, None, &IN_COMMON);
    report.row(
        "resident memory, idle",
        &format!("{:.1} MiB", service.memory_mib()),
        "",
        "",
        "at most 12 MiB",
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Of no account of the flood: a login beyond the cap of sessions ends the oldest.
    let account = service.account("alice@example.com");
    let steady = |(rate, connections, seconds): (u32, usize, u64)| {
        Load::of(&service.address, &account.me_request(), connections)
            .at_rate(rate, Duration::from_secs(seconds))
    };
    let quiet = STEADY.map(steady);
    let mut lines: Vec<_> = STEADY
        .iter()
        .zip(&quiet)
        .map(|((rate, ..), quiet)| (format!("at {rate}/s"), vec![(1.0, quiet.quantile(0.99))]))
        .collect();
    let logins: Vec<String> = (1..=ACCOUNTS)
        .map(|number| login_request(&seed::email(number)))
        .collect();
    for (at, connections) in [(64.0, 64), (512.0, 512)] {
        let flood = Load::of_many(&service.address, &logins, connections)
            .behind_the_server()
            .begin();
        std::thread::sleep(Duration::from_secs(2));
        for ((rate, quiet), line) in STEADY.into_iter().zip(&quiet).zip(&mut lines) {
            let flooded = steady(rate);
            report.row(
                &format!(
                    "`GET /me` at {}/s within a flood of {connections} connections of logins",
                    rate.0
                ),
                &shown(&flooded),
                &format!("{} without the flood", shown(quiet)),
                &format!("p99 × {:.1}", flooded.quantile(0.99) / quiet.quantile(0.99)),
                "p99 at most × 2 and below 5 ms",
            );
            line.1.push((at, flooded.quantile(0.99)));
        }
        let memory = service.memory_mib();
        let count = flood.end();
        report.row(
            &format!("answers in that flood of {connections} connections"),
            &format!(
                "{:.0} logins/s, {:.0} times 503/s, {:.0} times 429/s",
                count.per_second(),
                count.each_second(count.busy),
                count.each_second(count.throttled)
            ),
            "",
            "",
            "",
        );
        report.row(
            &format!("resident memory in that flood of {connections} connections"),
            &format!("{memory:.1} MiB"),
            "",
            "",
            &format!("at most {} MiB (threads × 19 + 20)", threads * 19 + 20),
        );
    }
    report.plot(&Plot {
        name: "isolation",
        title: "p99 of GET /me within a flood of logins",
        x: "connections of logins (1: no flood)",
        y: "ms",
        lines,
    });
}

fn shown(latencies: &Latencies) -> String {
    format!(
        "p50 {:.2} ms, p99 {:.2} ms",
        latencies.quantile(0.5),
        latencies.quantile(0.99)
    )
}

/// What an honest client notices of 1,500 that take their time over a head, a body or an answer,
/// and of 300 that say nothing.
pub fn beside_slow_clients(report: &mut Report) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )
    .expect("descriptors for 1,800 connections");
    let service = Service::start_with(None, &[("DOORWARD_CONNECTIONS_PER_ADDRESS", "2000")]);
    let account = service.account("alice@example.com");
    let steady = || Load::of(&service.address, &account.me_request(), 4).at_rate(50, Duration::from_secs(20));
    let quiet = steady();
    let crowd = SlowClients::begin(&service.address, 500, 300);
    let crowded = steady();
    drop(crowd);
    let show = |latencies: &Latencies| {
        let at = |quantile| latencies.quantile(quantile);
        format!(
            "p50 {:.2} ms, p99 {:.2} ms, maximum {:.2} ms",
            at(0.5),
            at(0.99),
            at(1.0)
        )
    };
    report.row(
        "`GET /me` at 50/s beside 500 slow heads, 500 slow bodies, 500 unread answers and 300 idle",
        &show(&crowded),
        &format!("{} without them", show(&quiet)),
        &format!("p99 × {:.1}", crowded.quantile(0.99) / quiet.quantile(0.99)),
        "p99 below 100 ms",
    );
}
