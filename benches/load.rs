//! A load of requests over keep-alive connections, as fast as answers come or at a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::answer;

pub struct Load {
    address: String,
    requests: Arc<[Box<[u8]>]>,
    connections: usize,
    core: Option<usize>,
    behind: bool,
}

/// What came of a load.
pub struct Count {
    /// 2xx only.
    pub answers: u64,
    /// 429.
    pub throttled: u64,
    /// 503.
    pub busy: u64,
    /// Of the 2xx.
    pub latencies: Latencies,
    time: Duration,
}

impl Count {
    fn of([answers, throttled, busy]: [u64; 3], latencies: Vec<f64>, time: Duration) -> Self {
        Self {
            answers,
            throttled,
            busy,
            latencies: Latencies::of(latencies),
            time,
        }
    }

    pub fn per_second(&self) -> f64 {
        self.each_second(self.answers)
    }

    /// One of the counts by the second.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn each_second(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }
}

/// Milliseconds, sorted.
pub struct Latencies(Vec<f64>);

impl Latencies {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * quantile).ceil() as usize]
    }

    fn of(mut latencies: Vec<f64>) -> Self {
        latencies.sort_unstable_by(f64::total_cmp);
        Self(latencies)
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Load {
    pub fn of(address: &str, request: &str, connections: usize) -> Self {
        Self::of_many(address, &[request.to_owned()], connections)
    }

    /// In turn; the connections share them, and begin again at the end.
    pub fn of_many(address: &str, requests: &[String], connections: usize) -> Self {
        let requests = requests.iter().map(|request| request.as_bytes().into()).collect();
        Self {
            address: address.to_owned(),
            requests,
            connections,
            core: None,
            behind: false,
        }
    }

    pub fn on_core(self, core: usize) -> Self {
        Self {
            core: Some(core),
            ..self
        }
    }

    /// Behind the server where they want the same core, as if it came from another machine.
    pub fn behind_the_server(self) -> Self {
        Self { behind: true, ..self }
    }

    pub fn run_for(self, time: Duration) -> Count {
        let running = self.begin();
        std::thread::sleep(time);
        running.end()
    }

    pub fn run_once(&self) {
        on_this_thread(async {
            let mut connection = TcpStream::connect(&self.address).await.expect("a server");
            exchange(&mut connection, &self.requests[0]).await;
        });
    }

    /// As fast as answers come, until told to end.
    pub fn begin(self) -> Running {
        let tally = Arc::new(Tally::default());
        let told = Arc::clone(&tally);
        let thread = std::thread::spawn(move || {
            if let Some(core) = self.core {
                pin_this_thread(core);
            }
            if self.behind {
                rustix::process::setpriority_process(Some(rustix::thread::gettid()), BEHIND)
                    .expect("a lower priority");
            }
            on_this_thread(async {
                let clients = (0..self.connections).map(|first| {
                    let (address, requests, told) = (
                        self.address.clone(),
                        Arc::clone(&self.requests),
                        Arc::clone(&told),
                    );
                    tokio::task::spawn_local(client(address, requests, first, self.connections, told))
                });
                let all = futures_util::future::join_all(clients.collect::<Vec<_>>()).await;
                all.into_iter()
                    .flat_map(|latencies| latencies.expect("a client"))
                    .collect()
            })
        });
        Running {
            tally,
            thread,
            begun: Instant::now(),
        }
    }

    /// At a steady rate whatever the answers take; a late answer counts from when it was due.
    pub fn at_rate(self, per_second: u32, time: Duration) -> Latencies {
        let period = Duration::from_secs(1) / per_second;
        let total = u32::try_from(time.as_micros() / period.as_micros()).expect("a short run");
        let share = u32::try_from(self.connections).expect("few connections");
        let latencies = on_this_thread(async {
            let begun = tokio::time::Instant::now();
            let clients = (0..share).map(|client| {
                let (address, requests) = (self.address.clone(), Arc::clone(&self.requests));
                tokio::task::spawn_local(async move {
                    let mut connection = TcpStream::connect(&address).await.expect("a server");
                    let (mut latencies, mut free) = (Vec::new(), begun);
                    for number in (client..total).step_by(share as usize) {
                        let due = begun + period * number;
                        tokio::time::sleep_until(due).await;
                        // If the answer before was there in time, lateness is our own: a coarse
                        // timer, or a core that others have.
                        let from = if free <= due {
                            tokio::time::Instant::now()
                        } else {
                            due
                        };
                        assert_eq!(
                            exchange(&mut connection, &requests[number as usize % requests.len()]).await
                                / 100,
                            2,
                            "refused"
                        );
                        free = tokio::time::Instant::now();
                        latencies.push((free - from).as_secs_f64() * 1000.0);
                    }
                    latencies
                })
            });
            let all = futures_util::future::join_all(clients.collect::<Vec<_>>()).await;
            all.into_iter()
                .flat_map(|latencies| latencies.expect("a client"))
                .collect::<Vec<f64>>()
        });
        Latencies::of(latencies)
    }
}

/// The nice value of a load behind the server, which comes before its hashing threads.
const BEHIND: i32 = 10;

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    answers: AtomicU64,
    throttled: AtomicU64,
    busy: AtomicU64,
    others: AtomicU64,
}

impl Tally {
    fn counts(&self) -> [u64; 3] {
        [&self.answers, &self.throttled, &self.busy].map(|count| count.load(Ordering::Relaxed))
    }
}

/// Gives the latencies of its 2xx.
async fn client(
    address: String,
    requests: Arc<[Box<[u8]>]>,
    first: usize,
    step: usize,
    tally: Arc<Tally>,
) -> Vec<f64> {
    let mut connection = TcpStream::connect(&address).await.expect("a server");
    let (mut latencies, mut number) = (Vec::new(), first);
    while !tally.stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let status = exchange(&mut connection, &requests[number % requests.len()]).await;
        let counted = match status {
            200..300 => &tally.answers,
            429 => &tally.throttled,
            503 => &tally.busy,
            _ => &tally.others,
        };
        counted.fetch_add(1, Ordering::Relaxed);
        if status < 300 {
            latencies.push(sent.elapsed().as_secs_f64() * 1000.0);
        }
        number += step;
    }
    latencies
}

pub struct Running {
    tally: Arc<Tally>,
    thread: JoinHandle<Vec<f64>>,
    begun: Instant,
}

impl Running {
    pub fn end(self) -> Count {
        let time = self.begun.elapsed();
        let counts = self.tally.counts();
        self.tally.stop.store(true, Ordering::Relaxed);
        Count::of(counts, self.thread.join().expect("the load ends"), time)
    }

    /// Waits for the answers that are under way and counts them, for servers that give few of them.
    pub fn finish(self) -> Count {
        self.tally.stop.store(true, Ordering::Relaxed);
        let latencies = self.thread.join().expect("the load ends");
        Count::of(self.tally.counts(), latencies, self.begun.elapsed())
    }
}

pub fn pin_this_thread(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).expect("a core");
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, work)
}

/// Sends the request, reads one answer to its end, and gives its status.
async fn exchange(connection: &mut TcpStream, request: &[u8]) -> u16 {
    connection.write_all(request).await.expect("the server reads");
    let mut answer = [0; 4096];
    let mut length = 0;
    loop {
        length += match connection
            .read(&mut answer[length..])
            .await
            .expect("the server answers")
        {
            0 => panic!("the server closed, or its answer is longer than {length} bytes"),
            more => more,
        };
        if let Some(status) = answer::status(&answer[..length]) {
            return status;
        }
    }
}
