//! fastapi-users: rows of the table `user` that its `SQLAlchemy` adapter keeps. `is_verified` has
//! no counterpart here.

use super::fields;
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;
use crate::model::permission::ADMIN_ROLE;

pub(super) fn account(record: &Record) -> Result<ImportedAccount, Refused> {
    let is_superuser = fields::boolean(record, "is_superuser")?.unwrap_or(false);
    Ok(ImportedAccount {
        password_hash: fields::hash(record, "hashed_password")?,
        role: is_superuser.then(|| ADMIN_ROLE.to_owned()),
        is_active: fields::required_boolean(record, "is_active")?,
        subject: fields::subject(record, "id")?,
        ..ImportedAccount::new(fields::email(record, "email")?)
    })
}
