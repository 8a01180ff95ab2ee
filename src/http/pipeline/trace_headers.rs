//! The headers of W3C Trace Context.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::telemetry::traces::CallerTrace;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The trace that a request says it is part of. W3C Trace Context allows one `traceparent`. A
/// request with two is treated as one without.
#[must_use]
pub fn of_caller(headers: &HeaderMap) -> CallerTrace<'_> {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name);
        let (first, second) = (values.next()?, values.next());
        first.to_str().ok().filter(|_| second.is_none())
    };
    let Some(parent) = only(TRACEPARENT) else {
        return CallerTrace::default();
    };
    CallerTrace {
        parent: Some(parent),
        state: only(TRACESTATE),
    }
}

/// Tells the caller the request's position in its trace.
pub fn put(headers: &mut HeaderMap, place: String) {
    if let Ok(place) = HeaderValue::try_from(place) {
        headers.insert(TRACEPARENT, place);
    }
}
