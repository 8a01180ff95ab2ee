//! Traces by OpenTelemetry: spans sent by OTLP over HTTP, with W3C's `traceparent` in and out.
//!
//! There are none unless a collector is named by the standard variables
//! (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`), which the library reads
//! itself, as it does those of sampling, headers, time limits and resource. Names and attributes of
//! spans are ours: words, templates and numbers, never an address or a token.

mod collector;
mod span;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
pub use opentelemetry::trace::TraceId;
use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use collector::Collector;
pub use span::Span;

const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// The specification's time limit of one request to the collector.
const TIMEOUT: Duration = Duration::from_secs(10);
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// How long the last spans may take to leave when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends spans to a collector.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Reads the standard variables; none if they name no collector.
    ///
    /// # Errors
    /// They name one that cannot be used.
    pub fn from_environment(environment: &[(String, String)]) -> Result<Option<Self>, ExporterBuildError> {
        let set = |wanted: &str| {
            environment
                .iter()
                .find(|(name, value)| name == wanted && !value.is_empty())
                .map(|(_, value)| value.as_str())
        };
        let disabled = set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if disabled
            || set("OTEL_TRACES_EXPORTER") == Some("none")
            || ENDPOINTS.iter().all(|name| set(name).is_none())
        {
            return Ok(None);
        }
        let millis = TIMEOUTS.iter().find_map(|name| set(name)?.parse().ok());
        let timeout = millis.map_or(TIMEOUT, Duration::from_millis);
        let mut resource = Resource::builder();
        if set("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("doorward");
        }
        let resource = resource
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(timeout))
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self {
            tracer: provider.tracer("doorward"),
            provider,
        }))
    }

    /// Sends what is left. Waits for the collector, but not long: not to be called where other work
    /// waits.
    pub fn end(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT) {
            log::warn!(error:%; "the last spans were not sent");
        }
    }

    fn begin(&self, parent: &Context, method: &str, route: &Arc<str>) -> (TraceId, Option<Span>) {
        let mut span = self
            .tracer
            .span_builder("request")
            .with_kind(SpanKind::Server)
            .start_with_context(&self.tracer, parent);
        let id = span.span_context().trace_id();
        // Most are not sampled: nothing is written for them, and nothing below them.
        if !span.is_recording() {
            return (id, None);
        }
        span.update_name(format!("{method} {route}"));
        span.set_attribute(KeyValue::new("http.request.method", method.to_owned()));
        span.set_attribute(KeyValue::new("http.route", Arc::clone(route)));
        (
            id,
            Some(Span {
                tracer: self.tracer.clone(),
                context: parent.with_span(span),
            }),
        )
    }
}

/// The headers by which a caller names its trace (W3C Trace Context). A header that is there twice
/// counts as absent.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallerTrace<'a> {
    /// `traceparent`: the trace and the caller's span.
    pub parent: Option<&'a str>,
    /// `tracestate`: what vendors add.
    pub state: Option<&'a str>,
}

/// The trace that a request belongs to.
#[derive(Clone)]
pub struct Trace {
    pub(super) id: TraceId,
    pub(super) span: Option<Span>,
}

impl Trace {
    /// The caller's trace, if it names one, with a span of ours, if spans are sent.
    #[must_use]
    pub fn of_request(
        traces: Option<&Traces>,
        caller: CallerTrace<'_>,
        method: &str,
        route: &Arc<str>,
    ) -> Option<Self> {
        if traces.is_none() && caller.parent.is_none() {
            return None;
        }
        let mut parent = Context::new();
        if caller.parent.is_some() {
            parent = TraceContextPropagator::new().extract_with_context(&parent, &caller);
        }
        let (id, span) = match traces {
            Some(traces) => traces.begin(&parent, method, route),
            None => (parent.span().span_context().trace_id(), None),
        };
        (id != TraceId::INVALID).then_some(Self { id, span })
    }

    /// Ends the request's span, if it is sampled. Gives its position as a `traceparent`, so that what
    /// the caller does next can follow it.
    #[must_use]
    pub fn end(&self, status: u16) -> Option<String> {
        let span = self.span.as_ref()?;
        let running = span.context.span();
        running.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            running.set_status(Status::error("the request failed"));
        }
        running.end();
        let mut place = Place(None);
        TraceContextPropagator::new().inject_context(&span.context, &mut place);
        place.0
    }
}

impl Extractor for CallerTrace<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.parent,
            TRACESTATE => self.state,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

/// The `traceparent` of an answer. The caller has its own state; the position alone is news.
struct Place(Option<String>);

impl Injector for Place {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}
