//! `doorward serve`, and `doorward health`, which asks it how it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, print};
use crate::app::App;
use crate::config::Config;
use crate::model::clock::Clock;
use crate::server::{
    self,
    tls::{self, TlsIdentity},
};
use crate::store::url::DatabaseUrl;
use crate::telemetry::log::Log;
use crate::telemetry::traces::Traces;

/// How long `doorward health` waits for the server.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`Exit`] with why it cannot start.
pub async fn serve(config: Config, environment: &[(String, String)], log: &Log) -> Result<(), Exit> {
    let metrics = config.telemetry.metrics_listen.map(bind).transpose()?;
    let listen = config.server.listen;
    let identity = config
        .http
        .tls()
        .map(TlsIdentity::open)
        .transpose()
        .map_err(|bad| Exit::from(vec![bad]))?;
    let scheme = if identity.is_some() { "https" } else { "http" };
    let forgetful = config.server.database == DatabaseUrl::SqliteMemory;
    // The address first: it fails at once if another server has it, before anything is made on
    // disk.
    let listener = bind(listen)?;
    let address = listener.local_addr().map_err(Exit::failed)?;
    let stop = stop_signal().map_err(Exit::failed)?;
    let traces = Traces::from_environment(environment)
        .map_err(|cause| Exit::failed(format!("cannot send traces: {cause}")))?;
    let mut app = App::build(config, Clock::System).await.map_err(Exit::failed)?;
    app.traces = traces.map(Arc::new);
    app.metrics.watch(log);
    let begun = server::begin(&app).await.map_err(Exit::failed)?;
    if forgetful {
        log::warn!("the database is in memory: every account is forgotten when this process ends");
    }
    let docs = if app.config.http.docs {
        format!(", try it at {scheme}://{address}/docs/")
    } else {
        String::new()
    };
    log::info!(
        "Doorward {} keeps the door at {scheme}://{address}{docs}",
        env!("CARGO_PKG_VERSION")
    );
    server::run(listener, metrics, Data::new(app), begun, identity, stop)
        .await
        .map_err(Exit::failed)?;
    log::info!("stopped");
    Ok(())
}

fn bind(address: SocketAddr) -> Result<TcpListener, Exit> {
    server::listen(address).map_err(|cause| Exit::failed(format!("cannot listen on {address}: {cause}")))
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// One HTTP/1.0 request to the server of this machine, which is what a container's health check
/// needs.
///
/// # Errors
/// [`Exit`] if it gives none, or says that it is not ready.
pub fn health(config: &Config) -> Result<(), Exit> {
    let host = match config.server.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, config.server.listen.port());
    let ask = || -> std::io::Result<String> {
        let stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
        stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
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
        _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
    }
}
