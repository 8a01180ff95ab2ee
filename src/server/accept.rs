//! The threads that accept connections and answer on them.
//!
//! The parts are those of actix-web's `HttpServer`, put together here because it can neither refuse
//! a connection nor say where it came from: each connection is counted for its address and its
//! worker before anything is read. So every request has a client's address. A connection that its
//! client had reset while it waited to be accepted has none any more, and ends here.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use actix_http::{HttpService, Protocol};
use actix_service::{Service, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::web::Data;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::connections::address_cap::{AddressCap, AddressPlace, FullNetwork};
use super::connections::client_stream::ClientStream;
use super::connections::limits::{
    CONNECTION_WINDOW, HANDSHAKE_TIMEOUT, HEADER_TIMEOUT, KEEP_ALIVE, STREAM_WINDOW, per_worker,
    unanswered_per_worker,
};
use super::connections::room::{ClosedForRoom, OpenConnection, Room};
use super::connections::streams::StreamsInFlight;
use super::expect::bodies_within_limits;
use super::tls::TlsIdentity;
use super::{Shared, http_app};
use crate::app::App;
use crate::model::throttle::widest_and_narrowest;
use crate::telemetry::metrics::RequestLimit;

/// How long a stopping server waits for the requests in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection that ends may take to send its last bytes.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// Input of the HTTP service: a connection, its protocol and its address.
type Accepted = (ClientStream, Protocol, Option<SocketAddr>);

/// Starts the threads. With `streams`, HTTP/2 is spoken over TLS.
///
/// # Errors
/// The listener or the certificate cannot be used, or the system gave no random number.
pub fn serve(
    app: &Data<App>,
    listener: TcpListener,
    identity: Option<&Arc<TlsIdentity>>,
    streams: Option<&StreamsInFlight>,
) -> io::Result<Server> {
    let mut shared = Shared::new(app, |_| {}).map_err(io::Error::other)?;
    shared.bound_streams = streams.is_some();
    let protocols: &[&[u8]] = if streams.is_some() {
        &[HTTP_2, HTTP_1]
    } else {
        &[HTTP_1]
    };
    let tls = identity
        .map(|identity| identity.server_config(protocols))
        .transpose();
    let tls = tls
        .map_err(io::Error::other)?
        .map(|config| TlsAcceptor::from(Arc::new(config)));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let builder = Server::build()
        .workers(threads)
        .max_concurrent_connections(per_worker(threads))
        .shutdown_timeout(SHUTDOWN_TIMEOUT.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let (app, streams) = (app.clone(), streams.cloned());
    let cap = AddressCap::new(&app.config.limits);
    let worker = move || {
        let door = Rc::new(Door {
            app: app.clone(),
            cap: Arc::clone(&cap),
            room: Room::new(per_worker(threads), unanswered_per_worker(threads)),
            tls: tls.clone(),
        });
        let stopping = stopping.clone();
        let mut http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEADER_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            // A client that has closed the connection waits for no answer: its requests end.
            .h1_allow_half_closed(false)
            .h2_initial_window_size(STREAM_WINDOW)
            .h2_initial_connection_window_size(CONNECTION_WINDOW);
        if let Some(streams) = streams.clone() {
            http = http.on_connect_ext(move |stream: &ClientStream, connection| {
                streams.connected(stream.streams(), connection);
            });
        }
        let application = || {
            let application = http_app(app.clone(), shared.clone());
            map_config(application, |()| AppConfig::default())
        };
        let http = http.expect(bodies_within_limits(application()));
        behind(door, http.finish(application()))
    };
    Ok(builder.listen("doorward", listener, worker)?.run())
}

/// HTTP behind the door of a worker.
fn behind<H>(
    door: Rc<Door>,
    http: H,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = Infallible, InitError = ()>
where
    H: ServiceFactory<Accepted, Config = (), Response = (), InitError = ()>,
    H::Future: 'static,
    H::Service: 'static,
{
    fn_factory(move || {
        let (door, starting) = (Rc::clone(&door), http.new_service(()));
        async move {
            let http = Rc::new(starting.await?);
            actix_web::rt::spawn(Rc::clone(&door.room).keep_swept());
            Ok(fn_service(move |stream: TcpStream| {
                // Before the first await: the address is not known any more once a client is gone.
                let admitted = door.admit(&stream);
                let (door, http) = (Rc::clone(&door), Rc::clone(&http));
                async move {
                    if let Some(admitted) = admitted {
                        door.attend(stream, admitted, &*http).await;
                    }
                    Ok(())
                }
            }))
        }
    })
}

/// Where the connections of one worker come in.
struct Door {
    app: Data<App>,
    cap: Arc<AddressCap>,
    room: Rc<Room>,
    tls: Option<TlsAcceptor>,
}

/// A connection that is counted.
struct Admitted {
    peer: SocketAddr,
    connection: Rc<OpenConnection>,
    _place: AddressPlace,
}

impl Door {
    /// Counts a connection; none if it is refused.
    fn admit(&self, stream: &TcpStream) -> Option<Admitted> {
        let outcomes = &self.app.telemetry.metrics.outcomes;
        let Ok(peer) = stream.peer_addr() else {
            outcomes.throttled(RequestLimit::NoAddress);
            return None;
        };
        let place = match self.cap.take(peer.ip()) {
            Ok(place) => place,
            Err(full) => {
                outcomes.throttled(RequestLimit::Connections);
                self.tell_of_refusal(peer, &full);
                return None;
            }
        };
        let network = place.ip().map(|ip| widest_and_narrowest(ip)[0]);
        let (connection, closed) = if self.tls.is_some() {
            self.room.enter_for_handshake(network)
        } else {
            self.room.enter(network)
        };
        self.tell_of_closed(closed);
        Some(Admitted {
            peer,
            connection: Rc::new(connection),
            _place: place,
        })
    }

    fn tell_of_closed(&self, closed: ClosedForRoom) {
        let (memory, now) = (&self.app.memory, self.app.clock.now());
        if closed.idle > 0 && memory.closed_connections.claim(now) {
            log::warn!("too many connections: those that have been idle longest are closed");
        }
        if closed.asked > 0 && memory.cut_off_requests.claim(now) {
            log::warn!(
                "too many connections and none is idle: requests of the network that has the most are cut off"
            );
        }
    }

    fn tell_of_refusal(&self, peer: SocketAddr, full: &FullNetwork) {
        if self.app.memory.refused_connections.claim(self.app.clock.now()) {
            log::warn!(
                "a connection from {} is refused: {} has {} open, the most of \
                 DOORWARD_CONNECTIONS_PER_ADDRESS; if it is your proxy, add it to DOORWARD_TRUSTED_PROXIES",
                peer.ip().to_canonical(),
                full.network,
                full.most
            );
        }
    }

    /// Answers on a connection to its end, or until its place is needed.
    async fn attend<H>(&self, stream: TcpStream, admitted: Admitted, http: &H)
    where
        H: Service<Accepted, Response = ()>,
    {
        let mut answering = pin!(self.answer(stream, &admitted, http));
        poll_fn(|cx| {
            if admitted.connection.is_to_close(cx) {
                Poll::Ready(())
            } else {
                answering.as_mut().poll(cx)
            }
        })
        .await;
    }

    async fn answer<H>(&self, stream: TcpStream, admitted: &Admitted, http: &H)
    where
        H: Service<Accepted, Response = ()>,
    {
        let connection = Rc::clone(&admitted.connection);
        let (stream, protocol) = match &self.tls {
            None => (ClientStream::plain(stream, connection), Protocol::Http1),
            Some(tls) => {
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
                let Ok(Ok(stream)) = handshake.await else { return };
                connection.shook_hands();
                let protocol = match stream.get_ref().1.alpn_protocol() {
                    Some(name) if name == HTTP_2 => Protocol::Http2,
                    Some(_) | None => Protocol::Http1,
                };
                (ClientStream::tls(stream, connection), protocol)
            }
        };
        // actix tells of errors itself; most are clients that have gone.
        let _ended = http.call((stream, protocol, Some(admitted.peer))).await;
    }
}
