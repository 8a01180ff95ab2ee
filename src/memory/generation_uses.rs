//! First uses of generations that the database does not know yet.
//!
//! A request only notes a use here. A worker writes them later, so no request waits for that write
//! or fails with it. Until then this node alone knows them, and they are lost if it is killed: a
//! generation then looks unused, as long as its tokens are not used again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::ids::SessionId;

/// A session and the generation of which an access token was used.
pub type GenerationUse = (SessionId, i64);

/// Sessions that it holds at most: about 5 MiB.
const MOST: usize = 100_000;

/// The uses that wait to be written.
#[derive(Default)]
pub struct GenerationUses {
    /// Taken once for each generation of a session, at a repeated refresh, and by the worker;
    /// nothing awaits under it.
    waiting: Mutex<HashMap<SessionId, i64>>,
}

impl GenerationUses {
    /// Notes a use. Beyond 100,000 sessions it is forgotten: the database has been away for long.
    pub fn note(&self, session: SessionId, generation: i64) {
        let mut waiting = self.waiting();
        if waiting.len() < MOST || waiting.contains_key(&session) {
            let newest = waiting.entry(session).or_insert(generation);
            *newest = generation.max(*newest);
        }
    }

    /// The newest generation of a session that waits to be written.
    #[must_use]
    pub fn newest(&self, session: SessionId) -> Option<i64> {
        self.waiting().get(&session).copied()
    }

    /// Some of them, to be written. They stay until [`Self::written`], so that a repeat meanwhile
    /// finds them here or in the database.
    #[must_use]
    pub fn batch(&self, most: usize) -> Vec<GenerationUse> {
        let waiting = self.waiting();
        waiting.iter().take(most).map(|(id, used)| (*id, *used)).collect()
    }

    /// Forgets what the database knows now, unless there is something newer.
    pub fn written(&self, batch: &[GenerationUse]) {
        let mut waiting = self.waiting();
        for (session, generation) in batch {
            if waiting.get(session) == Some(generation) {
                waiting.remove(session);
            }
        }
    }

    /// A panic under the lock leaves uses that are at worst incomplete.
    fn waiting(&self) -> MutexGuard<'_, HashMap<SessionId, i64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_use_stays_until_it_is_written_and_a_newer_one_longer() {
        let (uses, session) = (GenerationUses::default(), SessionId::from(Uuid::from_u128(7)));
        uses.note(session, 2);
        uses.note(session, 1);
        let batch = uses.batch(10);
        assert_eq!(batch, [(session, 2)]);
        uses.note(session, 3);
        uses.written(&batch);
        assert_eq!(uses.newest(session), Some(3));
        uses.written(&uses.batch(10));
        assert_eq!(uses.newest(session), None);
    }

    #[test]
    fn memory_is_bounded() {
        let uses = GenerationUses::default();
        for number in 0..=MOST {
            uses.note(SessionId::from(Uuid::from_u128(number as u128)), 1);
        }
        uses.note(SessionId::from(Uuid::from_u128(0)), 2);
        assert_eq!(uses.batch(usize::MAX).len(), MOST);
        assert_eq!(uses.newest(SessionId::from(Uuid::from_u128(0))), Some(2));
    }
}
