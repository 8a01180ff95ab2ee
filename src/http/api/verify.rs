//! `GET /verify`: the question of a proxy before it forwards a request to an app (forward-auth).

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, get};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::http::extract::bearer::CurrentUser;
use crate::http::extract::query::{FromQuery, Query, QueryFields};
use crate::http::problem::shared::{GuardRefusals, ServerRefusals};
use crate::http::problem::{Problem, ProblemBody};
use crate::model::invalid::Invalid;
use crate::model::permission::is_permission;
use crate::service::Failure;

const SUBJECT: HeaderName = HeaderName::from_static("x-doorward-subject");
const EMAIL: HeaderName = HeaderName::from_static("x-doorward-email");
const ROLE: HeaderName = HeaderName::from_static("x-doorward-role");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-doorward-permissions");

/// Bytes of an address that a header cannot hold or a reader would take for something else.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b',')
    .add(b';')
    .add(b'\\');

/// The permission that a proxy asks for.
#[derive(utoipa::IntoParams)]
struct VerifyQuery {
    /// Permission that the account must have; without it, a live session is enough
    #[param(pattern = "^[a-z0-9_.-]+(:[a-z0-9_.-]+)+$", example = "orders:refund")]
    permission: Option<String>,
}

const NO_PERMISSION: (&str, &str) = (
    "string_pattern_mismatch",
    "Input should match pattern '^[a-z0-9_.-]+(:[a-z0-9_.-]+)+$'",
);

impl FromQuery for VerifyQuery {
    fn from_query(query: &QueryFields, faults: &mut Vec<Invalid>) -> Self {
        Self {
            permission: query.parsed("permission", faults, NO_PERMISSION, |text| {
                is_permission(text).then(|| text.to_owned())
            }),
        }
    }
}

/// Verify a request for a proxy
///
/// For forward authentication: the proxy passes the `Authorization` header of a request on, and
/// forwards the request with the headers of this answer. All four are always there; the values are
/// percent-encoded UTF-8, and permissions are separated by spaces. The app must not be reachable
/// without the proxy, and the proxy must remove such headers from outside.
#[utoipa::path(
    operation_id = "verify", tag = "sessions", security(("password" = [])),
    params(VerifyQuery),
    responses(
        (status = 204, description = "The session is live, and the account has the permission",
            headers(
                ("X-Doorward-Subject" = String, description = "The `sub` of its tokens"),
                ("X-Doorward-Email" = String, description = "E-mail address of the account"),
                ("X-Doorward-Role" = String, description = "Role of the account"),
                ("X-Doorward-Permissions" = String, description = "Permissions of the role"),
            )),
        (status = 403, description = "The account lacks the permission (`insufficient_scope`)", body = ProblemBody,
            headers(("WWW-Authenticate" = String, description = "Names the permission as `scope` (RFC 6750 section 3)"))),
        (status = 422, description = "The permission or the query is malformed (`invalid_input`); `detail` is a list", body = ProblemBody),
        GuardRefusals, ServerRefusals,
    )
)]
#[get("")]
pub async fn verify(user: CurrentUser, Query(query): Query<VerifyQuery>) -> Result<HttpResponse, Problem> {
    let state = &user.0.state;
    if let Some(permission) = query.permission
        && !state.permissions.names().any(|held| held == permission)
    {
        log::warn!(user = state.me.id.get(), permission = permission.as_str(); "permission denied");
        return Err(Problem::Lacks(permission));
    }
    Ok(HttpResponse::NoContent()
        .insert_header((SUBJECT, state.subject.to_string()))
        .insert_header((EMAIL, encoded(&state.me.email)?))
        .insert_header((ROLE, state.me.role.as_str()))
        .insert_header((PERMISSIONS, state.permissions.as_str()))
        .finish())
}

/// A text as a header's value.
fn encoded(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(&utf8_percent_encode(text, ENCODED).to_string())
        .map_err(|cause| Failure::Internal(cause.to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_encoded_as_utf_8_and_an_ordinary_one_stays() {
        assert_eq!(encoded("a.b+c@example.com").unwrap(), "a.b+c@example.com");
        assert_eq!(
            encoded("ä \"x\"%,;\\\r\n@example.com").unwrap(),
            "%C3%A4%20%22x%22%25%2C%3B%5C%0D%0A@example.com"
        );
    }
}
