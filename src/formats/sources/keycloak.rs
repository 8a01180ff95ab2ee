//! Keycloak: the users of a realm's export, of version 8 and later and of those before.
//!
//! Realm roles are left out: a realm's `admin` administers Keycloak, which says nothing of the app.
//! One-time passwords and passkeys have no counterpart here, so only the password comes along.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::fields;
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;

const FIELD: &str = "credentials";

pub(super) fn account(record: &Record) -> Result<Option<ImportedAccount>, Refused> {
    if fields::present(record, "serviceAccountClientId").is_some() {
        return Ok(None);
    }
    if record.contains_key("realm") && record.contains_key("users") {
        return Err(Refused::invalid(
            "users",
            "is inside one of several realms: export the one realm with --realm",
        ));
    }
    Ok(Some(ImportedAccount {
        password_hash: password_hash(record)?,
        is_active: fields::required_boolean(record, "enabled")?,
        subject: fields::subject_if_any(record, "id"),
        created_at: fields::millis(record, "createdTimestamp")?,
        ..ImportedAccount::new(fields::email_or_username(record)?)
    }))
}

fn password_hash(record: &Record) -> Result<Option<String>, Refused> {
    let credentials = match fields::present(record, FIELD) {
        None => return Ok(None),
        Some(Value::Array(credentials)) => credentials,
        Some(_) => return Err(Refused::invalid(FIELD, "is not a list")),
    };
    let is_password =
        |credential: &&Record| credential.get("type").and_then(Value::as_str) == Some("password");
    credentials
        .iter()
        .filter_map(Value::as_object)
        .find(is_password)
        .map(|credential| StoredCredential::parse(credential)?.phc())
        .transpose()
}

/// A stored password, whichever version wrote it.
struct StoredCredential {
    algorithm: String,
    iterations: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
    additional: Record,
}

impl StoredCredential {
    fn parse(credential: &Record) -> Result<Self, Refused> {
        if fields::present(credential, "value").is_some() {
            return Err(Refused::invalid(
                FIELD,
                "the password is in clear; it has to be set by its owner",
            ));
        }
        if fields::present(credential, "hashedSaltedValue").is_some() {
            return Ok(Self {
                algorithm: fields::required_text(credential, "algorithm")?.to_owned(),
                iterations: number(credential, "hashIterations")?,
                salt: fields::base64(credential, "salt")?,
                hash: fields::base64(credential, "hashedSaltedValue")?,
                additional: Record::new(),
            });
        }
        let secret = inner(credential, "secretData")?;
        let mut data = inner(credential, "credentialData")?;
        let additional = match data.remove("additionalParameters") {
            Some(Value::Object(additional)) => additional,
            _ => Record::new(),
        };
        Ok(Self {
            algorithm: fields::required_text(&data, "algorithm")?.to_owned(),
            iterations: number(&data, "hashIterations")?,
            salt: fields::base64(&secret, "salt")?,
            hash: fields::base64(&secret, "value")?,
            additional,
        })
    }

    /// The PHC string, whose base64 has no padding.
    fn phc(&self) -> Result<String, Refused> {
        let (iterations, length) = (self.iterations, self.hash.len());
        let cost = match self.algorithm.as_str() {
            // Plain `pbkdf2` is HMAC-SHA-1, in Keycloak as in the PHC form.
            "pbkdf2" | "pbkdf2-sha256" | "pbkdf2-sha512" => {
                format!("{}$i={iterations},l={length}", self.algorithm)
            }
            "argon2" => self.argon2()?,
            other => {
                return Err(Refused::Algorithm {
                    field: FIELD,
                    algorithm: fields::printable(other),
                });
            }
        };
        Ok(format!(
            "${cost}${}${}",
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(&self.hash)
        ))
    }

    fn argon2(&self) -> Result<String, Refused> {
        let kind = match parameter(&self.additional, "type")? {
            "id" => "argon2id",
            "i" => "argon2i",
            "d" => "argon2d",
            _ => return Err(Refused::invalid(FIELD, "the type of Argon2 is not known")),
        };
        let version = match parameter(&self.additional, "version")? {
            "1.3" => 19,
            "1.0" => 16,
            _ => return Err(Refused::invalid(FIELD, "the version of Argon2 is not known")),
        };
        let cost = |name| parse_number(name, parameter(&self.additional, name)?);
        let (memory, lanes) = (cost("memory")?, cost("parallelism")?);
        Ok(format!(
            "{kind}$v={version}$m={memory},t={},p={lanes}",
            self.iterations
        ))
    }
}

/// JSON that is the text of a member.
fn inner(credential: &Record, field: &'static str) -> Result<Record, Refused> {
    match serde_json::from_str(fields::required_text(credential, field)?) {
        Ok(Value::Object(record)) => Ok(record),
        _ => Err(Refused::invalid(field, "is not a JSON object")),
    }
}

/// A parameter, which Keycloak keeps as a list of one text.
fn parameter<'a>(additional: &'a Record, name: &'static str) -> Result<&'a str, Refused> {
    let value = additional.get(name).map(|value| value.get(0).unwrap_or(value));
    value.and_then(Value::as_str).ok_or(Refused::Missing(name))
}

fn number(record: &Record, field: &'static str) -> Result<u32, Refused> {
    let value = fields::present(record, field).ok_or(Refused::Missing(field))?;
    parse_number(field, &value.to_string())
}

fn parse_number(field: &'static str, text: &str) -> Result<u32, Refused> {
    text.parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| Refused::invalid(field, "is not a positive number"))
}
