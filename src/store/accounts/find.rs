//! Finding accounts, one or a page.

use sqlx::AssertSqlSafe;

use super::COLUMNS;
use crate::model::email::EmailKey;
use crate::model::ids::UserId;
use crate::model::user::{Account, AccountCursor, AccountFilter, Credential, LoginAccount};
use crate::store::statement::part;
use crate::store::{Store, StoreError};

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
                Some(AccountCursor::AfterId(_)) | None => "",
            };
            return self.find_by_prefix(prefix, filter, after, limit).await;
        }
        let after = match after {
            Some(AccountCursor::AfterId(id)) => id.get(),
            Some(AccountCursor::AfterEmail(_)) | None => 0,
        };
        let statement = format!(
            "SELECT {COLUMNS}
             FROM users
             WHERE id > $1 {}{}{}{}
             ORDER BY id
             LIMIT $6",
            part(filter.email.is_some(), "AND email_key = $2 "),
            part(filter.role.is_some(), "AND role = $3 "),
            part(filter.is_active.is_some(), "AND is_active = $4 "),
            part(filter.subject.is_some(), "AND subject = $5 "),
        );
        self.read("store find_accounts", AssertSqlSafe(statement))
            .bind(after)
            .bind(&filter.email)
            .bind(&filter.role)
            .bind(filter.is_active)
            .bind(filter.subject)
            .bind(limit)
            .all()
            .await
    }

    async fn find_by_prefix(
        &self,
        prefix: &str,
        filter: &AccountFilter,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Account>, StoreError> {
        // The last code point sorts after every address, in both engines' order of bytes.
        let end = format!("{prefix}\u{10FFFF}");
        let statement = format!(
            "SELECT {COLUMNS}
             FROM users
             WHERE email_key >= $1 AND email_key < $2 AND email_key > $3 AND ($4 IS NULL OR role = $4) AND ($5 IS NULL OR is_active = $5) AND ($6 IS NULL OR subject = $6)
             ORDER BY email_key
             LIMIT $7"
        );
        self.read("store find_accounts", AssertSqlSafe(statement))
            .bind(prefix)
            .bind(end)
            .bind(after)
            .bind(&filter.role)
            .bind(filter.is_active)
            .bind(filter.subject)
            .bind(limit)
            .all()
            .await
    }

    /// Finds an account by its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, user: UserId) -> Result<Option<Account>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS}
             FROM users
             WHERE id = $1"
        );
        self.read("store account", AssertSqlSafe(statement))
            .bind(user)
            .optional()
            .await
    }

    /// Finds an account by its canonical address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn user_by_email(&self, key: &EmailKey) -> Result<Option<LoginAccount>, StoreError> {
        self.read(
            "store user_by_email",
            "SELECT id, email, is_active, role, subject, password_hash, password_version, password_expires_at, permissions
             FROM users
             JOIN roles ON roles.name = users.role
             WHERE email_key = $1",
        )
        .bind(key)
        .optional()
        .await
    }

    /// The stored hash and version of a user's password, to verify it before a change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn credential(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        self.read(
            "store credential",
            "SELECT password_hash, password_version
             FROM users
             WHERE id = $1 AND is_active",
        )
        .bind(user)
        .optional()
        .await
    }
}
