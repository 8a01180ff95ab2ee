//! Device tickets: signed texts that a device keeps after its first login to an account,
//! `dwd_` + base64url(subject, device, tag). A device with a ticket has a failure
//! counter of its own, so that the failures of others do not lock it out.

use aws_lc_rs::hmac;

use super::root_secret::RootSecret;
use super::signed_text::SignedText;
use super::{CryptoError, random};
use crate::model::ids::Subject;

const SUBJECT_BYTES: usize = 16;
const DEVICE_BYTES: usize = 16;
const PAYLOAD_BYTES: usize = SUBJECT_BYTES + DEVICE_BYTES;
const TAG_BYTES: usize = 16;

/// Issues and recognises device tickets.
pub struct DeviceTickets(SignedText<PAYLOAD_BYTES, TAG_BYTES>);

impl DeviceTickets {
    /// Derives the key from the root secret: that of the counters' names, so the domain is written
    /// as a list of parts is there.
    ///
    /// # Errors
    /// The derivation failed.
    pub fn new(root: &RootSecret) -> Result<Self, CryptoError> {
        let key = root.derive("throttle")?;
        Ok(Self(SignedText {
            prefix: "dwd_",
            domain: b"\0\0\0\0\0\0\0\x06ticket\0\0\0\0\0\0\0\x20",
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
        }))
    }

    /// Issues a ticket for a device that has just logged in.
    ///
    /// # Errors
    /// No entropy.
    pub fn issue(&self, subject: Subject) -> Result<String, CryptoError> {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[..SUBJECT_BYTES].copy_from_slice(subject.as_bytes());
        payload[SUBJECT_BYTES..].copy_from_slice(&random::<DEVICE_BYTES>()?);
        Ok(self.0.issue(&payload))
    }

    /// Whether a ticket is one of ours for this account.
    #[must_use]
    pub fn is_of(&self, ticket: &str, subject: Subject) -> bool {
        self.0
            .verify(ticket)
            .is_some_and(|payload| payload.starts_with(subject.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tickets(secret: &str) -> DeviceTickets {
        DeviceTickets::new(&RootSecret::parse(secret).unwrap()).unwrap()
    }

    #[test]
    fn a_ticket_is_good_for_its_account_alone() {
        let ours = tickets("a secret of the tests, of forty bytes!!!");
        let other = tickets("another secret, just as long as that one");
        let (ann, bob) = (Subject::from(Uuid::new_v4()), Subject::from(Uuid::new_v4()));
        let ticket = ours.issue(ann).unwrap();
        assert!(ours.is_of(&ticket, ann));
        assert!(!ours.is_of(&ticket, bob) && !other.is_of(&ticket, ann));
        for place in 0..ticket.len() {
            let mut bytes = ticket.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(!ours.is_of(&changed, ann), "{changed}");
            }
        }
        assert!(!ours.is_of("", ann) && !ours.is_of("dwd_", ann));
    }

    #[test]
    fn a_ticket_of_an_earlier_release_is_still_known() {
        let subject = Subject::from(Uuid::from_bytes(*b"of the subject.."));
        let ticket = "dwd_b2YgdGhlIHN1YmplY3QuLmFuZCB0aGUgZGV2aWNlLi6krG6iM6PvcErLfeYK7XcU";
        assert!(tickets("a secret of the tests, of forty bytes!!!").is_of(ticket, subject));
    }
}
