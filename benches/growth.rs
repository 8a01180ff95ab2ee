//! Growth on SQLite: what ten million accounts and a million live sessions cost that a thousand did
//! not.
//!
//! Each size is measured in turn with the smallest, a round of the one and a round of the other, so
//! that what else the machine does meets both. Each account up to a million has a session. Both
//! sizes answer as many different tokens and work through their sessions in turn; the larger finds
//! each in another place. `USERS=1000000 cargo bench --bench doorward -- growth` looks at that size
//! alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::model::signing_key::SigningAlgorithm;
use tempfile::TempDir;

use crate::load::{Load, median};
use crate::me::SMALL_REGISTRY;
use crate::report::{Plot, Report};
use crate::seed::{self, Database};
use crate::service::{IN_COMMON, Service, bearer_request, login_request};
use crate::sessions::{Sessions, refreshes_per_second};
use crate::{FEW_ROUNDS, ROUND, SHORT_ROUND};

const SIZES: [(&str, f64, u32); 4] = [
    ("1 k", 1e3, 1_000),
    ("100 k", 1e5, 100_000),
    ("1 M", 1e6, 1_000_000),
    ("10 M", 1e7, MOST_USERS),
];
const MOST_USERS: u32 = 10_000_000;
const MOST_SESSIONS: u32 = 1_000_000;
/// Sessions that are asked for, and as many tokens.
const SAMPLE: u32 = 50_000;
/// Tokens that come again and again.
const KNOWN: usize = 16;
const CLIENTS: usize = 32;

/// An installation of one size.
struct Town {
    folder: Arc<TempDir>,
    database: Database,
    users: u32,
    seeded_in: Duration,
    /// Requests of `GET /me`, the tokens all different.
    me: Vec<String>,
    logins: Vec<String>,
    searches: Vec<String>,
    sessions: Vec<Sessions>,
}

/// What of it is asked in a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Login,
    Hit,
    Miss,
    Refresh,
    Search,
}

impl Kind {
    /// The aim is a share of the rate of the smallest size.
    const ALL: [(Self, &str, &str); 5] = [
        (Self::Login, "`POST /login`", "0.95"),
        (Self::Hit, "`GET /me`, hit", "0.95"),
        (Self::Miss, "`GET /me`, miss", "0.75"),
        (Self::Refresh, "`POST /refresh`", "0.75"),
        (Self::Search, "`GET /users?q=`, the beginning of an address", ""),
    ];
}

impl Town {
    fn of(users: u32) -> Self {
        let begun = Instant::now();
        let (folder, database) = seed::folder(users, users.min(MOST_SESSIONS));
        let seeded_in = begun.elapsed();
        let seats = database.seats(SAMPLE);
        let admin = admin_token(&folder);
        let tokens = database.access_tokens(SigningAlgorithm::Hs256, &seats, SAMPLE as usize);
        let mut sessions = vec![Sessions::new(); CLIENTS];
        for (number, token) in database.refresh_tokens(&seats).into_iter().enumerate() {
            sessions[number % CLIENTS].push_back(token);
        }
        let step = users / users.min(1_000);
        let numbers = || (1..=users).step_by(step as usize);
        Self {
            me: tokens
                .iter()
                .map(|token| bearer_request("GET /me", token))
                .collect(),
            logins: numbers()
                .map(|number| login_request(&seed::email(number)))
                .collect(),
            searches: numbers()
                .map(|number| format!("GET /users?q=user{:07}&limit=10", number / 10))
                .map(|operation| bearer_request(&operation, &admin))
                .collect(),
            folder,
            database,
            users,
            seeded_in,
            sessions,
        }
    }

    fn service(&self, kind: Kind) -> Service {
        let settings = [IN_COMMON[0], IN_COMMON[1], SMALL_REGISTRY];
        Service::start_in(
            &self.folder,
            Some(0),
            if kind == Kind::Miss {
                &settings
            } else {
                &settings[..2]
            },
        )
    }

    /// Answers per second.
    fn rate(&mut self, kind: Kind, service: &Service) -> f64 {
        let load = |requests: &[String], time| {
            Load::of_many(&service.address, requests, CLIENTS)
                .on_core(1)
                .run_for(time)
                .per_second()
        };
        match kind {
            Kind::Login => load(&self.logins, ROUND),
            Kind::Hit => load(&self.me[..KNOWN], SHORT_ROUND),
            Kind::Miss => load(&self.me, SHORT_ROUND),
            Kind::Refresh => refreshes_per_second(service, &mut self.sessions, SHORT_ROUND),
            Kind::Search => load(&self.searches, SHORT_ROUND),
        }
    }
}

/// Of the first account, which the seed has made an administrator.
fn admin_token(folder: &Arc<TempDir>) -> String {
    Service::start_in(folder, None, &IN_COMMON)
        .known_account("first@example.com")
        .token
}

pub fn by_users(report: &mut Report) {
    let only: Option<u32> = std::env::var("USERS")
        .ok()
        .map(|users| users.parse().expect("a number of accounts"));
    let mut small = Town::of(SIZES[0].2);
    standing(report, SIZES[0].0, &small);
    let mut lines = Kind::ALL.map(|(_, name, _)| (name.replace('`', ""), vec![(SIZES[0].1, 1.0)]));
    for (name, at, users) in SIZES
        .into_iter()
        .skip(1)
        .filter(|(_, _, users)| only.is_none_or(|only| only == *users))
    {
        let mut large = Town::of(users);
        standing(report, name, &large);
        for ((kind, operation, aim), line) in Kind::ALL.into_iter().zip(&mut lines) {
            line.1.push((
                at,
                compare(
                    report,
                    kind,
                    (operation, name),
                    (&mut large, &mut small),
                    if users == MOST_USERS { aim } else { "" },
                ),
            ));
        }
    }
    report.plot(&Plot {
        name: "growth",
        title: "Answers per second by the number of accounts, SQLite",
        x: "accounts",
        y: "of the rate with a thousand accounts",
        lines: lines.into(),
    });
}

/// Gives the ratio.
fn compare(
    report: &mut Report,
    kind: Kind,
    name: (&str, &str),
    (large, small): (&mut Town, &mut Town),
    aim: &str,
) -> f64 {
    let services = (large.service(kind), small.service(kind));
    let mut pairs = Vec::new();
    for round in 0..=FEW_ROUNDS {
        let pair = (large.rate(kind, &services.0), small.rate(kind, &services.1));
        if round > 0 {
            pairs.push(pair);
        }
    }
    report.rates(
        &format!("{}, {} users, SQLite", name.0, name.1),
        ("answers/s", "answers/s with 1 k users"),
        &pairs,
        aim,
    )
}

/// What it needs to stand there: disk, memory, and time to start.
fn standing(report: &mut Report, name: &str, town: &Town) {
    let bytes = town.database.size();
    let starts = (0..5).map(|_| Service::time_to_first_answer(town.folder.path(), &IN_COMMON));
    let start = median(starts);
    let service = town.service(Kind::Hit);
    Load::of_many(&service.address, &town.me, CLIENTS).run_for(3 * SHORT_ROUND);
    report.row(
        &format!("{name} users, {} sessions, SQLite", town.users.min(MOST_SESSIONS)),
        &format!(
            "file {} MiB, {} bytes for each user; start to first 200 {start:.0} ms; resident memory {:.1} MiB after `GET /me` of {} sessions",
            bytes >> 20,
            bytes / u64::from(town.users),
            service.memory_mib(),
            town.users.min(SAMPLE),
        ),
        &format!("seeded in {:.0} s", town.seeded_in.as_secs_f64()),
        "",
        "",
    );
}
