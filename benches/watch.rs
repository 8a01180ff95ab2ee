//! Who watches a service under load: a Prometheus and a collector of spans, as far as they cost the service something.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Takes whatever is posted; gives its address.
pub fn collector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(move || take(&stream)))));
    address
}

fn take(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if length == 0 || reader.read_exact(&mut body).is_err() {
            return;
        }
        if (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

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
