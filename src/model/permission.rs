//! Permissions and roles: names, and sets of names. What a role may do is decided by the server's
//! own state; tokens carry it for other services only.

use std::fmt;

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use strum::{EnumMessage, IntoStaticStr, VariantArray};

use super::invalid::Invalid;

/// Permission that this server itself asks for. Every other name is the app's own. The comment of a
/// variant is its description in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumMessage, VariantArray)]
pub enum Permission {
    /// Read the events
    #[strum(serialize = "audit:read")]
    AuditRead,
    /// Rotate and revoke signing keys
    #[strum(serialize = "keys:write")]
    KeysWrite,
    /// Read roles
    #[strum(serialize = "roles:read")]
    RolesRead,
    /// Make, change and delete roles
    #[strum(serialize = "roles:write")]
    RolesWrite,
    /// Read others' sessions
    #[strum(serialize = "sessions:read")]
    SessionsRead,
    /// End others' sessions
    #[strum(serialize = "sessions:write")]
    SessionsWrite,
    /// Introspect a token
    #[strum(serialize = "tokens:introspect")]
    TokensIntrospect,
    /// Read accounts
    #[strum(serialize = "users:read")]
    UsersRead,
    /// Make, change and delete accounts
    #[strum(serialize = "users:write")]
    UsersWrite,
}

impl Permission {
    /// Every permission.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Name, as a scope of a token and in a role.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Description for the document.
    #[must_use]
    pub fn words(self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }
}

/// The longest set, in characters of its text: it travels in every token.
pub const MAX_PERMISSIONS_CHARS: usize = 1024;

/// A set of permissions in the form of OAuth's scope (RFC 6749 section 3.3): sorted, separated by
/// spaces.
///
/// It is read from a row by its columns `role` and `permissions` together, never by the second
/// alone: what the role `admin` permits is not what its row says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permissions(String);

impl<'r, R> FromRow<'r, R> for Permissions
where
    R: Row,
    &'static str: ColumnIndex<R>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let stored = Self(row.try_get("permissions")?);
        Ok(stored.of_role(row.try_get("role")?))
    }
}

impl Permissions {
    /// All that this server itself asks for.
    #[must_use]
    pub fn built_in() -> Self {
        let mut names: Vec<&str> = Permission::ALL.iter().map(|own| own.name()).collect();
        names.sort_unstable();
        Self(names.join(" "))
    }

    /// The permissions of a role whose row has these. The role `admin` has every permission of this
    /// server as well, also one that is newer than its row.
    fn of_role(self, role: &str) -> Self {
        if role != ADMIN_ROLE || self.holds_built_in() {
            return self;
        }
        let built_in = Self::built_in();
        let mut names: Vec<&str> = self.names().chain(built_in.names()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.join(" "))
    }

    /// Takes a list of names: each of two or more parts of `a-z`, `0-9`, `_`, `.` and `-`, joined
    /// by colons, such as `orders:refund`.
    ///
    /// # Errors
    /// [`Invalid`] naming the rule.
    pub fn parse(field: &'static str, names: &[impl AsRef<str>]) -> Result<Self, Invalid> {
        let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        if !names.iter().all(|name| is_permission(name)) {
            return Err(Invalid::field(
                field,
                "string_pattern_mismatch",
                "Each name should match pattern '^[a-z0-9_.-]+(:[a-z0-9_.-]+)+$'",
            ));
        }
        // A later version may give such a name a meaning that was never granted.
        if names.iter().any(|name| is_reserved(name)) {
            return Err(Invalid::field(
                field,
                "value_error",
                "Value error, a name in one of this server's own areas that it does not have",
            ));
        }
        names.sort_unstable();
        names.dedup();
        let text = names.join(" ");
        if text.len() > MAX_PERMISSIONS_CHARS {
            return Err(Invalid::field(
                field,
                "too_long",
                format!("The names should have at most {MAX_PERMISSIONS_CHARS} characters in all"),
            ));
        }
        Ok(Self(text))
    }

