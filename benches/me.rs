//! `GET /me`: against a bare actix handler that writes the same bytes, and while the service is
//! watched.
//!
//! A hit is one token over and over. A miss is a token and a session that the server has not seen
//! lately: its registry is set to hold a few, the tokens are more than it remembers the proofs of,
//! and each comes up in turn.

use doorward::model::signing_key::SigningAlgorithm;

use crate::load::{Load, median};
use crate::report::{Plot, Report};
use crate::service::{Account, IN_COMMON, Service, bearer_request};
use crate::{ROUND, ROUNDS, SHORT_ROUND, posts, process, seed, watch};

/// Sessions that the registry holds where it is to miss: a few in each of its shards.
pub const SMALL_REGISTRY: (&str, &str) = ("DOORWARD_REGISTRY_SIZE", "160");
const STRANGERS: u32 = 20_000;

/// What a load of one kind costs.
struct Cost {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Of the server, for one request, in microseconds.
    cpu: f64,
}

impl Cost {
    fn of(service: &Service, requests: &[String], connections: usize) -> Self {
        let before = service.cpu_time();
        let count = Load::of_many(&service.address, requests, connections)
            .on_core(1)
            .run_for(SHORT_ROUND);
        let spent = service.cpu_time() - before;
        let at = |quantile| count.latencies.quantile(quantile);
        Self {
            per_second: count.per_second(),
            p50: at(0.5),
            p99: at(0.99),
            cpu: spent * 1_000_000.0 / count.per_second() / SHORT_ROUND.as_secs_f64(),
        }
    }

    fn typical(costs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(costs.iter().map(figure));
        Self {
            per_second: of(|cost| cost.per_second),
            p50: of(|cost| cost.p50),
            p99: of(|cost| cost.p99),
            cpu: of(|cost| cost.cpu),
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} requests/s, p50 {:.2} ms, p99 {:.2} ms, {:.1} µs of CPU each",
            self.per_second, self.p50, self.p99, self.cpu
        )
    }
}

/// One core for the server, the other for the load; ours and the bare handler in turn.
pub fn against_bare_actix(report: &mut Report) {
    let bare = Service::start_bare(0);
    let mut lines = Vec::new();
    let mut bare_line = Vec::new();
    for algorithm in [SigningAlgorithm::Hs256, SigningAlgorithm::EdDsa] {
        let name = algorithm.name();
        let ours = Service::start_with(Some(0), &[("DOORWARD_JWT_ALGORITHM", name)]);
        let hit = [ours.account("alice@example.com").me_request()];
        let mut line = Vec::new();
        let connections: &[(f64, usize)] = if algorithm == SigningAlgorithm::Hs256 {
            &[(1.0, 1), (32.0, 32), (256.0, 256)]
        } else {
            &[(32.0, 32), (256.0, 256)]
        };
        for (at, connections) in connections {
            let aim = if *connections == 1 { "" } else { "0.90" };
            let (ours, bare) = in_turn(
                report,
                &format!("{name}, hit"),
                (&ours, &hit),
                (&bare, &hit),
                *connections,
                aim,
            );
            line.push((*at, ours));
            if algorithm == SigningAlgorithm::Hs256 {
                bare_line.push((*at, bare));
            }
        }
        drop(ours);
        lines.push((format!("Doorward, {name}, hit"), line));
        let (folder, database) = seed::folder(STRANGERS, STRANGERS);
        let settings = [
            IN_COMMON[0],
            IN_COMMON[1],
            SMALL_REGISTRY,
            ("DOORWARD_JWT_ALGORITHM", name),
        ];
        let tokens = |seats: &[seed::Seat]| database.access_tokens(algorithm, seats, seats.len());
        let seats = database.seats(STRANGERS);
        let ours = Service::start_in(&folder, Some(0), &settings);
        let misses: Vec<String> = tokens(&seats)
            .iter()
            .map(|token| bearer_request("GET /me", token))
            .collect();
        in_turn(
            report,
            &format!("{name}, miss"),
            (&ours, &misses),
            (&bare, &misses),
            32,
            "",
        );
    }
    lines.push(("a bare actix handler".to_owned(), bare_line));
    report.plot(&Plot {
        name: "me",
        title: "GET /me, server on one core",
        x: "connections",
        y: "requests/s",
        lines,
    });
}

/// Gives the requests/s of both.
fn in_turn(
    report: &mut Report,
    kind: &str,
    ours: (&Service, &[String]),
    bare: (&Service, &[String]),
    connections: usize,
    aim: &str,
) -> (f64, f64) {
    let mut costs = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let pair = (
            Cost::of(ours.0, ours.1, connections),
            Cost::of(bare.0, bare.1, connections),
        );
        if round > 0 {
            costs.0.push(pair.0);
            costs.1.push(pair.1);
        }
    }
    let ratio = |figure: fn(&Cost) -> f64| {
        median(
            costs
                .0
                .iter()
                .zip(&costs.1)
                .map(|(ours, bare)| figure(ours) / figure(bare)),
        )
    };
    let ratios = format!(
        "{:.2}, CPU × {:.2}",
        ratio(|cost| cost.per_second),
        ratio(|cost| cost.cpu)
    );
    let (ours, bare) = (Cost::typical(&costs.0), Cost::typical(&costs.1));
    report.row(
        &format!("`GET /me`, {kind}, {connections} connections, server on one core"),
        &ours.to_string(),
        &format!("{bare}, of a bare actix handler"),
        &ratios,
        aim,
    );
    (ours.per_second, bare.per_second)
}

/// With the metrics scraped each second and traces sent to a collector, against neither; log and
/// counters as ever.
pub fn while_watched(report: &mut Report) {
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
        let accounts =
            [&plain, &watched].map(|service| service.account(&format!("alice{share}@example.com")));
        let mut pairs = Vec::new();
        for round in 0..=ROUNDS {
            let measure = |(service, account): (&Service, &Account)| {
                Load::of(&service.address, &account.me_request(), 32)
                    .on_core(1)
                    .run_for(ROUND)
                    .per_second()
            };
            let pair = (measure((&watched, &accounts[1])), measure((&plain, &accounts[0])));
            if round > 0 {
                pairs.push(pair);
            }
        }
        let scrapes = scraping.end();
        let figure = format!(
            "`GET /me`, 32 connections, metrics scraped each second ({scrapes} times), {sampled} traced"
        );
        report.rates(
            &figure,
            ("requests/s", "requests/s with neither"),
            &pairs,
            if share == "1" { "" } else { "0.95" },
        );
    }
}
