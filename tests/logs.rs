//! The log: it never stops the service, and it never tells a secret.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, pipe};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::process::Server;

/// More than a pipe of 64 KiB and a queue of a MiB hold, at trace level.
const FLOOD: usize = 2000;

/// Someone logs in and asks, many times, at trace level; nothing may take longer than a client's patience.
async fn flood(server: &Server, kind: &str) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let account = json!({"email": "alice@example.com", "password": PASSWORD});
    assert_eq!(client.post(server.url("/register")).json(&account).send().await.unwrap().status(), 201);
    let login = client.post(server.url("/login")).form(&[("username", "alice@example.com"), ("password", PASSWORD)]).send().await.unwrap();
    let token = login.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    #[expect(clippy::disallowed_methods, reason = "a span")]
    let begun = Instant::now();
    for _ in 0..FLOOD {
        assert_eq!(client.get(server.url("/me")).bearer_auth(&token).send().await.unwrap().status(), 200);
    }
    println!("log: {FLOOD} requests at trace level with a log that is {kind}: {:.2} s", begun.elapsed().as_secs_f64());
}

fn loud() -> [(&'static str, &'static str); 1] {
    [("RUST_LOG", "trace")]
}

/// What is in the pipe until its other end is closed.
fn lines(pipe: PipeReader) -> Vec<String> {
    BufReader::new(pipe).lines().map(Result::unwrap).collect()
}

fn is_one_object(line: &str) -> bool {
    serde_json::from_str::<Value>(line).is_ok_and(|value| value["level"].is_string() && value["message"].is_string())
}

/// The largest count of dropped lines that the log tells.
fn told(lines: &[String]) -> u64 {
    let notices = lines.iter().filter(|line| line.contains("log lines were dropped"));
    notices.map(|line| serde_json::from_str::<Value>(line).unwrap()["dropped"].as_u64().unwrap()).max().unwrap_or_default()
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing_and_what_it_lost_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), writer.try_clone().unwrap().into(), writer.into());
    flood(&server, "stuck").await;
    let reading = std::thread::spawn(move || lines(reader));
    a_calm_while(&server).await;
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let lines = reading.join().unwrap();
    assert!(told(&lines) > 1000, "{} were dropped of {}", told(&lines), lines.len());
    assert!(lines.iter().all(|line| is_one_object(line)));
    assert!(lines.first().unwrap().contains("\"time\"") && lines.last().unwrap().contains("stopped"), "{:?}", lines.last());
}

async fn a_calm_while(server: &Server) {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(reqwest::get(server.url("/health")).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_server_whose_log_is_stuck_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), Stdio::null(), writer.into());
    flood(&server, "stuck").await;
    server.signal("TERM");
    assert_eq!(tokio::task::spawn_blocking(move || server.wait().code()).await.unwrap(), Some(0));
    drop(reader);
}

#[tokio::test]
async fn a_log_whose_reader_has_gone_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), writer.try_clone().unwrap().into(), writer.into());
    // `2>&1 | head -c 1`
    reader.read_exact(&mut [0]).unwrap();
    drop(reader);
    flood(&server, "closed").await;
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test]
async fn a_log_on_a_full_disk_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let mut server = Server::start_unheard(folder.path(), &loud(), full(), full());
    flood(&server, "on a full disk").await;
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test]
async fn a_log_that_is_read_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    let mut server = Server::start_unheard(folder.path(), &loud(), Stdio::null(), writer.into());
    let reading = std::thread::spawn(move || lines(reader));
    flood(&server, "read").await;
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let lines = reading.join().unwrap();
    assert!(lines.len() > 5 * FLOOD, "only {} lines", lines.len());
    assert!(told(&lines) == 0 && lines.iter().all(|line| is_one_object(line)));
    assert!(lines.last().unwrap().contains("stopped"), "{:?}", lines.last());
}

/// A start that fails says why, and ends with its own status where nobody listens.
#[test]
fn a_start_that_fails_unheard_keeps_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = crate::support::process::doorward(folder.path(), &[("DOORWARD_LISTEN", "nowhere")], &[]);
    assert_eq!(command.stderr(writer).status().unwrap().code(), Some(2));
}
