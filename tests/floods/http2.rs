//! The cost of a flood of HTTP/2 headers where HTTP/2 is turned on: stated, for nothing bounds it
//! yet.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::client::{Door, Place, Request};
use super::{DEFAULTS, raise_the_limit_of_descriptors};
use crate::support::authority::{Authority, FILES};
use crate::support::process::Server;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;
/// Requests of a connection, each with a field that is repeated so often by one byte each time.
const REQUESTS: u32 = 100;
const REPEATED: usize = 16_000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal field, never indexed.
fn field(name: &str, value: &str) -> Vec<u8> {
    let part = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0x10], part(name), part(value)].concat()
}

/// Sends a connection's requests, which wait for their bodies; gives the bytes that were sent.
fn bomb(authority: &Authority, server: &Server) -> (StreamOwned<ClientConnection, TcpStream>, usize) {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let client = ClientConnection::new(authority.client_config(&[b"h2"]), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(&server.address).unwrap());
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    let head = [
        field(":method", "POST"),
        field(":scheme", "https"),
        field(":path", "/login"),
        field(":authority", "x"),
        field("content-type", "application/x-www-form-urlencoded"),
    ]
    .concat();
    let mut sent = 0;
    for nth in 0..REQUESTS {
        let first: &[u8] = if nth == 0 { &[0x40, 1, b'x', 1, b'y'] } else { &[] };
        let request = frame(
            HEADERS,
            END_HEADERS,
            nth * 2 + 1,
            &[&head, first, &[0xbe; REPEATED]].concat(),
        );
        if stream.write_all(&request).is_err() {
            break;
        }
        sent += request.len();
    }
    (stream, sent)
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_floods_of_http_2_headers_states_what_they_cost() {
    raise_the_limit_of_descriptors();
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.install(folder.path());
    let settings = [FILES, &DEFAULTS, &[("DOORWARD_HTTP2", "on")]].concat();
    let server = Server::start(folder.path(), &settings);
    let door = Door {
        address: server.address.parse().unwrap(),
        tls: Some(authority.client_config(&[b"http/1.1"])),
    };
    let before = server.memory();
    let mut held = Vec::new();
    let mut all = 0;
    for connections in 1..=8 {
        let (stream, sent) = bomb(&authority, &server);
        held.push(stream);
        all += sent;
        let mut most = 0;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            most = most.max(server.memory());
        }
        println!(
            "http 2: {connections} connections, {} KiB of compressed headers sent: memory {before} to {most} MiB",
            all / 1024
        );
    }
    let request = Request {
        method: "GET",
        path: "/health",
        fields: &[],
        body: "",
    };
    let place = Place::Socket([127, 0, 0, 2].into());
    assert_eq!(door.ask(&place, &request).await.unwrap().status, 200);
}
