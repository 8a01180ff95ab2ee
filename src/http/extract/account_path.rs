//! Paths that name an account.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::app::App;
use crate::model::ids::{Subject, UserId};
use crate::service::{Failure, admin};

/// The account that a path names; for extracting.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// Account id. The path also takes the account's subject, the `sub` of its tokens
    #[param(value_type = i64, minimum = 1)]
    id: String,
}

/// The account as a path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountName {
    Id(UserId),
    Subject(Subject),
}

impl AccountPath {
    /// The account's number. It is asked for when the rest of the request has been read, so that
    /// faults of a body come first.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for a path that holds neither a number nor the subject of an account, or
    /// an infrastructure failure.
    pub async fn account(&self, app: &App) -> Result<UserId, Failure> {
        match self.name().ok_or(Failure::NotFound)? {
            AccountName::Id(id) => Ok(id),
            AccountName::Subject(subject) => admin::id_of(app, subject).await,
        }
    }

    fn name(&self) -> Option<AccountName> {
        let id = self.id.parse().ok().map(|id: i64| AccountName::Id(id.into()));
        id.or_else(|| {
            let subject = Uuid::try_parse(&self.id).ok()?;
            // One spelling: no braces, no upper case, with hyphens.
            (subject.to_string() == self.id).then(|| AccountName::Subject(subject.into()))
        })
    }
}

impl FromRequest for AccountPath {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let path = web::Path::<String>::from_request(request, payload).into_inner();
        ready(path.map(|id| Self { id: id.into_inner() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_a_whole_number_of_64_bits_and_nothing_else(id in "\\PC{0,30}|[+-]?[0-9]{0,25}", number in any::<i64>()) {
            let wide = id.parse::<i128>().ok().filter(|number| i64::try_from(*number).is_ok());
            let wide = wide.map(|id| i64::try_from(id).unwrap().into()).map(AccountName::Id);
            prop_assert_eq!(AccountPath { id }.name(), wide);
            let id = Some(AccountName::Id(number.into()));
            prop_assert_eq!(AccountPath { id: number.to_string() }.name(), id);
        }

        #[test]
        fn a_subject_has_one_spelling(subject in any::<u128>()) {
            let subject = Uuid::from_u128(subject);
            let name = |id: String| AccountPath { id }.name();
            prop_assert_eq!(name(subject.to_string()), Some(AccountName::Subject(subject.into())));
            prop_assert_eq!(name(format!("{{{subject}}}")), None);
            prop_assert_eq!(name(format!("urn:uuid:{subject}")), None);
        }
    }
}
