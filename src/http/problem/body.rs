//! The body of every refusal.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::table::Row;
use crate::http::surface::ErrorForm;
use crate::model::invalid::Invalid;

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

impl ProblemBody {
    /// Of the row of a case; `fields` are those at fault, if it is one of fields.
    #[must_use]
    pub(super) fn new(
        row: &Row<'_>,
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
