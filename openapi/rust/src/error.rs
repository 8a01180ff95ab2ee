//! Refusals as values: `code` is what to act on, `request_id` finds the request in the service's
//! log.

use crate::generated::types::{Detail, FieldProblem, Problem};
use crate::generated::{self, ResponseValue};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// There was no answer.
    #[error("no answer: {0}")]
    Transport(#[from] reqwest::Error),
    /// There was one, but not the service's.
    #[error("not an answer of the service: {0}")]
    Unreadable(String),
}

/// What a refusal says.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status} {code}: {detail}")]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub detail: String,
    pub request_id: Option<String>,
    /// With 422, each field at fault.
    pub fields: Vec<FieldProblem>,
    /// Seconds, where the service says when to come back.
    pub retry_after: Option<u64>,
}

/// The codes that a caller is likely to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Unknown address, wrong password or disabled account: nobody is told which.
    BadCredentials,
    /// The current password, asked again, is not right.
    WrongPassword,
    /// No token, or one that has ended.
    NotAuthenticated,
    /// The refresh token no longer works: log in again.
    SessionEnded,
    /// Signed in, but the role does not permit it.
    NotPermitted,
    EmailTaken,
    /// The password was good for one use: log in with a new one.
    PasswordChangeRequired,
    /// Fields are missing or break a rule; `fields` says which.
    InvalidInput,
    NotFound,
    /// Too many attempts: wait `retry_after` seconds.
    Throttled,
    /// Too busy, or its database is away: try again after `retry_after` seconds.
    Unavailable,
    /// Another code, today or later.
    Other,
}

impl Error {
    /// What the refusal is; `None` where nobody refused.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.refusal().map(Refusal::kind)
    }

    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Transport(_) | Self::Unreadable(_) => None,
        }
    }

    pub(crate) fn no_session() -> Self {
        let detail = "There is no session: log in".to_owned();
        Self::Refused(Box::new(Refusal {
            status: 400,
            code: "invalid_grant".to_owned(),
            detail,
            request_id: None,
            fields: Vec::new(),
            retry_after: None,
        }))
    }
}

impl Refusal {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.code.as_str() {
            "bad_credentials" => Kind::BadCredentials,
            "wrong_password" => Kind::WrongPassword,
            "not_authenticated" | "invalid_token" => Kind::NotAuthenticated,
            "invalid_grant" => Kind::SessionEnded,
            "insufficient_scope" => Kind::NotPermitted,
            "email_taken" => Kind::EmailTaken,
            "password_change_required" => Kind::PasswordChangeRequired,
            "invalid_input" => Kind::InvalidInput,
            "not_found" => Kind::NotFound,
            "throttled" => Kind::Throttled,
            "busy" | "unavailable" => Kind::Unavailable,
            _ => Kind::Other,
        }
    }

    fn of(answer: ResponseValue<Problem>) -> Self {
        let retry_after = retry_after(answer.headers());
        let problem = answer.into_inner();
        let (detail, fields) = match problem.detail {
            Detail::String(detail) => (detail, Vec::new()),
            Detail::Array(fields) => (fields.iter().map(|field| field.msg.as_str()).collect::<Vec<_>>().join("; "), fields),
        };
        let status = u16::try_from(problem.status).unwrap_or_default();
        Self { status, code: problem.code, detail, request_id: Some(problem.request_id), fields, retry_after }
    }
}

fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<u64> {
    headers.get("retry-after")?.to_str().ok()?.parse().ok()
}

impl From<generated::Error<Problem>> for Error {
    fn from(error: generated::Error<Problem>) -> Self {
        match error {
            generated::Error::ErrorResponse(answer) => Self::Refused(Box::new(Refusal::of(answer))),
            generated::Error::UnexpectedResponse(answer) => {
                let status = answer.status();
                let code = if matches!(status.as_u16(), 502..=504) { "unavailable" } else { "unknown" }.to_owned();
                let detail = status.canonical_reason().unwrap_or_default().to_owned();
                let retry_after = retry_after(answer.headers());
                Self::Refused(Box::new(Refusal { status: status.as_u16(), code, detail, request_id: None, fields: Vec::new(), retry_after }))
            }
            generated::Error::CommunicationError(cause) | generated::Error::ResponseBodyError(cause) => Self::Transport(cause),
            other => Self::Unreadable(other.to_string()),
        }
    }
}
