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
        self.0.text(name)
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

/// A query of one parameter that takes one of a few words, for an operation that must not act on a
/// query which says anything else; for extracting.
///
/// The query is compared as it stands, so that no second spelling, second parameter or empty value
/// passes for one of the words.
pub struct Chosen<T>(pub T);

/// A type that is one of a few words.
pub trait Choice: Default {
    /// The name of the parameter.
    const PARAMETER: &'static str;
    /// The words in a sentence, for a query that holds none of them.
    const RULE: &'static str;

    /// The choice that a word names.
    fn parse(word: &str) -> Option<Self>;
}

impl<T: Choice> FromRequest for Chosen<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let chosen = match request.query_string().split_once('=') {
            None if request.query_string().is_empty() => Some(T::default()),
            Some((name, word)) if name == T::PARAMETER => T::parse(word),
            None | Some(_) => None,
        };
        let refused = || vec![Invalid::query(T::PARAMETER, "enum", T::RULE)].into();
        ready(chosen.map(Self).ok_or_else(refused))
    }
}
