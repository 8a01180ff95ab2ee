//! The one table from failure to answer: status, code, detail, OAuth error, headers.
//!
//! One JSON body serves three kinds of client: FastAPI's `detail`, RFC 9457, and on the OAuth-style
//! paths RFC 6749's `error`. Every text comes from this file; a library's message or the client's
//! input never does (ASVS 16.5.1). The cause of a 5xx is logged here, once.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{StatusCode, header::HeaderName};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::invalid::Invalid;
use crate::model::refusal::{LoginRefusal, RefreshRefusal};
use crate::service::Failure;

/// How long a client should wait for a hashing thread or the database (seconds).
const RETRY_AFTER: &str = "2";

/// Whatever is refused, by a use-case or by HTTP itself.
#[derive(Debug)]
pub enum Problem {
    /// A use-case refused.
    Failed(Failure),
    /// A parameter is missing, repeated or malformed, in the strict words of RFC 6749 section 5.2.
    InvalidRequest,
    /// A login by the password grant was refused, in the words of RFC 6749 section 5.2.
    InvalidGrant,
    /// A grant type that there is not.
    UnsupportedGrantType,
    /// A client authenticated itself, and no client is known.
    InvalidClient,
    /// There is no bearer token.
    NotAuthenticated,
    /// More than one `Authorization` header.
    AmbiguousCredentials,
    /// No such path.
    NotFound,
    /// The path has other methods; the text is for `Allow`.
    MethodNotAllowed(HeaderValue),
    /// The body is of another kind than the operation takes.
    UnsupportedMediaType,
    /// The body is larger than the operation takes.
    TooLarge,
    /// The body did not come to its end in time.
    BodyTimeout,
    /// The body cannot be read as what it says it is.
    Malformed,
    /// A handler panicked.
    Panicked,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Vec<Invalid>> for Problem {
    fn from(invalid: Vec<Invalid>) -> Self {
        Self::Failed(Failure::Invalid(invalid))
    }
}

/// One row of the table.
struct Row {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    oauth_error: &'static str,
}

const fn row(status: StatusCode, code: &'static str, oauth_error: &'static str, detail: &'static str) -> Row {
    Row {
        status,
        code,
        detail,
        oauth_error,
    }
}

/// The one word and status of RFC 6749 section 5.2 for every grant that is refused.
const INVALID_GRANT: Row = row(
    StatusCode::BAD_REQUEST,
    "invalid_grant",
    "invalid_grant",
    "The grant is invalid, expired or has ended",
);

impl Problem {
    #[expect(clippy::too_many_lines, reason = "one table, a row a case")]
    fn row(&self) -> Row {
        use StatusCode as S;
        match self {
            Self::Failed(failure) => match failure {
                Failure::Invalid(_) => row(
                    S::UNPROCESSABLE_ENTITY,
                    failure.code(),
                    "invalid_request",
                    "The request has missing or invalid fields",
                ),
                Failure::EmailTaken => row(
                    S::BAD_REQUEST,
                    failure.code(),
                    "invalid_request",
                    "User with this email already exists.",
                ),
                Failure::RegistrationClosed => row(
                    S::FORBIDDEN,
                    failure.code(),
                    "access_denied",
                    "Registration is closed",
                ),
                Failure::PasswordGrantOff => row(
                    S::BAD_REQUEST,
                    failure.code(),
                    "unauthorized_client",
                    "Logging in by password is turned off",
                ),
                // One row for unknown, wrong and disabled: nobody is told which (ASVS 6.3.8).
                Failure::BadCredentials(_) => row(
                    S::UNAUTHORIZED,
                    failure.code(),
                    "invalid_grant",
                    "Incorrect email or password",
                ),
                Failure::WrongPassword => row(
                    S::FORBIDDEN,
                    failure.code(),
                    "access_denied",
                    "Incorrect current password",
                ),
                Failure::InvalidGrant(_) => INVALID_GRANT,
                Failure::PasswordChangeRequired => row(
                    S::FORBIDDEN,
                    failure.code(),
                    "invalid_grant",
                    "The password is good for one use: send new_password with it",
                ),
                Failure::Outdated => row(
                    S::PRECONDITION_FAILED,
                    failure.code(),
                    "invalid_request",
                    "It was changed meanwhile; read it again",
                ),
                Failure::VersionRequired => row(
                    S::PRECONDITION_REQUIRED,
                    failure.code(),
                    "invalid_request",
                    "It is there; send If-Match with its ETag",
                ),
                Failure::LastAdmin => row(
                    S::CONFLICT,
                    failure.code(),
                    "invalid_request",
                    "The last active admin cannot be lost",
                ),
                Failure::RoleBuiltIn => row(
                    S::CONFLICT,
                    failure.code(),
                    "invalid_request",
                    "The role is built in",
                ),
                Failure::RoleInUse => row(
                    S::CONFLICT,
                    failure.code(),
                    "invalid_request",
                    "Accounts have the role",
                ),
                Failure::NotFound => row(S::NOT_FOUND, failure.code(), "invalid_request", "Not Found"),
                Failure::NotPermitted => row(
                    S::FORBIDDEN,
                    failure.code(),
                    "insufficient_scope",
                    "Not permitted",
                ),
                Failure::InvalidToken => row(
                    S::UNAUTHORIZED,
                    failure.code(),
                    "invalid_token",
                    "Could not validate credentials",
                ),
                Failure::Throttled { .. } => row(
                    S::TOO_MANY_REQUESTS,
                    failure.code(),
                    "slow_down",
                    "Too many attempts, try again later",
                ),
                Failure::Busy => row(
                    S::SERVICE_UNAVAILABLE,
                    failure.code(),
                    "temporarily_unavailable",
                    "Too many logins at once, try again shortly",
                ),
                Failure::Unavailable(_) => row(
                    S::SERVICE_UNAVAILABLE,
                    failure.code(),
                    "temporarily_unavailable",
                    "The service is unavailable, try again shortly",
                ),
                Failure::Internal(_) => row(
                    S::INTERNAL_SERVER_ERROR,
                    failure.code(),
                    "server_error",
                    "Internal server error",
                ),
            },
            Self::InvalidRequest => row(
                S::BAD_REQUEST,
                "invalid_request",
                "invalid_request",
                "A parameter is missing, repeated or malformed",
            ),
            Self::InvalidGrant => INVALID_GRANT,
            Self::UnsupportedGrantType => row(
                S::BAD_REQUEST,
                "unsupported_grant_type",
                "unsupported_grant_type",
                "The grant type must be password or refresh_token",
            ),
            Self::InvalidClient => row(
                S::UNAUTHORIZED,
                "invalid_client",
                "invalid_client",
                "No client is registered; leave client authentication out",
            ),
            Self::NotAuthenticated => row(
                S::UNAUTHORIZED,
                "not_authenticated",
                "invalid_request",
                "Not authenticated",
            ),
            Self::AmbiguousCredentials => row(
                S::BAD_REQUEST,
                "ambiguous_credentials",
                "invalid_request",
                "More than one Authorization header",
            ),
            Self::NotFound => row(S::NOT_FOUND, "not_found", "invalid_request", "Not Found"),
            Self::MethodNotAllowed(_) => row(
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "invalid_request",
                "Method Not Allowed",
            ),
            Self::UnsupportedMediaType => row(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "invalid_request",
                "Unsupported Media Type",
            ),
            Self::TooLarge => row(
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                "invalid_request",
                "The request body is too large",
            ),
            Self::BodyTimeout => row(
                S::REQUEST_TIMEOUT,
                "timeout",
                "invalid_request",
                "The request body did not arrive in time",
            ),
            Self::Malformed => row(
                S::BAD_REQUEST,
                "malformed",
                "invalid_request",
                "The request is malformed",
            ),
            Self::Panicked => row(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "server_error",
                "Internal server error",
            ),
        }
    }

