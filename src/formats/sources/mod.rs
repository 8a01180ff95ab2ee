//! Where an export comes from, and what one record of it means as an account.
//!
//! One file for each source. Password hashes are carried in the PHC or modular form that the
//! verifying side knows, never judged here. A refusal names the field and the rule; it never
//! repeats a value, because any cell may hold a hash or a password.

mod django;
mod doorward;
mod fastapi_users;
mod fields;
mod firebase;
mod keycloak;
mod supabase;

use std::borrow::Cow;
use std::fmt;

pub use self::doorward::write;
pub use self::firebase::FirebaseParameters;
use super::records::Record;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::ids::Subject;

/// A service whose exports can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Our own JSON lines, which [`write()`] makes.
    Doorward,
    /// fastapi-users: the table `user` of its `SQLAlchemy` adapter.
    FastapiUsers,
    /// Supabase: the table `auth.users`.
    Supabase,
    /// Django: `manage.py dumpdata auth.user`, or the table `auth_user`.
    Django,
    /// Firebase: `firebase auth:export users.json`.
    Firebase,
    /// Keycloak: a realm's export with its users.
    Keycloak,
}

impl Source {
    /// Every source, in the order to name them in.
    pub const ALL: [Self; 6] = [
        Self::Doorward,
        Self::FastapiUsers,
        Self::Supabase,
        Self::Django,
        Self::Firebase,
        Self::Keycloak,
    ];

    /// The source of that [`Source::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// What a command line calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Doorward => "doorward",
            Self::FastapiUsers => "fastapi-users",
            Self::Supabase => "supabase",
            Self::Django => "django",
            Self::Firebase => "firebase",
            Self::Keycloak => "keycloak",
        }
    }

    /// The account that a record means; none if it is no person's account and was never meant to be
    /// one.
    ///
    /// # Errors
    /// [`Refused`], in one line for a report.
    pub fn account(
        self,
        record: Record,
        parameters: &Parameters,
    ) -> Result<Option<ImportedAccount>, Refused> {
        match self {
            Self::Doorward => doorward::account(&record).map(Some),
            Self::FastapiUsers => fastapi_users::account(&record).map(Some),
            Self::Supabase => supabase::account(&record, parameters.now).map(Some),
            Self::Django => django::account(&record),
            Self::Firebase => firebase::account(&record, parameters.firebase.as_ref()).map(Some),
            Self::Keycloak => keycloak::account(&record),
        }
    }
}

/// What is not in the records themselves.
#[derive(Debug)]
pub struct Parameters {
    /// The present, which tells whether a ban is over.
    pub now: Timestamp,
    /// A Firebase project's hash parameters.
    pub firebase: Option<FirebaseParameters>,
}

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
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When the password ends being accepted.
    pub password_expires_at: Option<Timestamp>,
    /// The latest login.
    pub last_login_at: Option<Timestamp>,
}

impl ImportedAccount {
    /// An active account without a password or anything else.
    fn new(email: Email) -> Self {
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
        /// One sentence from a closed list.
        why: Cow<'static, str>,
    },
    /// A member that the format does not have, so that the file is of another source or a later
    /// version.
    #[error("{0}: is no member of this format")]
    Unknown(String),
    /// Hashed by something that we do not know.
    #[error("{field}: the password is hashed with {algorithm}, which cannot be imported")]
    Algorithm {
        /// Its name in the source.
        field: &'static str,
        /// As the source calls it.
        algorithm: String,
    },
    /// Firebase exports the hashes without what all of them were made with.
    #[error("passwordHash: the hash parameters of the Firebase project are needed")]
    NoFirebaseParameters,
}

impl Refused {
    fn invalid(field: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            field,
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests;
