//! Authority of an administrator: by what right someone acts on accounts and roles, and which
//! version of them the caller has seen. The store checks both within the transaction of the act.

use super::ids::SessionId;

/// Right by which an administrator acts, with the version that the caller has seen. An
/// administrator cannot act on an account with more permissions, and cannot create one.
#[derive(Debug, Clone, Copy)]
pub struct Authority {
    /// The session that asks. Its permissions are read in the transaction itself, so that a
    /// demotion that is acknowledged meanwhile holds. None is the operator of the machine, who has
    /// every permission.
    pub session: Option<SessionId>,
    /// The generation of the token that asks; it must still be valid in the transaction, too.
    pub generation: i64,
    /// The version that the caller has seen, if they state one.
    pub known: ExpectedVersion,
}

impl Authority {
    /// The operator, who runs the program on the database.
    pub const OPERATOR: Self = Self {
        session: None,
        generation: 0,
        known: ExpectedVersion::Unstated,
    };
}

/// Version of an account or role that a caller expects (RFC 9110 section 13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// No version is stated.
    Unstated,
    /// Any version that exists.
    Any,
    /// One of these versions.
    OneOf(Versions),
}

/// Versions that a caller names; an empty list is a version that never existed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions([Option<i64>; Self::MOST]);

impl Versions {
    /// The most versions that one list holds.
    pub const MOST: usize = 8;

    /// Adds a version; false if the list is full.
    #[must_use]
    pub fn push(&mut self, version: i64) -> bool {
        let free = self.0.iter_mut().find(|place| place.is_none());
        free.is_some_and(|place| place.replace(version).is_none())
    }
}

impl ExpectedVersion {
    /// Whether the present version is one that the caller accepts.
    #[must_use]
    pub fn is(self, version: i64) -> bool {
        match self {
            Self::Unstated | Self::Any => true,
            Self::OneOf(known) => known.0.contains(&Some(version)),
        }
    }
}
