//! Connections that their client resets at once: the system no longer knows their peer, so no
//! budget of an address would hold them.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use sqlx_sqlite::SqliteConnection;

use crate::raw::raw;
use crate::support::PASSWORD;
use crate::support::process::{Server, free_port};

/// Sends a whole request and resets the connection.
fn cut(address: &str, request: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn post(path: &str, media_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_without_an_address_is_refused_before_it_costs_anything() {
    const EACH: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let metrics = format!("127.0.0.1:{}", free_port());
    let server = Server::start(
        folder.path(),
        &[
            ("DOORWARD_LIMIT_REGISTER_IP", "2/1h"),
            ("DOORWARD_LIMIT_LOGIN_IP", "2/1h"),
            ("DOORWARD_METRICS_LISTEN", &metrics),
        ],
    );
    // The connections wait in the system's backlog and are gone when they are accepted.
    server.freeze();
    for number in 0..EACH {
        let account = json!({"email": format!("cut{number}@example.com"), "password": PASSWORD});
        cut(
            &server.address,
            &post("/register", "application/json", &account.to_string()),
        );
        cut(
            &server.address,
            &post(
                "/login",
                "application/x-www-form-urlencoded",
                "username=a@example.com&password=a+heron+stands+still",
            ),
        );
    }
    server.signal("CONT");

    let figure = |series: &str| -> Option<usize> {
        let text = raw(&metrics, b"GET /metrics HTTP/1.0\r\n\r\n");
        let line = text.lines().find(|line| line.starts_with(series))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let refused = || figure("doorward_throttled_total{limit=\"no_address\"}");
    for _ in 0..100 {
        if refused() == Some(2 * EACH) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(figure("doorward_hash_duration_seconds_count"), Some(0));
    assert_eq!(refused(), Some(2 * EACH));
}

/// Who leaves after the guess was evaluated has made it all the same. As long as it counted as in
/// flight, one client could keep everybody else from an account.
#[tokio::test]
async fn an_attempt_whose_client_has_left_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let url = format!("sqlite://{}", folder.path().join("doorward.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    for turn in 0..100 {
        let form = format!("username=left{turn}@example.com&password=wrong+wrong");
        let login = post("/login", "application/x-www-form-urlencoded", &form);
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.write_all(login.as_bytes()).unwrap();
        // With the lock on the file, the outcome of an attempt that is in flight cannot be stored.
        let mut caught = false;
        for _ in 0..50 {
            database.execute("BEGIN IMMEDIATE").await.unwrap();
            caught = counted(&mut database, "pending").await > 0;
            if caught {
                break;
            }
            database.execute("ROLLBACK").await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if caught {
            // The server has to hear that the attempt is admitted before its client leaves.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
        if !caught {
            continue;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        database
            .execute("DELETE FROM throttles WHERE pending = 0")
            .await
            .unwrap();
        database.execute("COMMIT").await.unwrap();
        for _ in 0..100 {
            if counted(&mut database, "pending").await == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(
            (
                counted(&mut database, "pending").await,
                counted(&mut database, "failures").await
            ),
            (0, 3),
            "at the source, its network and the account"
        );
        return;
    }
    panic!("no attempt was caught in flight");
}

/// The sum of a column over all counters.
async fn counted(database: &mut SqliteConnection, column: &'static str) -> i64 {
    let text = AssertSqlSafe(format!("SELECT COALESCE(SUM({column}), 0) FROM throttles"));
    let (sum,): (i64,) = sqlx::query_as(text).fetch_one(database).await.unwrap();
    sum
}
