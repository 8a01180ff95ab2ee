//! `doorward serve`: runs the server until SIGTERM or SIGINT.

use std::io::{self, IsTerminal as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::rt::System;
use actix_web::web::Data;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::new_files::NewFiles;
use super::output::print;
use crate::app::App;
use crate::config::Config;
use crate::model::clock::Clock;
use crate::server::tls::TlsIdentity;
use crate::server::{self, Listeners};
use crate::store::url::DatabaseUrl;
use crate::telemetry;
use crate::telemetry::log::Log;
use crate::telemetry::traces::Traces;

/// Runs the command.
///
/// # Errors
/// [`Exit`] with the reason why it cannot start.
pub fn run(config: Config, environment: &[(String, String)]) -> Result<(), Exit> {
    let log = telemetry::log::start(config.telemetry.log_format).map_err(Exit::failed)?;
    System::new().block_on(serve(config, environment, &log))
}

async fn serve(config: Config, environment: &[(String, String)], log: &Log) -> Result<(), Exit> {
    if let Err(cause) = server::raise_descriptors() {
        log::warn!(cause:%; "cannot raise the limit of open files; it bounds the number of connections");
    }
    let metrics = config.telemetry.metrics_listen.map(bind).transpose()?;
    let listen = config.server.listen;
    let identity = config
        .http
        .tls()
        .map(TlsIdentity::open)
        .transpose()
        .map_err(|bad| Exit::from(vec![bad]))?;
    let scheme = if identity.is_some() { "https" } else { "http" };
    let in_memory = config.server.database == DatabaseUrl::SqliteMemory;
    // The address comes first: if another server uses it, the start fails before any file is
    // created.
    let listener = bind(listen)?;
    let address = listener.local_addr().map_err(Exit::failed)?;
    let stop = stop_signal().map_err(Exit::failed)?;
    let traces = Traces::from_environment(environment)
        .map_err(|cause| Exit::failed(format!("cannot send traces: {cause}")))?;
    let new_files = NewFiles::before(&config);
    let mut stop = Box::pin(stop);
    // A start may wait for its database.
    let mut app = tokio::select! {
        built = App::build(config, Clock::System) => built.map_err(Exit::failed)?,
        () = &mut stop => {
            log::info!("stopped before it was ready");
            return Ok(());
        }
    };
    app.telemetry.traces = traces.map(Arc::new);
    app.telemetry.dropped_lines = log.dropped_lines();
    let started = server::begin(&app).await.map_err(Exit::failed)?;
    if in_memory {
        log::warn!("the database is in memory: every account is lost when this process ends");
    }
    let docs = if app.config.http.docs {
        format!(", try it at {scheme}://{address}/docs/")
    } else {
        String::new()
    };
    log::info!(
        "Doorward {} listens at {scheme}://{address}{docs}",
        env!("CARGO_PKG_VERSION")
    );
    if let Some(made) = new_files.made()
        && io::stderr().is_terminal()
    {
        greet(&made, &format!("{scheme}://{address}"), app.config.http.docs)?;
    }
    let listeners = Listeners {
        public: listener,
        identity,
        metrics,
    };
    server::run(listeners, Data::new(app), started, stop)
        .await
        .map_err(Exit::failed)?;
    log::info!("stopped");
    Ok(())
}

/// Prints the first steps after the first start.
fn greet(made: &str, url: &str, docs: bool) -> Result<(), Exit> {
    let page = if docs {
        format!("{url}/docs/")
    } else {
        "off (DOORWARD_DOCS)".to_owned()
    };
    print(&format!(
        "\nCreated:     {made}; keep both, and keep a copy of the secret\n\
         API docs:    {page}\n\
         First admin: doorward user create you@example.com --role admin\n\
         Settings:    doorward help settings\n\n"
    ))
}

fn bind(address: SocketAddr) -> Result<TcpListener, Exit> {
    server::listen(address).map_err(|cause| Exit::failed(format!("cannot listen on {address}: {cause}")))
}

/// Resolves at the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
