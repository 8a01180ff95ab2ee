//! Bodies: JSON objects and forms read into named fields, under limits of size and time.
//!
//! The extractor settles the shape (media type, size, encoding, no field twice), the use-case the
//! meaning. Both name the field at fault, never its value. Stricter than serde on purpose: an array
//! is no object, a repeated key is an error, and bad UTF-8 is refused, never folded.

use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use percent_encoding::percent_decode;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use zeroize::Zeroizing;

use super::guard::check_again;
use super::problem::Problem;
use crate::app::App;
use crate::model::event::{Actor, Context};
use crate::model::invalid::Invalid;
use crate::telemetry::request_context;

const MAX_JSON_BYTES: usize = 16 * 1024;
const MAX_FORM_BYTES: usize = 8 * 1024;
/// From the end of the headers to the end of the body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The fields of a body, in the order they came; values are wiped on drop, for they may be
/// passwords.
#[derive(Default)]
pub struct Fields(Vec<(String, Value)>);

enum Value {
    Text(Zeroizing<String>),
    Switch(bool),
    List(Vec<String>),
    Other,
}

/// The fields of a JSON object; for extracting.
pub struct JsonFields(pub Fields);

/// The fields of a form, empty ones left out (RFC 6749 section 3.2); for extracting.
pub struct FormFields(pub Fields);

impl Fields {
    /// The text of a required field; notes what is wrong and gives the empty text otherwise.
    pub fn required(&self, name: &'static str, invalid: &mut Vec<Invalid>) -> &str {
        match self.0.iter().find(|(key, _)| key == name) {
            Some((_, Value::Text(text))) => text,
            Some(_) => {
                invalid.push(Invalid::field(
                    name,
                    "string_type",
                    "Input should be a valid string",
                ));
                ""
            }
            None => {
                invalid.push(Invalid::missing(name));
                ""
            }
        }
    }

    /// The text of a field that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Text(text) if key == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// The text of a field that may be absent, but if it is there must be a text.
    pub fn optional_text(&self, name: &'static str, invalid: &mut Vec<Invalid>) -> Option<&str> {
        self.has(name).then(|| self.required(name, invalid))
    }

    /// A field that may be absent, but if it is there must be true or false.
    pub fn optional_switch(&self, name: &'static str, invalid: &mut Vec<Invalid>) -> Option<bool> {
        match self.0.iter().find(|(key, _)| key == name) {
            Some((_, Value::Switch(on))) => Some(*on),
            Some(_) => {
                invalid.push(Invalid::field(
                    name,
                    "bool_type",
                    "Input should be a valid boolean",
                ));
                None
            }
            None => None,
        }
    }

    /// The texts of a required list of texts; notes what is wrong and gives an empty one otherwise.
    pub fn required_list(&self, name: &'static str, invalid: &mut Vec<Invalid>) -> &[String] {
        match self.0.iter().find(|(key, _)| key == name) {
            Some((_, Value::List(list))) => list,
            Some(_) => {
                invalid.push(Invalid::field(
                    name,
                    "list_type",
                    "Input should be a list of strings",
                ));
                &[]
            }
            None => {
                invalid.push(Invalid::missing(name));
                &[]
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    fn push(&mut self, key: String, value: Value) -> Result<(), Twice> {
        if self.0.iter().any(|(known, _)| *known == key) {
            return Err(Twice);
        }
        self.0.push((key, value));
        Ok(())
    }
}

/// Where a request came from: the peer's address, and what the client calls itself.
pub struct Origin {
    /// The network address, without the port.
    pub ip: String,
    /// The `User-Agent`, or nothing.
    pub user_agent: String,
    request_id: String,
}

impl Origin {
    /// The origin of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let text = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        let ip = client_address(request)
            .map(|ip| ip.to_string())
            .unwrap_or_default();
        Self {
            ip,
            user_agent: text(header::USER_AGENT.as_str()),
            request_id: request_context::request_id(),
        }
    }

    /// What the record says of an act in this request.
    #[must_use]
    pub fn context(&self, actor: Actor) -> Context {
        Context {
            actor,
            ip: self.ip.clone(),
            request_id: self.request_id.clone(),
        }
    }
}

impl FromRequest for Origin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// The peer's address; or, where the peer is a trusted proxy, the right-most hop of
/// `X-Forwarded-For` that is none. Whatever stands left of it, anyone may have written.
#[must_use]
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let trusted = request
        .app_data::<web::Data<App>>()
        .map(|app| app.config.limits.trusted_proxies.as_slice())
        .unwrap_or_default();
    let is_proxy = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_proxy(&peer) {
        return Some(peer);
    }
    let mut nearest = peer;
    let values = request
        .headers()
        .get_all("x-forwarded-for")
        .map(|value| value.to_str().unwrap_or("?"));
    for hop in values.collect::<Vec<_>>().join(",").rsplit(',') {
        let Some(ip) = parse_hop(hop.trim()) else { break };
        nearest = ip;
        if !is_proxy(&ip) {
            break;
        }
    }
    Some(nearest)
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(hop, |(ip, _port)| ip);
    bare.parse::<IpAddr>()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|ip| ip.to_canonical())
}

