//! The socket that clients connect to.

use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

/// Connections that may wait to be accepted, as far as the system allows (`net.core.somaxconn`).
/// The standard library asks for 128; a client that comes when so many wait is not heard and tries
/// again after a second.
const BACKLOG: i32 = 4096;
/// Bytes of answers that may wait to be sent to a client before the system takes no more of them.
#[cfg(target_os = "linux")]
const MOST_UNSENT: u32 = 32 * 1024;

/// Listens; from now on connections wait to be accepted.
///
/// # Errors
/// The address is not ours, or another has it.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(BACKLOG)?;
    if let Err(cause) = hold_back(&listener) {
        log::warn!(cause:%; "cannot bound the socket's send buffer; clients that do not read cost more memory");
    }
    Ok(listener)
}

/// Bounds what the system buffers for a client that does not read: its own bound is megabytes for
/// each connection.
#[cfg(target_os = "linux")]
fn hold_back(listener: &TcpListener) -> std::io::Result<()> {
    SockRef::from(listener).set_tcp_notsent_lowat(MOST_UNSENT)
}

/// Elsewhere the system's own bound holds.
#[cfg(not(target_os = "linux"))]
fn hold_back(_listener: &TcpListener) -> std::io::Result<()> {
    Ok(())
}
