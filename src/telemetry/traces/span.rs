//! A span that runs: its position in the trace, and the means to begin another within it.

use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt as _, Tracer as _};
use opentelemetry_sdk::trace::SdkTracer;

/// A span that has begun and not ended. The library ends it when the last copy is dropped.
#[derive(Clone)]
pub struct Span {
    pub(super) tracer: SdkTracer,
    pub(super) context: Context,
}

impl Span {
    /// Begins a span within this one, at `begin` or now.
    #[must_use]
    pub fn child(&self, name: &'static str, begin: Option<SystemTime>) -> Self {
        let mut builder = self.tracer.span_builder(name);
        builder.start_time = begin;
        let span = builder.start_with_context(&self.tracer, &self.context);
        Self {
            tracer: self.tracer.clone(),
            context: self.context.with_span(span),
        }
    }

    /// Whether the trace is sampled; if not, nothing within it need be written.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.context.span().is_recording()
    }

    /// Marks the span as failed, in words of ours.
    pub fn fail(&self, why: &'static str) {
        self.context.span().set_status(Status::error(why));
    }

    /// Ends the span now.
    pub fn end(&self) {
        self.context.span().end();
    }

    /// Ends the span at a time that has passed.
    pub fn end_at(&self, end: SystemTime) {
        self.context.span().end_with_timestamp(end);
    }
}
