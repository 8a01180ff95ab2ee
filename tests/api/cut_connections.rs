//! Connections that their client resets at once: the system no longer knows their peer, so no
//! budget of an address would hold them.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;

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
