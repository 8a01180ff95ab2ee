//! The program killed, frozen, cut off, moved in time and brought up to date: what it acknowledged
//! holds, and it goes on.
//!
//! What goes by chance prints its seed; `SEED=` brings the same chance again, though not the same
//! moments. The long runs are `make torture`.

mod clocks;
mod drain;
mod durability;
mod failover;
mod first_start;
mod freeze;
mod kill;
mod partition;
mod rolling;
mod upgrade;
mod wire;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::SECRET;
use crate::support::process::Server;

const ISSUER: &str = "https://id.example.com";

/// What every server of a test must agree on, wherever it listens.
fn settings(url: &str) -> [(&str, &str); 3] {
    [
        ("DATABASE_URL", url),
        ("DOORWARD_SECRET", SECRET),
        ("DOORWARD_ISSUER", ISSUER),
    ]
}

/// A server on a port that nobody has, so that many may start side by side.
fn serve(folder: &std::path::Path, settings: &[(&str, &str)]) -> Server {
    Server::start_on(folder, settings, "127.0.0.1:0")
}

/// `SEED=`, or one that no run had before.
pub fn seed() -> u64 {
    std::env::var("SEED").map_or_else(
        |_| RandomState::new().hash_one("seed"),
        |seed| seed.parse().expect("SEED is a number"),
    )
}

/// `ROUNDS=`, or as many as `make torture` does.
pub fn rounds(usual: usize) -> usize {
    std::env::var("ROUNDS").map_or(usual, |rounds| rounds.parse().expect("ROUNDS is a number"))
}

/// Does each job by its number, so many at once, each on a thread of its own; gives what they
/// brought.
pub fn side_by_side<T: Send>(lanes: usize, jobs: usize, job: impl AsyncFn(usize) -> T + Sync) -> Vec<T> {
    let (next, brought) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= jobs {
                        break;
                    }
                    let one = runtime.block_on(job(number));
                    brought.lock().unwrap().push(one);
                }
            });
        }
    });
    brought.into_inner().unwrap()
}
