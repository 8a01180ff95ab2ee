//! `doorward health`: one HTTP/1.0 request to the server of this machine, which is what a
//! container's health check needs.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::exit::Exit;
use super::output::print;
use crate::config::Config;
use crate::server::tls;

/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// [`Exit`] if the server does not answer, or answers that it is not ready.
pub fn run(config: &Config) -> Result<(), Exit> {
    let host = match config.server.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, config.server.listen.port());
    let ask = || -> std::io::Result<String> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        match config.http.tls() {
            None => ready(stream, address),
            Some(_) => ready(tls::to_this_machine(stream)?, address),
        }
    };
    let answer = ask().map_err(|cause| Exit::failed(format!("no answer from {address}: {cause}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        print(&format!("{body}\n"))
    } else {
        Err(Exit::failed(format!("not ready: {body}")))
    }
}

fn ready(mut stream: impl Read + Write, address: SocketAddr) -> std::io::Result<String> {
    stream.write_all(format!("GET /ready HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // The server may hang up without TLS's goodbye once it has answered.
        Err(cause) if cause.kind() != ErrorKind::UnexpectedEof || answer.is_empty() => Err(cause),
        Ok(_) | Err(_) => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}
