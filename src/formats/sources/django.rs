//! Django: `manage.py dumpdata`, whose records carry the fields one level down, or plain rows of
//! `auth_user`.
//!
//! A dump may hold every model there is. A user's is known by its fields, because many a project
//! has its own user model: `AbstractBaseUser` gives each of them `password` and `last_login`.

use serde_json::Value;

use super::fields;
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;
use crate::model::permission::ADMIN_ROLE;

pub(super) fn account(record: &Record) -> Result<Option<ImportedAccount>, Refused> {
    match (record.get("model"), record.get("fields")) {
        (Some(Value::String(_)), Some(Value::Object(row))) => {
            let is_user = row.contains_key("password") && row.contains_key("last_login");
            // A model without the field has it as an attribute of the class, which is true.
            let is_active = if row.contains_key("is_active") {
                fields::required_boolean(row, "is_active")
            } else {
                Ok(true)
            };
            if is_user {
                user(row, record, "pk", is_active?).map(Some)
            } else {
                Ok(None)
            }
        }
        _ => user(
            record,
            record,
            "id",
            fields::required_boolean(record, "is_active")?,
        )
        .map(Some),
    }
}

fn user(row: &Record, keyed: &Record, key: &str, is_active: bool) -> Result<ImportedAccount, Refused> {
    let is_superuser = fields::boolean(row, "is_superuser")?.unwrap_or(false);
    // `!` and chance behind it: a password that was made unusable.
    let is_usable = fields::text(row, "password")?.is_some_and(|password| !password.starts_with('!'));
    Ok(ImportedAccount {
        password_hash: if is_usable {
            fields::hash(row, "password")?
        } else {
            None
        },
        role: is_superuser.then(|| ADMIN_ROLE.to_owned()),
        is_active,
        subject: fields::subject_if_any(keyed, key),
        created_at: fields::timestamp(row, "date_joined")?,
        last_login_at: fields::timestamp(row, "last_login")?,
        ..ImportedAccount::new(fields::email_or_username(row)?)
    })
}
