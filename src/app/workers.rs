//! Background work of the process: named tasks that run beside the requests until the end.
//!
//! A worker is a function of [`App`](super::App) that loops and waits. All are polled by one task
//! and dropped together, so that a worker must be able to stop at any `.await`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

/// A named task that runs until it fails or is dropped.
pub struct Worker<'a> {
    name: &'static str,
    run: Pin<Box<dyn Future<Output = io::Result<()>> + 'a>>,
}

impl<'a> Worker<'a> {
    /// A task that runs until it fails.
    pub fn new(name: &'static str, run: impl Future<Output = io::Result<()>> + 'a) -> Self {
        Self {
            name,
            run: Box::pin(run),
        }
    }

    /// A task that loops for ever.
    pub fn endless(name: &'static str, run: impl Future<Output = ()> + 'a) -> Self {
        Self::new(name, async {
            run.await;
            Ok(())
        })
    }
}

/// Runs all until one of them ends, which none should.
///
/// # Errors
/// The error of the worker that failed.
pub async fn run(mut workers: Vec<Worker<'_>>) -> io::Result<()> {
    let (name, ended) = poll_fn(|cx| {
        for worker in &mut workers {
            if let Poll::Ready(ended) = worker.run.as_mut().poll(cx) {
                return Poll::Ready((worker.name, ended));
            }
        }
        Poll::Pending
    })
    .await;
    log::error!(worker = name; "a background worker has ended; the server stops");
    ended
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn the_first_worker_that_fails_ends_them_all() {
        let turns = Cell::new(0);
        let busy = async {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        let failing = async {
            while turns.get() < 3 {
                tokio::task::yield_now().await;
            }
            Err(io::Error::other("broken"))
        };
        let ended = run(vec![
            Worker::endless("busy", busy),
            Worker::new("failing", failing),
        ])
        .await;
        assert_eq!(ended.unwrap_err().to_string(), "broken");
        assert!(turns.get() >= 3);
    }
}
