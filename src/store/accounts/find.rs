//! Finding accounts, one or a page.

use sqlx::AssertSqlSafe;

use super::account_columns;
use crate::model::ids::UserId;
use crate::model::user::{Account, AccountCursor, AccountFilter};
use crate::store::{Store, StoreError, on_reader, part};

impl Store {
    /// Finds accounts, in the order of numbers, or, where a prefix is asked for, of canonical
    /// addresses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_accounts(
        &self,
        filter: &AccountFilter,
        after: Option<&AccountCursor>,
        limit: i64,
    ) -> Result<Vec<Account>, StoreError> {
        if let Some(prefix) = &filter.prefix {
            let after = match after {
                Some(AccountCursor::AfterEmail(email)) => email.as_str(),
                _ => "",
            };
            // The last code point sorts after every address, in both engines' order of bytes.
            let end = format!("{prefix}\u{10FFFF}");
            return Ok(on_reader!(self, |db| {
                sqlx::query_as(concat!(
                "SELECT ",
                account_columns!(),
                "
                 FROM users
                 WHERE email_key >= $1 AND email_key < $2 AND email_key > $3 AND ($4 IS NULL OR role = $4) AND ($5 IS NULL OR is_active = $5)
                 ORDER BY email_key
                 LIMIT $6"
            ))
            .bind(prefix)
            .bind(&end)
            .bind(after)
            .bind(&filter.role)
            .bind(filter.is_active)
            .bind(limit)
            .fetch_all(db)
            .await?
            }));
        }
        let after = match after {
            Some(AccountCursor::AfterId(id)) => id.get(),
            _ => 0,
        };
        let statement = format!(
            "SELECT {}
             FROM users
             WHERE id > $1 {}{}{}
             ORDER BY id
             LIMIT $5",
            account_columns!(),
            part(filter.email.is_some(), "AND email_key = $2 "),
            part(filter.role.is_some(), "AND role = $3 "),
            part(filter.is_active.is_some(), "AND is_active = $4 "),
        );
        Ok(on_reader!(self, |db| sqlx::query_as(AssertSqlSafe(
            statement.as_str()
        ))
        .bind(after)
        .bind(&filter.email)
        .bind(&filter.role)
        .bind(filter.is_active)
        .bind(limit)
        .fetch_all(db)
        .await?))
    }

    /// Finds an account by its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        on_reader!(self, |db| Ok(sqlx::query_as(concat!(
            "SELECT ",
            account_columns!(),
            "
             FROM users
             WHERE id = $1"
        ))
        .bind(user)
        .fetch_optional(db)
        .await?))
    }
}
