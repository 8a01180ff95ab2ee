//! A load of one request over keep-alive connections, as fast as answers come or at a steady rate.

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
    request: Arc<[u8]>,
    connections: usize,
    core: Option<usize>,
}

pub struct Count {
    /// 2xx only.
    answers: u64,
    time: Duration,
}

impl Count {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn per_second(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }
}

/// Milliseconds, sorted.
pub struct Latencies(Vec<f64>);

impl Latencies {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * quantile).ceil() as usize]
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Load {
    pub fn of(address: &str, request: &str, connections: usize) -> Self {
        Self { address: address.to_owned(), request: request.as_bytes().into(), connections, core: None }
    }

    pub fn on_core(self, core: usize) -> Self {
        Self { core: Some(core), ..self }
    }

    pub fn run_for(self, time: Duration) -> Count {
        let running = self.begin();
        std::thread::sleep(time);
        running.end()
    }

    pub fn run_once(&self) {
        on_this_thread(async {
            let mut connection = TcpStream::connect(&self.address).await.expect("a server");
            exchange(&mut connection, &self.request).await;
        });
    }

    /// As fast as answers come, until told to end.
    pub fn begin(self) -> Running {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&answers));
        let thread = std::thread::spawn(move || {
            if let Some(core) = self.core {
                pin_this_thread(core);
            }
            on_this_thread(async {
                let clients = (0..self.connections).map(|_| {
                    let (address, request, stopped, counted) =
                        (self.address.clone(), Arc::clone(&self.request), Arc::clone(&stopped), Arc::clone(&counted));
                    tokio::task::spawn_local(async move {
                        let mut connection = TcpStream::connect(&address).await.expect("a server");
                        while !stopped.load(Ordering::Relaxed) {
                            if exchange(&mut connection, &request).await {
                                counted.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    })
                });
                futures_util::future::join_all(clients.collect::<Vec<_>>()).await;
            });
        });
        Running { stop, answers, thread, begun: Instant::now() }
    }

    /// At a steady rate whatever the answers take; a late answer counts from when it was due.
    pub fn at_rate(self, per_second: u32, time: Duration) -> Latencies {
        let period = Duration::from_secs(1) / per_second;
        let total = u32::try_from(time.as_micros() / period.as_micros()).expect("a short run");
        let share = u32::try_from(self.connections).expect("few connections");
        let mut latencies = on_this_thread(async {
            let begun = tokio::time::Instant::now();
            let clients = (0..share).map(|client| {
                let (address, request) = (self.address.clone(), Arc::clone(&self.request));
                tokio::task::spawn_local(async move {
                    let mut connection = TcpStream::connect(&address).await.expect("a server");
                    let mut latencies = Vec::new();
                    for number in (client..total).step_by(share as usize) {
                        let due = begun + period * number;
                        tokio::time::sleep_until(due).await;
                        let sent = tokio::time::Instant::now();
                        assert!(exchange(&mut connection, &request).await, "refused");
                        // tokio's timer is a millisecond coarse: lateness of our own is not the server's.
                        let from = if sent - due < Duration::from_millis(2) { sent } else { due };
                        latencies.push(from.elapsed().as_secs_f64() * 1000.0);
                    }
                    latencies
                })
            });
            let all = futures_util::future::join_all(clients.collect::<Vec<_>>()).await;
            all.into_iter().flat_map(|latencies| latencies.expect("a client")).collect::<Vec<f64>>()
        });
        latencies.sort_by(f64::total_cmp);
        Latencies(latencies)
    }
}

pub struct Running {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    thread: JoinHandle<()>,
    begun: Instant,
}

impl Running {
    pub fn end(self) -> Count {
        let count = Count { answers: self.answers.load(Ordering::Relaxed), time: self.begun.elapsed() };
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load ends");
        count
    }

    /// Waits for the answers that are under way and counts them, for servers that give few of them.
    pub fn finish(self) -> Count {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load ends");
        Count { answers: self.answers.load(Ordering::Relaxed), time: self.begun.elapsed() }
    }
}

pub fn pin_this_thread(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores).expect("a core");
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, work)
}

/// Sends the request, reads one answer to its end, and says whether it was a 2xx.
async fn exchange(connection: &mut TcpStream, request: &[u8]) -> bool {
    connection.write_all(request).await.expect("the server reads");
    let mut answer = [0; 4096];
    let mut length = 0;
    loop {
        length += match connection.read(&mut answer[length..]).await.expect("the server answers") {
            0 => panic!("the server closed, or its answer is longer than {length} bytes"),
            more => more,
        };
        if let Some(success) = answer::success(&answer[..length]) {
            return success;
        }
    }
}
