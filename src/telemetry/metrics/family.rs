//! A family of series: its name, help and labels, each of which stands once.
//!
//! What happens is counted by what is registered here. What stands, such as the length of a queue,
//! belongs to its part and is read when somebody asks (see [`Reading`](super::Reading)).

use prometheus::core::Collector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upper bounds of durations in seconds: from what `/me` takes to what a caller no longer waits for.
const DURATIONS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Name, help and labels of a family. No label may hold what a client sent, so that the number of
/// series is bounded by the text of the program.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: &'static [&'static str],
}

impl Family {
    /// A family of one series.
    #[must_use]
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            labels: &[],
        }
    }

    /// A family with a series for each combination of values of its labels.
    #[must_use]
    pub const fn labelled(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, help, labels }
    }

    pub(super) fn counters(&self, registry: &Registry) -> Result<IntCounterVec, Error> {
        registered(registry, IntCounterVec::new(self.options(), self.labels)?)
    }

    pub(super) fn gauge(&self, registry: &Registry) -> Result<IntGauge, Error> {
        registered(registry, IntGauge::with_opts(self.options())?)
    }

    pub(super) fn gauges(&self, registry: &Registry) -> Result<IntGaugeVec, Error> {
        registered(registry, IntGaugeVec::new(self.options(), self.labels)?)
    }

    pub(super) fn durations(&self, registry: &Registry) -> Result<Histogram, Error> {
        registered(registry, Histogram::with_opts(self.buckets())?)
    }

    pub(super) fn durations_by(&self, registry: &Registry) -> Result<HistogramVec, Error> {
        registered(registry, HistogramVec::new(self.buckets(), self.labels)?)
    }

    fn options(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn buckets(&self) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help).buckets(DURATIONS.to_vec())
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, made: C) -> Result<C, Error> {
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}
