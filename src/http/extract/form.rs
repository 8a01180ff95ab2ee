//! Forms as bodies, and the same encoding in queries.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::body::{self, BodyType};
use super::fields::{Fields, MAX_FIELDS, NotAdded, SentValue};
use super::typed::Arrived;
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;

const MAX_BYTES: usize = 8 * 1024;
const TOO_MANY: &str = "More than 32 fields are given";

/// A body that is a form, whose empty fields count as absent (RFC 6749 section 3.2); for
/// extracting.
pub struct Form<T>(pub T);

impl<T: Arrived + 'static> FromRequest for Form<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        body::read(request, payload, BodyType::Form, MAX_BYTES)
            .map(|body| T::arrived(parse(&body?)?).map(Self))
            .boxed_local()
    }
}

/// Parses `application/x-www-form-urlencoded` (WHATWG URL section 5.1), but with bad UTF-8 and
/// repeated fields refused.
///
/// # Errors
/// Bad UTF-8, a field given more than once, or more than [`MAX_FIELDS`], empty ones counted.
pub fn parse(body: &[u8]) -> Result<Fields, Vec<Invalid>> {
    let refuse = |message| vec![Invalid::body("form_invalid", message)];
    let mut fields = Fields::default();
    let pairs = || body.split(|&b| b == b'&').filter(|pair| !pair.is_empty());
    if pairs().nth(MAX_FIELDS).is_some() {
        return Err(refuse(TOO_MANY));
    }
    for pair in pairs() {
        let mut halves = pair.splitn(2, |&b| b == b'=');
        let mut decode =
            || decode(halves.next().unwrap_or_default()).ok_or_else(|| refuse("The form is not valid UTF-8"));
        let (key, value) = (decode()?, decode()?);
        if !value.is_empty() {
            fields
                .push(key.to_string(), SentValue::Text(value))
                .map_err(|refused| match refused {
                    NotAdded::Twice => refuse("A field is given more than once"),
                    NotAdded::TooMany => refuse(TOO_MANY),
                })?;
        }
    }
    Ok(fields)
}

/// Decodes a name or a value of a form; none if it is not UTF-8.
#[must_use]
pub fn decode(encoded: &[u8]) -> Option<Zeroizing<String>> {
    let spaced = Zeroizing::new(
        encoded
            .iter()
            .map(|&b| if b == b'+' { b' ' } else { b })
            .collect::<Vec<u8>>(),
    );
    let text = percent_decode(&spaced).decode_utf8().ok()?.into_owned();
    Some(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_decoded_and_empty_fields_are_absent() {
        let fields =
            parse(b"username=a%40example.com&password=+a%2Bb+%C3%A9&scope=&&flag&x=1=2").unwrap_or_default();
        assert_eq!(fields.text("username"), Some("a@example.com"));
        assert_eq!(fields.text("password"), Some(" a+b é"));
        assert_eq!(
            (fields.text("scope"), fields.text("flag"), fields.text("x")),
            (None, None, Some("1=2"))
        );
    }

    #[test]
    fn a_form_with_bad_utf8_or_a_repeated_field_is_refused() {
        for bad in [
            &b"password=%ff%fe"[..],
            b"password=\xff",
            b"%ff=1",
            b"a=1&a=2",
            b"a=1&%61=1",
        ] {
            assert!(parse(bad).is_err());
        }
    }

    #[test]
    fn a_form_has_at_most_32_fields_empty_ones_too() {
        let form = |count: usize, value: &str| {
            let fields: Vec<String> = (0..count).map(|number| format!("f{number}={value}")).collect();
            parse(fields.join("&").as_bytes()).is_ok()
        };
        assert!(form(32, "1") && form(32, ""));
        assert!(!form(33, "1") && !form(33, ""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form_or_refused_as_none(body in prop::collection::vec(any::<u8>(), 0..200)) {
            match parse(&body) {
                Ok(fields) => {
                    let names: Vec<&str> = fields.names().collect();
                    prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
                    prop_assert!(names.iter().all(|name| fields.text(name).is_some_and(|text| !text.is_empty())));
                }
                Err(refused) => prop_assert_eq!(refused.iter().map(|bad| bad.kind).collect::<Vec<_>>(), ["form_invalid"]),
            }
        }

        /// Only a field given twice is refused, and bytes that are not UTF-8, which two pieces can
        /// make; `model` reads them in the plainest way.
        #[test]
        fn a_form_of_pieces_is_read_field_by_field(pieces in prop::collection::vec("[ab=&+%]|%41|%2b|%3D|%26|%c3%a9|é|%zz", 0..12)) {
            let body = pieces.concat();
            let decode = |text: &str| percent_decode(text.replace('+', " ").as_bytes()).decode_utf8_lossy().into_owned();
            let is_utf8 = percent_decode(body.as_bytes()).decode_utf8().is_ok();
            let model: Vec<(String, String)> = body.split('&').filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                (!value.is_empty()).then(|| (decode(name), decode(value)))
            }).collect();
            let distinct: BTreeSet<&str> = model.iter().map(|(name, _)| name.as_str()).collect();
            match parse(body.as_bytes()) {
                Ok(fields) => {
                    let text = |name| fields.text(name).unwrap_or_default().to_owned();
                    let read = fields.names().map(|name| (name.to_owned(), text(name)));
                    prop_assert_eq!(read.collect::<Vec<_>>(), model);
                }
                Err(_) => prop_assert!(distinct.len() < model.len() || !is_utf8, "{}", body),
            }
        }

        #[test]
        fn what_a_form_encodes_is_read_back(fields in prop::collection::btree_map("\\PC{1,10}", "\\PC{1,20}", 0..6)) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let pair = |(name, value): (&String, &String)| format!("{}={}", encode(name), encode(value));
            let body: Vec<String> = fields.iter().map(pair).collect();
            let read = parse(body.join("&").as_bytes()).unwrap_or_default();
            for (name, value) in &fields {
                prop_assert_eq!(read.text(name), Some(value.as_str()));
            }
            prop_assert_eq!(read.names().count(), fields.len());
        }
    }
}
