//! Paths that name an account.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpRequest, web};
use utoipa::IntoParams;

use crate::model::ids::UserId;
use crate::service::Failure;

/// The account that a path names; for extracting.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// Account id
    #[param(value_type = i64, minimum = 1)]
    id: String,
}

impl AccountPath {
    /// The account's number. It is asked for when the rest of the request has been read, so that
    /// faults of a body come first.
    ///
    /// # Errors
    /// The path holds no number: no account has it.
    pub fn account(&self) -> Result<UserId, Failure> {
        let number = self.id.parse().map(|id: i64| UserId::from(id));
        number.map_err(|_| Failure::NotFound)
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
            let account = AccountPath { id }.account().ok();
            prop_assert_eq!(account.map(|account| account.get().into()), wide);
            let account = AccountPath { id: number.to_string() }.account().ok();
            prop_assert_eq!(account, Some(UserId::from(number)));
        }
    }
}
