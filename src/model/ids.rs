//! Identifiers. The row number is what an API shows; the subject is what a token carries.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A user's row number: small, public, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct UserId(i64);

impl UserId {
    /// The bare number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<i64> for UserId {
    fn from(row: i64) -> Self {
        Self(row)
    }
}

/// The `sub` of a user's tokens: random, opaque, never reassigned (RFC 9068 section 5, ASVS
/// 10.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Subject(Uuid);

/// The `sid` of a session's tokens: random, unique, no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct SessionId(Uuid);

impl SessionId {
    /// Before every session, in the order of the database.
    pub const FIRST: Self = Self(Uuid::nil());
    /// After every session.
    pub const LAST: Self = Self(Uuid::max());
}

macro_rules! from_uuid {
    ($($id:ident),*) => {$(
        impl From<Uuid> for $id {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl $id {
            /// The sixteen bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

from_uuid!(Subject, SessionId);
