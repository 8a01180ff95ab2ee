//! Logins and registrations: against raw Argon2id of the same parameters, and by what a stranger
//! could tell accounts apart.

use std::time::Instant;

use crate::load::{Load, median};
use crate::report::Report;
use crate::seed::{self, Database};
use crate::service::{Account, IN_COMMON, Service, login_request, register_request};
use crate::{ROUND, ROUNDS, postgres, raw};

/// Accounts that log in at the same time, as many as there are connections: one account's logins
/// wait for one another.
const ACCOUNTS: u32 = 32;
/// More than are registered in a round.
const NEWCOMERS: usize = 3_000;

/// Both cores for both; the load costs next to nothing beside a hash.
pub fn against_raw_argon2(report: &mut Report) {
    let (folder, _database) = seed::folder(ACCOUNTS, 0);
    measure(report, "SQLite", &Service::start_in(&folder, None, &IN_COMMON));
    let server = postgres::Postgres::start_with("on");
    let url = server.url("postgres");
    let service = Service::start_with(None, &[IN_COMMON[0], IN_COMMON[1], ("DATABASE_URL", &url)]);
    service.account("first@example.com");
    Database::postgres(&url).fill(ACCOUNTS, 0);
    measure(report, "PostgreSQL", &service);
}

fn measure(report: &mut Report, engine: &str, service: &Service) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let logins: Vec<String> = (1..=ACCOUNTS)
        .map(|number| login_request(&seed::email(number)))
        .collect();
    let (mut login, mut register) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let newcomers: Vec<String> = (0..NEWCOMERS)
            .map(|number| register_request(&format!("new{round}x{number}@example.com")))
            .collect();
        let rate = |requests: &[String]| {
            Load::of_many(&service.address, requests, ACCOUNTS as usize)
                .run_for(ROUND)
                .per_second()
        };
        let (logins, hashes, registrations) = (
            rate(&logins),
            raw::argon2_per_second(threads, ROUND),
            rate(&newcomers),
        );
        if round > 0 {
            login.push((logins, hashes));
            register.push((registrations, hashes));
        }
    }
    for (operation, done, pairs, aim) in [
        ("login", "logins/s", login, "0.97"),
        ("register", "registrations/s", register, ""),
    ] {
        let hashes = format!("raw Argon2id hashes/s on {threads} threads");
        report.rates(
            &format!("`POST /{operation}`, {engine}, {ACCOUNTS} connections"),
            (done, &hashes),
            &pairs,
            aim,
        );
    }
}

/// Known, unknown and disabled accounts, in turn: what a stranger could tell them apart by.
pub fn by_account(report: &mut Report) {
    let service = Service::start(None);
    let mut times: [Vec<f64>; 3] = Default::default();
    // Five failures of each are free; the next would be refused without a hash.
    for set in 0..=10 {
        let known = service.account(&format!("known{set}@example.com"));
        let disabled = service.account(&format!("disabled{set}@example.com"));
        service.disable(&format!("disabled{set}@example.com"));
        let requests = [
            known.wrong_login_request(),
            Account::unknown(set).login_request(),
            disabled.login_request(),
        ];
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
