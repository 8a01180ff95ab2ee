//! The one table from failure to answer: a row for each case, in a match without a wildcard.

use actix_web::http::StatusCode as S;
use actix_web::http::header::{self, HeaderName, HeaderValue};

use super::case::Problem;
use crate::http::surface::ErrorForm;
use crate::service::Failure as F;

/// How long a client should wait for a hashing thread or the database (seconds).
const SHORTLY: u64 = 2;

/// The answer to a case.
pub struct ProblemRow<'a> {
    /// Status of the answer.
    pub status: S,
    /// Stable word of the case, for clients to act on.
    pub code: &'static str,
    /// RFC 6749's word for it.
    pub oauth_error: &'static str,
    /// The case in a sentence.
    pub detail: &'static str,
    extra: Extra<'a>,
}

/// The header that an answer has beside its body.
enum Extra<'a> {
    Nothing,
    /// `WWW-Authenticate` where no credentials came (RFC 6750 section 3).
    Unauthenticated,
    /// `WWW-Authenticate` in these words.
    Challenge(&'static str),
    /// `WWW-Authenticate` with the permission that is missing (RFC 6750 section 3).
    MissingScope(&'a str),
    /// `Retry-After` in seconds.
    RetryAfter(u64),
    Allow(&'a HeaderValue),
    /// The rest of the body is still on its way: the connection cannot be used again.
    Close,
}

const UNAUTHENTICATED: &str = r#"Bearer realm="doorward""#;
const INVALID_TOKEN: &str = r#"Bearer realm="doorward", error="invalid_token", error_description="The access token is invalid or has ended""#;
const STALE_PROOF: &str = r#"Bearer realm="doorward", error="insufficient_user_authentication", error_description="The password must be proved again", max_age=600"#;
const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="doorward", error="insufficient_scope""#;

const fn row(
    status: S,
    code: &'static str,
    oauth_error: &'static str,
    detail: &'static str,
) -> ProblemRow<'static> {
    ProblemRow {
        status,
        code,
        oauth_error,
        detail,
        extra: Extra::Nothing,
    }
}

impl<'a> ProblemRow<'a> {
    const fn with(self, extra: Extra<'a>) -> Self {
        Self { extra, ..self }
    }

    /// The header beside the body, if there is one.
    pub fn header(&self, errors: ErrorForm) -> Option<(HeaderName, HeaderValue)> {
        let challenge = |text| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(text)));
        match (&self.extra, errors) {
            (Extra::Nothing, _) => None,
            (Extra::Unauthenticated, ErrorForm::Problem) => challenge(UNAUTHENTICATED),
            (Extra::Unauthenticated, ErrorForm::OAuth) => challenge("Bearer"),
            (Extra::Challenge(text), _) => challenge(text),
            (Extra::MissingScope(permission), _) => {
                let text = format!("{INSUFFICIENT_SCOPE}, scope=\"{permission}\"");
                let value = HeaderValue::try_from(text).ok()?;
                Some((header::WWW_AUTHENTICATE, value))
            }
            (Extra::RetryAfter(seconds), _) => Some((header::RETRY_AFTER, HeaderValue::from(*seconds))),
            (Extra::Allow(methods), _) => Some((header::ALLOW, (*methods).clone())),
            (Extra::Close, _) => Some((header::CONNECTION, HeaderValue::from_static("close"))),
        }
    }
}

