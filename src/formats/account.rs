//! An account as a record means it, and why a record does not become one.

use std::borrow::Cow;
use std::fmt;

use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::ids::Subject;

/// An account as another service has it.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedAccount {
    /// The address to log in with.
    pub email: Email,
    /// The password's hash in its text form; none if the account has no password.
    pub password_hash: Option<String>,
    /// The name of the role; none leaves the default.
    pub role: Option<String>,
    /// Whether it may log in.
    pub is_active: bool,
    /// The `sub` that other services may know the account by; none leaves a new one to be made.
    pub subject: Option<Subject>,
    /// Instant at which it was made.
    pub created_at: Option<Timestamp>,
    /// Instant from which the password is not accepted.
    pub password_expires_at: Option<Timestamp>,
    /// Instant of the latest login.
    pub last_login_at: Option<Timestamp>,
}

impl ImportedAccount {
    /// An active account without a password or anything else.
    pub(super) fn new(email: Email) -> Self {
        Self {
            email,
            password_hash: None,
            role: None,
            is_active: true,
            subject: None,
            created_at: None,
            password_expires_at: None,
            last_login_at: None,
        }
    }
}

impl fmt::Debug for ImportedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ImportedAccount");
        shown
            .field("email", &self.email.as_str())
            .field("role", &self.role)
            .field("is_active", &self.is_active);
        shown
            .field("subject", &self.subject)
            .field("has_password", &self.password_hash.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a record does not become an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A field that the source always has is absent or empty.
    #[error("{0}: is missing")]
    Missing(&'static str),
    /// A field is there and cannot be used.
    #[error("{field}: {why}")]
    Invalid {
        /// Its name in the source.
        field: &'static str,
        /// The rule, one sentence from a closed list.
        why: Cow<'static, str>,
    },
    /// A member that the format does not have, so that the file is of another source or a later
    /// version.
    #[error("{0}: is no member of this format")]
    Unknown(String),
    /// The password is hashed by an algorithm that we do not know.
    #[error("{field}: the password is hashed with {algorithm}, which cannot be imported")]
    Algorithm {
        /// Its name in the source.
        field: &'static str,
        /// The source's name of it.
        algorithm: String,
    },
    /// Firebase exports the hashes without the parameters that all of them were made with.
    #[error("passwordHash: the hash parameters of the Firebase project are needed")]
    NoFirebaseParameters,
}

impl Refused {
    pub(super) fn invalid(field: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            field,
            why: why.into(),
        }
    }
}
