//! The first start killed while it makes the file, the schema, the secret and the signing key: the
//! next one finishes what it began.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use sqlx::Connection as _;

use super::{SECRET, seed, serve, side_by_side};
use crate::support::app::fresh_database;
use crate::support::chance::Chance;
use crate::support::process::doorward;
use crate::support::{Engine, PASSWORD};

/// Starts it for the first time and kills it after a while.
async fn killed_at_first(folder: &Path, settings: &[(&str, &str)], delay: Duration) {
    let mut child = doorward(folder, settings, &["--listen", "127.0.0.1:0"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    tokio::time::sleep(delay).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn keys(url: &str) -> i64 {
    let count = "SELECT COUNT(*) FROM signing_keys";
    let (keys,): (i64,) = if url.starts_with("postgres") {
        sqlx::query_as(count)
            .fetch_one(&mut sqlx_postgres::PgConnection::connect(url).await.unwrap())
            .await
            .unwrap()
    } else {
        sqlx::query_as(count)
            .fetch_one(&mut sqlx_sqlite::SqliteConnection::connect(url).await.unwrap())
            .await
            .unwrap()
    };
    keys
}

/// The second start serves, with one key, and leaves nothing unfinished in the folder.
async fn starts_again(folder: &Path, url: &str, settings: &[(&str, &str)]) {
    let server = serve(folder, settings);
    let http = reqwest::Client::new();
    let registered = http
        .post(server.url("/register"))
        .json(&json!({"email": "alice@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(registered.status(), 201);
    let login = http
        .post(server.url("/login"))
        .form(&[("username", "alice@example.com"), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 200);
    let token = login.json::<serde_json::Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        http.get(server.url("/me"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(keys(url).await, 1);
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unfinished: Vec<String> = files
        .filter(|name| {
            ![
                "doorward.db",
                "doorward.db-wal",
                "doorward.db-shm",
                "doorward.secret",
            ]
            .contains(&name.as_str())
        })
        .collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

fn first_starts(engine: Engine, times: usize, settings: &[(&str, &str)]) {
    let seed = seed();
    println!("torture: first start killed on {engine:?} times={times} seed={seed}");
    side_by_side(3, times, async |number| {
        let delay = Duration::from_micros(Chance::new(seed.wrapping_add(number as u64)).next() % 100_000);
        let (url, folder) = fresh_database(engine).await;
        let settings = [settings, &[("DATABASE_URL", url.as_str())]].concat();
        killed_at_first(folder.path(), &settings, delay).await;
        starts_again(folder.path(), &url, &settings).await;
    });
}

#[test]
fn a_first_start_that_is_killed_is_finished_by_the_next_on_sqlite() {
    first_starts(Engine::Sqlite, 200, &[]);
}

#[test]
fn a_first_start_that_is_killed_is_finished_by_the_next_on_postgres() {
    first_starts(Engine::Postgres, 40, &[("DOORWARD_SECRET", SECRET)]);
}