    /// The text of a token's scope.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|name| !name.is_empty())
    }

    /// Whether it holds what this server asks for.
    #[must_use]
    pub fn holds(&self, permission: Permission) -> bool {
        self.names().any(|name| name == permission.name())
    }

    /// Whether it holds all that this server asks for.
    fn holds_built_in(&self) -> bool {
        Permission::ALL.iter().all(|own| self.holds(*own))
    }

    /// Whether a holder of this set may hand `others` on, or act on a holder of them: only what is
    /// held here. A holder of all of this server's own permissions may hand on any.
    #[must_use]
    pub fn covers(&self, others: &Self) -> bool {
        self.holds_built_in() || others.names().all(|name| self.names().any(|held| held == name))
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a permission: two or more parts of `a-z`, `0-9`, `_`, `.` and `-`, joined by colons.
#[must_use]
pub fn is_permission(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
    };
    name.contains(':') && name.split(':').all(part)
}

/// Whether a name is in an area of this server's own, such as `users`, without being one of its
/// permissions.
fn is_reserved(name: &str) -> bool {
    let area = |name: &str| name.split(':').next().map(str::to_owned);
    Permission::ALL.iter().any(|own| area(own.name()) == area(name))
        && Permission::ALL.iter().all(|own| own.name() != name)
}

/// The built-in role of every new account.
pub const DEFAULT_ROLE: &str = "user";
/// The built-in role that holds every permission of this server; its last active account cannot be
/// lost.
pub const ADMIN_ROLE: &str = "admin";

/// A role as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Role {
    /// Its name.
    #[sqlx(rename = "role")]
    pub name: String,
    /// Its permissions.
    #[sqlx(flatten)]
    pub permissions: Permissions,
    /// Counts its changes.
    pub version: i64,
}

/// The name of a role: 1 to 32 of `a-z`, `0-9`, `_` and `-`, beginning with a letter.
#[must_use]
pub fn is_role_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_without_doubles_and_bounded() {
        let set = Permissions::parse("permissions", &["orders:refund", "a:b:c", "orders:refund"]).unwrap();
        assert_eq!(set.as_str(), "a:b:c orders:refund");
        assert_eq!(
            Permissions::parse("permissions", &[""; 0])
                .unwrap()
                .names()
                .count(),
            0
        );
        for bad in [
            "",
            "orders",
            ":",
            "a:",
            ":a",
            "a b:c",
            "A:b",
            "a:b\"",
            "a::b",
            "é:b",
            "users:all",
            "keys:read",
        ] {
            assert!(Permissions::parse("permissions", &[bad]).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..200).map(|n| format!("orders:{n}")).collect();
        assert_eq!(
            Permissions::parse("permissions", &many).unwrap_err().kind,
            "too_long"
        );
    }

    #[test]
    fn the_built_in_ones_are_a_set_like_any_other() {
        let names: Vec<&str> = Permission::ALL.iter().map(|own| own.name()).collect();
        assert_eq!(
            Permissions::parse("permissions", &names).unwrap(),
            Permissions::built_in()
        );
    }

    #[test]
    fn the_admin_role_has_every_permission_of_this_server_and_the_apps_own_of_its_row() {
        let row = Permissions::parse("permissions", &["users:read", "orders:refund"]).unwrap();
        let admin = row.clone().of_role(ADMIN_ROLE);
        assert!(admin.covers(&Permissions::built_in()) && admin.covers(&row));
        assert_eq!(
            admin.names().filter(|name| *name == "users:read").count(),
            1,
            "{admin}"
        );
        assert_eq!(row.clone().of_role("clerk"), row);
    }

    #[test]
    fn only_what_is_held_can_be_handed_on() {
        let set = |names: &[&str]| Permissions::parse("permissions", names).unwrap();
        let clerk = set(&["users:read", "users:write"]);
        assert!(
            Permissions::built_in().covers(&clerk)
                && clerk.covers(&clerk)
                && !clerk.covers(&set(&["users:read", "orders:refund"]))
        );
        assert!(Permissions::built_in().covers(&set(&["orders:refund"])));
        assert!(
            !clerk.covers(&Permissions::built_in())
                && !clerk.covers(&set(&["audit:read"]))
                && !Permissions::default().covers(&clerk)
        );
    }

    #[test]
    fn role_names_are_short_and_plain() {
        for good in ["user", "a", "support-2", "back_office"] {
            assert!(is_role_name(good), "{good}");
        }
        for bad in ["", "User", "2nd", "-a", "a b", "é", &"a".repeat(33)] {
            assert!(!is_role_name(bad), "{bad}");
        }
    }
}
