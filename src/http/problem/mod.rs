//! Refusals and how they are answered.
//!
//! One JSON body serves three kinds of client: FastAPI's `detail`, RFC 9457, and on the OAuth surface
//! RFC 6749's `error`. Every text comes from [`table`]; a library's message or the client's input
//! never does (ASVS 16.5.1). The cause of a 5xx is logged here, once; refusals of a full hash queue are
//! logged by their number ([`busy_note`](crate::service::busy_note)).

mod body;
mod case;
pub mod shared;
mod table;

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

pub use self::body::ProblemBody;
pub use self::case::Problem;
use super::surface::ErrorForm;
use crate::service::Failure;

/// The media type of a refusal's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/problem+json` (RFC 9457), for clients that ask for it by name.
    ProblemJson,
}

impl Problem {
    /// The body of the answer.
    #[must_use]
    pub fn body(&self, request_id: &str, errors: ErrorForm) -> ProblemBody {
        let fields = if let Self::Failed(Failure::Invalid(list)) = self {
            Some(list.as_slice())
        } else {
            None
        };
        ProblemBody::new(&table::of(self), fields, request_id, errors)
    }

    /// The whole answer.
    #[must_use]
    pub fn answer(&self, request_id: &str, errors: ErrorForm, media_type: MediaType) -> HttpResponse {
        let row = table::of(self);
        if row.status.is_server_error() && !matches!(self, Self::Failed(Failure::Busy)) {
            log::error!(status = row.status.as_u16(), cause:% = self; "request failed");
        }
        let mut response = HttpResponse::build(row.status);
        if let Some((name, value)) = row.header(errors) {
            response.insert_header((name, value));
        }
        response.content_type(match media_type {
            MediaType::Json => "application/json",
            MediaType::ProblemJson => "application/problem+json",
        });
        response.body(serde_json::to_vec(&self.body(request_id, errors)).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Failed(failure) = self {
            failure.fmt(f)
        } else {
            f.write_str(table::of(self).detail)
        }
    }
}

/// Gives only the status: [`super::pipeline`] knows the request and writes the answer.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        table::of(self).status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
