//! What a request is known by, wherever its work goes: its lines in the log carry its id, route and
//! person, its spans their parent.
//!
//! A [`RequestScope`] belongs to the task that serves the request, as long as its future runs; nobody
//! passes it on by hand, and it is gone with the answer. Spans are made only where a collector is
//! set and the trace is sampled: elsewhere [`span`] is one look at the task.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use actix_web::http::header::HeaderValue;
use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt as _, TraceId};
use opentelemetry_sdk::trace::SdkTracer;

use super::traces;
use crate::model::ids::{SessionId, UserId};

tokio::task_local! {
    static SCOPE: RequestScope;
}

/// What a request is known by.
#[derive(Clone)]
pub struct RequestScope {
    known: Arc<KnownIdentity>,
    span: Option<Span>,
}

struct KnownIdentity {
    request_id: HeaderValue,
    trace_id: Option<TraceId>,
    route: Arc<str>,
    /// Whom the guard let in.
    bearer: OnceLock<(UserId, SessionId)>,
}

/// The span that runs, and what makes its children.
#[derive(Clone)]
pub(super) struct Span {
    pub(super) tracer: SdkTracer,
    pub(super) context: Context,
}

impl RequestScope {
    /// Of a request: its id, the template of its path, the trace that its caller named, and its
    /// span, if it has one.
    #[must_use]
    pub fn new(request_id: HeaderValue, route: Arc<str>, trace: Option<traces::Trace>) -> Self {
        let (trace_id, span) = trace.map_or((None, None), |trace| (Some(trace.id), trace.span));
        Self {
            known: Arc::new(KnownIdentity {
                request_id,
                trace_id,
                route,
                bearer: OnceLock::new(),
            }),
            span,
        }
    }

    /// Runs a request's work in the scope.
    pub fn run<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        SCOPE.scope(self, work)
    }
}

/// What the lines of the log carry beside their own.
pub(super) fn log_fields(mut tell: impl FnMut(&'static str, serde_json::Value)) {
    // Whatever is logged outside a request has none of this.
    let _told = SCOPE.try_with(|scope| {
        let known = &scope.known;
        tell(
            "request_id",
            String::from_utf8_lossy(known.request_id.as_bytes()).into(),
        );
        tell("route", (*known.route).into());
        if let Some(trace_id) = known.trace_id {
            tell("trace_id", trace_id.to_string().into());
        }
        if let Some((user, session)) = known.bearer.get() {
            tell("user", user.get().into());
            tell("session", session.to_string().into());
        }
    });
}

/// The id of the request that is served; empty outside one.
#[must_use]
pub fn request_id() -> String {
    let text = |scope: &RequestScope| String::from_utf8_lossy(scope.known.request_id.as_bytes()).into_owned();
    SCOPE.try_with(text).unwrap_or_default()
}

/// Notes whom the guard let in.
pub fn let_in(user: UserId, session: SessionId) {
    let _outside_a_request = SCOPE.try_with(|scope| scope.known.bearer.set((user, session)));
}

/// Runs a part of the work in a span of its own.
pub async fn span<T>(name: impl FnOnce() -> Cow<'static, str>, work: Pin<&mut impl Future<Output = T>>) -> T {
    let Some(scope) = child(name) else {
        return work.await;
    };
    let context = scope
        .span
        .as_ref()
        .map(|span| span.context.clone())
        .unwrap_or_default();
    let result = SCOPE.scope(scope, work).await;
    context.span().end();
    result
}

/// As [`span`], for what does not wait.
pub fn span_now<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let Some(scope) = child(|| name.into()) else {
        return work();
    };
    let result = work();
    if let Some(span) = scope.span {
        span.context.span().end();
    }
    result
}

/// Adds spans that have ended: each with its name and how long it took, one after the other, the
/// last until now.
pub fn past_spans(spans: &[(&'static str, Duration)]) {
    let now = now();
    let _outside_a_request = SCOPE.try_with(|scope| {
        let Some(span) = scope
            .span
            .as_ref()
            .filter(|span| span.context.span().is_recording())
        else {
            return;
        };
        let mut begin = now - spans.iter().map(|(_, took)| *took).sum::<Duration>();
        for (name, took) in spans {
            let end = begin + *took;
            span.child((*name).into(), Some(begin))
                .context
                .span()
                .end_with_timestamp(end);
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
    let _outside_a_request = SCOPE.try_with(|scope| {
        if let Some(span) = &scope.span {
            span.context.span().set_status(Status::error(why));
        }
    });
}

fn child(name: impl FnOnce() -> Cow<'static, str>) -> Option<RequestScope> {
    let scope = SCOPE
        .try_with(|scope| {
            scope
                .span
                .as_ref()
                .is_some_and(|span| span.context.span().is_recording())
                .then(|| scope.clone())
        })
        .ok()
        .flatten()?;
    let span = scope.span.as_ref().map(|span| span.child(name(), None));
    Some(RequestScope {
        known: scope.known,
        span,
    })
}
