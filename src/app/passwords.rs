//! Passwords on the hashing threads: hashed and verified at the configured cost.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::HashSettings;
use crate::crypto::password_hash::{self, Cost, HashError, Scratch, Verdict};
use crate::memory::hash_pool::{HashPlace, HashPool, HashTimes, NotRun};
use crate::memory::hash_queue::Caller;
use crate::model::password::Password;
use crate::telemetry::metrics::Reading;

/// A place at the hashing threads whose turn it is, for one hash.
pub type PasswordPlace = HashPlace<Scratch>;

/// Hashes and verifies passwords beside the server. Dropping it lets the threads end after their
/// queue.
pub struct Passwords {
    pool: HashPool<Scratch>,
    cost: Cost,
    /// Refusals since they were last taken.
    refused: AtomicU64,
}

impl Passwords {
    /// Starts the hashing threads.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(settings: &HashSettings, times: HashTimes) -> std::io::Result<Self> {
        let cost = settings.cost.clone();
        let kept = cost.clone();
        let trim = move |scratch: &mut Scratch| scratch.trim(&kept);
        Ok(Self {
            pool: HashPool::start(settings.threads, settings.queue, trim, times)?,
            cost,
            refused: AtomicU64::new(0),
        })
    }

    /// Waits for a place at the hashing threads and its turn. It ends with its hash, or when it is
    /// dropped.
    ///
    /// # Errors
    /// [`HashError::Busy`].
    pub async fn place(&self, caller: Caller) -> Result<PasswordPlace, HashError> {
        self.counted(self.pool.place(caller).await.map_err(not_run))
    }

    /// Hashes a new password under a fresh salt into a PHC string.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn hash(&self, place: PasswordPlace, password: Password) -> Result<String, HashError> {
        let cost = self.cost.clone();
        let job = move |scratch: &mut Scratch| password_hash::hash(&cost, &password, scratch);
        self.counted(place.run(job).await.map_err(not_run).flatten())
    }

    /// Verifies a password against a stored hash, ours or a foreign one. Without one, the same work
    /// is done and the verdict is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn verify(
        &self,
        place: PasswordPlace,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let cost = self.cost.clone();
        let job =
            move |scratch: &mut Scratch| password_hash::verify(&cost, &password, stored.as_deref(), scratch);
        self.counted(place.run(job).await.map_err(not_run).flatten())
    }

    /// The number of [`HashError::Busy`] since it was last taken.
    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    fn counted<T>(&self, outcome: Result<T, HashError>) -> Result<T, HashError> {
        if matches!(outcome, Err(HashError::Busy)) {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    /// Notes that the password of a request from an address was right: it counts as no demand of its
    /// networks for places.
    pub fn was_right(&self, ip: IpAddr) {
        self.pool.take_demand_back(ip);
    }

    /// Tells how long the queue is, and how long it may be.
    pub fn figures(&self, reading: &mut Reading) {
        self.pool.figures(reading);
    }
}

fn not_run(why: NotRun) -> HashError {
    match why {
        NotRun::Busy => HashError::Busy,
        NotRun::NoThread => HashError::CryptoError("no hashing thread"),
    }
}
