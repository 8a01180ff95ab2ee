//! One field of a record as a value, however the source's exporter wrote it: JSON of the right
//! kind, or the text that a CSV cell holds.
//!
//! Absent, null and empty are the same. A value of the wrong kind is refused, never guessed at.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Datelike, NaiveDateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::formats::account::Refused;
use crate::formats::record::Record;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::ids::Subject;

/// The longest hash in its text form; the longest that any source makes is a quarter of it.
const MAX_HASH_BYTES: usize = 1024;

/// Standard base64, padded or not.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field that is not absent, null or empty.
pub(super) fn present<'r>(record: &'r Record, field: &str) -> Option<&'r Value> {
    record
        .get(field)
        .filter(|value| !value.is_null() && value.as_str() != Some(""))
}

pub(super) fn text<'r>(record: &'r Record, field: &'static str) -> Result<Option<&'r str>, Refused> {
    present(record, field)
        .map(|value| {
            value
                .as_str()
                .ok_or_else(|| Refused::invalid(field, "is not text"))
        })
        .transpose()
}

pub(super) fn required_text<'r>(record: &'r Record, field: &'static str) -> Result<&'r str, Refused> {
    text(record, field)?.ok_or(Refused::Missing(field))
}

/// JSON's booleans, PostgreSQL's `t` and `f`, SQLite's 1 and 0, Python's `True` and `False`.
pub(super) fn boolean(record: &Record, field: &'static str) -> Result<Option<bool>, Refused> {
    let Some(value) = present(record, field) else {
        return Ok(None);
    };
    let meant = match value {
        Value::Bool(meant) => Some(*meant),
        Value::Number(number) => bit(&number.to_string()),
        Value::String(text) => bit(&text.to_ascii_lowercase()),
        _ => None,
    };
    meant
        .map(Some)
        .ok_or_else(|| Refused::invalid(field, "is neither true nor false"))
}

fn bit(text: &str) -> Option<bool> {
    match text {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn required_boolean(record: &Record, field: &'static str) -> Result<bool, Refused> {
    boolean(record, field)?.ok_or(Refused::Missing(field))
}

/// RFC 3339, or a database's text of it: a blank in the middle, the zone of two digits or absent,
/// which means UTC.
pub(super) fn timestamp(record: &Record, field: &'static str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = text(record, field)? else {
        return Ok(None);
    };
    let naive = |form| NaiveDateTime::parse_from_str(text, form).map(|at| at.and_utc());
    let at = rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").map(|at| at.to_utc()))
        .or_else(|_| naive("%Y-%m-%d %H:%M:%S%.f"))
        .or_else(|_| naive("%Y-%m-%dT%H:%M:%S%.f"));
    at.ok()
        .and_then(instant)
        .map(Some)
        .ok_or_else(|| Refused::invalid(field, "is not a date and time"))
}

/// RFC 3339 alone.
pub(super) fn strict_timestamp(record: &Record, field: &'static str) -> Result<Option<Timestamp>, Refused> {
    let Some(text) = text(record, field)? else {
        return Ok(None);
    };
    rfc3339(text)
        .ok()
        .and_then(instant)
        .map(Some)
        .ok_or_else(|| Refused::invalid(field, "is not a date and time of RFC 3339"))
}

fn rfc3339(text: &str) -> chrono::ParseResult<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc())
}

/// Milliseconds since the Unix epoch, as a number or as text.
pub(super) fn millis(record: &Record, field: &'static str) -> Result<Option<Timestamp>, Refused> {
    let Some(value) = present(record, field) else {
        return Ok(None);
    };
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let at = number.and_then(DateTime::from_timestamp_millis).and_then(instant);
    at.map(Some)
        .ok_or_else(|| Refused::invalid(field, "is not a time in milliseconds"))
}

/// An instant that RFC 3339 can write: its years have four digits.
fn instant(at: DateTime<Utc>) -> Option<Timestamp> {
    (0..=9999)
        .contains(&at.year())
        .then(|| Timestamp::from_micros(at.timestamp_micros()))
}

pub(super) fn email(record: &Record, field: &'static str) -> Result<Email, Refused> {
    parse_email(field, required_text(record, field)?)
}

/// The address, or a user name that is one.
pub(super) fn email_or_username(record: &Record) -> Result<Email, Refused> {
    if let Some(address) = text(record, "email")? {
        return parse_email("email", address);
    }
    let name = text(record, "username")?.ok_or(Refused::Missing("email"))?;
    Email::parse("username", name)
        .map_err(|_| Refused::invalid("email", "is missing, and the username is not an address"))
}

fn parse_email(field: &'static str, address: &str) -> Result<Email, Refused> {
    Email::parse(field, address).map_err(|invalid| Refused::invalid(field, invalid.message))
}

/// A hash in its text form, unjudged, as long as it is one word of ASCII: a hash has no other form.
pub(super) fn hash(record: &Record, field: &'static str) -> Result<Option<String>, Refused> {
    let Some(text) = text(record, field)? else {
        return Ok(None);
    };
    if text.len() > MAX_HASH_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refused::invalid(field, "is not a password hash"));
    }
    Ok(Some(text.to_owned()))
}

/// The identifier that the source's tokens carry.
pub(super) fn subject(record: &Record, field: &'static str) -> Result<Option<Subject>, Refused> {
    let Some(text) = text(record, field)? else {
        return Ok(None);
    };
    uuid(text)
        .map(Some)
        .ok_or_else(|| Refused::invalid(field, "is not a UUID"))
}

/// A key that some installations make a UUID and others a number.
pub(super) fn subject_if_any(record: &Record, field: &str) -> Option<Subject> {
    uuid(record.get(field)?.as_str()?)
}

fn uuid(text: &str) -> Option<Subject> {
    Uuid::try_parse(text)
        .ok()
        .filter(|id| !id.is_nil() && !id.is_max())
        .map(Subject::from)
}

/// The bytes of a field in base64 of either alphabet, never none of them.
pub(super) fn base64(record: &Record, field: &'static str) -> Result<Vec<u8>, Refused> {
    let text = required_text(record, field)?;
    decode(text)
        .filter(|bytes| bytes.len() <= MAX_HASH_BYTES)
        .ok_or_else(|| Refused::invalid(field, "is not base64"))
}

/// Base64 of either alphabet, padded or not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.replace('-', "+").replace('_', "/")).ok()
}

/// A name out of the file that is safe to print in a report: shorter than a hash, and of the
/// characters that names have.
pub(super) fn printable(name: &str) -> String {
    let plain = name.len() <= 24
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if plain && !name.is_empty() {
        name.to_owned()
    } else {
        "(a name that is not shown)".to_owned()
    }
}
