//! Queries: parameters that may be absent, each read by a rule of its own.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::fields::Fields;
use super::form;
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;

/// The parameters of a query, empty ones left out; for extracting.
pub struct QueryFields(Fields);

impl QueryFields {
    /// The text of a parameter that may be absent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.optional(name)
    }

    /// A parameter that may be absent, read by `parse`; notes `rule` if that gives none.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        invalid: &mut Vec<Invalid>,
        rule: (&'static str, &'static str),
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            invalid.push(Invalid::query(name, rule.0, rule.1));
        }
        parsed
    }
}

impl FromRequest for QueryFields {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = form::parse(request.query_string().as_bytes());
        ready(fields.map(Self).map_err(|invalid| {
            invalid
                .into_iter()
                .map(|one| Invalid { part: "query", ..one })
                .collect::<Vec<_>>()
                .into()
        }))
    }
}
