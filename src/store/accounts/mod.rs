//! Accounts: found, changed by their owner, changed by an administrator.

pub mod admin;
mod expiry;
pub mod find;
pub mod own;

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::tx::Tx;
use super::{StoreError, events};
use crate::model::event::Event;
use crate::model::user::{Account, NewUser};

/// The columns of an [`Account`].
pub(super) const COLUMNS: &str =
    "id, email, is_active, role, subject, created_at, last_login_at, password_expires_at, version";

/// Inserts an account with its event; none if its address is taken or there is no such role.
/// Uniqueness is the index's, so it holds for any number of callers.
async fn insert(tx: &mut Tx, user: &NewUser<'_>, event: &Event<'_>) -> Result<Option<Account>, StoreError> {
    let statement = format!(
        "INSERT INTO users (subject, email, email_key, password_hash, password_expires_at, created_at, role)
         SELECT $1, $2, $3, $4, $5, $6, name
         FROM roles
         WHERE name = $7
         ON CONFLICT (email_key) DO NOTHING
         RETURNING {COLUMNS}"
    );
    let account: Option<Account> = tx
        .query(AssertSqlSafe(statement))
        .bind(user.subject)
        .bind(user.email.as_str())
        .bind(user.email_key)
        .bind(user.password_hash)
        .bind(user.password_expires_at)
        .bind(event.at)
        .bind(user.role)
        .optional()
        .await?;
    if let Some(account) = &account {
        let event = event
            .clone()
            .of_user(account.me.id)
            .with(json!({"role": account.me.role}));
        events::append(tx, &event).await?;
    }
    Ok(account)
}
