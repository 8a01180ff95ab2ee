//! Device tickets: signed texts that a device keeps after its first login to an account,
//! `dwd_` + base64url(subject, version of the password, time of issue, tag). The attempts of a device
//! with a ticket are counted apart from those of strangers, so that their failures do not lock it
//! out.
//!
//! A ticket ends after 90 days, with the password, and with the logout of all sessions. The logins
//! of its device renew it.

use std::time::Duration;

use aws_lc_rs::hmac;

use super::inner_keys::InnerKeys;
use super::signed_text::SignedText;
use crate::model::clock::Timestamp;
use crate::model::ids::Subject;
use crate::model::user::LoginAccount;

const SUBJECT_BYTES: usize = 16;
const VERSION_BYTES: usize = 8;
const TIME_BYTES: usize = 8;
const PAYLOAD_BYTES: usize = SUBJECT_BYTES + VERSION_BYTES + TIME_BYTES;
const TAG_BYTES: usize = 16;
/// Life of a ticket.
const LIFE: Duration = Duration::from_hours(90 * 24);
/// Age at which a login of the device brings a new one.
const RENEWED_AT: Duration = Duration::from_hours(30 * 24);

/// The account that a ticket is for, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketHolder {
    subject: Subject,
    password_version: i64,
}

impl TicketHolder {
    /// The account as the login sees it.
    #[must_use]
    pub const fn of(account: &LoginAccount) -> Self {
        Self {
            subject: account.subject,
            password_version: account.password_version,
        }
    }
}

/// What a ticket is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    /// It is good.
    Fresh,
    /// It is good, and the next login should bring another one.
    Ageing,
    /// It is none of ours, another account's, or has ended.
    Void,
}

/// Issues and checks device tickets.
pub struct DeviceTickets(SignedText<PAYLOAD_BYTES, TAG_BYTES>);

impl DeviceTickets {
    /// Takes their key, which is also used for counter names. The domain is
    /// encoded like their parts, so that no tag equals a counter name.
    #[must_use]
    pub fn new(keys: &InnerKeys) -> Self {
        Self(SignedText {
            prefix: "dwd_",
            domain: b"\0\0\0\0\0\0\0\x0fticket, version\0\0\0\0\0\0\0\x20",
            key: hmac::Key::new(hmac::HMAC_SHA256, keys.throttle.as_ref()),
        })
    }

    /// Issues a ticket for a device that has just logged in.
    #[must_use]
    pub fn issue(&self, holder: TicketHolder, now: Timestamp) -> String {
        let mut payload = [0; PAYLOAD_BYTES];
        let (subject, rest) = payload.split_at_mut(SUBJECT_BYTES);
        let (version, time) = rest.split_at_mut(VERSION_BYTES);
        subject.copy_from_slice(holder.subject.as_bytes());
        version.copy_from_slice(&holder.password_version.to_be_bytes());
        time.copy_from_slice(&now.micros().to_be_bytes());
        self.0.issue(&payload)
    }

    /// Checks a ticket against the account that a login names.
    #[must_use]
    pub fn check(&self, ticket: &str, holder: TicketHolder, now: Timestamp) -> TicketState {
        let Some(payload) = self.0.verify(ticket) else {
            return TicketState::Void;
        };
        let (subject, rest) = payload.split_at(SUBJECT_BYTES);
        let (version, time) = rest.split_at(VERSION_BYTES);
        let issued_at = time.first_chunk().map(|time| i64::from_be_bytes(*time));
        let issued_at = Timestamp::from_micros(issued_at.unwrap_or_default());
        let is_the_holders =
            subject == holder.subject.as_bytes() && version == holder.password_version.to_be_bytes();
        if !is_the_holders || now > issued_at.plus(LIFE) {
            TicketState::Void
        } else if now > issued_at.plus(RENEWED_AT) {
            TicketState::Ageing
        } else {
            TicketState::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::crypto::root_secret::RootSecret;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn tickets(secret: &str) -> DeviceTickets {
        DeviceTickets::new(&InnerKeys::derive(&RootSecret::parse(secret).unwrap()).unwrap())
    }

    fn holder(subject: Uuid, password_version: i64) -> TicketHolder {
        TicketHolder {
            subject: Subject::from(subject),
            password_version,
        }
    }

    #[test]
    fn a_ticket_is_good_for_its_account_alone() {
        let ours = tickets("a secret of the tests, of forty bytes!!!");
        let other = tickets("another secret, just as long as that one");
        let (ann, bob) = (holder(Uuid::new_v4(), 1), holder(Uuid::new_v4(), 1));
        let ticket = ours.issue(ann, NOW);
        assert_eq!(ours.check(&ticket, ann, NOW), TicketState::Fresh);
        assert_eq!(ours.check(&ticket, bob, NOW), TicketState::Void);
        assert_eq!(other.check(&ticket, ann, NOW), TicketState::Void);
        for place in 0..ticket.len() {
            let mut bytes = ticket.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert_eq!(ours.check(&changed, ann, NOW), TicketState::Void, "{changed}");
            }
        }
        for nothing in ["", "dwd_"] {
            assert_eq!(ours.check(nothing, ann, NOW), TicketState::Void);
        }
    }

    #[test]
    fn a_ticket_ends_with_the_password_and_with_time() {
        let tickets = tickets("a secret of the tests, of forty bytes!!!");
        let subject = Uuid::new_v4();
        let ticket = tickets.issue(holder(subject, 7), NOW);
        let after = |days: u64, version: i64| {
            let then = NOW.plus(Duration::from_hours(24 * days));
            tickets.check(&ticket, holder(subject, version), then)
        };
        assert_eq!(
            (after(30, 7), after(31, 7)),
            (TicketState::Fresh, TicketState::Ageing)
        );
        assert_eq!(
            (after(90, 7), after(91, 7)),
            (TicketState::Ageing, TicketState::Void)
        );
        assert_eq!((after(0, 8), after(0, 6)), (TicketState::Void, TicketState::Void));
    }

    #[test]
    fn a_ticket_of_an_earlier_release_has_ended() {
        let subject = Uuid::from_bytes(*b"of the subject..");
        let ticket = "dwd_b2YgdGhlIHN1YmplY3QuLmFuZCB0aGUgZGV2aWNlLi6krG6iM6PvcErLfeYK7XcU";
        let tickets = tickets("a secret of the tests, of forty bytes!!!");
        assert_eq!(tickets.check(ticket, holder(subject, 1), NOW), TicketState::Void);
    }
}
