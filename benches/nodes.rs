//! Nodes on one PostgreSQL, no proxy before them: how they add up, and how long word of a logout
//! takes from one to another.
//!
//! The load has the last core for itself and the nodes are spread over the others. On two cores
//! that is one core for all nodes: requests/s then cannot add up, and CPU time per request says
//! whether they would.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Instant;

use crate::load::{Load, median};
use crate::report::Report;
use crate::seed::{self, Database};
use crate::service::{Account, IN_COMMON, Service, login_request};
use crate::sessions::refreshes_per_second;
use crate::{FEW_ROUNDS, SHORT_ROUND, postgres, sessions};

const MOST: usize = 3;
/// Connections to all nodes together.
const CONNECTIONS: usize = 24;
const ACCOUNTS: u32 = 24;

/// What nodes do together.
#[derive(Clone, Copy)]
struct Sum {
    per_second: f64,
    /// Of all nodes, for one request, in milliseconds.
    cpu: f64,
}

pub fn on_one_postgres(report: &mut Report) {
    let server = postgres::Postgres::start_with("on");
    let url = server.url("postgres");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let last = cores - 1;
    let settings = [IN_COMMON[0], IN_COMMON[1], ("DATABASE_URL", url.as_str())];
    let nodes: Vec<Service> = (0..MOST)
        .map(|node| Service::start_with(Some(node % last.max(1)), &settings))
        .collect();
    nodes[0].account("first@example.com");
    Database::postgres(&url).fill(ACCOUNTS, 0);
    let account = nodes[0].account("alice@example.com");
    let me = [account.me_request()];
    let logins: Vec<String> = (1..=ACCOUNTS)
        .map(|number| login_request(&seed::email(number)))
        .collect();
    let load = |node: &Service, requests: &[String], many: usize| {
        Load::of_many(&node.address, requests, CONNECTIONS / many)
            .on_core(last)
            .run_for(SHORT_ROUND)
            .per_second()
    };
    let clients: Vec<_> = nodes
        .iter()
        .map(|node| Mutex::new(sessions::one_each(node, &account, CONNECTIONS / MOST)))
        .collect();
    adding_up(
        report,
        "`GET /me`, HS256, hit",
        "requests",
        &nodes,
        &|node, many| load(&nodes[node], &me, many),
    );
    adding_up(report, "`POST /login`", "logins", &nodes, &|node, many| {
        load(&nodes[node], &logins, many)
    });
    adding_up(report, "`POST /refresh`", "refreshes", &nodes, &|node, _| {
        refreshes_per_second(
            &nodes[node],
            &mut clients[node].lock().expect("one at a time"),
            SHORT_ROUND,
        )
    });
    let lags = lag_between_nodes(&nodes[0], &nodes[1], &nodes[0].account("bob@example.com"), 200);
    let at = |hundredths: usize| lags[(lags.len() - 1) * hundredths / 100];
    report.row(
        "204 of a logout on one node to the first 401 on another, PostgreSQL, 200 times",
        &format!(
            "median {:.1} ms, p99 {:.1} ms, maximum {:.1} ms",
            at(50),
            at(99),
            at(100)
        ),
        "",
        "",
        "p99 at most 20 ms",
    );
}

/// What one node does, then two, then three; `work` is given the node and how many there are, and
/// gives the rate there.
fn adding_up(
    report: &mut Report,
    name: &str,
    done: &str,
    nodes: &[Service],
    work: &(impl Fn(usize, usize) -> f64 + Sync),
) {
    let sums: Vec<Sum> = (1..=MOST).map(|many| together(&nodes[..many], work)).collect();
    let shown = |sum: &Sum| format!("{:.0} {done}/s, {:.3} ms of CPU each", sum.per_second, sum.cpu);
    for (sum, many) in sums[1..].iter().zip(2..) {
        report.row(
            &format!("{name}, {many} nodes on one PostgreSQL, {CONNECTIONS} connections"),
            &shown(sum),
            &format!("{} of one node", shown(&sums[0])),
            &format!(
                "{:.2}, CPU × {:.2}",
                sum.per_second / sums[0].per_second,
                sum.cpu / sums[0].cpu
            ),
            "",
        );
    }
}

fn together(nodes: &[Service], work: &(impl Fn(usize, usize) -> f64 + Sync)) -> Sum {
    let spent = || nodes.iter().map(Service::cpu_time).sum::<f64>();
    let mut sums = Vec::new();
    for round in 0..=FEW_ROUNDS {
        let before = spent();
        let per_second: f64 = std::thread::scope(|scope| {
            let running: Vec<_> = (0..nodes.len())
                .map(|node| scope.spawn(move || work(node, nodes.len())))
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("a rate"))
                .sum()
        });
        let cpu = (spent() - before) * 1000.0 / per_second / SHORT_ROUND.as_secs_f64();
        if round > 0 {
            sums.push(Sum { per_second, cpu });
        }
    }
    Sum {
        per_second: median(sums.iter().map(|sum| sum.per_second)),
        cpu: median(sums.iter().map(|sum| sum.cpu)),
    }
}

/// Milliseconds from the 204 of a logout on one node to the first 401 on the other, sorted.
fn lag_between_nodes(here: &Service, there: &Service, account: &Account, times: usize) -> Vec<f64> {
    let mut lags: Vec<f64> = (0..times)
        .map(|_| {
            let session = account.new_session(here);
            assert!(
                there.ask(&session.me_request()).starts_with("HTTP/1.1 200"),
                "known there"
            );
            let logout = format!(
                "POST /logout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                session.token
            );
            let mut connection = TcpStream::connect(&there.address).expect("a server");
            assert!(here.ask(&logout).starts_with("HTTP/1.1 204"), "logged out");
            let ended = Instant::now();
            let mut answer = [0; 2048];
            loop {
                connection
                    .write_all(session.me_request().as_bytes())
                    .expect("the server reads");
                let length = connection.read(&mut answer).expect("the server answers");
                if answer[..length].starts_with(b"HTTP/1.1 401") {
                    return ended.elapsed().as_secs_f64() * 1000.0;
                }
            }
        })
        .collect();
    lags.sort_by(f64::total_cmp);
    lags
}
