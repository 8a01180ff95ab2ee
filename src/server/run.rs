//! The life of the server: it serves, does its background work, and drains at the end.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web::Data;

use super::connections::streams::StreamsInFlight;
use super::connections::{
    CONNECTION_WINDOW, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, KEEP_ALIVE, MOST_HANDSHAKES, STREAM_WINDOW,
    per_worker,
};
use super::tls::TlsIdentity;
use super::{Shared, http_app, metrics_listener};
use crate::app::workers::{self, Worker};
use crate::app::{App, OWN};
use crate::model::event::EventType;
use crate::service::feed::{self, FeedPosition};
use crate::service::{self, Failure, audit, busy_note};

/// How long a stopping server waits for the requests in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// The sockets that are served, and how.
pub struct Listeners {
    /// The socket of the service.
    pub public: TcpListener,
    /// Certificate and key of the public socket: with them it speaks TLS, and HTTP/2 there.
    pub identity: Option<Arc<TlsIdentity>>,
    /// The socket of `GET /metrics`.
    pub metrics: Option<TcpListener>,
}

/// The work before the first request: the start is written down, and the feed of changes read, so
/// that the first who asks whether the process is ready hears that it is.
///
/// # Errors
/// The database, which has just been opened, takes no event or tells no change.
pub async fn begin(app: &App) -> Result<FeedPosition, Failure> {
    audit::record(app, EventType::ServerStarted, &OWN).await?;
    feed::begin(app).await
}

/// Serves until `stop` resolves, then finishes the requests it has accepted. The background work
/// goes on until then; the feed is followed from where [`begin`] has read it to.
///
/// # Errors
/// A listener cannot be used, or the system gave no random number.
pub async fn run(
    listeners: Listeners,
    app: Data<App>,
    begun: FeedPosition,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let Listeners {
        public,
        identity,
        metrics,
    } = listeners;
    let streams = identity.as_ref().map(|_| StreamsInFlight::default());
    // Dropped at the end, the server closes what is idle and still open.
    let mut server = pin!(serve(&app, public, identity.as_ref(), streams.as_ref())?);
    let drained = drain(&app, server.handle(), streams, stop);
    let mut workers = service::workers::list(&app, begun);
    if let Some(identity) = &identity {
        workers.push(Worker::endless("certificate", identity.follow()));
    }
    if let Some(listener) = metrics {
        workers.push(Worker::new(
            "metrics",
            metrics_listener::serve(listener, app.clone())?,
        ));
    }
    let ended = tokio::select! {
        ended = &mut server => ended,
        () = drained => Ok(()),
        ended = workers::run(workers) => ended,
    };
    finish(&app).await;
    ended
}

/// Starts the threads that accept and answer.
fn serve(
    app: &Data<App>,
    listener: TcpListener,
    identity: Option<&Arc<TlsIdentity>>,
    streams: Option<&StreamsInFlight>,
) -> io::Result<Server> {
    let mut shared = Shared::new(app, |_| {}).map_err(io::Error::other)?;
    shared.bound_streams = streams.is_some();
    let server = {
        let app = app.clone();
        HttpServer::new(move || http_app(app.clone(), shared.clone()))
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let server = server
        .workers(threads)
        .max_connections(per_worker(threads))
        .client_request_timeout(HEADER_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(SHUTDOWN_TIMEOUT.as_secs())
        .disable_signals();
    let server = match identity.zip(streams.cloned()) {
        None => server.listen(listener)?,
        Some((identity, streams)) => server
            .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
            .max_connection_rate(MOST_HANDSHAKES)
            .h2_initial_window_size(STREAM_WINDOW)
            .h2_initial_connection_window_size(CONNECTION_WINDOW)
            .on_connect(move |_, connection| streams.connected(connection))
            .listen_rustls_0_23(listener, identity.server_config().map_err(io::Error::other)?)?,
    };
    Ok(server.run())
}

/// Waits for `stop`, then for the requests in flight.
async fn drain(
    app: &App,
    server: ServerHandle,
    streams: Option<StreamsInFlight>,
    stop: impl Future<Output = ()>,
) {
    stop.await;
    app.stopping.store(true, Ordering::Relaxed);
    log::info!("stopping: no new connections, waiting for the requests in flight");
    let stopped = server.stop(true);
    match streams {
        None => stopped.await,
        Some(streams) => tokio::select! { () = stopped => {}, () = streams.quiet() => {} },
    }
}

/// Leaves everything in order: the last refusals and the stop are written down, the database closed,
/// the last spans sent.
async fn finish(app: &App) {
    busy_note::note(app);
    if let Err(failure) = audit::record(app, EventType::ServerStopped, &OWN).await {
        log::warn!(failure:%; "the event of the stop was not written");
    }
    app.store.close().await;
    if let Some(traces) = app.telemetry.traces.clone() {
        // Sending the last spans blocks the thread.
        let _ended = tokio::task::spawn_blocking(move || traces.end()).await;
    }
}
