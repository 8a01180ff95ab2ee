//! The body of every refusal.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::table::ProblemRow;
use crate::http::surface::ErrorForm;
use crate::model::invalid::Invalid;

/// Body of every refusal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank` (RFC 9457); act on `code` instead.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// Name of the status.
    #[schema(example = "Unauthorized")]
    title: &'static str,
    /// Number of the status.
    #[schema(example = 401)]
    status: u16,
    detail: Detail,
    /// Stable word for the case; new words may be added.
    #[schema(example = "bad_credentials")]
    code: &'static str,
    /// Id of the request in the log.
    #[schema(example = "6f1c2a9b7d3e4f50")]
    request_id: String,
    /// Error code of RFC 6749 section 5.2, on `/login`, `/refresh` and `/oauth/` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_grant")]
    error: Option<&'static str>,
    /// Description of `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Incorrect email or password")]
    error_description: Option<&'static str>,
}

impl ProblemBody {
    /// Body for a row of the table. `fields` lists the wrong fields of a validation error.
    #[must_use]
    pub(super) fn new(
        row: &ProblemRow<'_>,
        fields: Option<&[Invalid]>,
        request_id: &str,
        errors: ErrorForm,
    ) -> Self {
        let oauth = |text| match errors {
            ErrorForm::Problem => None,
            ErrorForm::OAuth => Some(text),
        };
        Self {
            kind: "about:blank",
            title: row.status.canonical_reason().unwrap_or("Error"),
            status: row.status.as_u16(),
            detail: fields.map_or_else(
                || Detail::Text(row.detail.to_owned()),
                |fields| Detail::Fields(fields.iter().map(FieldProblem::from).collect()),
            ),
            code: row.code,
            request_id: request_id.to_owned(),
            error: oauth(row.oauth_error),
            error_description: oauth(row.detail),
        }
    }
}

/// Explanation: a sentence, or, for 422, a list of the wrong fields.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Detail {
    Text(String),
    Fields(Vec<FieldProblem>),
}

/// One wrong field, in FastAPI's shape. The value is never repeated.
#[derive(Debug, Serialize, ToSchema)]
struct FieldProblem {
    /// Rule that is broken, as a word.
    #[serde(rename = "type")]
    #[schema(example = "missing")]
    kind: &'static str,
    /// Path of the field.
    #[schema(example = json!(["body", "email"]))]
    loc: Vec<&'static str>,
    /// Rule that is broken, as a sentence.
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
