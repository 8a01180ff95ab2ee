//! Metrics in Prometheus' text form.
//!
//! What happens is counted where it happens; what stands, such as the length of a queue, is read
//! when somebody asks ([`State`]). No label holds anything that a client sent: routes are templates
//! of ours and outcomes words of ours, so that the number of series is bounded by the program's
//! text.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

use strum::VariantNames as _;

use super::log::{DroppedLines, Log};
use crate::model::refusal::{LoginRefusal, RefreshRefusal};

/// Upper bounds in seconds: from what `/me` takes to what a caller no longer waits for.
const DURATIONS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What every flow may end in.
const PASSING: &[&str] = &["ok", "throttled", "busy", "unavailable", "internal"];
/// Further outcomes of a login, beside its refusals.
const LOGINS: &[&str] = &["password_change_required", "invalid_input", "password_grant_off"];
/// What a registration may end in beside that.
const REGISTRATIONS: &[&str] = &["email_taken", "registration_closed", "invalid_input"];
/// Further outcomes of a refresh, beside its refusals: `repeated` is the token before the newest,
/// within the grace.
const REFRESHES: &[&str] = &["repeated"];
const LIMITS: &[&str] = &["account", "login_address", "register_address"];
/// Stands for whatever path or method is not ours.
const OTHER: &str = "other";

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    in_flight: IntGauge,
    /// Logins by outcome and true reason.
    pub logins: IntCounterVec,
    /// Registrations by outcome.
    pub registrations: IntCounterVec,
    /// Refreshes by outcome and true reason.
    pub refreshes: IntCounterVec,
    /// Refusals by the limit that refused: `account`, `login_address`, `register_address`.
    pub throttled: IntCounterVec,
    /// What the hashing threads measure.
    pub hashing: Hashing,
    standing: Mutex<MirroredCounts>,
    log: OnceLock<DroppedLines>,
}

/// How long hashes wait and take.
#[derive(Clone)]
pub struct Hashing {
    /// From the queue to the thread.
    pub wait: Histogram,
    /// On the thread.
    pub work: Histogram,
}

/// The counters of one operation.
pub struct Route {
    by_class: [IntCounter; STATUS_CLASSES.len()],
    duration: Histogram,
}

/// A request that has begun; dropped with its answer, or when its client has left.
pub struct InFlightGuard<'a>(&'a IntGauge);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
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

/// What stands at the moment of asking.
#[derive(Debug, Default, Clone)]
pub struct State {
    /// Hashes that wait for a thread, and how many may.
    pub hash_queue: (usize, usize),
    /// The registry of live sessions.
    pub registry: RegistryCounts,
    /// Since the last reading of the feed that succeeded; none before the first.
    pub feed_lag: Option<Duration>,
    /// Connections to the database.
    pub pools: Vec<PoolUse>,
    /// Sessions that have not ended, as of the last count.
    pub sessions_live: Option<i64>,
    /// Since the key that signs now began to.
    pub signing_key_age: Option<Duration>,
    /// Each readiness check and whether it holds.
    pub checks: Vec<(&'static str, bool)>,
}

/// How the registry is used, since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RegistryCounts {
    /// Sessions held.
    pub sessions: usize,
    /// Look-ups that found one.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Sessions forgotten, because they ended or for want of room.
    pub evictions: u64,
}

/// How one pool of connections is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Which pool.
    pub pool: &'static str,
    /// Connections at work.
    pub busy: usize,
    /// Connections at rest.
    pub idle: usize,
    /// How many there may be.
    pub most: usize,
}

/// Series that are set when somebody asks.
struct MirroredCounts {
    hash_queue: IntGauge,
    hash_queue_capacity: IntGauge,
    registry_sessions: IntGauge,
    registry_hits: IntCounter,
    registry_misses: IntCounter,
    registry_evictions: IntCounter,
    feed_lag: Gauge,
    connections: IntGaugeVec,
    connections_most: IntGaugeVec,
    sessions_live: IntGauge,
    signing_key_age: Gauge,
    ready: IntGaugeVec,
    log_lines_dropped: IntCounter,
}

