//! Clients: services that authenticate themselves by a name and a secret. They have no account.

use super::clock::Timestamp;
use super::ids::Subject;
use super::invalid::Invalid;
use super::permission::{Permission, Permissions};

/// Own permission of this server that a client may have: it acts on no account, role or key.
const OF_CLIENTS: Permission = Permission::TokensIntrospect;

/// A client as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RegisteredClient {
    /// Its name, which is its `client_id`.
    pub name: String,
    /// Its identifier, never reassigned: a client that is made again under the name has another.
    pub subject: Subject,
    /// Its permissions.
    #[sqlx(flatten)]
    pub permissions: Permissions,
    /// Generation of its secret: the time of its issue in microseconds, so that no generation is used
    /// twice, also after a restore.
    pub generation: i64,
    /// Generation of the secret before, if there was one.
    pub earlier_generation: Option<i64>,
    /// Time until which the secret before is accepted.
    pub earlier_until: Option<Timestamp>,
    /// Time at which it was made.
    pub created_at: Timestamp,
    /// Time of its newest secret, if that is not the first.
    pub rotated_at: Option<Timestamp>,
}

impl RegisteredClient {
    /// Whether a secret of a generation is accepted at a time.
    #[must_use]
    pub fn accepts(&self, generation: i64, now: Timestamp) -> bool {
        let is_earlier = self.earlier_generation == Some(generation);
        generation == self.generation || is_earlier && self.earlier_until.is_some_and(|until| now < until)
    }
}

/// Checks the name of a new client: 1 to 32 of `a-z`, `0-9`, `_` and `-`, beginning with a letter.
///
/// # Errors
/// [`Invalid`] naming the rule.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if name.len() <= 32 && begins && name.chars().all(is_known) {
        return Ok(());
    }
    Err(Invalid::field(
        "name",
        "string_pattern_mismatch",
        "1 to 32 of a-z, 0-9, _ and -, beginning with a letter",
    ))
}

/// Takes the permissions of a new client. Of this server's own permissions it may have
/// `tokens:introspect` only.
///
/// # Errors
/// [`Invalid`] naming the rule.
pub fn parse_permissions(names: &[String]) -> Result<Permissions, Invalid> {
    let permissions = Permissions::parse("permission", names)?;
    let is_refused = |own: &Permission| *own != OF_CLIENTS && permissions.holds(*own);
    if Permission::ALL.iter().any(is_refused) {
        return Err(Invalid::field(
            "permission",
            "value_error",
            format!(
                "of Doorward's own permissions, a client may have {} only",
                OF_CLIENTS.name()
            ),
        ));
    }
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_before_is_accepted_for_its_time_and_no_other_is() {
        use uuid::Uuid;
        let at = Timestamp::from_secs;
        let client = RegisteredClient {
            name: "orders".to_owned(),
            subject: Subject::from(Uuid::from_u128(7)),
            permissions: Permissions::default(),
            generation: 30,
            earlier_generation: Some(20),
            earlier_until: Some(at(100)),
            created_at: at(1),
            rotated_at: Some(at(3)),
        };
        assert!(client.accepts(30, at(99)) && client.accepts(30, at(1_000)));
        assert!(client.accepts(20, at(99)) && !client.accepts(20, at(100)));
        assert!(!client.accepts(10, at(99)) && !client.accepts(40, at(99)));
        let first = RegisteredClient {
            earlier_generation: None,
            ..client
        };
        assert!(!first.accepts(20, at(99)));
    }

    #[test]
    fn a_client_has_a_plain_name_and_no_power_over_accounts() {
        for good in ["a", "orders", "api-2_b", &"a".repeat(32)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Orders", "2nd", "a:b", "a b", "é", &"a".repeat(33)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        let parse = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            parse_permissions(&names)
        };
        assert!(parse(&["tokens:introspect", "orders:refund"]).is_ok());
        for own in Permission::ALL.iter().filter(|own| **own != OF_CLIENTS) {
            assert!(parse(&["tokens:introspect", own.name()]).is_err(), "{own:?}");
        }
        assert!(parse(&["nonsense"]).is_err() && parse(&["tokens:write"]).is_err());
    }
}