/// A field came twice.
struct Twice;

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value()?;
                    fields
                        .push(key, value)
                        .map_err(|Twice| A::Error::custom("a key twice"))?;
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue { in_list: false })
    }
}

/// Reads a value; what is in a list may be a text, and anything deeper is skipped without a stack.
#[derive(Clone, Copy)]
struct AnyValue {
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_bool<E>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Switch(on))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if self.in_list {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Value::Other);
        }
        let mut texts = Some(Vec::new());
        while let Some(item) = items.next_element_seed(Self { in_list: true })? {
            match item {
                Value::Text(text) => texts.iter_mut().for_each(|texts| texts.push(text.to_string())),
                Value::Switch(_) | Value::List(_) | Value::Other => texts = None,
            }
        }
        Ok(texts.map_or(Value::Other, Value::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

impl FromRequest for JsonFields {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        read(request, payload, "application/json", MAX_JSON_BYTES)
            .map(|body| parse_json(&body?).map(Self).map_err(Problem::from))
            .boxed_local()
    }
}

impl FromRequest for FormFields {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        read(
            request,
            payload,
            "application/x-www-form-urlencoded",
            MAX_FORM_BYTES,
        )
        .map(|body| parse_form(&body?).map(Self).map_err(Problem::from))
        .boxed_local()
    }
}

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

    /// The size of a page: 1 to 200, 50 if absent.
    pub fn limit(&self, invalid: &mut Vec<Invalid>) -> usize {
        let rule = ("less_than_equal", "Input should be from 1 to 200");
        self.parsed("limit", invalid, rule, |text| {
            text.parse().ok().filter(|limit| (1..=200).contains(limit))
        })
        .unwrap_or(50)
    }
}

impl FromRequest for QueryFields {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = parse_form(request.query_string().as_bytes());
        ready(fields.map(Self).map_err(|invalid| {
            invalid
                .into_iter()
                .map(|one| Invalid { part: "query", ..one })
                .collect::<Vec<_>>()
                .into()
        }))
    }
}

