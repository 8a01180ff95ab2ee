//! Accounts in and out, with the hashes of their passwords.

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::placeholders::{ROWS, placeholders};
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::event::Event;
use crate::model::ids::{Subject, UserId};
use crate::store::tx::End::{Commit, Rollback};
use crate::store::tx::Tx;
use crate::store::{Store, StoreError, events};

/// Placeholder hash of an account without a password.
pub(in crate::store) const NO_PASSWORD: &str = "!";

/// An account that comes from elsewhere, or goes there.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TransferredUser {
    /// The `sub` of its tokens.
    pub subject: Subject,
    /// Its address.
    #[sqlx(try_from = "String")]
    pub email: Email,
    /// The hash of its password in the form of the system that made it; none if it has no password.
    pub password_hash: Option<String>,
    /// When the password ends, if it is a one-time password.
    pub password_expires_at: Option<Timestamp>,
    /// Its role.
    pub role: String,
    /// Whether it may log in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last session began.
    pub last_login_at: Option<Timestamp>,
}

/// A row of a page of an export.
#[derive(Debug, sqlx::FromRow)]
pub struct ExportedRow {
    /// Where the next page begins.
    pub id: UserId,
    /// The account.
    #[sqlx(flatten)]
    pub account: TransferredUser,
}

impl Store {
    /// Stores accounts in one transaction, leaving out those with a stored address or subject;
    /// says how many it stored. A rehearsal says the same and stores nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn import_users(
        &self,
        users: &[TransferredUser],
        rehearsal: bool,
        event: &Event<'_>,
    ) -> Result<u64, StoreError> {
        let tx = Tx::begin_unhurried(&self.pool).await?;
        tx.run(async |tx| {
            let mut imported = 0;
            for rows in users.chunks(ROWS) {
                imported += insert_users(tx, rows).await?;
            }
            if rehearsal || imported == 0 {
                return Ok(Rollback(imported));
            }
            events::append(tx, &event.clone().with(json!({"imported": imported}))).await?;
            Ok(Commit(imported))
        })
        .await
    }

    /// A page of accounts with their hashes, in the order of ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn export_users(&self, after: UserId, limit: i64) -> Result<Vec<ExportedRow>, StoreError> {
        self.read(
            "store export_users",
            "SELECT id, subject, email, NULLIF(password_hash, $3) AS password_hash, password_expires_at, role, is_active, created_at, last_login_at
             FROM users
             WHERE id > $1
             ORDER BY id
             LIMIT $2",
        )
        .bind(after)
        .bind(limit)
        .bind(NO_PASSWORD)
        .all()
        .await
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_users(&self) -> Result<i64, StoreError> {
        let (count,) = self
            .read("store count_users", "SELECT COUNT(*) FROM users")
            .one()
            .await?;
        Ok(count)
    }
}

async fn insert_users(tx: &mut Tx, users: &[TransferredUser]) -> Result<u64, StoreError> {
    let statement = format!(
        "INSERT INTO users (subject, email, email_key, password_hash, password_expires_at, role, is_active, created_at, last_login_at)
         VALUES {}
         ON CONFLICT DO NOTHING",
        placeholders(users.len(), 9)
    );
    let statement = tx.query(AssertSqlSafe(statement));
    let bound = users.iter().fold(statement, |statement, user| {
        statement
            .bind(user.subject)
            .bind(user.email.as_str())
            .bind(user.email.key())
            .bind(user.password_hash.as_deref().unwrap_or(NO_PASSWORD))
            .bind(user.password_expires_at)
            .bind(&user.role)
            .bind(user.is_active)
            .bind(user.created_at)
            .bind(user.last_login_at)
    });
    bound.execute().await
}
