//! Bounds of one connection where HTTP/2 is on, and the requests in flight by which a stopping server knows
//! that it is done.
//!
//! actix hands h2 only the two window sizes. What h2 0.3.27 bounds by itself: a connection ends
//! (GOAWAY) when more than 20 streams were reset before they were taken up (rapid reset,
//! CVE-2023-44487), when its own errors reset 1024 streams, or when a header list comes in more
//! CONTINUATION frames than 16 MiB need (CVE-2024-27316); a frame is at most 16 KiB, the HPACK
//! table 4 KiB, a header list 16 MiB. actix adds 10 s for the preface and a PING every 75 s, which
//! a header list that never ends leaves unanswered; bodies have the 30 s that they have anywhere.
//!
//! What it leaves open, and nothing in actix 4.18 can set: how many streams are open at once, and a
//! header list smaller than 16 MiB. So both are bounded here, after the fact: a request beyond is
//! refused before anything is held for it. The limits of the header are those that actix has for
//! HTTP/1. A list of more than 32,768 names panics in http 0.2's map, which ends its connection and
//! nothing else.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::middleware::Next;
use actix_web::web::Bytes;

use crate::http::problem::Problem;
use crate::service::Failure;

/// Requests of one HTTP/2 connection in flight at once: browsers ask 100, proxies a little more.
const MOST_STREAMS: usize = 256;
const MOST_HEADER_FIELDS: usize = 96;
const MOST_HEADER_BYTES: usize = 128 * 1024;
/// Time without a request in flight after which a stopping server is done: time for the last
/// answers to leave.
const QUIET: Duration = Duration::from_secs(1);

/// The requests in flight, from their head to the last byte of the answer.
#[derive(Debug, Clone, Default)]
pub struct StreamsInFlight(Arc<AtomicUsize>);

/// The counts of the connection that a request came by.
#[derive(Clone)]
struct Connection {
    own: Rc<Cell<usize>>,
    all: StreamsInFlight,
}

impl StreamsInFlight {
    /// Begins the count of a new connection, which keeps its own.
    pub fn connected(&self, own: Rc<Cell<usize>>, connection: &mut Extensions) {
        connection.insert(Connection {
            own,
            all: self.clone(),
        });
    }

    /// Resolves when nothing has been in flight for a while. h2 connections stay open while their
    /// client likes, and actix does not tell them to go away, so that waiting for the connections
    /// to end would always take all the patience there is.
    pub async fn quiet(&self) {
        const LOOKS: u32 = 10;
        let mut still = 0;
        while still < LOOKS {
            tokio::time::sleep(QUIET / LOOKS).await;
            still = if self.0.load(Ordering::SeqCst) == 0 {
                still + 1
            } else {
                0
            };
        }
    }
}

/// One request in flight, until dropped.
struct StreamGuard(Connection);

impl StreamGuard {
    fn taken(connection: &Connection) -> Self {
        connection.own.set(connection.own.get() + 1);
        connection.all.0.fetch_add(1, Ordering::SeqCst);
        Self(connection.clone())
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.own.set(self.0.own.get() - 1);
        self.0.all.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The middleware: refuses what is too much, counts the rest.
///
/// # Errors
/// The errors of the handler.
pub async fn bound(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(connection) = request.conn_data::<Connection>() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    if let Some(problem) = too_much(&request, connection) {
        return Ok(request.error_response(problem));
    }
    let place = StreamGuard::taken(connection);
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| {
        BoxBody::new(HeldStream {
            body: BoxBody::new(body),
            _place: place,
        })
    }))
}

fn too_much(request: &ServiceRequest, connection: &Connection) -> Option<Problem> {
    if request.version() != Version::HTTP_2 {
        return None;
    }
    let bytes: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if request.headers().len() > MOST_HEADER_FIELDS
        || bytes + request.uri().to_string().len() > MOST_HEADER_BYTES
    {
        return Some(Problem::Malformed);
    }
    (connection.own.get() >= MOST_STREAMS).then_some(Problem::Failed(Failure::Busy))
}

/// A body whose request is in flight until it is sent.
struct HeldStream {
    body: BoxBody,
    _place: StreamGuard,
}

impl MessageBody for HeldStream {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}