    fn headers(&self, oauth: bool) -> Option<(HeaderName, HeaderValue)> {
        let challenge = |text| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(text)));
        match self {
            // A login is refused in the words that the seed used; everything else names the realm
            // (RFC 6750 section 3).
            Self::Failed(Failure::BadCredentials(_)) => challenge("Bearer"),
            Self::NotAuthenticated if oauth => challenge("Bearer"),
            Self::NotAuthenticated => challenge(r#"Bearer realm="doorward""#),
            Self::Failed(Failure::InvalidToken) => challenge(
                r#"Bearer realm="doorward", error="invalid_token", error_description="The access token is invalid or has ended""#,
            ),
            Self::Failed(Failure::NotPermitted) => {
                challenge(r#"Bearer realm="doorward", error="insufficient_scope""#)
            }
            Self::InvalidClient => challenge(r#"Basic realm="doorward""#),
            Self::Failed(Failure::Throttled { retry_after }) => {
                Some((header::RETRY_AFTER, HeaderValue::from(*retry_after)))
            }
            Self::Failed(Failure::Busy | Failure::Unavailable(_)) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER)))
            }
            Self::MethodNotAllowed(allow) => Some((header::ALLOW, allow.clone())),
            // The rest of the body is still on its way: the connection cannot be used again.
            Self::TooLarge | Self::BodyTimeout => {
                Some((header::CONNECTION, HeaderValue::from_static("close")))
            }
            _ => None,
        }
    }

    /// The body. `oauth` adds RFC 6749's members.
    #[must_use]
    pub fn body(&self, request_id: &str, oauth: bool) -> ProblemBody {
        let row = self.row();
        let detail = match self {
            Self::Failed(Failure::Invalid(list)) => {
                Detail::Fields(list.iter().map(FieldProblem::from).collect())
            }
            _ => Detail::Text(row.detail.to_owned()),
        };
        ProblemBody {
            kind: "about:blank",
            title: row.status.canonical_reason().unwrap_or("Error"),
            status: row.status.as_u16(),
            detail,
            code: row.code,
            request_id: request_id.to_owned(),
            error: oauth.then_some(row.oauth_error),
            error_description: oauth.then_some(row.detail),
        }
    }

    /// One of each kind that the document shows.
    #[must_use]
    pub fn shown() -> Vec<Self> {
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
            Failure::RoleBuiltIn,
            Failure::RoleInUse,
            Failure::NotFound,
            Failure::NotPermitted,
            Failure::InvalidToken,
            Failure::Throttled { retry_after: 1 },
            Failure::Busy,
            Failure::Internal("shown".to_owned()),
        ];
        let others = [
            Self::InvalidRequest,
            Self::UnsupportedGrantType,
            Self::InvalidClient,
            Self::NotAuthenticated,
            Self::AmbiguousCredentials,
            Self::UnsupportedMediaType,
            Self::TooLarge,
            Self::BodyTimeout,
            Self::Malformed,
        ];
        failures.into_iter().map(Self::Failed).chain(others).collect()
    }

    /// The whole answer. `oauth` adds RFC 6749's members; `problem_json` answers in RFC 9457's
    /// media type.
    #[must_use]
    pub fn answer(&self, request_id: &str, oauth: bool, problem_json: bool) -> HttpResponse {
        let status = self.row().status;
        if status.is_server_error() {
            log::error!(status = status.as_u16(), cause:% = self; "request failed");
        }
        let body = self.body(request_id, oauth);
        let mut response = HttpResponse::build(status);
        if let Some((name, value)) = self.headers(oauth) {
            response.insert_header((name, value));
        }
        response.content_type(if problem_json {
            "application/problem+json"
        } else {
            "application/json"
        });
        response.body(serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            _ => f.write_str(self.row().detail),
        }
    }
}

