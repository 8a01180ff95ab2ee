//! Time enters the program here and nowhere else (clippy bans the inline forms).
//!
//! Instants are whole microseconds since the Unix epoch, because that is what both engines store
//! and compare exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes an instant of microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// After every other.
    pub const LAST: Self = Self(i64::MAX);

    /// Whole seconds from `now` until this instant, rounded up; 0 if it has passed.
    #[must_use]
    pub fn secs_from(self, now: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(now.0))
            .unwrap_or(0)
            .div_ceil(1_000_000)
    }

    /// Makes an instant of whole seconds since the Unix epoch, the `NumericDate` of RFC 7519.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Reads RFC 3339; what is finer than microseconds is cut off.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| Self(at.timestamp_micros()))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant moved later; saturates at the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This instant moved earlier; saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// RFC 3339 in UTC with microseconds.
    #[must_use]
    pub fn rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_micros(self.0)
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true))
            .unwrap_or_default()
    }
}

/// Difference that the clocks of two nodes may have: each half a minute from the right time. A time
/// that lies further ahead was written before a clock was set back.
pub const NODES_APART: Duration = Duration::from_mins(1);

/// A point from which a span is counted: never a time of day, which is the clock's.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads it; no clock that is set moves it"
)]
pub fn monotonic_now() -> Instant {
    Instant::now()
}

/// Source of the time: the system, or a test that moves it by hand.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's UTC clock.
    System,
    /// Microseconds since the Unix epoch, moved by the holder of the other end.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The present instant, truncated to microseconds.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
                Timestamp(
                    SystemTime::now()
                        .duration_since(SystemTime::UNIX_EPOCH)
                        .map_or_else(|before| -since(before.duration()), since),
                )
            }
            Self::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_read_as_it_is_written(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339()), Some(at));
        }

        #[test]
        fn a_text_that_is_an_instant_is_written_as_the_same_one(
            noise in "\\PC{0,30}|[0-9TZ:.+ -]{0,40}",
            near in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            for text in [noise, near] {
                let Some(at) = Timestamp::parse_rfc3339(&text) else { continue };
                let written = at.rfc3339();
                // An offset may lead out of the four digits of a year.
                if written.starts_with(|first: char| first.is_ascii_digit()) {
                    prop_assert_eq!(Timestamp::parse_rfc3339(&written), Some(at), "{} is written {}", text, written);
                }
            }
        }

        #[test]
        fn an_instant_of_any_year_has_a_text_in_utc_or_none(micros in any::<i64>()) {
            let written = Timestamp::from_micros(micros).rfc3339();
            prop_assert!(written.is_empty() || written.ends_with('Z'), "{}", written);
        }
    }
}
