//! Hashing threads beside the server: a few threads of their own at the lowest priority behind a
//! bounded queue with a deadline.
//!
//! A caller first waits for a [`HashPlace`], before anything is written for it, then gives one job
//! to it. Only a few places have their turn at the same time: enough to keep the threads busy. All
//! others wait in the [`HashQueue`], where they can still be displaced. Request threads never hash.
//! Each hashing thread runs one job at a time to its end, whether or not the client still waits, so
//! that no more than `threads` hashes ever run. Each keeps its buffer between jobs (a fresh 19 MiB
//! costs a fifth of the hash) and gives it back after a pause. What a job computes is not this
//! module's matter.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use prometheus::Histogram;
use tokio::sync::oneshot;

use super::hash_queue::{Caller, HashQueue};
use crate::model::clock::monotonic_now;
use crate::model::ids::UserId;
use crate::telemetry::metrics::{Family, Metrics, Reading};
use crate::telemetry::request_context;

/// Longest wait for a turn; then the client has to come back.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);
/// Places that have their turn at once for each thread: one is hashed, the others are admitted in
/// the database meanwhile.
const TURNS_A_THREAD: usize = 4;
/// Time without work after which a thread gives its buffer back.
const BUFFER_KEPT: Duration = Duration::from_secs(30);
/// Time after which a network's request for a place counts half.
const DEMAND_HALVED: Duration = Duration::from_secs(20);
/// The nice value of hashing threads: they take what the requests leave.
const LOWEST_PRIORITY: i32 = 19;

/// Reason why a job was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRun {
    /// The queue is full, or the job waited too long.
    Busy,
    /// There is no hashing thread.
    NoThread,
}

const WAIT: Family = Family::new(
    "doorward_hash_wait_seconds",
    "Wait of a hash for its turn and its thread",
);
const WORK: Family = Family::new("doorward_hash_duration_seconds", "Time of a hash on its thread");
const QUEUE_DEPTH: Family = Family::new("doorward_hash_queue_depth", "Hashes that wait for their turn");
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

type Job<Buffer> = Box<dyn FnOnce(&mut Buffer) + Send>;

/// The hashing threads and their queue. Dropping it lets the threads end after their queue.
pub struct HashPool<Buffer>(Arc<PoolState<Buffer>>);

struct PoolState<Buffer> {
    /// The other end is held by the hashing threads, each taking one job at a time.
    jobs: Sender<Job<Buffer>>,
    /// Taken for one change of the queue; nothing awaits or wakes under it.
    turns: Mutex<Turns<Buffer>>,
    most_turns: usize,
    times: HashTimes,
}

struct Turns<Buffer> {
    /// Waiting callers, each with the channel on which it gets its place.
    queue: HashQueue<oneshot::Sender<HashPlace<Buffer>>>,
    /// Turns that have not ended.
    given: usize,
    /// When the demand of networks was halved.
    halved: Instant,
}

impl<Buffer> Turns<Buffer> {
    /// Halves the demand of networks for each span of time that has gone by.
    fn age_demand(&mut self, now: Instant) {
        let spans = now.saturating_duration_since(self.halved).as_secs() / DEMAND_HALVED.as_secs();
        if let Ok(times @ 1..) = u32::try_from(spans) {
            self.queue.halve_demand(times);
            self.halved = now;
        }
    }
}

impl<Buffer> PoolState<Buffer> {
    fn turns(&self) -> MutexGuard<'_, Turns<Buffer>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_turn(self: &Arc<Self>) -> Option<(oneshot::Sender<HashPlace<Buffer>>, HashPlace<Buffer>)> {
        let mut turns = self.turns();
        if turns.given >= self.most_turns {
            return None;
        }
        let turn = turns.queue.pop()?;
        turns.given += 1;
        let place = HashPlace {
            pool: Arc::clone(self),
            account: turn.account,
            waited: Duration::ZERO,
        };
        Some((turn.item, place))
    }

    /// Gives turns until the most are given. A turn whose caller has left ends at once.
    fn give_turns(self: &Arc<Self>) {
        while let Some((waiting, place)) = self.next_turn() {
            drop(waiting.send(place));
        }
    }
}

/// A place at the hashing threads whose turn it is. It ends with its job, or when it is dropped.
#[must_use]
pub struct HashPlace<Buffer> {
    pool: Arc<PoolState<Buffer>>,
    /// The account whose reserved place it was.
    account: Option<UserId>,
    /// Wait for the turn.
    waited: Duration,
}

impl<Buffer> Drop for HashPlace<Buffer> {
    fn drop(&mut self) {
        let mut turns = self.pool.turns();
        turns.given -= 1;
        if let Some(account) = self.account {
            turns.queue.end(account);
        }
        drop(turns);
        self.pool.give_turns();
    }
}

