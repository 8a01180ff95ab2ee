//! The error body, the same for refusals of a handler, of the framework and of the pipeline.

use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{Error, HttpRequest};

use crate::http::problem::{MediaType, Problem};
use crate::http::surface::ErrorForm;
use crate::telemetry::request_context::RequestId;

/// Writes the body of a refusal that has none yet.
pub fn write(response: &mut ServiceResponse, id: RequestId, errors: ErrorForm) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let error = response.response().error();
    if error.is_none() && response.headers().contains_key(header::CONTENT_TYPE) {
        return;
    }
    let media_type = accepted(response.request());
    let answer = match error {
        Some(error) => match error.as_error::<Problem>() {
            Some(problem) => problem.answer(id.as_str(), errors, media_type),
            None => of_error(error).answer(id.as_str(), errors, media_type),
        },
        None => of_status(status).answer(id.as_str(), errors, media_type),
    };
    *response.response_mut() = answer;
}

fn accepted(request: &HttpRequest) -> MediaType {
    let accepts = request.headers().get_all(header::ACCEPT);
    let by_name = accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/problem+json"));
    if by_name {
        MediaType::ProblemJson
    } else {
        MediaType::Json
    }
}

/// An error of the framework's, told by its status alone: its text may repeat what the client sent.
#[must_use]
pub fn of_error(error: &Error) -> Problem {
    of_status(error.as_response_error().status_code())
}

fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::UnsupportedMediaType("Unsupported Media Type"),
        StatusCode::REQUEST_TIMEOUT => Problem::BodyTimeout,
        status if status.is_client_error() => Problem::Malformed,
        _ => Problem::Panicked,
    }
}
