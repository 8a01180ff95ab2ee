//! Generations of a session's tokens: the login issues generation 0, each refresh the next. Both
//! tokens of a pair carry its number.
//!
//! A token that is used proves that its generation arrived. From then on, an honest client does not
//! need the refresh token before it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use strum::IntoStaticStr;

/// Newest generation of which an access token was used, as far as the holder knows.
#[derive(Debug, Default)]
pub struct UsedGeneration(AtomicI64);

impl UsedGeneration {
    /// The number.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes a use; says whether it is the first of its generation. Every request asks, so it takes
    /// no lock, and writes only then.
    #[must_use]
    pub fn is_first(&self, generation: i64) -> bool {
        generation > self.get() && generation > self.0.fetch_max(generation, Ordering::Relaxed)
    }
}

impl From<i64> for UsedGeneration {
    fn from(generation: i64) -> Self {
        Self(AtomicI64::new(generation))
    }
}

impl Clone for UsedGeneration {
    fn clone(&self) -> Self {
        Self::from(self.get())
    }
}

/// Always equal: it is what a process has seen, and no part of the state.
impl PartialEq for UsedGeneration {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for UsedGeneration {}

/// Least time between two repeats of unused pairs of one session. Each is an event, so a client must
/// not be able to make them without end.
pub const UNUSED_REPEATS_APART: Duration = Duration::from_secs(5);

/// Ground on which the refresh token before the newest one gets the newest pair again. The word in
/// the record is its name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RepeatGround {
    /// It comes at once, from where the refresh came from: two tabs, or a form that was sent twice.
    SameClient,
    /// The newest pair is not used yet: the answer was lost.
    Unused,
}

impl RepeatGround {
    /// Word of the ground.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_use_of_each_generation_is_told_once() {
        let used = UsedGeneration::default();
        let told: Vec<bool> = [0, 1, 1, 3, 2, 3, 4]
            .map(|generation| used.is_first(generation))
            .to_vec();
        assert_eq!(told, [false, true, false, true, false, false, true]);
        assert_eq!(used.get(), 4);
    }
}
