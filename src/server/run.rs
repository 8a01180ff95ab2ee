//! The life of the server: it serves, does its background work, and drains at the end.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;

use super::connections::streams::StreamsInFlight;
use super::tls::TlsIdentity;
use super::{accept, metrics_listener};
use crate::app::workers::{self, Worker};
use crate::app::{App, OWN};
use crate::model::event::EventType;
use crate::service::feed::{self, FeedPosition};
use crate::service::{self, Failure, audit, busy_note, sessions};

/// The sockets that are served, and how.
pub struct Listeners {
    /// The socket of the service.
    pub public: TcpListener,
    /// Certificate and key of the public socket: with them it speaks TLS.
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
    let speaks_http2 = identity.is_some() && app.config.http.http2;
    let streams = speaks_http2.then(StreamsInFlight::default);
    // Dropped at the end, the server closes what is idle and still open.
    let mut server = pin!(accept::serve(&app, public, identity.as_ref(), streams.as_ref())?);
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
    if let Err(error) = sessions::write_uses(app).await {
        log::warn!(error:%; "the last uses of access tokens were not written");
    }
    app.store.close().await;
    if let Some(traces) = app.telemetry.traces.clone() {
        // Sending the last spans blocks the thread.
        let _ended = tokio::task::spawn_blocking(move || traces.end()).await;
    }
}
