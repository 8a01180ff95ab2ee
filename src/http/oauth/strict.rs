//! Forms read to the letter of RFC 6749: what is wrong with them is one word, not a list of fields.

use utoipa::ToSchema;

use crate::http::extract::form::FormFields;
use crate::http::problem::Problem;
use crate::service::Failure;

/// The form, where one that does not parse is an `invalid_request`.
///
/// # Errors
/// [`Problem::InvalidRequest`], or why there is no body.
pub fn strict(form: Result<FormFields, Problem>) -> Result<FormFields, Problem> {
    form.map_err(|problem| match problem {
        Problem::Failed(Failure::Invalid(_)) => Problem::InvalidRequest,
        other => other,
    })
}

/// The form of RFC 7009 and of RFC 7662.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the form, which FormFields reads field by field"
)]
pub struct PresentedToken {
    /// An access or a refresh token.
    #[schema(min_length = 1, example = "dwr_…")]
    token: String,
    /// `access_token` or `refresh_token`; a hint that is not needed.
    #[schema(nullable = false, example = "refresh_token")]
    token_type_hint: Option<String>,
}
