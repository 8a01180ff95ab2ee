//! Argon2id beside the server: a few threads of their own at the lowest priority behind a bounded
//! queue with a deadline.
//!
//! Request threads hand a job over and await its answer; they never hash. Each hashing thread runs
//! one job at a time to its end, whether or not the client still waits, so that no more than
//! `threads` hashes ever run. Each keeps its buffer between jobs (a fresh 19 MiB costs a fifth of
//! the hash) and gives it back after a pause. Verification runs exactly one hash, of the configured
//! cost if there is no stored one to verify; two if the password was typed in another form than
//! NFC, in which systems that do not normalise have hashed it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use prometheus::Histogram;
use tokio::sync::oneshot;

use super::foreign_hashes::ForeignHash;
use super::random;
use crate::model::clock::monotonic_now;
use crate::model::password::Password;
use crate::telemetry::metrics::{Family, Metrics, Reading};
use crate::telemetry::request_context;

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;

/// A job that waited so long is not begun: its client was told to come back, or is gone.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);
/// A thread without work for so long gives its buffer back.
const BUFFER_KEPT: Duration = Duration::from_secs(30);
/// Memory that must be there beyond a hash's own, in blocks of 1 KiB.
const SPARE_BLOCKS: usize = 16 * 1024;
/// The nice value of hashing threads: they take what the requests leave.
const LOWEST_PRIORITY: i32 = 19;

/// What one Argon2id hash costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost(Params);

