//! actix wiring: sockets, limits, the order of middleware, and the end.

mod streams;
pub mod tls;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpResponse, HttpServer};
use rustix::process::{Resource, getrlimit};
use socket2::SockRef;

use crate::app::{App, OWN};
use crate::crypto::{CryptoError, random};
use crate::http::pipeline::Pipeline;
use crate::http::{openapi, routes};
use crate::model::event::EventType;
use crate::server::tls::TlsIdentity;
use crate::service::feed::{self, FeedPosition};
use crate::service::{self, Failure, audit, maintenance};
use streams::BusyConnections;

/// From the accepted connection to the end of the headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// From the accepted connection to the end of the TLS handshake: three round trips of a slow phone.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way in a worker; while there are so many it accepts nobody. Each is some
/// kilobytes and computes only in its worker's turn, so the number is for memory. It should not be
/// small: whoever opens that many and says nothing keeps the rest out, for [`HANDSHAKE_TIMEOUT`].
const MOST_HANDSHAKES: usize = 1000;
/// What an HTTP/2 client may send ahead of being read, to a request and in all. No body is larger
/// than the first, and actix's own 1 and 2 MiB would be held for each of thousands of connections.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Longer than what proxies keep a connection for, so that the proxy is the one to close it and no
/// request meets a closing door.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a stopping server waits for the requests it has begun.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// File descriptors that are not for connections: database, log, libraries.
const RESERVED_DESCRIPTORS: u64 = 64;
const MOST_CONNECTIONS: u64 = 25_000;

/// What comes before anyone is served or told that somebody serves: the start is written down, and
/// the feed of changes read, so that the first who asks whether the process is ready hears that it
/// is.
///
/// # Errors
/// The database, which has just been opened, takes no event or tells no change.
pub async fn begin(app: &App) -> Result<FeedPosition, Failure> {
    audit::record(app, EventType::ServerStarted, &OWN).await?;
    feed::begin(app).await
}

/// Listens; from now on connections wait to be accepted.
///
/// # Errors
/// The address is not ours, or another has it.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    SockRef::from(&listener).listen(BACKLOG)?;
    if let Err(cause) = hold_back(&listener) {
        log::warn!(cause:%; "the system buffers what clients do not read as it sees fit");
    }
    Ok(listener)
}

