//! The session registry: states of live sessions in memory. The bearer check asks it before the
//! database.
//!
//! Bounded shards of session id -> [`SessionState`]; the least recently used goes first. The
//! surprising part is [`FillPermit`]: a load from the database that began before an eviction must not
//! be stored after it, or an ended session would live again (the stale-fill race). Each shard
//! counts its evictions; a fill is stored only if the count has not changed since its permit was
//! issued. No lock is held over an await.
//!
//! Changes of other nodes come by the feed. The registry answers only while the feed was read
//! within [`LEASE`]; otherwise every look-up misses. So a node that has lost its database forgets
//! in time by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashlink::LruCache;

// `super`'s, not std's by name: the tests compile this very file over a scheduler that explores the
// interleavings.
use super::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError};
use crate::model::clock::monotonic_now;
use crate::model::ids::{SessionId, UserId};
use crate::model::session::SessionState;
use crate::telemetry::metrics::{Family, Reading};

const HELD: Family = Family::new("doorward_registry_sessions", "Sessions that the registry holds");
const HITS: Family = Family::new(
    "doorward_registry_hits_total",
    "Look-ups that the registry answered",
);
const MISSES: Family = Family::new(
    "doorward_registry_misses_total",
    "Look-ups that went to the database",
);
const EVICTIONS: Family = Family::new(
    "doorward_registry_evictions_total",
    "Sessions that the registry forgot",
);
const FEED_LAG: Family = Family::new(
    "doorward_feed_lag_seconds",
    "Time since the feed of changes was last read; 0 before the first reading",
);

const SHARDS: usize = 16;

/// Time for which the registry may be believed after a reading of the feed began; below the second
/// that is promised across nodes.
pub const LEASE: Duration = Duration::from_millis(800);

/// Right to store the state that a load brings, unless something was evicted meanwhile.
#[derive(Debug)]
#[must_use]
pub struct FillPermit {
    session: SessionId,
    evictions: u64,
}

/// Answer of the registry about a session.
#[derive(Debug)]
pub enum Lookup {
    /// State of the session as it was loaded; nothing has changed since.
    Hit(Arc<SessionState>),
    /// Ask the store, then [`Registry::fill`].
    Miss(FillPermit),
}

struct Shard {
    states: LruCache<SessionId, Arc<SessionState>>,
    /// Counts evictions; see the module's head.
    evictions: u64,
    /// Counters for the metrics. They are under the shard's lock, so that counting touches no
    /// further cache line in each request.
    hits: u64,
    misses: u64,
    forgotten: u64,
}

impl Shard {
    fn new(size: usize) -> Self {
        Self {
            states: LruCache::new(size),
            evictions: 0,
            hits: 0,
            misses: 0,
            forgotten: 0,
        }
    }

    /// Makes a change that may forget states, and counts those.
    fn forgetting(&mut self, change: impl FnOnce(&mut LruCache<SessionId, Arc<SessionState>>)) {
        let before = self.states.len();
        change(&mut self.states);
        self.forgotten += before.saturating_sub(self.states.len()) as u64;
    }
}

/// The in-memory registry of live sessions.
pub struct Registry {
    /// Taken by request threads for the length of one look-up; std's Mutex, since nothing awaits
    /// under it.
    shards: Vec<Mutex<Shard>>,
    /// Nothing but a point from which spans are counted.
    epoch: Instant,
    /// End of the lease, in nanoseconds after `epoch`; written by the feed's reader.
    leased_until: AtomicU64,
    /// Beginning of the last reading of the feed that succeeded, in nanoseconds after `epoch`; 0
    /// before the first.
    read_at: AtomicU64,
}