/// The row of a case.
#[rustfmt::skip]
pub fn of(problem: &Problem) -> ProblemRow<'_> {
    match problem {
        Problem::Failed(failure) => of_failure(failure),
        Problem::InvalidRequest => row(S::BAD_REQUEST, "invalid_request", "invalid_request",
            "A parameter is missing, repeated or malformed"),
        Problem::InvalidGrant => row(S::BAD_REQUEST, "invalid_grant", "invalid_grant",
            "Incorrect email or password"),
        Problem::UnsupportedGrantType => row(S::BAD_REQUEST, "unsupported_grant_type", "unsupported_grant_type",
            "The grant type must be password or refresh_token"),
        Problem::InvalidClient => row(S::UNAUTHORIZED, "invalid_client", "invalid_client",
            "Unknown client or wrong secret; the token endpoint takes no clients").with(Extra::Challenge(r#"Basic realm="doorward""#)),
        Problem::NotAuthenticated => row(S::UNAUTHORIZED, "not_authenticated", "invalid_request",
            "Not authenticated").with(Extra::Unauthenticated),
        Problem::AmbiguousCredentials => row(S::BAD_REQUEST, "ambiguous_credentials", "invalid_request",
            "More than one Authorization header or kind of credentials"),
        Problem::Lacks(permission) => row(S::FORBIDDEN, "insufficient_scope", "insufficient_scope",
            "Not permitted").with(Extra::MissingScope(permission)),
        Problem::NotFound => row(S::NOT_FOUND, "not_found", "invalid_request",
            "Not Found"),
        Problem::MethodNotAllowed(allow) => row(S::METHOD_NOT_ALLOWED, "method_not_allowed", "invalid_request",
            "Method Not Allowed").with(Extra::Allow(allow)),
        Problem::UnsupportedMediaType(wanted) => row(S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "invalid_request",
            wanted),
        Problem::TooLarge => row(S::PAYLOAD_TOO_LARGE, "too_large", "invalid_request",
            "The request body is too large").with(Extra::Close),
        Problem::BodyTimeout => row(S::REQUEST_TIMEOUT, "timeout", "invalid_request",
            "The request body did not arrive in time").with(Extra::Close),
        Problem::Malformed => row(S::BAD_REQUEST, "malformed", "invalid_request",
            "The request is malformed"),
        Problem::Panicked => row(S::INTERNAL_SERVER_ERROR, "internal", "server_error",
            "Internal server error"),
    }
}

#[rustfmt::skip]
fn of_failure(failure: &F) -> ProblemRow<'static> {
    let row = |status, oauth_error, detail| row(status, failure.code(), oauth_error, detail);
    match failure {
        F::Invalid(_) => row(S::UNPROCESSABLE_ENTITY, "invalid_request",
            "The request has missing or invalid fields"),
        F::EmailTaken => row(S::BAD_REQUEST, "invalid_request",
            "User with this email already exists."),
        F::RegistrationClosed => row(S::FORBIDDEN, "access_denied",
            "Registration is closed"),
        F::PasswordGrantOff => row(S::BAD_REQUEST, "unauthorized_client",
            "Logging in by password is turned off"),
        // One row for unknown, wrong and disabled, so that the answer does not tell which it is
        // (ASVS 6.3.8). The challenge has the words of FastAPI's example.
        F::BadCredentials(_) => row(S::UNAUTHORIZED, "invalid_grant",
            "Incorrect email or password").with(Extra::Challenge("Bearer")),
        F::WrongPassword => row(S::FORBIDDEN, "access_denied",
            "Incorrect current password"),
        F::InvalidGrant(_) => row(S::BAD_REQUEST, "invalid_grant",
            "The refresh token is invalid or expired"),
        F::PasswordChangeRequired => row(S::FORBIDDEN, "invalid_grant",
            "The password is good for one use: send new_password with it"),
        F::Outdated => row(S::PRECONDITION_FAILED, "invalid_request",
            "It was changed meanwhile; read it again"),
        F::VersionRequired => row(S::PRECONDITION_REQUIRED, "invalid_request",
            "It is there; send If-Match with its ETag"),
        F::LastAdmin => row(S::CONFLICT, "invalid_request",
            "It is the last active admin: make another admin first"),
        F::OwnAccount => row(S::CONFLICT, "invalid_request",
            "It is your own account; use PUT /me/password"),
        F::RoleBuiltIn => row(S::CONFLICT, "invalid_request",
            "The role is built in"),
        F::RoleInUse => row(S::CONFLICT, "invalid_request",
            "Accounts have the role"),
        F::NotFound => row(S::NOT_FOUND, "invalid_request",
            "Not Found"),
        F::NotPermitted => row(S::FORBIDDEN, "insufficient_scope",
            "Not permitted").with(Extra::Challenge(INSUFFICIENT_SCOPE)),
        F::InvalidToken => row(S::UNAUTHORIZED, "invalid_token",
            "Could not validate credentials").with(Extra::Challenge(INVALID_TOKEN)),
        F::StaleProof => row(S::UNAUTHORIZED, "insufficient_user_authentication",
            "The password must be proved again: POST /me/reauthenticate").with(Extra::Challenge(STALE_PROOF)),
        F::Throttled { retry_after } => row(S::TOO_MANY_REQUESTS, "slow_down",
            "Too many attempts, try again later").with(Extra::RetryAfter(*retry_after)),
        F::Busy => row(S::SERVICE_UNAVAILABLE, "temporarily_unavailable",
            "Too many logins at once, try again shortly").with(Extra::RetryAfter(SHORTLY)),
        F::Unavailable(_) => row(S::SERVICE_UNAVAILABLE, "temporarily_unavailable",
            "The service is unavailable, try again shortly").with(Extra::RetryAfter(SHORTLY)),
        F::Internal(_) => row(S::INTERNAL_SERVER_ERROR, "server_error",
            "Internal server error"),
    }
}