/// Serves until `stop` resolves, then finishes the requests it has accepted. The feed is followed
/// from where [`begin`] has read it to. With an `identity` it speaks TLS, and HTTP/2 there. On the
/// listener for `metrics`, if there is one, it answers `GET /metrics` and nothing else, until the
/// end.
///
/// # Errors
/// The listener cannot be used, or the system gave no random number.
pub async fn run(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    app: Data<App>,
    begun: FeedPosition,
    identity: Option<Arc<TlsIdentity>>,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let mut shared = Shared::new(&app, |_| {}).map_err(std::io::Error::other)?;
    shared.bound_streams = identity.is_some();
    let server = {
        let app = app.clone();
        HttpServer::new(move || http_app(app.clone(), shared.clone()))
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let server = server
        .workers(workers)
        .max_connections(connections_per_worker(workers))
        .client_request_timeout(HEADER_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(SHUTDOWN_TIMEOUT.as_secs())
        .disable_signals();
    let under_way = BusyConnections::default();
    let server = match &identity {
        None => server.listen(listener)?,
        Some(identity) => {
            let under_way = under_way.clone();
            server
                .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
                .max_connection_rate(MOST_HANDSHAKES)
                .h2_initial_window_size(STREAM_WINDOW)
                .h2_initial_connection_window_size(CONNECTION_WINDOW)
                .on_connect(move |_, connection| under_way.connected(connection))
                .listen_rustls_0_23(listener, identity.server_config().map_err(std::io::Error::other)?)?
        }
    };
    let server = server.run();
    let handle = server.handle();
    let running = std::pin::pin!(server);
    let stopping = async {
        stop.await;
        app.stopping.store(true, Ordering::Relaxed);
        log::info!("stopping: no new connections, waiting for the requests under way");
        let stopped = handle.stop(true);
        if identity.is_none() {
            return stopped.await;
        }
        tokio::select! { () = stopped => {}, () = under_way.quiet() => {} }
    };
    let following = async {
        match &identity {
            Some(identity) => identity.follow().await,
            None => std::future::pending().await,
        }
    };
    let measured = async {
        match metrics {
            Some(listener) => serve_metrics(listener, app.clone())?.await,
            None => std::future::pending().await,
        }
    };
    // Dropped, the server closes what is idle and still open.
    let serving = async {
        tokio::select! { ended = running => ended, () = stopping => Ok(()) }
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = feed::follow(&app, begun) => Ok(()),
        () = maintenance::keep(&app) => Ok(()),
        () = following => Ok(()),
        ended = measured => ended,
    };
    if let Err(failure) = audit::record(&app, EventType::ServerStopped, &OWN).await {
        log::warn!(failure:%; "the stop is not in the events");
    }
    app.store.close().await;
    if let Some(traces) = app.traces.clone() {
        // What sends the spans blocks.
        let _ended = tokio::task::spawn_blocking(move || traces.end()).await;
    }
    ended
}

/// Connections that may wait to be accepted, as far as the system allows (`net.core.somaxconn`).
/// The standard library asks for 128; whoever comes when so many wait is not heard and tries again
/// after a second.
const BACKLOG: i32 = 4096;

/// While so many bytes of answers wait to be sent to a client, the system takes no more of them.
#[cfg(target_os = "linux")]
const MOST_UNSENT: u32 = 32 * 1024;

/// What is accepted here buffers little for whoever does not read: the system's own bound is
/// megabytes for each connection.
#[cfg(target_os = "linux")]
fn hold_back(listener: &TcpListener) -> std::io::Result<()> {
    SockRef::from(listener).set_tcp_notsent_lowat(MOST_UNSENT)
}

/// Elsewhere the system's own bound holds.
#[cfg(not(target_os = "linux"))]
fn hold_back(_listener: &TcpListener) -> std::io::Result<()> {
    Ok(())
}

/// A small server for whoever collects the metrics: one thread, nothing of what the public one has.
fn serve_metrics(listener: TcpListener, app: Data<App>) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .route("/metrics", web::get().to(metrics))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn metrics(app: Data<App>) -> HttpResponse {
    match service::metrics::text(&app).await {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(failure) => {
            log::error!(failure:%; "the metrics cannot be told");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// What every worker shares.
#[derive(Clone)]
pub struct Shared {
    pipeline: Arc<Pipeline>,
    more: fn(&mut ServiceConfig),
    bound_streams: bool,
}

impl Shared {
    /// Makes the pipeline once; `more` lets a test put a route behind the same middleware.
    ///
    /// # Errors
    /// The system gave no random number.
    pub fn new(app: &App, more: fn(&mut ServiceConfig)) -> Result<Self, CryptoError> {
        let pipeline = Pipeline::new(app, u64::from_be_bytes(random()?));
        Ok(Self {
            pipeline: Arc::new(pipeline),
            more,
            bound_streams: false,
        })
    }
}

/// The application of one worker. The last `wrap` is the outermost.
pub fn http_app(
    app: Data<App>,
    shared: Shared,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let Shared {
        pipeline,
        more,
        bound_streams,
    } = shared;
    // Each request holds it: the worker's own count costs less than the one that all share.
    let pipeline = Rc::new(pipeline);
    let docs = app.config.http.docs;
    let origins = &app.config.http.cors_origins;
    let cors = Condition::new(!origins.is_empty(), cors(origins));
    actix_web::App::new()
        .configure(routes::serve)
        .app_data(app)
        .configure(more)
        .configure(|service| openapi::serve(service, docs))
        .wrap(Condition::new(bound_streams, from_fn(streams::bound)))
        .wrap(cors)
        .wrap(from_fn(move |request, next| {
            let pipeline = Rc::clone(&pipeline);
            async move { pipeline.handle(request, next).await }
        }))
}

fn cors(origins: &[String]) -> actix_cors::Cors {
    let listed = actix_cors::Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            "authorization",
            "content-type",
            "doorward-device",
            "if-match",
            "x-request-id",
        ])
        .expose_headers([
            "doorward-device",
            "etag",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id",
        ])
        .block_on_origin_mismatch(false)
        .max_age(600);
    origins
        .iter()
        .fold(listed, |cors, origin| cors.allowed_origin(origin))
}

/// As many as the file descriptors allow, so that an accepted connection never starves the database
/// of one.
fn connections_per_worker(workers: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(MOST_CONNECTIONS);
    let connections = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS)
        .clamp(16, MOST_CONNECTIONS);
    usize::try_from(connections)
        .unwrap_or(usize::MAX)
        .div_ceil(workers)
}
