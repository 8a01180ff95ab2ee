//! Firebase: `firebase auth:export users.json`, and the hash parameters that the project's console
//! shows beside it.
//!
//! The signer key of a project goes into the text of every hash, where it is as secret as the hash
//! itself.

use std::fmt;

use base64::Engine as _;

use super::fields::{self, BASE64};
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;

/// Placeholder for each hash if the exporting account may not read hashes.
const REDACTED: &[u8] = b"REDACTED";

/// Parameters of all hashes of a project; each user has a salt besides.
#[derive(Clone, PartialEq, Eq)]
pub struct FirebaseParameters {
    signer_key: String,
    salt_separator: String,
    rounds: u8,
    mem_cost: u8,
}

impl fmt::Debug for FirebaseParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirebaseParameters")
            .field("rounds", &self.rounds)
            .field("mem_cost", &self.mem_cost)
            .finish_non_exhaustive()
    }
}

impl FirebaseParameters {
    /// Parses the block that the console shows: `hash_config { algorithm: SCRYPT,
    /// base64_signer_key: …, … }`.
    ///
    /// # Errors
    /// Which parameter is missing or out of Firebase's own range.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let members = || {
            text.split([',', '\n', '{', '}'])
                .filter_map(|member| member.split_once(':'))
        };
        let unquoted = |text: &str| text.trim().trim_matches('"').to_owned();
        let find = |field: &'static str| {
            let found = members()
                .find(|(name, _)| unquoted(name) == field)
                .map(|(_, value)| unquoted(value));
            found.ok_or(Refused::Missing(field))
        };
        let base64 =
            |field| fields::decode(&find(field)?).ok_or_else(|| Refused::invalid(field, "is not base64"));
        let number = |field, most: u8| {
            let found = find(field)?
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number));
            found.ok_or_else(|| Refused::invalid(field, format!("is not a number from 1 to {most}")))
        };
        if find("algorithm")? != "SCRYPT" {
            return Err(Refused::invalid("algorithm", "is not SCRYPT"));
        }
        let signer_key = base64("base64_signer_key")?;
        if signer_key.is_empty() {
            return Err(Refused::Missing("base64_signer_key"));
        }
        Ok(Self {
            signer_key: BASE64.encode(signer_key),
            salt_separator: BASE64.encode(base64("base64_salt_separator")?),
            rounds: number("rounds", 8)?,
            mem_cost: number("mem_cost", 14)?,
        })
    }

    fn hash(&self, salt: &[u8], hash: &[u8]) -> String {
        let Self {
            signer_key,
            salt_separator,
            rounds,
            mem_cost,
        } = self;
        let (salt, hash) = (BASE64.encode(salt), BASE64.encode(hash));
        format!("$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={salt_separator},sk={signer_key}${salt}${hash}")
    }
}

pub(super) fn account(
    record: &Record,
    parameters: Option<&FirebaseParameters>,
) -> Result<ImportedAccount, Refused> {
    Ok(ImportedAccount {
        password_hash: password_hash(record, parameters)?,
        // Absent unless it was ever set.
        is_active: !fields::boolean(record, "disabled")?.unwrap_or(false),
        subject: fields::subject_if_any(record, "localId"),
        created_at: fields::millis(record, "createdAt")?,
        last_login_at: fields::millis(record, "lastSignedInAt")?,
        ..ImportedAccount::new(fields::email(record, "email")?)
    })
}

/// None for users who only ever came by another provider.
fn password_hash(
    record: &Record,
    parameters: Option<&FirebaseParameters>,
) -> Result<Option<String>, Refused> {
    if fields::present(record, "passwordHash").is_none() {
        return Ok(None);
    }
    let hash = fields::base64(record, "passwordHash")?;
    if hash == REDACTED {
        return Err(Refused::invalid(
            "passwordHash",
            "was redacted by Firebase: export as an owner of the project",
        ));
    }
    let salt = fields::base64(record, "salt")?;
    let parameters = parameters.ok_or(Refused::NoFirebaseParameters)?;
    Ok(Some(parameters.hash(&salt, &hash)))
}
