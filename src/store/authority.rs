//! What an administrator may do at this moment, read inside the transaction of the act itself.
//!
//! An act that could cost an admin locks the row of the role `admin` first: of two admins who
//! demote each other one comes second and is refused.

/// What the caller may at this moment, under the lock that every demotion takes; gives the refusal
/// back if their session has ended.
macro_rules! caller {
    ($tx:expr, $authority:expr, $refusal:ident) => {{
        $crate::store::authority::lock_admins!($tx);
        match $authority.session {
            None => Permissions::built_in(),
            Some(session) => {
                let caller: Option<(Permissions,)> = sqlx::query_as(
                    "SELECT roles.permissions
                     FROM sessions
                     JOIN users ON users.id = sessions.user_id
                     JOIN roles ON roles.name = users.role
                     WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND users.is_active",
                )
                .bind(session)
                .fetch_optional(&mut *$tx)
                .await?;
                let Some((caller,)) = caller else {
                    return Ok($refusal::Unauthenticated);
                };
                caller
            }
        }
    }};
}

macro_rules! permissions_of {
    ($tx:expr, $role:expr) => {
        sqlx::query_as::<_, (Permissions,)>(
            "SELECT permissions
             FROM roles
             WHERE name = $1",
        )
        .bind($role)
        .fetch_optional(&mut *$tx)
        .await?
        .map(|(permissions,)| permissions)
    };
}

/// One at a time, on every node: whatever could cost an admin.
macro_rules! lock_admins {
    ($tx:expr) => {
        sqlx::query(
            "UPDATE roles
             SET version = version
             WHERE name = 'admin'",
        )
        .execute(&mut *$tx)
        .await
        .map(drop)?
    };
}

/// Whether no active admin is left, asked under [`lock_admins`]. One who was invited and has never
/// come does not count.
macro_rules! no_admin_remains {
    ($tx:expr) => {
        sqlx::query_as::<_, (i64,)>(
            "SELECT COUNT(*)
             FROM (
                 SELECT id
                 FROM users
                 WHERE role = 'admin' AND is_active AND password_expires_at IS NULL AND password_hash <> '!'
                 LIMIT 1
             ) AS admins",
        )
        .fetch_one(&mut *$tx)
        .await?
        .0 == 0
    };
}

pub(crate) use {caller, lock_admins, no_admin_remains, permissions_of};
