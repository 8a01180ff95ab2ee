//! Bytes as they are, where a client library would not send them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Sends bytes as they are and reads until the server closes or says no more.
pub fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // The server may refuse and close before it has read everything.
    let _refused = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _until_closed_or_silent = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
