//! A Prometheus, as far as it costs the service something.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Asks for the metrics each second.
pub struct Scraper {
    ended: Arc<AtomicBool>,
    asking: JoinHandle<usize>,
}

impl Scraper {
    pub fn start(address: String) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let asking = std::thread::spawn(move || {
            let mut scrapes = 0;
            while !end.load(Ordering::Relaxed) {
                scrapes += usize::from(scrape(&address).is_ok_and(|length| length > 10_000));
                std::thread::sleep(Duration::from_secs(1));
            }
            scrapes
        });
        Self { ended, asking }
    }

    /// How often it was told them.
    pub fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        self.asking.join().expect("it asks to the end")
    }
}

fn scrape(address: &str) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())
}
