//! The links of the audit chain: each event carries a MAC over itself and the link before. A seal,
//! another MAC, covers the two ends of the chain.
//!
//! The key is stored sealed under the root secret, so an attacker who can write the database alone can
//! neither change nor remove a row unseen. They can restore a complete older state. That is found
//! only if the newest link was saved somewhere else.

use std::fmt;

use aws_lc_rs::hmac;

use super::inner_keys::InnerKeys;
use crate::model::event::{Chain, ChainLinks, EventRow};
use crate::model::ids::UserId;

/// The key of the links.
pub struct ChainKey(hmac::Key);

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

impl ChainKey {
    /// Takes the key of the audit record.
    #[must_use]
    pub fn of(keys: &InnerKeys) -> Self {
        Self::new(&keys.audit_chain)
    }

    /// Makes a key of 32 secret bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Each part is preceded by its length, and an absent one differs from an empty one, so that no
    /// two lists of parts have one MAC.
    fn mac(&self, parts: &[Option<&[u8]>]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(part.unwrap_or_default());
        }
        context.sign().as_ref().to_vec()
    }
}

impl ChainLinks for ChainKey {
    fn link(&self, previous: &[u8], row: &EventRow) -> Vec<u8> {
        let number = |number: Option<UserId>| number.map(|id| id.get().to_be_bytes());
        let (actor_id, user_id) = (number(row.actor_id), number(row.user_id));
        let session = row.session_id.map(|id| *id.as_bytes());
        self.mac(&[
            Some(previous),
            Some(&row.id.to_be_bytes()),
            Some(&row.created_at.micros().to_be_bytes()),
            Some(row.kind.as_bytes()),
            Some(row.actor.as_bytes()),
            actor_id.as_ref().map(<[u8; 8]>::as_slice),
            user_id.as_ref().map(<[u8; 8]>::as_slice),
            session.as_ref().map(<[u8; 16]>::as_slice),
            Some(row.ip.as_bytes()),
            Some(row.request_id.as_bytes()),
            Some(row.details.as_bytes()),
        ])
    }

    fn seal(&self, chain: &Chain) -> Vec<u8> {
        self.mac(&[
            Some(b"ends"),
            Some(&chain.first_id.to_be_bytes()),
            Some(&chain.first_link),
            Some(&chain.last_id.to_be_bytes()),
            Some(&chain.last_link),
        ])
    }
}
