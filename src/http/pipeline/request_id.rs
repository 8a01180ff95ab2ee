//! Request ids in headers. A caller's well-formed id is kept, so that one id follows a request
//! through many services.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::telemetry::request_context::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The source of ids: a random number of this process and a count.
pub struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// A source whose count begins at zero; `process` is random.
    #[must_use]
    pub const fn new(process: u64) -> Self {
        Self {
            process,
            count: AtomicU64::new(0),
        }
    }

    /// The caller's id if it is well formed, or one of this process.
    #[must_use]
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID);
        given
            .and_then(|id| RequestId::parse(id.as_bytes()))
            .unwrap_or_else(|| RequestId::numbered(self.process, self.count.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Puts the id into the headers of an answer.
pub fn put(headers: &mut HeaderMap, id: RequestId) {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
}
