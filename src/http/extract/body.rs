//! Bodies as bytes, under limits of size and time. Their type is checked before they are read, the
//! bearer again after.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::body::{BodyStream, to_bytes_limited};
use actix_web::dev::Payload;
use actix_web::http::header;
use zeroize::Zeroizing;

use super::bearer::check_again;
use crate::http::problem::Problem;

/// Bytes of the largest body that any operation reads.
pub const LARGEST: usize = 16 * 1024;
/// From the end of the headers to the end of the body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Media type of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl BodyType {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// Sentence for a client that sends another type.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Json => "The body must be application/json in UTF-8",
            Self::Form => "The body must be application/x-www-form-urlencoded in UTF-8",
        }
    }
}

/// Checks the headers immediately, then reads the body to its end, then checks the bearer again.
///
/// # Errors
/// The body is of another type, too large, late or broken off; or the bearer's right has ended.
pub fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    media_type: BodyType,
    limit: usize,
) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, Problem>> + use<> {
    let allowed = check_headers(request, media_type, limit);
    let (request, payload) = (request.clone(), payload.take());
    async move {
        allowed?;
        let body = tokio::time::timeout(TIMEOUT, to_bytes_limited(BodyStream::new(payload), limit))
            .await
            .map_err(|_| Problem::BodyTimeout)?
            .map_err(|_| Problem::TooLarge)?
            .map_err(|_| Problem::Malformed)?;
        check_again(&request).await?;
        // A copy of its own size: wiping covers a whole buffer, and actix's has 32 KiB.
        Ok(Zeroizing::new(body.to_vec()))
    }
}

fn check_headers(request: &HttpRequest, media_type: BodyType, limit: usize) -> Result<(), Problem> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    // Compressed bodies are refused unread: no body of ours is large enough to need it.
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::UnsupportedMediaType("The body must not be compressed"));
    }
    let given = text(header::CONTENT_TYPE).unwrap_or_default();
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let utf8 = parameters
        .split(';')
        .all(|parameter| match parameter.trim().split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        });
    if !essence.trim().eq_ignore_ascii_case(media_type.name()) || !utf8 {
        return Err(Problem::UnsupportedMediaType(media_type.wanted()));
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        Err(Problem::TooLarge)
    } else {
        Ok(())
    }
}
