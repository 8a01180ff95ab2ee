//! The cost of a hash: what the operator sets, its floor, and the ceiling of stored ones.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};

/// Cost of one Argon2id hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost(pub(super) Params);

/// Length of the output of our own hashes.
pub(super) const OUTPUT_BYTES: usize = 32;
/// The floor that OWASP's Password Storage Cheat Sheet sets for `p=1`: pairs of (KiB, passes).
const FLOOR: &[(u32, u32)] = &[(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
/// Highest cost of a stored hash that is verified: KiB, passes, lanes. A costlier one, once written
/// to the database, would halt the service.
pub(super) const CEILING: (u32, u32, u32) = (524_288, 10, 16);

impl Cost {
    /// Parses `m=19456,t=2,p=1`: KiB, passes, lanes.
    ///
    /// # Errors
    /// Below OWASP's floor, above the ceiling, or another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = || "must be of the form m=19456,t=2,p=1 (KiB, passes, lanes)".to_owned();
        let mut numbers = ["m=", "t=", "p="]
            .into_iter()
            .zip(text.split(','))
            .map(|(name, part)| part.strip_prefix(name)?.parse::<u32>().ok());
        let (Some(Some(m)), Some(Some(t)), Some(Some(p)), 2) = (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            text.matches(',').count(),
        ) else {
            return Err(form());
        };
        if !FLOOR
            .iter()
            .any(|(least_m, least_t)| m >= *least_m && t >= *least_t)
            || p == 0
        {
            return Err(
                "is too weak: at least m=19456,t=2,p=1, or the same work with other weights".to_owned(),
            );
        }
        if m > CEILING.0 || t > CEILING.1 || p > CEILING.2 {
            return Err(format!(
                "is above the ceiling m={},t={},p={}",
                CEILING.0, CEILING.1, CEILING.2
            ));
        }
        Params::new(m, t, p, Some(OUTPUT_BYTES))
            .map(Self)
            .map_err(|_| form())
    }

    /// The cheapest cost that Argon2 allows, for tests that are not about hashing.
    #[must_use]
    pub fn cheapest() -> Self {
        Self(Params::new(Params::MIN_M_COST, 1, 1, Some(OUTPUT_BYTES)).unwrap_or_default())
    }

    /// Argon2id at this cost.
    pub(super) fn argon2id(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.0.clone())
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.0.m_cost(),
            self.0.t_cost(),
            self.0.p_cost()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_below_the_floor_are_refused() {
        for good in ["m=19456,t=2,p=1", "m=47104,t=1,p=1", "m=65536,t=3,p=4"] {
            assert_eq!(Cost::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "m=19455,t=2,p=1",
            "m=8,t=1,p=1",
            "m=19456,t=1,p=1",
            "m=19456,t=2,p=0",
            "m=19456,t=2",
            "m=19456,t=2,p=1,x=1",
            "m=9999999,t=2,p=1",
            "t=2,m=19456,p=1",
        ] {
            assert!(Cost::parse(bad).is_err(), "{bad}");
        }
    }
}
