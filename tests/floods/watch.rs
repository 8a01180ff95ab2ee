//! Watches a server while something goes on: `GET /me` on one connection, `GET /ready` on another,
//! its memory. On a thread of its own, so that no other work of the test is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward::model::clock::monotonic_now;

use super::client::{Connection, Door, Place, Request};

/// Pause between two requests of `/me`, and between two looks at the rest.
const ME_PAUSE: Duration = Duration::from_millis(5);
const LOOK_PAUSE: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Seen {
    /// Sorted times of `/me` that was answered 200.
    pub me: Vec<Duration>,
    pub me_failed: usize,
    pub ready: usize,
    pub not_ready: Vec<String>,
    pub most_kib: u64,
}

impl Seen {
    /// So many in a hundred were answered within this time, in milliseconds.
    pub fn me_within(&self, hundredths: usize) -> f64 {
        at(&self.me, hundredths)
    }
}

/// The time within which so many in a hundred lie, in milliseconds; the times are sorted.
pub fn at(times: &[Duration], hundredths: usize) -> f64 {
    let last = times.len().saturating_sub(1);
    times
        .get(last * hundredths / 100)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Watch {
    /// Watches the server of a process as somebody with a session.
    pub fn begin(door: &Door, process: u32, place: &Place, token: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, door) = (Arc::clone(&stop), door.clone());
        let (place, token) = (place.clone(), token.to_owned());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let me = times_of_me(&door, &place, &token, &stopped);
                let looks = looks(&door, process, &place, &stopped);
                let ((me, me_failed), mut seen) = tokio::join!(me, looks);
                seen.me = me;
                seen.me_failed = me_failed;
                seen
            })
        });
        Self { stop, thread }
    }

    pub fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

async fn times_of_me(door: &Door, place: &Place, token: &str, stop: &AtomicBool) -> (Vec<Duration>, usize) {
    let (mut times, mut failed) = (Vec::new(), 0);
    let bearer = format!("Bearer {token}");
    let request = Request {
        method: "GET",
        path: "/me",
        fields: &[("Authorization", &bearer)],
        body: "",
    };
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        let connected = match kept.take() {
            Some(connection) => Ok(connection),
            None => door.open(place).await,
        };
        let Ok(mut connection) = connected else {
            failed += 1;
            continue;
        };
        let begun = monotonic_now();
        match connection.ask(place, &request).await {
            Ok(reply) if reply.status == 200 => times.push(begun.elapsed()),
            Ok(_) | Err(_) => {
                failed += 1;
                continue;
            }
        }
        kept = Some(connection);
        tokio::time::sleep(ME_PAUSE).await;
    }
    times.sort();
    (times, failed)
}

async fn looks(door: &Door, process: u32, place: &Place, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let request = Request {
        method: "GET",
        path: "/ready",
        fields: &[],
        body: "",
    };
    let mut kept: Option<Connection> = None;
    while !stop.load(Ordering::Relaxed) {
        let answered = async {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => door.open(place).await?,
            };
            let reply = connection.ask(place, &request).await?;
            kept = Some(connection);
            std::io::Result::Ok(reply)
        };
        match answered.await {
            Ok(reply) if reply.status == 200 => seen.ready += 1,
            Ok(reply) => seen.not_ready.push(reply.body),
            Err(cause) => seen.not_ready.push(cause.to_string()),
        }
        seen.most_kib = seen.most_kib.max(memory_kib(process));
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    seen
}

fn memory_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
