//! Names of the counters of attempts, as keyed hashes: neither an address nor an account can be read
//! or guessed from the database.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use uuid::Uuid;

use super::inner_keys::InnerKeys;
use crate::model::ids::SessionId;
use crate::model::throttle::{AccountCounters, Counters, prefix, widest_and_narrowest};
use crate::model::user::LoginAccount;

/// Names counters.
pub struct CounterNames {
    key: hmac::Key,
}

impl CounterNames {
    /// Takes their key.
    #[must_use]
    pub fn new(keys: &InnerKeys) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, keys.throttle.as_ref()),
        }
    }

    /// Counters of a stranger's attempts: the account, by the text that was typed whether or not it
    /// exists, and the address.
    #[must_use]
    pub fn of_address(&self, name: &str, account: Option<&LoginAccount>, ip: IpAddr) -> Counters {
        let [widest, _] = widest_and_narrowest(ip);
        Counters {
            place: self.name(&[b"address", name.as_bytes(), &prefix(ip)]),
            account: Some(AccountCounters {
                network: self.name(&[b"network", name.as_bytes(), widest.to_string().as_bytes()]),
                everywhere: self.of_account(name, account),
                fresh: self.name(&[b"fresh", name.as_bytes()]),
            }),
            unlocks: None,
        }
    }

    /// Counter of an account's attempts from everywhere. It begins anew with each version of the
    /// password, also with the first: failures before the registration do not lock the account.
    #[must_use]
    pub fn of_account(&self, name: &str, account: Option<&LoginAccount>) -> Uuid {
        let version = account.map_or(0, |account| account.password_version);
        self.name(&[b"account", name.as_bytes(), &version.to_be_bytes()])
    }

    /// Counters of the attempts of devices that have logged in to the account before: one for all of
    /// them, so that many tickets are not many times the guesses.
    #[must_use]
    pub fn of_devices(&self, name: &str, account: &LoginAccount) -> Counters {
        Counters {
            place: self.name(&[b"devices", name.as_bytes()]),
            account: None,
            unlocks: Some(self.of_account(name, Some(account))),
        }
    }

    /// Counters of the attempts within a session, at the current password.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Counters {
        Counters {
            place: self.name(&[b"session", session.as_bytes()]),
            account: None,
            unlocks: None,
        }
    }

    /// Each part is preceded by its length, so that no two lists of parts have one name.
    fn name(&self, parts: &[&[u8]]) -> Uuid {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut name = [0; 16];
        name.copy_from_slice(&context.sign().as_ref()[..16]);
        Uuid::from_bytes(name)
    }
}
