//! Refreshes and logouts against the raw rate of one-row commits of the same engine.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use doorward::model::signing_key::SigningAlgorithm;
use sqlx::Connection as _;
use sqlx_postgres::PgConnection;
use sqlx_sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::load::Load;
use crate::report::Report;
use crate::seed::{self, Database};
use crate::service::{Account, IN_COMMON, Service, bearer_request};
use crate::{ROUNDS, SHORT_ROUND, postgres};

/// Sessions that log out in a round: more than can.
const LEAVERS: u32 = 10_000;
const USERS: u32 = 10_000;
const CLIENTS: [usize; 2] = [8, 32];

/// A refresh and a logout are each one commit.
pub fn against_raw_commits(report: &mut Report) {
    let rounds = u32::try_from(CLIENTS.len() * (ROUNDS + 1)).expect("a few");
    let (folder, database) = seed::folder(USERS, LEAVERS * rounds);
    let seats = database.seats(LEAVERS * rounds);
    let service = Service::start_in(&folder, None, &IN_COMMON);
    measure(
        report,
        "SQLite",
        &service,
        &service.file_beside(),
        &leaving(&database, &seats),
    );
    let server = postgres::Postgres::start_with("on");
    let url = server.url("postgres");
    let service = Service::start_with(None, &[IN_COMMON[0], IN_COMMON[1], ("DATABASE_URL", &url)]);
    service.account("first@example.com");
    let database = Database::postgres(&url);
    database.fill(USERS, LEAVERS * rounds);
    measure(
        report,
        "PostgreSQL",
        &service,
        &url,
        &leaving(&database, &database.seats(LEAVERS * rounds)),
    );
}

fn leaving(database: &Database, seats: &[seed::Seat]) -> Vec<String> {
    let tokens = database.access_tokens(SigningAlgorithm::Hs256, seats, seats.len());
    tokens
        .iter()
        .map(|token| bearer_request("POST /logout", token))
        .collect()
}

fn measure(report: &mut Report, engine: &str, service: &Service, database: &str, leaving: &[String]) {
    let account = service.account("alice@example.com");
    let mut leaving = leaving.chunks(LEAVERS as usize);
    for clients in CLIENTS {
        let (mut refresh, mut logout) = (Vec::new(), Vec::new());
        let mut sessions = one_each(service, &account, clients);
        for round in 0..=ROUNDS {
            let refreshes = refreshes_per_second(service, &mut sessions, SHORT_ROUND);
            let commits = raw_commits_per_second(database, clients, SHORT_ROUND);
            let logouts = Load::of_many(&service.address, leaving.next().expect("sessions"), clients)
                .run_for(SHORT_ROUND)
                .per_second();
            if round > 0 {
                refresh.push((refreshes, commits));
                logout.push((logouts, commits));
            }
        }
        for (operation, done, pairs, aim) in [
            ("refresh", "refreshes/s", refresh, "0.85"),
            ("logout", "logouts/s", logout, ""),
        ] {
            let counted = (done, "raw one-row commits/s");
            report.rates(
                &format!("`POST /{operation}`, {engine}, {clients} connections"),
                counted,
                &pairs,
                aim,
            );
        }
    }
}

/// The newest refresh tokens of a client's sessions, the next to be exchanged first.
pub type Sessions = VecDeque<String>;

/// A session for each client.
pub fn one_each(service: &Service, account: &Account, clients: usize) -> Vec<Sessions> {
    (0..clients)
        .map(|_| [account.new_session(service).refresh].into())
        .collect()
}

/// Refreshes per second of clients who exchange the tokens of their sessions in turn, each on a
/// connection of its own.
pub fn refreshes_per_second(service: &Service, clients: &mut [Sessions], time: Duration) -> f64 {
    let stop = AtomicBool::new(false);
    let go_on = |sessions: &mut Sessions| {
        let mut connection = TcpStream::connect(&service.address).expect("a server");
        connection.set_nodelay(true).expect("a socket");
        let mut count = 0.0;
        while !stop.load(Ordering::Relaxed) {
            let token = sessions.pop_front().expect("a session");
            sessions.push_back(refresh(&mut connection, &token));
            count += 1.0;
        }
        count
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = clients
            .iter_mut()
            .map(|sessions| scope.spawn(|| go_on(sessions)))
            .collect();
        let begun = Instant::now();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        let elapsed = begun.elapsed().as_secs_f64();
        clients
            .into_iter()
            .map(|client| client.join().expect("a count"))
            .sum::<f64>()
            / elapsed
    })
}

fn refresh(connection: &mut TcpStream, token: &str) -> String {
    let body = format!("refresh_token={token}");
    let head = format!(
        "POST /refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection
        .write_all(format!("{head}{body}").as_bytes())
        .expect("the server reads");
    let mut answer = [0; 4096];
    let mut length = 0;
    loop {
        length += connection
            .read(&mut answer[length..])
            .expect("the server answers");
        let text = std::str::from_utf8(&answer[..length]).expect("UTF-8");
        if let Some(token) = text
            .split(r#""refresh_token":""#)
            .nth(1)
            .and_then(|rest| rest.split_once('"'))
        {
            return token.0.to_owned();
        }
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
}

/// One-row commits per second of so many connections (SQLite has one writer), nothing but the
/// statement.
pub fn raw_commits_per_second(database: &str, clients: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if database.starts_with("postgres") {
            let clients = (0..clients).map(|_| async { raw_postgres(database, time).await });
            futures_util::future::join_all(clients).await.into_iter().sum()
        } else {
            raw_sqlite(database, time).await
        }
    })
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS raw (id BIGINT PRIMARY KEY, counter BIGINT NOT NULL)";
const COMMIT: &str = "UPDATE raw SET counter = counter + 1 WHERE id = $1 AND counter >= 0";

async fn raw_sqlite(file: &str, time: Duration) -> f64 {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .expect("a database");
    sqlx::query(TABLE)
        .execute(&mut connection)
        .await
        .expect("a table");
    sqlx::query("INSERT INTO raw VALUES (1, 0) ON CONFLICT DO NOTHING")
        .execute(&mut connection)
        .await
        .expect("a row");
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < time {
        sqlx::query(COMMIT)
            .bind(1_i64)
            .execute(&mut connection)
            .await
            .expect("a commit");
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

async fn raw_postgres(url: &str, time: Duration) -> f64 {
    let mut connection = PgConnection::connect(url).await.expect("a database");
    let (row,): (i64,) = sqlx::query_as("SELECT pg_backend_pid()::BIGINT")
        .fetch_one(&mut connection)
        .await
        .expect("a number");
    let _made_by_another = sqlx::query(TABLE).execute(&mut connection).await;
    sqlx::query("INSERT INTO raw VALUES ($1, 0)")
        .bind(row)
        .execute(&mut connection)
        .await
        .expect("a row");
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < time {
        sqlx::query(COMMIT)
            .bind(row)
            .execute(&mut connection)
            .await
            .expect("a commit");
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}
