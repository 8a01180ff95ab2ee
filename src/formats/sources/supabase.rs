//! Supabase: rows of `auth.users`. Its `role` is that of the database's row security, not of the
//! app, and is left out.

use super::fields;
use crate::formats::account::{ImportedAccount, Refused};
use crate::formats::record::Record;
use crate::model::clock::Timestamp;

pub(super) fn account(record: &Record, now: Timestamp) -> Result<ImportedAccount, Refused> {
    if fields::text(record, "email")?.is_none() && fields::boolean(record, "is_anonymous")? == Some(true) {
        return Err(Refused::invalid("email", "is missing: the user is anonymous"));
    }
    let is_banned = fields::timestamp(record, "banned_until")?.is_some_and(|until| until > now);
    // Only whether it is there counts: no time of it could mean that the account lives.
    let is_deleted = fields::present(record, "deleted_at").is_some();
    Ok(ImportedAccount {
        password_hash: fields::hash(record, "encrypted_password")?,
        is_active: !is_banned && !is_deleted,
        subject: fields::subject(record, "id")?,
        created_at: fields::timestamp(record, "created_at")?,
        last_login_at: fields::timestamp(record, "last_sign_in_at")?,
        ..ImportedAccount::new(fields::email(record, "email")?)
    })
}
