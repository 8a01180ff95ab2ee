//! Who tries a password from where: keyed names for counters, tickets of known devices, and the
//! budget of each address.
//!
//! A device that has logged in holds a ticket, signed for its account. Its attempts are counted by
//! themselves, so nobody else's failures lock it out.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashlink::LruCache;
use uuid::Uuid;

use crate::crypto::secret::{CryptoError, RootSecret, random};
use crate::model::clock::Timestamp;
use crate::model::ids::{SessionId, Subject};
use crate::model::throttle::{Budget, Counters, Rate, prefix};

const TICKET_PREFIX: &str = "dwd_";
const SUBJECT_BYTES: usize = 16;
const DEVICE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

/// Names counters and signs tickets of devices.
pub struct Throttle {
    key: hmac::Key,
}

impl Throttle {
    /// Derives the key.
    ///
    /// # Errors
    /// The primitive refused.
    pub fn new(root: &RootSecret) -> Result<Self, CryptoError> {
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &*root.derive("throttle")?),
        })
    }

    /// Of a stranger's attempts: the account, by what was typed whether or not there is one, and
    /// the address.
    #[must_use]
    pub fn of_address(&self, account: &str, ip: Option<IpAddr>) -> Counters {
        let place = self.name(&[
            b"address",
            account.as_bytes(),
            &ip.map(prefix).unwrap_or_default(),
        ]);
        Counters {
            place,
            account: Some(self.of_account(account)),
            unlocks: None,
        }
    }

    /// Of an account's attempts from everywhere.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Uuid {
        self.name(&[b"account", account.as_bytes()])
    }

    /// Of the attempts of a device that has logged in to the account before.
    #[must_use]
    pub fn of_device(&self, ticket: &str, account: &str) -> Counters {
        Counters {
            place: self.name(&[b"device", ticket.as_bytes()]),
            account: None,
            unlocks: Some(self.of_account(account)),
        }
    }

    /// Of the attempts within a session, at the current password.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Counters {
        Counters {
            place: self.name(&[b"session", session.as_bytes()]),
            account: None,
            unlocks: None,
        }
    }

    /// Issues a ticket for a device that has just logged in.
    ///
    /// # Errors
    /// No entropy.
    pub fn issue_ticket(&self, subject: Subject) -> Result<String, CryptoError> {
        let mut ticket = [subject.as_bytes().as_slice(), &random::<DEVICE_BYTES>()?].concat();
        let tag = self.tag(&ticket);
        ticket.extend_from_slice(&tag);
        Ok(format!("{TICKET_PREFIX}{}", URL_SAFE_NO_PAD.encode(ticket)))
    }

    /// Whether a ticket is one of ours for this account.
    #[must_use]
    pub fn is_ticket_of(&self, ticket: &str, subject: Subject) -> bool {
        let bytes = ticket
            .strip_prefix(TICKET_PREFIX)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let Some(bytes) = bytes.filter(|bytes| bytes.len() == SUBJECT_BYTES + DEVICE_BYTES + TAG_BYTES)
        else {
            return false;
        };
        let (signed, tag) = bytes.split_at(SUBJECT_BYTES + DEVICE_BYTES);
        signed.starts_with(subject.as_bytes())
            && aws_lc_rs::constant_time::verify_slices_are_equal(&self.tag(signed), tag).is_ok()
    }

    fn tag(&self, signed: &[u8]) -> [u8; TAG_BYTES] {
        *self.name(&[b"ticket", signed]).as_bytes()
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

/// Budgets of addresses: token buckets by the generic cell rate algorithm, in bounded memory;
/// beyond that many the address seen longest ago is forgotten.
pub struct AddressLimit {
    rate: Option<Rate>,
    /// When each address's bucket is full again (microseconds since the Unix epoch). Taken for one
    /// look-up; nothing awaits under it.
    full_at: Mutex<LruCache<u64, i64>>,
    hasher: RandomState,
}

/// Addresses remembered: 24 bytes each with the list's links, so 4 MiB at most.
const MOST_ADDRESSES: usize = 65_536;

impl AddressLimit {
    /// A limit, or none.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            full_at: Mutex::new(LruCache::new(MOST_ADDRESSES)),
            hasher: RandomState::new(),
        }
    }

    /// Takes one from the budget of an address: what is left, and whether there was one to take.
    /// None if there is no limit.
    #[must_use]
    pub fn take(&self, ip: IpAddr, now: Timestamp) -> Option<(Budget, bool)> {
        let rate = self.rate?;
        let window = micros(rate.window);
        let step = (window / i64::from(rate.quota.max(1))).max(1);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let address = self.hasher.hash_one(prefix(ip));
        // What is owed beyond the window was written by a clock that has been set back since.
        let written = full_at
            .get(&address)
            .copied()
            .filter(|at| *at <= now.micros().saturating_add(window));
        let before = written.map_or(now.micros(), |at| at.max(now.micros()));
        let after = before.saturating_add(step);
        let taken = after - now.micros() <= window;
        if taken {
            full_at.insert(address, after);
        }
        let owed = if taken { after } else { before } - now.micros();
        let left = u32::try_from((window - owed) / step).unwrap_or(0);
        let wait = if left > 0 { owed } else { owed + step - window };
        Some((
            Budget {
                rate,
                left,
                wait: Duration::from_micros(wait.max(0).unsigned_abs()),
            },
            taken,
        ))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn throttle() -> Throttle {
        Throttle::new(&RootSecret::parse("a secret of the tests, of forty bytes!!!").unwrap()).unwrap()
    }

    #[test]
    fn a_ticket_is_good_for_its_account_alone() {
        let (throttle, other) = (
            throttle(),
            Throttle::new(&RootSecret::parse("another secret, just as long as that one").unwrap()).unwrap(),
        );
        let (ann, bob) = (Subject::from(Uuid::new_v4()), Subject::from(Uuid::new_v4()));
        let ticket = throttle.issue_ticket(ann).unwrap();
        assert!(throttle.is_ticket_of(&ticket, ann));
        assert!(!throttle.is_ticket_of(&ticket, bob) && !other.is_ticket_of(&ticket, ann));
        for place in 0..ticket.len() {
            let mut bytes = ticket.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(!throttle.is_ticket_of(&changed, ann), "{changed}");
            }
        }
        assert!(!throttle.is_ticket_of("", ann) && !throttle.is_ticket_of("dwd_", ann));
    }

    #[test]
    fn an_address_has_its_quota_and_gets_it_back_in_its_window() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 5,
            window: Duration::from_mins(1),
        }));
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        let left: Vec<(u32, bool)> = (0..7)
            .map(|_| limit.take(ip, NOW).unwrap())
            .map(|(budget, taken)| (budget.left, taken))
            .collect();
        assert_eq!(
            left,
            [
                (4, true),
                (3, true),
                (2, true),
                (1, true),
                (0, true),
                (0, false),
                (0, false)
            ]
        );
        assert_eq!(limit.take(ip, NOW).unwrap().0.wait, Duration::from_secs(12));
        assert!(
            limit.take("192.0.2.8".parse().unwrap(), NOW).unwrap().1,
            "another address"
        );
        assert!(limit.take(ip, NOW.plus(Duration::from_secs(12))).unwrap().1);
        assert!(!limit.take(ip, NOW.plus(Duration::from_secs(13))).unwrap().1);
        assert_eq!(
            limit.take(ip, NOW.plus(Duration::from_mins(10))).unwrap().0.left,
            4
        );
        assert!(
            limit.take(ip, NOW.minus(Duration::from_hours(24))).unwrap().1,
            "a clock set back locks nobody out"
        );
        assert!(AddressLimit::new(None).take(ip, NOW).is_none());
    }

    #[test]
    fn a_million_addresses_fit_in_bounded_memory() {
        let limit = AddressLimit::new(Some(Rate {
            quota: 5,
            window: Duration::from_mins(1),
        }));
        for number in 0..1_000_000_u32 {
            assert!(limit.take(IpAddr::from(number.to_be_bytes()), NOW).unwrap().1);
        }
        assert_eq!(limit.full_at.lock().unwrap().len(), MOST_ADDRESSES);
    }
}
