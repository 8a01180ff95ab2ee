//! JSON objects as bodies.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::body::{self, BodyType};
use super::fields::Fields;
use super::typed::Arrived;
use crate::http::problem::Problem;
use crate::model::invalid::Invalid;

/// A body that is a JSON object; for extracting.
pub struct Json<T>(pub T);

impl<T: Arrived + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        body::read(request, payload, BodyType::Json, body::LARGEST)
            .map(|body| T::arrived(parse(&body?)?).map(Self))
            .boxed_local()
    }
}

fn parse(body: &[u8]) -> Result<Fields, Vec<Invalid>> {
    serde_json::from_slice(body).map_err(|error| {
        vec![match error.classify() {
            serde_json::error::Category::Data => Invalid::body(
                "model_attributes_type",
                "Input should be an object of at most 32 members without repeated keys",
            ),
            _ => Invalid::body("json_invalid", "JSON decode error"),
        }]
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_an_object_without_repeated_keys_is_json_enough() {
        assert!(
            parse(
                br#"{"email":"a","n":1,"l":[{"x":[]}],"o":{"email":"b"},"b":true,"z":null,"f":1.5,"m":-1}"#
            )
            .is_ok()
        );
        for bad in [
            &b""[..],
            b"[]",
            br#"["a","b"]"#,
            b"1",
            b"null",
            br#""x""#,
            br#"{"a":1,"a":2}"#,
            br#"{"a":1,"\u0061":2}"#,
            b"{",
            b"{}x",
            b"\xff",
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
        ] {
            assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(8000), "]".repeat(8000));
        assert!(
            parse(deep.as_bytes()).is_ok_and(|fields| fields.text("a").is_none()),
            "skipped without a stack"
        );
    }

    #[test]
    fn an_object_has_at_most_32_members() {
        let object = |count: usize| {
            let members: Vec<String> = (0..count).map(|number| format!("\"m{number}\":1")).collect();
            parse(format!("{{{}}}", members.join(",")).as_bytes())
                .map(|_| ())
                .map_err(|refused| refused[0].kind)
        };
        assert_eq!(object(32), Ok(()));
        assert_eq!(object(33), Err("model_attributes_type"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_serdes_own_object_or_refused(
            noise in prop::collection::vec(any::<u8>(), 0..200),
            fields in prop::collection::btree_map("\\PC{0,4}", "\\PC{0,8}", 0..5),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bent = serde_json::json!(fields).to_string().into_bytes();
            let at = at.index(bent.len());
            bent[at] = byte;
            for body in [noise, bent] {
                let model = serde_json::from_slice::<serde_json::Map<_, _>>(&body).ok();
                match parse(&body) {
                    Ok(fields) => {
                        let names: BTreeSet<&str> = fields.names().collect();
                        let keys = model.as_ref().map(|object| object.keys().map(String::as_str).collect());
                        prop_assert_eq!(Some(names), keys);
                    }
                    // A name given twice is the one thing that serde takes.
                    Err(refused) => prop_assert!(model.is_none() || refused[0].kind == "model_attributes_type", "{refused:?}"),
                }
            }
        }

        #[test]
        fn no_key_is_read_twice_from_json_pieces(pieces in prop::collection::vec("[\\[\\]{}:, ]|\"a\"|\"\\\\u0061\"|1|null|true|-|\"", 0..40)) {
            let text = format!("{{{}}}", pieces.concat());
            if let Ok(fields) = parse(text.as_bytes()) {
                prop_assert!(fields.names().filter(|name| *name == "a").count() <= 1, "{}", text);
            }
        }
    }
}
