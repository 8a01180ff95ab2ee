//! The queue of log lines: order, a full disk, the bound.

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
