//! The way of a log line out of the process: a queue with a bound, and one thread that writes.
//!
//! Whoever logs never waits for standard error. While nobody takes the lines (a full pipe, a full
//! disk, a reader that has gone away) the queue fills, what comes then is dropped and counted, and
//! the count is told by the first line that gets through again.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

/// Bytes of lines that may wait.
const ROOM: usize = 1024 * 1024;
/// How long the end of the process waits for the lines before it.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum Item {
    Line(Box<[u8]>),
    /// All before it is written; the sender is dropped to say so.
    Flush(Sender<()>),
}

#[derive(Debug, Default)]
struct Counts {
    /// Bytes in the queue.
    waiting: AtomicUsize,
    /// Lines since the start that did not get out.
    dropped: AtomicU64,
}

/// The end that lines are put into, each by one `write`.
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

    /// Lines since the start that did not get out.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
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
    /// Always the whole line, and never a wait.
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
        // With room for it. The sum of all, so that nothing is lost if this line is.
        if dropped > told && waiting < ROOM / 2 {
            told = dropped;
            log::warn!(dropped; "log lines were dropped since the start, for nobody took them");
        }
    }
}

/// How many of the bytes got out.
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
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A file on a disk that is full beyond `room`.
    #[derive(Clone)]
    struct Disk {
        room: Arc<AtomicUsize>,
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let fits = bytes.len().min(self.room.load(Ordering::SeqCst));
            if fits == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room.fetch_sub(fits, Ordering::SeqCst);
            self.text.lock().unwrap().extend(&bytes[..fits]);
            Ok(fits)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn disk(room: usize) -> (Disk, Sink) {
        let disk = Disk {
            room: Arc::new(AtomicUsize::new(room)),
            text: Arc::default(),
        };
        let sink = Sink::start(disk.clone()).unwrap();
        (disk, sink)
    }

    fn text(disk: &Disk) -> String {
        String::from_utf8(disk.text.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn every_line_gets_out_in_order() {
        let (disk, mut sink) = disk(usize::MAX);
        let lines: Vec<String> = (0..10_000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            sink.write_all(line.as_bytes()).unwrap();
        }
        Sink::flush(&sink);
        assert_eq!(text(&disk), lines.concat());
    }

    #[test]
    fn a_disk_that_was_full_gets_whole_lines_again() {
        let (disk, mut sink) = disk(10);
        for _ in 0..3 {
            sink.write_all(b"before\n").unwrap();
        }
        Sink::flush(&sink);
        assert_eq!(
            (text(&disk).as_str(), sink.counts.dropped.load(Ordering::SeqCst)),
            ("before\nbef", 2)
        );
        disk.room.store(100, Ordering::SeqCst);
        sink.write_all(b"after\n").unwrap();
        Sink::flush(&sink);
        assert_eq!(text(&disk), "before\nbef\nafter\n");
    }

    #[test]
    fn what_waits_is_bounded() {
        struct Stuck;
        impl Write for Stuck {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                loop {
                    thread::park();
                }
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut sink = Sink::start(Stuck).unwrap();
        for _ in 0..3 * ROOM / 1000 {
            sink.write_all(&[b'x'; 1000]).unwrap();
        }
        assert!(sink.counts.waiting.load(Ordering::SeqCst) <= ROOM);
        assert!(sink.counts.dropped.load(Ordering::SeqCst) > 2000);
        Sink::flush(&sink);
    }
}