/// The floor that OWASP's Password Storage Cheat Sheet sets for `p=1`: pairs of (KiB, passes).
const FLOOR: &[(u32, u32)] = &[(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];
/// Stored hashes above this are not verified: whoever could write one could halt the service with
/// it.
const CEILING: (u32, u32, u32) = (524_288, 10, 16);

impl Cost {
    /// Parses `m=19456,t=2,p=1`: KiB, passes, lanes.
    ///
    /// # Errors
    /// Below OWASP's floor, above the ceiling, or another form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = || "must be of the form m=19456,t=2,p=1 (KiB, passes, lanes)".to_owned();
        let mut numbers = ["m=", "t=", "p="]
            .into_iter()
            .zip(text.split(','))
            .map(|(name, part)| part.strip_prefix(name)?.parse::<u32>().ok());
        let (Some(Some(m)), Some(Some(t)), Some(Some(p)), 2) = (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            text.matches(',').count(),
        ) else {
            return Err(form());
        };
        if !FLOOR
            .iter()
            .any(|(least_m, least_t)| m >= *least_m && t >= *least_t)
            || p == 0
        {
            return Err(
                "is below OWASP's floor: m=19456,t=2,p=1, or the same work with other weights".to_owned(),
            );
        }
        if m > CEILING.0 || t > CEILING.1 || p > CEILING.2 {
            return Err(format!(
                "is above the ceiling m={},t={},p={}",
                CEILING.0, CEILING.1, CEILING.2
            ));
        }
        Params::new(m, t, p, Some(OUTPUT_BYTES))
            .map(Self)
            .map_err(|_| form())
    }

    /// The cheapest cost that Argon2 allows, for tests that are not about hashing.
    #[must_use]
    pub fn cheapest() -> Self {
        Self(Params::new(Params::MIN_M_COST, 1, 1, Some(OUTPUT_BYTES)).unwrap_or_default())
    }

    fn argon2id(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.0.clone())
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.0.m_cost(),
            self.0.t_cost(),
            self.0.p_cost()
        )
    }
}

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full, the job waited too long, or there is no memory for it now.
    #[error("the password hashing queue is full, or there is no memory for a hash")]
    Busy,
    /// Argon2 or the random number generator refused.
    #[error("hashing a password failed: {0}")]
    CryptoError(&'static str),
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right and its hash costs what is configured.
    Right,
    /// The password is right; its hash was made at another cost or by another system and should be
    /// replaced.
    RightButOutdated,
    /// Wrong password, no account, or a stored hash that cannot be verified.
    Wrong,
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

const WAIT: Family = Family::new("doorward_hash_wait_seconds", "Wait of a hash for its thread");
const WORK: Family = Family::new("doorward_hash_duration_seconds", "Time of a hash on its thread");
const QUEUE_DEPTH: Family = Family::new("doorward_hash_queue_depth", "Hashes that wait for a thread");
const QUEUE_CAPACITY: Family = Family::new(
    "doorward_hash_queue_capacity",
    "Hashes that may wait before logins get 503",
);

/// Histograms of how long hashes wait in the queue and take on the thread.
#[derive(Clone)]
pub struct HashTimes {
    wait: Histogram,
    work: Histogram,
}

impl HashTimes {
    /// Registers both.
    ///
    /// # Errors
    /// A defect of ours: they are registered already.
    pub fn register(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        Ok(Self {
            wait: metrics.durations(&WAIT)?,
            work: metrics.durations(&WORK)?,
        })
    }
}

/// The hashing threads' front desk. Dropping it lets the threads end after their queue.
pub struct Passwords {
    /// The other end is held by the hashing threads, each taking one job at a time.
    queue: Sender<Job>,
    cost: Cost,
    times: HashTimes,
}

impl Passwords {
    /// Starts `threads` hashing threads behind a queue of `waiting` places.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(threads: usize, waiting: usize, cost: Cost, times: HashTimes) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(waiting);
        for number in 0..threads {
            let (jobs, kept) = (jobs.clone(), cost.0.block_count());
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&jobs, kept))?;
        }
        Ok(Self { queue, cost, times })
    }

    /// Hashes a new password under a fresh salt into a PHC string.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        let cost = self.cost.clone();
        self.run(move |buffer| hash_now(&cost, &password, buffer)).await?
    }

    /// Verifies a password against a stored hash, ours or a foreign one. Without one, the same work
    /// is done and the verdict is [`Verdict::Wrong`].
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict, HashError> {
        let cost = self.cost.clone();
        self.run(move |buffer| verify_now(&cost, &password, stored.as_deref(), buffer))
            .await?
    }

    /// Whether the queue would take another job now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.queue.is_full()
    }

    /// Tells how long the queue is, and how long it may be.
    pub fn figures(&self, reading: &mut Reading) {
        reading.gauge(&QUEUE_DEPTH, &[], self.queue.len());
        reading.gauge(&QUEUE_CAPACITY, &[], self.queue.capacity().unwrap_or(usize::MAX));
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        request_context::span(|| "hash".into(), pin!(self.queue_up(job))).await
    }

    async fn queue_up<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let queued = monotonic_now();
        let times = self.times.clone();
        let job: Job = Box::new(move |buffer| {
            // Whoever left while waiting has nothing to hash; whoever waited too long is told so by
            // the dropped reply.
            let waited = queued.elapsed();
            if !reply.is_closed() && waited < QUEUE_DEADLINE {
                let done = job(buffer);
                let worked = queued.elapsed().saturating_sub(waited);
                times.wait.observe(waited.as_secs_f64());
                times.work.observe(worked.as_secs_f64());
                let _client_may_have_left = reply.send((done, waited, worked));
            }
        });
        match self.queue.try_send(job) {
            Ok(()) => {
                let (done, waited, worked) = answer.await.map_err(|_| HashError::Busy)?;
                request_context::past_spans(&[("hash wait", waited), ("hash work", worked)]);
                Ok(done)
            }
            Err(TrySendError::Full(_)) => Err(HashError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(HashError::CryptoError("no hashing thread")),
        }
    }
}

