//! Refreshes against the raw rate of one-row commits of the same engine, and how long a logout takes to reach another node.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::service::{Account, Service};

/// Refreshes per second of so many sessions, each on a connection of its own and exchanging its newest token.
pub fn refreshes_per_second(service: &Service, account: &Account, clients: usize, time: Duration) -> f64 {
    let stop = AtomicBool::new(false);
    let tokens: Vec<String> = (0..clients).map(|_| account.new_session(service).refresh).collect();
    let chain = |mut token: String| {
        let mut connection = TcpStream::connect(&service.address).expect("a server");
        connection.set_nodelay(true).expect("a socket");
        let mut count = 0.0;
        while !stop.load(Ordering::Relaxed) {
            token = refresh(&mut connection, &token);
            count += 1.0;
        }
        count
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = tokens.into_iter().map(|token| scope.spawn(|| chain(token))).collect();
        let begun = Instant::now();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        let elapsed = begun.elapsed().as_secs_f64();
        clients.into_iter().map(|client| client.join().expect("a count")).sum::<f64>() / elapsed
    })
}

fn refresh(connection: &mut TcpStream, token: &str) -> String {
    let body = format!("refresh_token={token}");
    let head =
        format!("POST /refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(format!("{head}{body}").as_bytes()).expect("the server reads");
    let mut answer = [0; 4096];
    let mut length = 0;
    loop {
        length += connection.read(&mut answer[length..]).expect("the server answers");
        let text = std::str::from_utf8(&answer[..length]).expect("UTF-8");
        if let Some(token) = text.split(r#""refresh_token":""#).nth(1).and_then(|rest| rest.split_once('"')) {
            return token.0.to_owned();
        }
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
}

/// One-row commits per second of so many connections (SQLite has one writer), nothing but the statement.
pub fn raw_commits_per_second(database: &str, clients: usize, time: Duration) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
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
    let options =
        SqliteConnectOptions::new().filename(file).create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("a database");
    sqlx::query(TABLE).execute(&mut connection).await.expect("a table");
    sqlx::query("INSERT INTO raw VALUES (1, 0) ON CONFLICT DO NOTHING").execute(&mut connection).await.expect("a row");
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < time {
        sqlx::query(COMMIT).bind(1_i64).execute(&mut connection).await.expect("a commit");
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

async fn raw_postgres(url: &str, time: Duration) -> f64 {
    let mut connection = PgConnection::connect(url).await.expect("a database");
    let (row,): (i64,) = sqlx::query_as("SELECT pg_backend_pid()::BIGINT").fetch_one(&mut connection).await.expect("a number");
    let _made_by_another = sqlx::query(TABLE).execute(&mut connection).await;
    sqlx::query("INSERT INTO raw VALUES ($1, 0)").bind(row).execute(&mut connection).await.expect("a row");
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < time {
        sqlx::query(COMMIT).bind(row).execute(&mut connection).await.expect("a commit");
        count += 1.0;
    }
    count / begun.elapsed().as_secs_f64()
}

/// Milliseconds from the 204 of a logout on one node to the first 401 on the other, sorted.
pub fn lag_between_nodes(here: &Service, there: &Service, account: &Account, times: usize) -> Vec<f64> {
    let mut lags: Vec<f64> = (0..times)
        .map(|_| {
            let session = account.new_session(here);
            assert!(there.ask(&session.me_request()).starts_with("HTTP/1.1 200"), "known there");
            let logout = format!("POST /logout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", session.token);
            let mut connection = TcpStream::connect(&there.address).expect("a server");
            assert!(here.ask(&logout).starts_with("HTTP/1.1 204"), "logged out");
            let ended = Instant::now();
            let mut answer = [0; 2048];
            loop {
                connection.write_all(session.me_request().as_bytes()).expect("the server reads");
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
