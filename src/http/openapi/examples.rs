//! Examples of refusals, one of each kind that the document shows.

use crate::http::extract::body::BodyType;
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;
use crate::model::refusal::{LoginRefusal, RefreshRefusal};
use crate::service::Failure;

/// One refusal of each kind that the document shows.
#[must_use]
pub fn refusals() -> Vec<Problem> {
    let failures = [
        Failure::Invalid(vec![Invalid::missing("email")]),
        Failure::EmailTaken,
        Failure::RegistrationClosed,
        Failure::PasswordGrantOff,
        Failure::BadCredentials(LoginRefusal::WrongPassword),
        Failure::WrongPassword,
        Failure::InvalidGrant(RefreshRefusal::Ended),
        Failure::PasswordChangeRequired,
        Failure::Outdated,
        Failure::VersionRequired,
        Failure::LastAdmin,
        Failure::OwnAccount,
        Failure::RoleBuiltIn,
        Failure::RoleInUse,
        Failure::NotFound,
        Failure::NotPermitted,
        Failure::InvalidToken,
        Failure::StaleProof,
        Failure::Throttled { retry_after: 1 },
        Failure::Busy,
        Failure::Internal("shown".to_owned()),
    ];
    let others = [
        Problem::InvalidRequest,
        Problem::UnsupportedGrantType,
        Problem::InvalidClient,
        Problem::NotAuthenticated,
        Problem::AmbiguousCredentials,
        Problem::UnsupportedMediaType(BodyType::Json.wanted()),
        Problem::TooLarge,
        Problem::BodyTimeout,
        Problem::Malformed,
    ];
    failures.into_iter().map(Problem::Failed).chain(others).collect()
}
