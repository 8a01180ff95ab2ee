//! Memory of proved tokens: the signature of a token is verified once, for a bounded number of
//! tokens.
//!
//! Only the proof is remembered. The token's times are checked again at every use, and a change of
//! the keys forgets everything.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use super::verified::VerifiedAccessToken;
use crate::model::clock::NODES_APART;

/// Leeway of a token's `nbf` ahead of our clock (seconds); `exp` has no leeway, because the clock
/// that wrote it is ours.
const NOT_BEFORE_LEEWAY: i64 = 5;
/// Lead that another node's clock may have over ours (seconds).
const CLOCK_SKEW: i64 = NODES_APART.as_secs().cast_signed();

/// Proof of a token's signature: it is ours, for us, of this session, good in this span of seconds.
#[derive(Clone, Copy)]
pub struct Proved {
    pub presented: VerifiedAccessToken,
    pub issued_at: i64,
    pub not_before: Option<i64>,
    /// End of the token or of its key, the earlier one.
    pub expires_at: i64,
}

impl Proved {
    /// Whether the token is good at `now`, in seconds.
    pub fn holds(&self, now: i64) -> bool {
        now < self.expires_at
            && self.issued_at <= now.saturating_add(CLOCK_SKEW)
            && self
                .not_before
                .is_none_or(|nbf| nbf <= now.saturating_add(NOT_BEFORE_LEEWAY))
    }
}

const PROVED_SHARDS: usize = 16;
const PROVED_PER_SHARD: usize = 512;

/// Token and proof by keyed hash; the least recently used goes first.
type ProvedShard = LruCache<u64, (Box<str>, Proved)>;

/// Last bytes of a token that are hashed: they are its signature's, so as good as random.
const HASHED: usize = 32;

/// Tokens that were proved lately, by keyed hash. The whole token is compared, so a collision
/// proves nothing.
pub struct ProvedTokens {
    /// Taken by request threads for one look-up or one insertion; nothing awaits under it.
    shards: Vec<Mutex<ProvedShard>>,
    hasher: RandomState,
    /// Counts changes of the keys.
    epoch: AtomicU64,
}

impl ProvedTokens {
    /// An empty memory.
    pub fn new() -> Self {
        Self {
            shards: (0..PROVED_SHARDS)
                .map(|_| Mutex::new(LruCache::new(PROVED_PER_SHARD)))
                .collect(),
            hasher: RandomState::new(),
            epoch: AtomicU64::new(0),
        }
    }

    /// The count of key changes; to be read before a proof begins.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn hash(&self, token: &str) -> u64 {
        let token = token.as_bytes();
        self.hasher.hash_one(
            token
                .last_chunk::<HASHED>()
                .map_or(token, <[u8; HASHED]>::as_slice),
        )
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
    fn shard(&self, hash: u64) -> MutexGuard<'_, ProvedShard> {
        self.shards[hash as usize % PROVED_SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Proof of a token, if it is remembered.
    pub fn find(&self, token: &str) -> Option<Proved> {
        let hash = self.hash(token);
        self.shard(hash)
            .get(&hash)
            .filter(|(proved, _)| **proved == *token)
            .map(|(_, proved)| *proved)
    }

    /// Remembers a proof unless the keys have changed since `epoch`, at which it began.
    pub fn insert(&self, token: &str, proved: Proved, epoch: u64) {
        let hash = self.hash(token);
        let mut shard = self.shard(hash);
        if self.epoch() == epoch {
            shard.insert(hash, (token.into(), proved));
        }
    }

    /// Forgets everything; a proof by the old keys that is under way will not be remembered.
    pub fn clear(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::jwt::tests::{NOW, issued, tokens};

    #[test]
    fn what_was_proved_is_remembered_of_the_whole_token_and_in_bounded_number() {
        let tokens = tokens();
        let token = issued(&tokens);
        assert!(tokens.proved.find(&token).is_none());
        tokens.verify(&token, NOW).unwrap();
        assert!(tokens.proved.find(&token).is_some());
        // The same hash with another token behind it: what a collision would look like.
        let hash = tokens.proved.hash(&token);
        let proved = tokens.proved.find(&token).unwrap();
        tokens
            .proved
            .shard(hash)
            .insert(hash, ("another token".into(), proved));
        assert!(tokens.proved.find(&token).is_none());
        for _ in 0..10_000 {
            tokens.verify(&issued(&tokens), NOW).unwrap();
        }
        assert!(
            tokens
                .proved
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().len() <= PROVED_PER_SHARD)
        );
    }
}