/// `kept` is the length of the buffer of a hash of the configured cost; what a costlier stored hash
/// needed beyond is given back at once.
fn work(jobs: &Receiver<Job>, kept: usize) {
    lower_priority();
    let mut buffer = Vec::new();
    loop {
        match jobs.recv_timeout(BUFFER_KEPT) {
            Ok(job) => {
                if catch_unwind(AssertUnwindSafe(|| job(&mut buffer))).is_err() {
                    log::error!("a hashing job panicked; its caller was told to come back");
                }
                buffer.truncate(kept);
                buffer.shrink_to(kept);
            }
            Err(RecvTimeoutError::Timeout) => buffer = Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// On Linux a nice value belongs to the thread, so the rest of the process keeps its own.
fn lower_priority() {
    if let Err(cause) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST_PRIORITY)
    {
        log::warn!(cause:%; "hashing threads keep the priority of the others");
    }
}

fn hash_now(cost: &Cost, password: &Password, buffer: &mut Vec<Block>) -> Result<String, HashError> {
    let salt = random::<SALT_BYTES>().map_err(|_| HashError::CryptoError("no entropy"))?;
    let mut output = [0; OUTPUT_BYTES];
    derive(&cost.argon2id(), password.as_bytes(), &salt, &mut output, buffer)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&cost.0).map_err(|_| HashError::CryptoError("parameters"))?,
        salt: Some(Salt::new(&salt).map_err(|_| HashError::CryptoError("salt"))?),
        hash: Some(Output::new(&output).map_err(|_| HashError::CryptoError("output"))?),
    };
    Ok(phc.to_string())
}

fn verify_now(
    cost: &Cost,
    password: &Password,
    stored: Option<&str>,
    buffer: &mut Vec<Block>,
) -> Result<Verdict, HashError> {
    match stored.map(StoredHash::parse) {
        Some(Ok(StoredHash::Argon2(known))) => known.verify(cost, password, buffer),
        Some(Ok(StoredHash::Foreign(known))) => {
            for form in password.as_typed().into_iter().chain([password.as_bytes()]) {
                if known.verify(form).map_err(HashError::CryptoError)? {
                    return Ok(Verdict::RightButOutdated);
                }
            }
            Ok(Verdict::Wrong)
        }
        None | Some(Err(_)) => {
            // No account, or a hash that we do not verify: the same work, the same answer.
            let mut output = [0; OUTPUT_BYTES];
            for form in [Some(password.as_bytes()), password.as_typed()]
                .into_iter()
                .flatten()
            {
                derive(&cost.argon2id(), form, &[0; SALT_BYTES], &mut output, buffer)?;
            }
            Ok(Verdict::Wrong)
        }
    }
}

/// Whether a text could be stored as a user's password hash: ours, or a foreign one whose form and
/// cost are accepted.
///
/// # Errors
/// Why not, in words for a report.
pub fn check_verifiable(stored: &str) -> Result<(), &'static str> {
    StoredHash::parse(stored).map(drop)
}

/// A stored hash that can be verified.
enum StoredHash {
    Argon2(Argon2Hash),
    Foreign(ForeignHash),
}

impl StoredHash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        // Django writes its hasher's name before the PHC string.
        let phc = text
            .strip_prefix("argon2$")
            .map_or(text, |_| &text["argon2".len()..]);
        if phc.starts_with("$argon2") {
            Argon2Hash::parse(phc).map(Self::Argon2)
        } else {
            ForeignHash::parse(text).map(Self::Foreign)
        }
    }
}

/// A stored Argon2 hash of any kind and version, within the ceiling.
struct Argon2Hash {
    argon2: Argon2<'static>,
    /// Made as we make them, but for the cost.
    ours: bool,
    salt: Salt,
    output: Output,
}