impl<Buffer: 'static> HashPlace<Buffer> {
    /// Runs the place's job on a hashing thread and waits for its answer.
    ///
    /// # Errors
    /// [`NotRun::NoThread`], or [`NotRun::Busy`] if the job panicked.
    pub async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&mut Buffer) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        request_context::span("hash", pin!(self.hand_over(job))).await
    }

    async fn hand_over<T: Send + 'static>(
        self,
        job: impl FnOnce(&mut Buffer) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        let (reply, answer) = oneshot::channel();
        let begun = monotonic_now();
        let jobs = self.pool.jobs.clone();
        let job: Job<Buffer> = Box::new(move |buffer| {
            let place = self;
            // A client that left needs no hash.
            if reply.is_closed() {
                return;
            }
            let waited = begun.elapsed();
            let done = job(buffer);
            let worked = begun.elapsed().saturating_sub(waited);
            let times = &place.pool.times;
            times.wait.observe((place.waited + waited).as_secs_f64());
            times.work.observe(worked.as_secs_f64());
            drop(place);
            let _client_may_have_left = reply.send((done, waited, worked));
        });
        jobs.send(job).map_err(|_| NotRun::NoThread)?;
        let (done, waited, worked) = answer.await.map_err(|_| NotRun::Busy)?;
        request_context::past_spans(&[("hash wait", waited), ("hash work", worked)]);
        Ok(done)
    }
}

/// A caller in the queue; its drop takes it out.
struct Queued<'a, Buffer> {
    pool: &'a PoolState<Buffer>,
    caller: Caller,
    number: u64,
}

impl<Buffer> Drop for Queued<'_, Buffer> {
    fn drop(&mut self) {
        let removed = self.pool.turns().queue.remove(self.caller, self.number);
        drop(removed);
    }
}

impl<Buffer: Default + 'static> HashPool<Buffer> {
    /// Starts `threads` hashing threads behind a queue of `places`. `trim` cuts a thread's buffer
    /// after each job to the size that is worth keeping.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(
        threads: usize,
        places: usize,
        trim: impl Fn(&mut Buffer) + Clone + Send + 'static,
        times: HashTimes,
    ) -> std::io::Result<Self> {
        // Each job is that of a place that has its turn, so the channel holds few.
        let (jobs, queued) = unbounded();
        for number in 0..threads {
            let (queued, trim) = (queued.clone(), trim.clone());
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&queued, trim))?;
        }
        Ok(Self(Arc::new(PoolState {
            jobs,
            turns: Mutex::new(Turns {
                queue: HashQueue::new(places),
                given: 0,
                halved: monotonic_now(),
            }),
            most_turns: threads * TURNS_A_THREAD,
            times,
        })))
    }

    /// Tells how long the queue is, and how long it may be.
    pub fn figures(&self, reading: &mut Reading) {
        let turns = self.0.turns();
        reading.gauge(&QUEUE_DEPTH, &[], turns.queue.waiting());
        reading.gauge(&QUEUE_CAPACITY, &[], turns.queue.places());
    }

    /// Notes that a request from an address was an honest one.
    pub fn take_demand_back(&self, ip: IpAddr) {
        self.0.turns().queue.take_demand_back(ip);
    }

    /// Waits for a place and its turn.
    ///
    /// # Errors
    /// [`NotRun::Busy`]: the queue is full and the caller's network holds its share of it, others
    /// needed the place more, or the turn did not come in time.
    pub async fn place(&self, caller: Caller) -> Result<HashPlace<Buffer>, NotRun> {
        request_context::span("hash queue", pin!(self.queue_up(caller))).await
    }

    async fn queue_up(&self, caller: Caller) -> Result<HashPlace<Buffer>, NotRun> {
        let begun = monotonic_now();
        let (turn, my_turn) = oneshot::channel();
        let (number, without_place) = {
            let mut turns = self.0.turns();
            turns.age_demand(begun);
            turns.queue.push(caller, turn)
        };
        drop(without_place);
        let _queued = Queued {
            pool: &self.0,
            caller,
            number,
        };
        self.0.give_turns();
        match tokio::time::timeout(QUEUE_DEADLINE, my_turn).await {
            Ok(Ok(mut place)) => {
                place.waited = begun.elapsed();
                Ok(place)
            }
            Ok(Err(_)) | Err(_) => Err(NotRun::Busy),
        }
    }
}

/// Runs jobs until the other end of the channel is dropped.
fn work<Buffer: Default>(jobs: &Receiver<Job<Buffer>>, trim: impl Fn(&mut Buffer)) {
    lower_priority();
    let mut buffer = Buffer::default();
    loop {
        match jobs.recv_timeout(BUFFER_KEPT) {
            Ok(job) => {
                if catch_unwind(AssertUnwindSafe(|| job(&mut buffer))).is_err() {
                    log::error!("a hashing job panicked; its request is answered 503");
                }
                trim(&mut buffer);
            }
            Err(RecvTimeoutError::Timeout) => buffer = Buffer::default(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// On Linux a nice value belongs to the thread, so the rest of the process keeps its own.
fn lower_priority() {
    if let Err(cause) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST_PRIORITY)
    {
        log::warn!(cause:%; "cannot lower the priority of the hashing threads");
    }
}

#[cfg(test)]
mod tests;
