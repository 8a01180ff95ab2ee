//! Reasons why an input is refused: the field and the rule, never the value (ASVS 16.5.1).

use std::borrow::Cow;

/// One refused field, in the words of FastAPI's `detail` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Machine word for the rule, such as `missing` or `string_too_short`.
    pub kind: &'static str,
    /// Part of the request that it is in: `body`, `query` or `path`.
    pub part: &'static str,
    /// The field, or none where the part as a whole is at fault.
    pub field: Option<&'static str>,
    /// One sentence from a closed list.
    pub message: Cow<'static, str>,
}

impl Invalid {
    /// A refusal of one field.
    pub fn field(field: &'static str, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            part: "body",
            field: Some(field),
            message: message.into(),
        }
    }

    /// A refusal of the body as a whole.
    pub fn body(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            part: "body",
            field: None,
            message: message.into(),
        }
    }

    /// A refusal of one parameter of the query.
    pub fn query(field: &'static str, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            part: "query",
            ..Self::field(field, kind, message)
        }
    }

    /// A required field is absent or, in a form, empty.
    #[must_use]
    pub fn missing(field: &'static str) -> Self {
        Self::field(field, "missing", "Field required")
    }
}