impl Registry {
    /// An empty registry of at most about `size` sessions.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let per_shard = size.div_ceil(SHARDS);
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(per_shard))).collect();
        Self {
            shards,
            epoch: monotonic_now(),
            leased_until: AtomicU64::new(0),
            read_at: AtomicU64::new(0),
        }
    }

    /// Looks a session up; on a miss, draws the permit *before* the caller's load begins.
    #[must_use]
    pub fn look_up(&self, session: SessionId) -> Lookup {
        let leased = self.leased();
        let mut shard = self.shard(session);
        if let Some(state) = shard.states.get(&session).filter(|_| leased).map(Arc::clone) {
            shard.hits += 1;
            return Lookup::Hit(state);
        }
        shard.misses += 1;
        Lookup::Miss(FillPermit {
            session,
            evictions: shard.evictions,
        })
    }

    /// Stores the state that a load brought, unless an eviction came between.
    pub fn fill(&self, permit: FillPermit, state: Arc<SessionState>) {
        let mut shard = self.shard(permit.session);
        if shard.evictions == permit.evictions {
            let full = shard.states.len() == shard.states.capacity();
            let known = shard.states.insert(permit.session, state).is_some();
            shard.forgotten += u64::from(full && !known);
        }
    }

    /// Forgets one session and voids the loads under way. To be called after the change is
    /// committed and before it is acknowledged.
    pub fn evict(&self, session: SessionId) {
        let mut shard = self.shard(session);
        shard.evictions += 1;
        shard.forgetting(|states| drop(states.remove(&session)));
    }

    /// Forgets every session of a user, as [`Self::evict`] does one.
    pub fn evict_user(&self, user: UserId) {
        self.keep(|state| state.me.id != user);
    }

    /// Forgets every session of everyone who has a role, as [`Self::evict`] does one.
    pub fn evict_role(&self, role: &str) {
        self.keep(|state| state.me.role != role);
    }

    fn keep(&self, kept: impl Fn(&SessionState) -> bool) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.evictions += 1;
            shard.forgetting(|states| states.retain(|_, state| kept(state)));
        }
    }

    /// Evicts every session and voids every load in flight. Needed after a gap in the feed, when the
    /// changes are unknown.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.evictions += 1;
            shard.forgetting(LruCache::clear);
        }
    }

    /// The time from which a reading of the feed counts; to be taken before the reading begins.
    #[must_use]
    pub fn lease_start() -> Instant {
        monotonic_now()
    }

    /// Renews the lease after the feed was read, and everything in it evicted, since `start`.
    pub fn renew_lease(&self, start: Instant) {
        let read_at = start.duration_since(self.epoch);
        self.read_at.store(nanos(read_at), Ordering::Release);
        self.leased_until.store(nanos(read_at + LEASE), Ordering::Release);
    }

    /// Ends the lease at once: the feed is known to be lost.
    pub fn end_lease(&self) {
        self.leased_until.store(0, Ordering::Release);
    }

    /// Whether the lease runs.
    #[must_use]
    pub fn leased(&self) -> bool {
        let now = monotonic_now().duration_since(self.epoch);
        now.as_nanos() < u128::from(self.leased_until.load(Ordering::Acquire))
    }

    /// Time since the last reading of the feed that succeeded; none before the first.
    fn since_reading(&self) -> Option<Duration> {
        let read_at = self.read_at.load(Ordering::Acquire);
        let now = monotonic_now().duration_since(self.epoch);
        (read_at > 0).then(|| now.saturating_sub(Duration::from_nanos(read_at)))
    }

    /// Tells how it is used, since the start.
    pub fn figures(&self, reading: &mut Reading) {
        let (mut held, mut hits, mut misses, mut evictions) = (0, 0, 0, 0);
        for shard in &self.shards {
            let shard = lock(shard);
            held += shard.states.len();
            hits += shard.hits;
            misses += shard.misses;
            evictions += shard.forgotten;
        }
        reading.gauge(&HELD, &[], held);
        reading.counter(&HITS, hits);
        reading.counter(&MISSES, misses);
        reading.counter(&EVICTIONS, evictions);
        reading.gauge(
            &FEED_LAG,
            &[],
            self.since_reading().unwrap_or_default().as_secs_f64(),
        );
    }

    /// Number of sessions that it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).states.len()).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shard by the id's last byte: ids are random, and ours.
    fn shard(&self, session: SessionId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(session.as_bytes()[15]) % SHARDS])
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A panic under the lock leaves a cache that is at worst incomplete.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