/// Checks the headers at once, then reads the body to its end, then asks the guard again.
fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    media_type: &str,
    limit: usize,
) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, Problem>> + use<> {
    let allowed = check_headers(request, media_type, limit);
    let (request, mut payload) = (request.clone(), payload.take());
    async move {
        allowed?;
        let collect = async {
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk: Bytes = chunk.map_err(|_| Problem::Malformed)?;
                if body.len() + chunk.len() > limit {
                    return Err(Problem::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Zeroizing::new(body.to_vec()))
        };
        let body = tokio::time::timeout(BODY_TIMEOUT, collect)
            .await
            .unwrap_or(Err(Problem::BodyTimeout))?;
        check_again(&request).await?;
        Ok(body)
    }
}

fn check_headers(request: &HttpRequest, media_type: &str, limit: usize) -> Result<(), Problem> {
    let text = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?"))
    };
    // Compressed bodies are refused unread: nothing that people log in with is worth inflating.
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::UnsupportedMediaType);
    }
    let given = text(header::CONTENT_TYPE).unwrap_or_default();
    let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
    let utf8 = parameters
        .split(';')
        .all(|parameter| match parameter.trim().split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        });
    if !essence.trim().eq_ignore_ascii_case(media_type) || !utf8 {
        return Err(Problem::UnsupportedMediaType);
    }
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        Err(Problem::TooLarge)
    } else {
        Ok(())
    }
}

fn parse_json(body: &[u8]) -> Result<Fields, Vec<Invalid>> {
    serde_json::from_slice(body).map_err(|error| {
        vec![match error.classify() {
            serde_json::error::Category::Data => Invalid::body(
                "model_attributes_type",
                "Input should be an object without repeated keys",
            ),
            _ => Invalid::body("json_invalid", "JSON decode error"),
        }]
    })
}

/// `application/x-www-form-urlencoded` (WHATWG URL section 5.1), but with bad UTF-8 and repeated
/// fields refused.
fn parse_form(body: &[u8]) -> Result<Fields, Vec<Invalid>> {
    let refuse = |message| vec![Invalid::body("form_invalid", message)];
    let mut fields = Fields::default();
    for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |&b| b == b'=');
        let mut decode =
            || decode(halves.next().unwrap_or_default()).ok_or_else(|| refuse("The form is not valid UTF-8"));
        let (key, value) = (decode()?, decode()?);
        if !value.is_empty() {
            fields
                .push(key.to_string(), Value::Text(value))
                .map_err(|Twice| refuse("A field is given more than once"))?;
        }
    }
    Ok(fields)
}

fn decode(encoded: &[u8]) -> Option<Zeroizing<String>> {
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_form_is_decoded_and_empty_fields_are_absent() {
        let fields = parse_form(b"username=a%40example.com&password=+a%2Bb+%C3%A9&scope=&&flag&x=1=2")
            .unwrap_or_default();
        assert_eq!(fields.optional("username"), Some("a@example.com"));
        assert_eq!(fields.optional("password"), Some(" a+b é"));
        assert_eq!(
            (
                fields.optional("scope"),
                fields.optional("flag"),
                fields.optional("x")
            ),
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
            assert!(parse_form(bad).is_err());
        }
    }

    #[test]
    fn only_an_object_without_repeated_keys_is_json_enough() {
        assert!(
            parse_json(
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
            assert!(parse_json(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(8000), "]".repeat(8000));
        assert!(
            parse_json(deep.as_bytes()).is_ok_and(|fields| fields.optional("a").is_none()),
            "skipped without a stack"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic_either_parser(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _outcomes = (parse_json(&body), parse_form(&body));
        }

        #[test]
        fn no_text_of_json_pieces_panics_and_no_key_is_read_twice(pieces in prop::collection::vec("[\\[\\]{}:, ]|\"a\"|\"\\\\u0061\"|1|null|true|-|\"", 0..40)) {
            let text = format!("{{{}}}", pieces.concat());
            if let Ok(fields) = parse_json(text.as_bytes()) {
                prop_assert!(fields.0.iter().filter(|(key, _)| key == "a").count() <= 1, "{}", text);
            }
        }

        #[test]
        fn what_a_form_encodes_is_read_back(fields in prop::collection::btree_map("\\PC{1,10}", "\\PC{1,20}", 0..6)) {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            let read = parse_form(body.join("&").as_bytes()).unwrap_or_default();
            for (name, value) in &fields {
                prop_assert_eq!(read.optional(name), Some(value.as_str()));
            }
            prop_assert_eq!(read.0.len(), fields.len());
        }
    }
}
