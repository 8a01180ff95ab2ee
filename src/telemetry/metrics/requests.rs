//! Figures of the requests: how many, how they ended, how long they took, how many are in flight.

use std::time::Duration;

use prometheus::{Error, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::Family;

const ANSWERED: Family = Family::labelled(
    "doorward_http_requests_total",
    "Requests answered",
    &["method", "route", "status"],
);
const DURATION: Family = Family::labelled(
    "doorward_http_request_duration_seconds",
    "From a request's headers to its answer's",
    &["method", "route"],
);
const IN_FLIGHT: Family = Family::new(
    "doorward_http_requests_in_flight",
    "Requests begun and not answered",
);

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The route and method of a request for none of our operations.
const OTHER: &str = "other";

/// The counters of all requests.
pub struct Requests {
    answered: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
}

impl Requests {
    pub(super) fn register(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            answered: ANSWERED.counters(registry)?,
            durations: DURATION.durations_by(registry)?,
            in_flight: IN_FLIGHT.gauge(registry)?,
        })
    }

    /// The counters of an operation, by its method and the template of its path.
    #[must_use]
    pub fn route(&self, method: &str, template: &str) -> Route {
        let by_class =
            STATUS_CLASSES.map(|class| self.answered.with_label_values(&[method, template, class]));
        Route {
            by_class,
            duration: self.durations.with_label_values(&[method, template]),
        }
    }

    /// The counters of requests for none of our operations.
    #[must_use]
    pub fn no_route(&self) -> Route {
        self.route(OTHER, OTHER)
    }

    /// Counts a request as in flight until the guard is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlightGuard<'_> {
        self.in_flight.inc();
        InFlightGuard(&self.in_flight)
    }
}

/// The counters of one operation.
pub struct Route {
    by_class: [IntCounter; STATUS_CLASSES.len()],
    duration: Histogram,
}

impl Route {
    /// Counts an answer.
    pub fn answered(&self, status: u16, took: Duration) {
        if let Some(counter) = self.by_class.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.inc();
        }
        self.duration.observe(took.as_secs_f64());
    }
}

/// A request in flight; dropped with its answer, or when its client has left.
pub struct InFlightGuard<'a>(&'a IntGauge);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
