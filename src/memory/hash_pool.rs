//! Hashing threads beside the server: a few threads of their own at the lowest priority behind a
//! bounded queue with a deadline.
//!
//! Request threads hand a job over and await its answer; they never hash. Each hashing thread runs
//! one job at a time to its end, whether or not the client still waits, so that no more than
//! `threads` hashes ever run. Each keeps its buffer between jobs (a fresh 19 MiB costs a fifth of
//! the hash) and gives it back after a pause. What a job computes is not this module's matter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use prometheus::Histogram;
use tokio::sync::oneshot;

use crate::model::clock::monotonic_now;
use crate::telemetry::metrics::{Family, Metrics, Reading};
use crate::telemetry::request_context;

/// A job that waited so long is not begun: its client was told to come back, or is gone.
const QUEUE_DEADLINE: Duration = Duration::from_secs(5);
/// A thread without work for so long gives its buffer back.
const BUFFER_KEPT: Duration = Duration::from_secs(30);
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

type Job<Buffer> = Box<dyn FnOnce(&mut Buffer) + Send>;

/// The queue of the hashing threads. Dropping it lets the threads end after their queue.
pub struct HashPool<Buffer> {
    /// The other end is held by the hashing threads, each taking one job at a time.
    queue: Sender<Job<Buffer>>,
    times: HashTimes,
}

impl<Buffer: Default + 'static> HashPool<Buffer> {
    /// Starts `threads` hashing threads behind a queue of `waiting` places. `trim` cuts a thread's
    /// buffer after each job to the size that is worth keeping.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(
        threads: usize,
        waiting: usize,
        trim: impl Fn(&mut Buffer) + Clone + Send + 'static,
        times: HashTimes,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = bounded(waiting);
        for number in 0..threads {
            let (jobs, trim) = (jobs.clone(), trim.clone());
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&jobs, trim))?;
        }
        Ok(Self { queue, times })
    }

    /// Tells how long the queue is, and how long it may be.
    pub fn figures(&self, reading: &mut Reading) {
        reading.gauge(&QUEUE_DEPTH, &[], self.queue.len());
        reading.gauge(&QUEUE_CAPACITY, &[], self.queue.capacity().unwrap_or(usize::MAX));
    }

    /// Runs a job on a hashing thread and waits for its answer.
    ///
    /// # Errors
    /// [`NotRun`], at once where the queue is full.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Buffer) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        request_context::span("hash", pin!(self.queue_up(job))).await
    }

    async fn queue_up<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Buffer) -> T + Send + 'static,
    ) -> Result<T, NotRun> {
        let (reply, answer) = oneshot::channel();
        let queued = monotonic_now();
        let times = self.times.clone();
        let job: Job<Buffer> = Box::new(move |buffer| {
            // A client that left needs no hash. A client that waited too long learns it from the
            // dropped reply.
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
                let (done, waited, worked) = answer.await.map_err(|_| NotRun::Busy)?;
                request_context::past_spans(&[("hash wait", waited), ("hash work", worked)]);
                Ok(done)
            }
            Err(TrySendError::Full(_)) => Err(NotRun::Busy),
            Err(TrySendError::Disconnected(_)) => Err(NotRun::NoThread),
        }
    }
}

/// Runs jobs until the queue's other end is dropped.
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
mod tests {
    use super::*;

    fn pool(threads: usize, waiting: usize) -> HashPool<Vec<u8>> {
        HashPool::start(
            threads,
            waiting,
            |buffer: &mut Vec<u8>| buffer.truncate(8),
            HashTimes::register(&Metrics::new().unwrap()).unwrap(),
        )
        .unwrap()
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
            let (queued, refused) = tokio::join!(pool.run(|_| "second in line"), async {
                let refused = pool.run(|_| "third in line").await;
                release.send(()).unwrap();
                refused
            });
            (queued, refused)
        };
        let (held, (queued, refused)) = tokio::join!(held, waiting);
        assert_eq!((held, refused), (Ok(()), Err(NotRun::Busy)));
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
        pool.run(|_| "after the leaver").await.unwrap();
        assert!(!ran.load(std::sync::atomic::Ordering::SeqCst));
    }
}
