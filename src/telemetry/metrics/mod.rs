//! Metrics in Prometheus' text form.
//!
//! What happens is counted where it happens, by what is registered here; what stands is read from
//! its part when somebody asks ([`Reading`]). A family's name, help and labels stand once, as a
//! [`Family`] beside what it measures. Label values are words of ours, never a client's.

mod family;
mod outcomes;
mod process;
mod reading;
mod requests;

use prometheus::{Error, Histogram, Registry, TextEncoder};

pub use family::Family;
pub use outcomes::{Outcomes, RequestLimit, Words};
pub use reading::Reading;
pub use requests::{InFlightGuard, Requests, Route};

use self::process::Process;
use crate::model::clock::Timestamp;

const BUILD: Family = Family::labelled(
    "doorward_build_info",
    "Always 1; the version that runs",
    &["version"],
);

/// The counters of the process.
pub struct Metrics {
    registry: Registry,
    process: Process,
    /// The requests.
    pub requests: Requests,
    /// Logins, registrations, refreshes, refusals.
    pub outcomes: Outcomes,
}

impl Metrics {
    /// All series at zero, for a process that started then.
    ///
    /// # Errors
    /// A defect of ours: a name that Prometheus does not take.
    pub fn new(started: Timestamp) -> Result<Self, Error> {
        let registry = Registry::new();
        let build = BUILD.gauges(&registry)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            requests: Requests::register(&registry)?,
            outcomes: Outcomes::register(&registry)?,
            process: Process::started(started),
            registry,
        })
    }

    /// A histogram of durations in seconds, for a part that measures its own work.
    ///
    /// # Errors
    /// A defect of ours: the family is there already, or has a name that Prometheus does not take.
    pub fn durations(&self, family: &Family) -> Result<Histogram, Error> {
        family.durations(&self.registry)
    }

    /// All series, in the text form 0.0.4: those that are counted, then those that were read.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn text(&self, mut reading: Reading) -> Result<String, Error> {
        self.process.read(&mut reading);
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather())?;
        text.push_str(&reading.into_text());
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_operation_has_its_series_from_the_start() {
        let metrics = Metrics::new(Timestamp::from_secs(0)).unwrap();
        let route = metrics.requests.route("GET", "/users/{id}");
        route.answered(204, Duration::from_millis(3));
        route.answered(999, Duration::ZERO);
        let text = metrics.text(Reading::default()).unwrap();
        for line in [
            r#"doorward_http_requests_total{method="GET",route="/users/{id}",status="2xx"} 1"#,
            r#"doorward_http_requests_total{method="GET",route="/users/{id}",status="5xx"} 0"#,
            r#"doorward_http_request_duration_seconds_bucket{method="GET",route="/users/{id}",le="0.0025"} 1"#,
            r#"doorward_http_request_duration_seconds_count{method="GET",route="/users/{id}"} 2"#,
            concat!(
                "doorward_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
