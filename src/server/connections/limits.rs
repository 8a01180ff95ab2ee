//! Bounds of connections: how many, how long they may say nothing, how much HTTP/2 may send ahead.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Time from the beginning of HTTP on a connection to the end of the first request's headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time from the first byte of a request to the first byte of its answer, at least: longer than
/// head, body and the queue of hashes may take together.
pub const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// Time between two checks of that limit. A connection may stay open this much longer.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// Time from the accepted connection to the end of the TLS handshake: three round trips of a slow
/// phone.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes in flight in a worker; beyond, the oldest are closed. Each is some kilobytes and
/// computes only in its worker's turn, so the number is for memory.
pub const MOST_HANDSHAKES: usize = 1000;
/// Bytes received on all connections without an answer so far; beyond, the largest are closed. HTTP/1.1
/// keeps the head of a request until it is whole, up to 128 KiB. An ordinary request is about 1 KiB.
const MOST_UNANSWERED: usize = 16 * 1024 * 1024;
/// Bytes that an HTTP/2 client may send ahead of being read, to one request. No body is larger, and
/// actix's own 1 MiB, and 2 MiB for the connection, would be held for each of thousands of
/// connections.
pub const STREAM_WINDOW: u32 = 64 * 1024;
/// Bytes that an HTTP/2 client may send ahead of being read, to all its requests.
pub const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Time that a connection stays open without a request: longer than what proxies keep one for, so
/// that the proxy closes it and no request meets a closing door.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// File descriptors that are not for connections: database, log, libraries.
const RESERVED_DESCRIPTORS: u64 = 64;
const MOST_CONNECTIONS: u64 = 25_000;

/// Raises the number of files that the process may open to the most that it may ask for: what is
/// set without asking is often 1,024, which one client could use up.
///
/// # Errors
/// The system refuses; the number stays.
pub fn raise_descriptors() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    // Where there is no most, no system takes that for a number either.
    let most = limit.maximum.unwrap_or(MOST_CONNECTIONS + RESERVED_DESCRIPTORS);
    if limit.current.is_none_or(|current| current >= most) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// Bytes without an answer in one of so many workers.
pub fn unanswered_per_worker(workers: usize) -> usize {
    (MOST_UNANSWERED / workers).max(1024 * 1024)
}

/// Connections of one of so many workers: as many as the file descriptors allow, so that an
/// accepted connection never starves the database of one.
pub fn per_worker(workers: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(MOST_CONNECTIONS);
    let connections = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS)
        .clamp(16, MOST_CONNECTIONS);
    usize::try_from(connections)
        .unwrap_or(usize::MAX)
        .div_ceil(workers)
}
