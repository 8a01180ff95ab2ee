//! Our own format: one JSON object a line, read and written here so that there is one definition of
//! it.
//!
//! Strict: a member that is not in the format is refused, so that no later version's file is half
//! understood.

use std::io::{self, Write};

use serde::Serialize;

use super::fields;
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;
use crate::model::clock::Timestamp;

/// The members, in the order of the line.
#[derive(Serialize)]
struct Line<'a> {
    email: &'a str,
    password_hash: Option<&'a str>,
    role: Option<&'a str>,
    is_active: bool,
    subject: Option<String>,
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_at: Option<String>,
}

/// The same members for reading; a test holds the two together.
const MEMBERS: [&str; 8] = [
    "email",
    "password_hash",
    "role",
    "is_active",
    "subject",
    "created_at",
    "password_expires_at",
    "last_login_at",
];

/// Writes one line, with its end.
///
/// # Errors
/// Those of `to`.
pub fn write(account: &ImportedAccount, to: &mut impl Write) -> io::Result<()> {
    let line = Line {
        email: account.email.as_str(),
        password_hash: account.password_hash.as_deref(),
        role: account.role.as_deref(),
        is_active: account.is_active,
        subject: account.subject.map(|subject| subject.to_string()),
        created_at: account.created_at.map(Timestamp::rfc3339),
        password_expires_at: account.password_expires_at.map(Timestamp::rfc3339),
        last_login_at: account.last_login_at.map(Timestamp::rfc3339),
    };
    serde_json::to_writer(&mut *to, &line)?;
    to.write_all(b"\n")
}

pub(super) fn account(record: &Record) -> Result<ImportedAccount, Refused> {
    if let Some(name) = record.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(Refused::Unknown(fields::printable(name)));
    }
    Ok(ImportedAccount {
        email: fields::email(record, "email")?,
        password_hash: fields::hash(record, "password_hash")?,
        role: fields::text(record, "role")?.map(str::to_owned),
        is_active: fields::required_boolean(record, "is_active")?,
        subject: fields::subject(record, "subject")?,
        created_at: fields::strict_timestamp(record, "created_at")?,
        password_expires_at: fields::strict_timestamp(record, "password_expires_at")?,
        last_login_at: fields::strict_timestamp(record, "last_login_at")?,
    })
}
