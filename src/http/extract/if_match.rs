//! Versions of things: `ETag` in answers, `If-Match` in requests (RFC 9110 section 13.1.1).

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag, Header as _};

use super::bearer::Acting;
use crate::http::problem::Problem;
use crate::model::authority::{Authority, ExpectedVersion};

/// The right that the bearer acts by, and the version of the thing that they have seen.
///
/// # Errors
/// The header is malformed.
pub fn authority(acting: &Acting, request: &HttpRequest) -> Result<Authority, Problem> {
    let known = if request.headers().contains_key(header::IF_MATCH) {
        match header::IfMatch::parse(request).map_err(|_| Problem::Malformed)? {
            header::IfMatch::Any => ExpectedVersion::Any,
            header::IfMatch::Items(tags) => match tags.as_slice() {
                // Someone who has seen one version has no use for a list; none of its tags is
                // taken for that version.
                [tag] if !tag.weak => tag
                    .tag()
                    .parse()
                    .map_or(ExpectedVersion::Never, ExpectedVersion::Version),
                _ => ExpectedVersion::Never,
            },
        }
    } else {
        ExpectedVersion::Unstated
    };
    Ok(Authority {
        session: Some(acting.bearer.session),
        known,
    })
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: i64) -> header::ETag {
    header::ETag(EntityTag::new_strong(version.to_string()))
}
