//! Queries: parameters that may be absent, each read by a rule of its own.

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use super::fields::Fields;
use super::form;
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;

/// A query, read as the type that documents it; for extracting. A parameter that is not documented
/// is refused, so that a misspelt filter does not give everything.
pub struct Query<T>(pub T);

/// For extracting: the operation takes no query at all.
pub struct NoQuery;

/// A type that a query is read as.
pub trait FromQuery: IntoParams {
    /// Reads every parameter and notes those at fault; with one at fault, the result is of no use.
    fn from_query(query: &QueryFields, faults: &mut Vec<Invalid>) -> Self;
}

/// The parameters of a query, empty ones left out.
pub struct QueryFields(Fields);

impl QueryFields {
    /// The text of a parameter that may be absent.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }

    /// A parameter that may be absent, read by `parse`; notes `rule` if `parse` gives nothing.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        faults: &mut Vec<Invalid>,
        rule: (&'static str, &'static str),
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = parse(text);
        if parsed.is_none() {
            faults.push(Invalid::query(name, rule.0, rule.1));
        }
        parsed
    }
}

impl<T: FromQuery> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.query_string()).map(Self).map_err(Problem::from))
    }
}

fn read<T: FromQuery>(query: &str) -> Result<T, Vec<Invalid>> {
    let in_query = |fault| Invalid {
        part: "query",
        ..fault
    };
    let fields = form::parse(query.as_bytes())
        .map_err(|faults| faults.into_iter().map(in_query).collect::<Vec<_>>())?;
    let mut faults = Vec::new();
    if !fields.is_empty() {
        refuse_unknown::<T>(&fields, &mut faults);
    }
    let read = T::from_query(&QueryFields(fields), &mut faults);
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

/// Notes if there is a parameter that the type does not document.
fn refuse_unknown<T: IntoParams>(fields: &Fields, faults: &mut Vec<Invalid>) {
    let known: Vec<String> = T::into_params(|| Some(ParameterIn::Query))
        .into_iter()
        .map(|parameter| parameter.name)
        .collect();
    if fields
        .names()
        .any(|name| !known.iter().any(|known| known == name))
    {
        let takes = format!("Unknown parameter; this operation takes: {}", known.join(", "));
        faults.push(not_taken(takes));
    }
}

fn not_taken(message: impl Into<Cow<'static, str>>) -> Invalid {
    Invalid {
        part: "query",
        ..Invalid::body("extra_forbidden", message)
    }
}

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(if request.query_string().is_empty() {
            Ok(Self)
        } else {
            Err(vec![not_taken("This operation takes no parameters in the query")].into())
        })
    }
}

/// A query of one parameter that takes one of a few words, for an operation that must not act on a
/// query which says anything else; for extracting.
///
/// The whole query text is compared. A second spelling, a second parameter or an empty value is
/// therefore refused.
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