impl Argon2Hash {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let malformed = "malformed Argon2 hash";
        let phc = PasswordHash::new(text).map_err(|_| malformed)?;
        let params = Params::try_from(&phc).map_err(|_| malformed)?;
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| malformed)?;
        // The text of the first version did not name it.
        let version = phc
            .version
            .map_or(Ok(Version::V0x10), Version::try_from)
            .map_err(|_| malformed)?;
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(malformed);
        };
        if params.m_cost() > CEILING.0 || params.t_cost() > CEILING.1 || params.p_cost() > CEILING.2 {
            return Err("Argon2 cost above m=524288,t=10,p=16");
        }
        let ours =
            algorithm == Algorithm::Argon2id && version == Version::V0x13 && output.len() == OUTPUT_BYTES;
        Ok(Self {
            argon2: Argon2::new(algorithm, version, params),
            ours,
            salt,
            output,
        })
    }

    fn verify(
        &self,
        cost: &Cost,
        password: &Password,
        buffer: &mut Vec<Block>,
    ) -> Result<Verdict, HashError> {
        if self.matches(password.as_bytes(), buffer)? {
            return Ok(if self.is_current(cost) {
                Verdict::Right
            } else {
                Verdict::RightButOutdated
            });
        }
        let as_typed = password
            .as_typed()
            .map_or(Ok(false), |typed| self.matches(typed, buffer))?;
        Ok(if as_typed {
            Verdict::RightButOutdated
        } else {
            Verdict::Wrong
        })
    }

    fn matches(&self, password: &[u8], buffer: &mut Vec<Block>) -> Result<bool, HashError> {
        let mut output = vec![0; self.output.len()];
        derive(&self.argon2, password, &self.salt, &mut output, buffer)?;
        Ok(constant_time::verify_slices_are_equal(&output, self.output.as_ref()).is_ok())
    }

    fn is_current(&self, cost: &Cost) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        self.ours && costs(self.argon2.params()) == costs(&cost.0)
    }
}