/// Gives only the status: [`super::pipeline::Envelope`] knows the request and writes the answer.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.row().status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// The body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// RFC 9457; always `about:blank`, for `code` is what to act on.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Unauthorized")]
    title: &'static str,
    /// The status as a number.
    #[schema(example = 401)]
    status: u16,
    detail: Detail,
    /// Stable word for the case; new ones may come.
    #[schema(example = "bad_credentials")]
    code: &'static str,
    /// Finds the request in the log.
    #[schema(example = "6f1c2a9b7d3e4f50")]
    request_id: String,
    /// RFC 6749 section 5.2, on the OAuth-style paths only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_grant")]
    error: Option<&'static str>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Incorrect email or password")]
    error_description: Option<&'static str>,
}

/// What happened: a sentence, or, where fields are at fault (422), a list of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Detail {
    Text(String),
    Fields(Vec<FieldProblem>),
}

/// One field at fault, in FastAPI's shape; the value is never repeated.
#[derive(Debug, Serialize, ToSchema)]
struct FieldProblem {
    /// The rule, as a word.
    #[serde(rename = "type")]
    #[schema(example = "missing")]
    kind: &'static str,
    /// Where the field is.
    #[schema(example = json!(["body", "email"]))]
    loc: Vec<&'static str>,
    /// The rule, in words.
    #[schema(value_type = String, example = "Field required")]
    msg: Cow<'static, str>,
}

impl From<&Invalid> for FieldProblem {
    fn from(invalid: &Invalid) -> Self {
        Self {
            kind: invalid.kind,
            loc: [invalid.part].into_iter().chain(invalid.field).collect(),
            msg: invalid.message.clone(),
        }
    }
}
