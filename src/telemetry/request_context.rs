//! The request that the running task serves: its lines in the log carry its id, route and person,
//! its spans their parent.
//!
//! A [`RequestContext`] belongs to the task that serves the request, as long as its future runs.
//! It is not passed on by hand, and it ends with the answer. Spans are made only where a
//! collector is set and the trace is sampled; elsewhere [`span`] costs one look at the task.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::traces::{Span, Trace, TraceId};
use crate::model::ids::{SessionId, UserId};

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// The id by which a request is found in the log: 1 to 64 of letters, digits, `.`, `_` and `-`.
///
/// It holds its text itself: every request has one made, and the heap is not asked for it.
#[derive(Clone, Copy)]
pub struct RequestId {
    text: [u8; Self::MAX_LENGTH],
    length: usize,
}

impl RequestId {
    const MAX_LENGTH: usize = 64;

    /// Takes a caller's id if it is well formed (ASVS 16.4.1), so that one id follows a request
    /// through many services.
    #[must_use]
    pub fn parse(given: &[u8]) -> Option<Self> {
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if given.is_empty() || !given.iter().all(known) {
            return None;
        }
        let mut text = [0; Self::MAX_LENGTH];
        text.get_mut(..given.len())?.copy_from_slice(given);
        Some(Self {
            text,
            length: given.len(),
        })
    }

    /// Makes the id of a process's request: both numbers in hexadecimal. `format!` would take ten
    /// times as long.
    #[must_use]
    pub fn numbered(process: u64, count: u64) -> Self {
        let count = count.to_be_bytes();
        // Four bytes at least; a process that answers more than those can count gets longer ids.
        let unused = count[..4].iter().take_while(|byte| **byte == 0).count();
        let bytes = process
            .to_be_bytes()
            .into_iter()
            .chain(count[unused..].iter().copied());
        let (mut text, mut length) = ([0; Self::MAX_LENGTH], 0);
        for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
            digits.copy_from_slice(
                &[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]),
            );
            length += 2;
        }
        Self { text, length }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.length]).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(out)
    }
}

/// Identity of a request and its position in a trace.
#[derive(Clone)]
pub struct RequestContext {
    identity: Arc<Identity>,
    span: Option<Span>,
}

struct Identity {
    request_id: RequestId,
    trace_id: Option<TraceId>,
    route: Arc<str>,
    /// The account and session of an access token that was accepted.
    bearer: OnceLock<(UserId, SessionId)>,
}

impl RequestContext {
    /// The context of a request: its id, the template of its path, the trace that its caller named,
    /// and its span, if it has one.
    #[must_use]
    pub fn new(request_id: RequestId, route: Arc<str>, trace: Option<Trace>) -> Self {
        let (trace_id, span) = trace.map_or((None, None), |trace| (Some(trace.id), trace.span));
        Self {
            identity: Arc::new(Identity {
                request_id,
                trace_id,
                route,
                bearer: OnceLock::new(),
            }),
            span,
        }
    }

    /// Runs a request's work in the context.
    pub fn run<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        CURRENT.scope(self, work)
    }

    /// The context of a part of the work, with a span of its own; none where nothing is recorded.
    fn child(&self, name: &'static str) -> Option<(Self, Span)> {
        let parent = self.span.as_ref().filter(|span| span.is_recording())?;
        let span = parent.child(name, None);
        let context = Self {
            identity: Arc::clone(&self.identity),
            span: Some(span.clone()),
        };
        Some((context, span))
    }
}

/// The fields of the request that the task serves, for a line of the log; none outside a request.
pub(super) fn log_fields(mut write: impl FnMut(&'static str, serde_json::Value)) {
    let _outside_a_request = CURRENT.try_with(|context| {
        let identity = &context.identity;
        write("request_id", identity.request_id.as_str().into());
        write("route", (*identity.route).into());
        if let Some(trace_id) = identity.trace_id {
            write("trace_id", trace_id.to_string().into());
        }
        if let Some((user, session)) = identity.bearer.get() {
            write("user", user.get().into());
            write("session", session.to_string().into());
        }
    });
}

/// The id of the request that the task serves; empty outside one.
#[must_use]
pub fn request_id() -> String {
    CURRENT
        .try_with(|context| context.identity.request_id.as_str().to_owned())
        .unwrap_or_default()
}

/// Notes whose access token was accepted.
pub fn authenticated(user: UserId, session: SessionId) {
    let _outside_a_request = CURRENT.try_with(|context| context.identity.bearer.set((user, session)));
}

/// Runs a part of the work in a span of its own.
pub async fn span<T>(name: &'static str, work: Pin<&mut impl Future<Output = T>>) -> T {
    let Some((context, span)) = child(name) else {
        return work.await;
    };
    let result = context.run(work).await;
    span.end();
    result
}

/// Runs work that does not wait in a span; see [`span`].
pub fn span_now<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let Some((_, span)) = child(name) else {
        return work();
    };
    let result = work();
    span.end();
    result
}

/// Adds spans that have ended: each with its name and how long it took, one after the other, the
/// last until now.
pub fn past_spans(spans: &[(&'static str, Duration)]) {
    let now = now();
    let _outside_a_request = CURRENT.try_with(|context| {
        let Some(parent) = context.span.as_ref().filter(|span| span.is_recording()) else {
            return;
        };
        let mut begin = now - spans.iter().map(|(_, took)| *took).sum::<Duration>();
        for (name, took) in spans {
            let end = begin + *took;
            parent.child(name, Some(begin)).end_at(end);
            begin = end;
        }
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "spans are of the system's time, whatever time a test gives the service"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Marks the span that runs as failed, in words of ours.
pub fn failed(why: &'static str) {
    let _outside_a_request = CURRENT.try_with(|context| {
        if let Some(span) = &context.span {
            span.fail(why);
        }
    });
}

fn child(name: &'static str) -> Option<(RequestContext, Span)> {
    CURRENT.try_with(|context| context.child(name)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_caller_is_taken_only_if_it_is_well_formed() {
        let kept = |given: &str| RequestId::parse(given.as_bytes()).map(|id| id.as_str().to_owned());
        for good in ["a", "2b6-F_9.x", &"x".repeat(64)] {
            assert_eq!(kept(good).as_deref(), Some(good));
        }
        for bad in ["", "a b", "é", "a\n", "a\"", &"x".repeat(65)] {
            assert_eq!(kept(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_request_id_is_the_process_and_the_count() {
        let process = 0x0123_4567_89ab_cdef;
        assert_eq!(
            RequestId::numbered(process, 0x2a).as_str(),
            "0123456789abcdef0000002a"
        );
        assert_eq!(
            RequestId::numbered(process, 0x1_0000_0000).as_str(),
            "0123456789abcdef0100000000"
        );
    }
}