fn derive(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    buffer: &mut Vec<Block>,
) -> Result<(), HashError> {
    let blocks = argon2.params().block_count();
    if buffer.len() < blocks {
        // The largest allocation there is, and the one that can be refused: any other that fails
        // ends the process, so some is left for them.
        let missing = blocks - buffer.len();
        Vec::<Block>::new()
            .try_reserve_exact(missing + SPARE_BLOCKS)
            .map_err(|_| HashError::Busy)?;
        buffer.try_reserve_exact(missing).map_err(|_| HashError::Busy)?;
        buffer.resize(blocks, Block::default());
    }
    argon2
        .hash_password_into_with_memory(password, salt, output, buffer)
        .map_err(|_| HashError::CryptoError("argon2"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    fn pool(threads: usize, waiting: usize) -> Passwords {
        Passwords::start(
            threads,
            waiting,
            Cost::cheapest(),
            HashTimes::register(&Metrics::new().unwrap()).unwrap(),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let pool = pool(2, 8);
        let stored = pool.hash(password("correct horse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_eq!(
            pool.verify(password("correct horse"), Some(stored.clone())).await,
            Ok(Verdict::Right)
        );
        assert_eq!(
            pool.verify(password("correct horsf"), Some(stored.clone())).await,
            Ok(Verdict::Wrong)
        );
        assert_eq!(
            pool.verify(password("correct horse"), None).await,
            Ok(Verdict::Wrong)
        );
        assert_ne!(
            stored,
            pool.hash(password("correct horse")).await.unwrap(),
            "each hash has a salt of its own"
        );
    }

    #[tokio::test]
    async fn passwords_that_differ_after_72_bytes_differ() {
        let pool = pool(1, 8);
        let long = "a password longer than the seventy-two bytes at which bcrypt stops reading: ";
        let stored = pool.hash(password(&format!("{long}1"))).await.unwrap();
        assert_eq!(
            pool.verify(password(&format!("{long}2")), Some(stored)).await,
            Ok(Verdict::Wrong)
        );
    }

    #[tokio::test]
    async fn the_default_is_stored_as_the_requirement_says_and_outdates_the_cheaper() {
        let cheap = pool(1, 8).hash(password("correct horse")).await.unwrap();
        let pool = Passwords::start(
            1,
            8,
            Cost::parse("m=19456,t=2,p=1").unwrap(),
            HashTimes::register(&Metrics::new().unwrap()).unwrap(),
        )
        .unwrap();
        let stored = pool.hash(password("correct horse")).await.unwrap();
        let parts: Vec<&str> = stored.split('$').collect();
        assert_eq!(parts[1..4], ["argon2id", "v=19", "m=19456,t=2,p=1"]);
        assert_eq!(
            (parts[4].len(), parts[5].len()),
            (22, 43),
            "16 and 32 bytes in base64"
        );
        assert_eq!(
            pool.verify(password("correct horse"), Some(cheap)).await,
            Ok(Verdict::RightButOutdated)
        );
        assert_eq!(
            pool.verify(password("correct horse"), Some(stored)).await,
            Ok(Verdict::Right),
            "a larger buffer serves a smaller cost"
        );
    }

    #[tokio::test]
    async fn the_reference_implementation_agrees() {
        // From phc-winner-argon2's own test.c: "password", "somesalt", t=2, m=2^16, p=1.
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(
            pool(1, 1)
                .verify(password("password"), Some(stored.to_owned()))
                .await,
            Ok(Verdict::RightButOutdated)
        );
    }

    #[tokio::test]
    async fn a_stored_hash_beyond_the_ceiling_or_of_another_kind_is_just_wrong() {
        let pool = pool(1, 8);
        for stored in [
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=65536,t=4000000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
            "",
            "plain",
        ] {
            assert_eq!(
                pool.verify(password("password"), Some(stored.to_owned())).await,
                Ok(Verdict::Wrong),
                "{stored}"
            );
        }
    }

    #[tokio::test]
    async fn foreign_hashes_are_right_but_outdated() {
        let pool = pool(1, 8);
        // By argon2-cffi 25.1, Django 5.2 and bcrypt 4.0.
        for stored in [
            "$argon2i$v=16$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$UePw9vIRlYCkXaGqqWxK2Wk5Mp7M6ec1nWKSPg4Tp/o",
            "$argon2i$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$x2FRhTZTjHPpCHPqq6DJMOKEwdgMazxgXk++mgYT0uw",
            "$argon2d$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$FynZj3KEaULlg3Z3MnDTQ7vL4JP2EcKt39tFc8tVGyI",
            "$argon2id$v=16$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$mKfGwrfUHZH5/AVEjIpPY1MvzGWCCwpKnXqe9jdXr2M",
            "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$vnXYxPvf2nX+mBli9pMlKONYXiHquLCsjGLLhNWRSAU",
            "argon2$argon2id$v=19$m=64,t=1,p=8$c29tZXNhbHRzb21lc2FsdA$xfcPb+B9t6KurjPU2RYVTTEgtK3XxLekAAZn+53Fjb8",
            "$2b$04$5mmXsGcQCMYpEhaSF5pTUeSM9VZeEHXQlyqDuTsqTd5AExaz22sTe",
        ] {
            assert_eq!(check_verifiable(stored), Ok(()), "{stored}");
            assert_eq!(
                pool.verify(password("correct horse"), Some(stored.to_owned()))
                    .await,
                Ok(Verdict::RightButOutdated),
                "{stored}"
            );
            assert_eq!(
                pool.verify(password("correct horsf"), Some(stored.to_owned()))
                    .await,
                Ok(Verdict::Wrong),
                "{stored}"
            );
        }
    }

    #[tokio::test]
    async fn a_foreign_hash_is_verified_as_typed_and_as_nfc() {
        let pool = pool(1, 8);
        let (composed, decomposed) = ("caf\u{e9} noir", "cafe\u{301} noir");
        for (hashed, stored) in [
            (
                composed,
                "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$d1jDRiPq9a5KUd5rdXCXrLv/YAn8EYRITbrSW5aAuHM",
            ),
            (
                composed,
                "$2b$04$L9NdH4JoK007RqSf8PLP2.RD5Hn6uAXhwF2LNpvQ890ZYJC2g2sIq",
            ),
            (
                decomposed,
                "$argon2id$v=19$m=64,t=1,p=2$c29tZXNhbHRzb21lc2FsdA$Sow+wL3lAzSsgfFUpmqdVa5JQxs7qP1TZ6tBqZOyPa0",
            ),
            (
                decomposed,
                "$2b$04$tMbsRvr7zcHAUiherGrmQu5K66nXdqvNFGcq0aoLri5gMlNV8iDs.",
            ),
        ] {
            assert_eq!(
                pool.verify(password(decomposed), Some(stored.to_owned())).await,
                Ok(Verdict::RightButOutdated),
                "{stored}"
            );
            let composed = pool.verify(password(composed), Some(stored.to_owned())).await;
            assert_eq!(
                composed,
                Ok(if hashed == decomposed {
                    Verdict::Wrong
                } else {
                    Verdict::RightButOutdated
                }),
                "{stored}"
            );
        }
    }

    #[test]
    fn what_cannot_be_verified_is_refused_with_a_reason() {
        assert_eq!(
            check_verifiable(
                "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
            ),
            Ok(())
        );
        for (stored, why) in [
            ("", "no known form of password hash"),
            ("plain", "no known form of password hash"),
            ("argon2$", "no known form of password hash"),
            ("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ", "malformed Argon2 hash"),
            (
                "$argon2id$v=17$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                "malformed Argon2 hash",
            ),
            (
                "$argon2i$v=19$m=8,t=11,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                "Argon2 cost above m=524288,t=10,p=16",
            ),
        ] {
            assert_eq!(check_verifiable(stored), Err(why), "{stored}");
        }
    }

    #[tokio::test]
    async fn a_full_queue_answers_busy_at_once_and_serves_again_later() {
        let pool = pool(1, 1);
        let (release, gate) = bounded::<()>(1);
        let (begun, running) = oneshot::channel();
        let held = pool.run(move |_| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        });
        let waiting = async {
            running.await.unwrap();
            let (queued, refused) = tokio::join!(pool.hash(password("second in line")), async {
                let refused = pool.hash(password("third in line")).await;
                release.send(()).unwrap();
                refused
            });
            (queued, refused)
        };
        let (held, (queued, refused)) = tokio::join!(held, waiting);
        assert_eq!((held, refused), (Ok(()), Err(HashError::Busy)));
        assert!(queued.is_ok());
    }

    #[tokio::test]
    async fn a_client_that_left_the_queue_costs_no_hash() {
        let pool = pool(1, 4);
        let (release, gate) = bounded::<()>(1);
        let (begun, running) = oneshot::channel();
        let ran = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = std::sync::Arc::clone(&ran);
        let held = pool.run(move |_| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        });
        let leaver = async {
            running.await.unwrap();
            let job = pool.run(move |_| seen.store(true, std::sync::atomic::Ordering::SeqCst));
            tokio::select! { biased; _ = job => unreachable!(), () = std::future::ready(()) => {} }
            release.send(()).unwrap();
        };
        tokio::join!(held, leaver).0.unwrap();
        pool.hash(password("after the leaver")).await.unwrap();
        assert!(!ran.load(std::sync::atomic::Ordering::SeqCst));
    }

    #[test]
    fn costs_below_the_floor_are_refused() {
        for good in ["m=19456,t=2,p=1", "m=47104,t=1,p=1", "m=65536,t=3,p=4"] {
            assert_eq!(Cost::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "m=19455,t=2,p=1",
            "m=8,t=1,p=1",
            "m=19456,t=1,p=1",
            "m=19456,t=2,p=0",
            "m=19456,t=2",
            "m=19456,t=2,p=1,x=1",
            "m=9999999,t=2,p=1",
            "t=2,m=19456,p=1",
        ] {
            assert!(Cost::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_as_cost_or_stored_hash(text in "\\PC{0,30}|m=[0-9]{0,12},t=[0-9]{0,4},p=[0-9]{0,4}", phc in "(argon2)?\\$argon2(id|i|d)\\$(v=[0-9]{1,3}\\$)?(m=[0-9]{1,7})?(,t=[0-9]{1,3})?(,p=[0-9]{1,3})?(\\$[a-zA-Z0-9+/]{0,50}){0,3}") {
            if let Ok(cost) = Cost::parse(&text) {
                prop_assert_eq!(Cost::parse(&cost.to_string()), Ok(cost));
            }
            for stored in [&text, &phc] {
                if check_verifiable(stored).is_ok() {
                    // Past the ceiling nothing is verified, and so nothing would be begun that
                    // halts the service.
                    let memory = stored.split("m=").nth(1).and_then(|rest| rest.split([',', '$']).next()?.parse::<u32>().ok());
                    prop_assert!(memory.is_none_or(|memory| memory <= CEILING.0), "{}", stored);
                }
            }
        }
    }
}