/// Registers what was made.
fn kept<C: Collector + Clone + 'static>(registry: &Registry, made: Result<C, Error>) -> Result<C, Error> {
    let made = made?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

impl Metrics {
    /// All series at zero.
    ///
    /// # Errors
    /// A defect of ours: a name that Prometheus does not take.
    #[expect(clippy::too_many_lines, reason = "one table, a row a figure")]
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| kept(&registry, IntCounter::new(name, help));
        let gauge = |name: &str, help: &str| kept(&registry, IntGauge::new(name, help));
        let seconds = |name: &str, help: &str| kept(&registry, Gauge::new(name, help));
        let counters = |name: &str, help: &str, labels: &[&str]| {
            kept(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            kept(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let histogram = |name: &str, help: &str| {
            kept(
                &registry,
                Histogram::with_opts(HistogramOpts::new(name, help).buckets(DURATIONS.to_vec())),
            )
        };
        let build = gauges(
            "doorward_build_info",
            "Always 1; the version that runs",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(ProcessCollector::for_self()))?;
        // From the start, for an alert on the first of its kind compares it with the zero before.
        let outcomes = |name: &str, help: &str, label: &str, words: &[&[&str]]| {
            let made = counters(name, help, &[label])?;
            words
                .concat()
                .into_iter()
                .for_each(|word| drop(made.with_label_values(&[word])));
            Ok::<_, Error>(made)
        };
        Ok(Self {
            requests: counters(
                "doorward_http_requests_total",
                "Requests answered",
                &["method", "route", "status"],
            )?,
            durations: kept(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "doorward_http_request_duration_seconds",
                        "From a request's headers to its answer's",
                    )
                    .buckets(DURATIONS.to_vec()),
                    &["method", "route"],
                ),
            )?,
            in_flight: gauge(
                "doorward_http_requests_in_flight",
                "Requests begun and not answered",
            )?,
            logins: outcomes(
                "doorward_logins_total",
                "Logins by outcome; callers are not told which refusal it was",
                "outcome",
                &[PASSING, LOGINS, LoginRefusal::VARIANTS],
            )?,
            registrations: outcomes(
                "doorward_registrations_total",
                "Registrations by outcome",
                "outcome",
                &[PASSING, REGISTRATIONS],
            )?,
            refreshes: outcomes(
                "doorward_refreshes_total",
                "Refreshes by outcome; callers are not told which refusal it was",
                "outcome",
                &[PASSING, REFRESHES, RefreshRefusal::VARIANTS],
            )?,
            throttled: outcomes(
                "doorward_throttled_total",
                "Requests refused by a limit",
                "limit",
                &[LIMITS],
            )?,
            hashing: Hashing {
                wait: histogram("doorward_hash_wait_seconds", "Wait of a hash for its thread")?,
                work: histogram("doorward_hash_duration_seconds", "Time of a hash on its thread")?,
            },
            standing: Mutex::new(MirroredCounts {
                hash_queue: gauge("doorward_hash_queue_depth", "Hashes that wait for a thread")?,
                hash_queue_capacity: gauge(
                    "doorward_hash_queue_capacity",
                    "Hashes that may wait before logins get 503",
                )?,
                registry_sessions: gauge("doorward_registry_sessions", "Sessions that the registry holds")?,
                registry_hits: counter(
                    "doorward_registry_hits_total",
                    "Look-ups that the registry answered",
                )?,
                registry_misses: counter(
                    "doorward_registry_misses_total",
                    "Look-ups that went to the database",
                )?,
                registry_evictions: counter(
                    "doorward_registry_evictions_total",
                    "Sessions that the registry forgot",
                )?,
                feed_lag: seconds(
                    "doorward_feed_lag_seconds",
                    "Time since the feed of changes was last read; 0 before the first reading",
                )?,
                connections: gauges(
                    "doorward_database_connections",
                    "Open connections to the database",
                    &["pool", "state"],
                )?,
                connections_most: gauges(
                    "doorward_database_connections_max",
                    "Connections that a pool may open",
                    &["pool"],
                )?,
                sessions_live: gauge(
                    "doorward_sessions_live",
                    "Sessions that have not ended, counted at most once a minute",
                )?,
                signing_key_age: seconds(
                    "doorward_signing_key_age_seconds",
                    "Time since the key that signs now began to",
                )?,
                ready: gauges(
                    "doorward_ready",
                    "1 if the check of GET /ready holds, else 0",
                    &["check"],
                )?,
                log_lines_dropped: counter(
                    "doorward_log_lines_dropped_total",
                    "Log lines that were dropped because the sink was blocked",
                )?,
            }),
            log: OnceLock::new(),
            registry,
        })
    }

