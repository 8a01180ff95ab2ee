//! The way of a log line out of the process: a queue with a bound, and one thread that writes.
//!
//! A thread that logs never waits for standard error. While the lines are not read (a full pipe, a
//! full disk, a reader that has gone away) the queue fills, further lines are dropped and counted,
//! and the first line that gets through again tells the count.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::telemetry::metrics::{Family, Reading};

const DROPPED: Family = Family::new(
    "doorward_log_lines_dropped_total",
    "Log lines that were dropped because the sink was blocked",
);

/// Bytes of lines that may wait.
const ROOM: usize = 1024 * 1024;
/// How long the end of the process waits for the lines that are left.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum Item {
    Line(Box<[u8]>),
    /// A mark: all lines before it are written. The sender is dropped to say so.
    Flush(Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    /// Bytes in the queue.
    waiting: AtomicUsize,
    /// Lines since the start that did not get out.
    dropped: AtomicU64,
}

/// The count of lines since the start that did not get out.
#[derive(Debug, Clone, Default)]
pub struct DroppedLines(Arc<Counts>);

impl DroppedLines {
    /// Tells the count at this moment.
    pub fn figures(&self, reading: &mut Reading) {
        reading.counter(&DROPPED, self.0.dropped.load(Ordering::Relaxed));
    }
}

/// The end of the queue that takes the lines, each by one `write`.
#[derive(Clone)]
pub struct Sink {
    queue: Sender<Item>,
    counts: Arc<Counts>,
}

impl Sink {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (queue, items) = unbounded();
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || pass_on(&items, out, &shared))?;
        Ok(Self { queue, counts })
    }

    /// The count of lines that did not get out.
    pub fn dropped_lines(&self) -> DroppedLines {
        DroppedLines(Arc::clone(&self.counts))
    }

    /// Waits until what was logged so far is written, a second at most.
    pub fn flush(&self) {
        let (done, written) = bounded(0);
        if self.queue.send(Item::Flush(done)).is_ok() {
            let _written_or_given_up = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Write for Sink {
    /// Takes the whole line, always, and never waits.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let waiting = self.counts.waiting.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() > ROOM || self.queue.send(Item::Line(line.into())).is_err() {
            self.counts.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn pass_on(items: &Receiver<Item>, mut out: impl Write, counts: &Counts) {
    let (mut told, mut torn) = (0, false);
    for item in items {
        let line = match item {
            Item::Line(line) => line,
            Item::Flush(done) => {
                drop(done);
                continue;
            }
        };
        let waiting = counts.waiting.fetch_sub(line.len(), Ordering::Relaxed) - line.len();
        if torn && write_all(&mut out, b"\n") == 1 {
            torn = false;
        }
        let written = if torn { 0 } else { write_all(&mut out, &line) };
        torn |= 0 < written && written < line.len();
        if written < line.len() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let dropped = counts.dropped.load(Ordering::Relaxed);
        // Only with room for it. It tells the sum of all, so that nothing is lost if this line is.
        if dropped > told && waiting < ROOM / 2 {
            told = dropped;
            log::warn!(dropped; "log lines were dropped since the start, because their reader was too slow");
        }
    }
}

/// Writes what the output takes; says how many of the bytes got out.
fn write_all(out: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
            Err(_nobody_takes_it) => break,
        }
    }
    written
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
