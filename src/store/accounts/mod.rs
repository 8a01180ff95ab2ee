//! Accounts: found, changed by their owner, changed by an administrator.

pub mod admin;
pub mod find;
pub mod own;

/// The columns of an [`Account`].
macro_rules! account_columns {
    () => {
        "id, email, is_active, role, subject, created_at, last_login_at, password_expires_at, version"
    };
}

pub(crate) use account_columns;
