//! The links of the audit chain: each event carries a MAC over itself and the link before. A seal,
//! another MAC, covers the two ends of the chain.
//!
//! The key is stored sealed under the root secret, so an attacker who can write the database alone can
//! neither change nor remove a row unseen. They can restore a complete older state. That is found
//! only if the newest link was saved somewhere else.

use std::fmt;

use aws_lc_rs::hmac;

use super::inner_keys::{FIRST_GENERATION, InnerKeys};
use crate::model::event::{Chain, ChainLinks, EventRow};
use crate::model::ids::UserId;

/// The key of the links, and the earlier ones, which verify the links that they made.
///
/// Each link is a MAC over the link before. So the newest seal, which only the current key makes, fixes
/// all earlier links: to know an earlier key is not enough to change a row that it linked.
pub struct ChainKey {
    current: hmac::Key,
    generation: i64,
    earlier: Vec<hmac::Key>,
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

impl ChainKey {
    /// Takes the keys of the audit record.
    #[must_use]
    pub fn of(keys: &InnerKeys) -> Self {
        let earlier = keys.earlier_chains.iter().map(|(_, key)| mac_key(key));
        Self {
            earlier: earlier.collect(),
            generation: keys.generation,
            ..Self::new(&keys.audit_chain)
        }
    }

    /// Makes the first key, of 32 secret bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            current: mac_key(key),
            generation: FIRST_GENERATION,
            earlier: Vec::new(),
        }
    }
}

impl ChainLinks for ChainKey {
    fn generation(&self) -> i64 {
        self.generation
    }

    fn link(&self, previous: &[u8], row: &EventRow) -> Vec<u8> {
        link(&self.current, previous, row)
    }

    fn has_linked(&self, previous: &[u8], row: &EventRow) -> bool {
        std::iter::once(&self.current)
            .chain(&self.earlier)
            .any(|key| link(key, previous, row) == row.link)
    }

    fn seal(&self, chain: &Chain) -> Vec<u8> {
        mac(
            &self.current,
            &[
                Some(b"ends"),
                Some(&chain.first_id.to_be_bytes()),
                Some(&chain.first_link),
                Some(&chain.last_id.to_be_bytes()),
                Some(&chain.last_link),
            ],
        )
    }
}

fn mac_key(key: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn link(key: &hmac::Key, previous: &[u8], row: &EventRow) -> Vec<u8> {
    let number = |number: Option<UserId>| number.map(|id| id.get().to_be_bytes());
    let (actor_id, user_id) = (number(row.actor_id), number(row.user_id));
    let session = row.session_id.map(|id| *id.as_bytes());
    mac(
        key,
        &[
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
        ],
    )
}

/// Each part is preceded by its length, and an absent one differs from an empty one, so that no two
/// lists of parts have one MAC.
fn mac(key: &hmac::Key, parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        context.update(&length.to_be_bytes());
        context.update(part.unwrap_or_default());
    }
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::clock::Timestamp;
    use crate::model::event::{Actor, Context, Event, EventType};

    /// Rows that follow the end of a chain.
    fn events(key: &Arc<ChainKey>, mut end: Chain, many: i64) -> Vec<EventRow> {
        let context = Context::own(Actor::Server);
        let event = Event::new(
            key.clone(),
            EventType::ServerStarted,
            &context,
            Timestamp::from_secs(1),
        );
        let mut row = || {
            let (row, chain) = event.follow(&end);
            end = chain;
            row
        };
        (0..many).map(|_| row()).collect()
    }

    /// Number of the first row that does not verify.
    fn broken(key: &ChainKey, rows: &[EventRow]) -> Option<usize> {
        let before = std::iter::once(&[][..]).chain(rows.iter().map(|row| &row.link[..]));
        before
            .zip(rows)
            .position(|(previous, row)| !key.has_linked(previous, row))
    }

    #[test]
    fn an_earlier_key_verifies_its_events_and_changes_none() {
        let keys = InnerKeys::generate().unwrap();
        let old = Arc::new(ChainKey::of(&keys));
        let new = Arc::new(ChainKey::of(&keys.successor().unwrap()));
        let mut rows = events(&old, Chain::genesis(&*old), 3);
        let end = Chain {
            last_id: 3,
            last_link: rows[2].link.clone(),
            ..Chain::genesis(&*new)
        };
        rows.extend(events(&new, end, 2));
        assert_eq!(broken(&new, &rows), None);
        assert_eq!(
            broken(&old, &rows),
            Some(3),
            "the old key does not know the new one"
        );
        // Somebody who has the old key links a changed row, and all of its rows after it, again.
        rows[1].details = "{}".to_owned() + " ";
        for at in 1..3 {
            rows[at].link = old.link(&rows[at - 1].link, &rows[at]);
        }
        assert_eq!(broken(&new, &rows), Some(3), "the first row of the new key");
        // To link the rest too, the ends would have to be sealed with the new key.
        for at in 3..5 {
            rows[at].link = old.link(&rows[at - 1].link, &rows[at]);
        }
        let ends = Chain {
            last_id: 5,
            last_link: rows[4].link.clone(),
            ..Chain::genesis(&*old)
        };
        assert_ne!(old.seal(&ends), new.seal(&ends));
    }
}