    /// The counters of an operation, by its method and the template of its path.
    #[must_use]
    pub fn route(&self, method: &str, template: &str) -> Route {
        Route {
            by_class: STATUS_CLASSES.map(|class| self.requests.with_label_values(&[method, template, class])),
            duration: self.durations.with_label_values(&[method, template]),
        }
    }

    /// Counts a request as under way until the guard is dropped.
    #[must_use]
    pub fn begin(&self) -> InFlightGuard<'_> {
        self.in_flight.inc();
        InFlightGuard(&self.in_flight)
    }

    /// The counters of whatever is no operation of ours.
    #[must_use]
    pub fn no_route(&self) -> Route {
        self.route(OTHER, OTHER)
    }

    /// Tells from now on how many lines of this log were dropped.
    pub fn watch(&self, log: &Log) {
        let _already_watched = self.log.set(log.dropped_lines());
    }

    /// All series, in the text form 0.0.4.
    ///
    /// # Errors
    /// A defect of ours.
    pub fn text(&self, state: &State) -> Result<String, Error> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.set(state);
        reach(
            &standing.log_lines_dropped,
            self.log.get().map_or(0, DroppedLines::get),
        );
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl MirroredCounts {
    fn set(&self, state: &State) {
        let (waiting, most) = state.hash_queue;
        self.hash_queue.set(count(waiting));
        self.hash_queue_capacity.set(count(most));
        self.registry_sessions.set(count(state.registry.sessions));
        reach(&self.registry_hits, state.registry.hits);
        reach(&self.registry_misses, state.registry.misses);
        reach(&self.registry_evictions, state.registry.evictions);
        self.feed_lag
            .set(state.feed_lag.unwrap_or_default().as_secs_f64());
        for used in &state.pools {
            self.connections
                .with_label_values(&[used.pool, "busy"])
                .set(count(used.busy));
            self.connections
                .with_label_values(&[used.pool, "idle"])
                .set(count(used.idle));
            self.connections_most
                .with_label_values(&[used.pool])
                .set(count(used.most));
        }
        if let Some(live) = state.sessions_live {
            self.sessions_live.set(live);
        }
        self.signing_key_age
            .set(state.signing_key_age.unwrap_or_default().as_secs_f64());
        for (check, holds) in &state.checks {
            self.ready.with_label_values(&[check]).set(i64::from(*holds));
        }
    }
}

/// Brings a counter to a total that is kept elsewhere.
fn reach(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_reached_and_never_undone() {
        let metrics = Metrics::new().unwrap();
        let state = |hits| State {
            registry: RegistryCounts {
                hits,
                ..RegistryCounts::default()
            },
            ..State::default()
        };
        for (total, shown) in [(3, 3), (5, 5), (4, 5)] {
            assert!(
                metrics
                    .text(&state(total))
                    .unwrap()
                    .contains(&format!("doorward_registry_hits_total {shown}\n"))
            );
        }
    }

    #[test]
    fn an_operation_has_its_series_from_the_start() {
        let metrics = Metrics::new().unwrap();
        let route = metrics.route("GET", "/users/{id}");
        route.answered(204, Duration::from_millis(3));
        route.answered(999, Duration::ZERO);
        let text = metrics.text(&State::default()).unwrap();
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
