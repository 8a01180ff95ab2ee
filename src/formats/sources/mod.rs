//! The services whose exports can be read, and the account that a record of each means.
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

pub use self::doorward::write;
pub use self::firebase::FirebaseParameters;
use super::account::{ImportedAccount, Refused};
use super::record::Record;
use crate::model::clock::Timestamp;

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

    /// The service whose export a record looks like, by a field that the others do not have.
    #[must_use]
    pub fn guess(record: &Record) -> Option<Self> {
        const MARKS: [(&str, Source); 7] = [
            ("hashed_password", Source::FastapiUsers),
            ("encrypted_password", Source::Supabase),
            ("localId", Source::Firebase),
            ("createdTimestamp", Source::Keycloak),
            ("fields", Source::Django),
            ("is_superuser", Source::Django),
            ("subject", Source::Doorward),
        ];
        let mark = MARKS.iter().find(|(field, _)| record.contains_key(*field));
        mark.map(|(_, source)| *source)
    }

    /// Its name on a command line.
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

/// Parameters that the records themselves do not have.
#[derive(Debug)]
pub struct Parameters {
    /// The present, which tells whether a ban is over.
    pub now: Timestamp,
    /// A Firebase project's hash parameters.
    pub firebase: Option<FirebaseParameters>,
}

#[cfg(test)]
mod tests;
