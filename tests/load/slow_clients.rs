//! Clients who take their time: over the head of a request, over its body, over the answer, or who
//! never say a word.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::LocalSet;

/// How long they take over a byte.
const PAUSE: Duration = Duration::from_secs(1);
/// The least that the system gives a socket for what it has not read.
const SMALLEST: u32 = 1;
const HEAD: &str = "GET /health HTTP/1.1\r\nHost: x\r\nX: ";
const BODY: &str = "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\nu";
const LARGE_ANSWER: &str = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
/// Requests sent before the first answer is not read.
const PIPELINED: usize = 4;

#[derive(Clone, Copy)]
enum Kind {
    Head,
    Body,
    Reader,
    Idle,
}

/// All of them, on a thread of their own until dropped. Whom the server sends away comes back at
/// once.
pub struct SlowClients {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl SlowClients {
    /// So many of each slow kind and so many idle ones; all are connected when this returns.
    pub fn begin(address: &str, of_each: usize, idle: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (connected, connections) = mpsc::channel();
        let address = address.to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            LocalSet::new().block_on(&runtime, async {
                let kinds = [
                    (Kind::Head, of_each),
                    (Kind::Body, of_each),
                    (Kind::Reader, of_each),
                    (Kind::Idle, idle),
                ];
                for kind in kinds
                    .into_iter()
                    .flat_map(|(kind, number)| std::iter::repeat_n(kind, number))
                {
                    let (address, connected) = (address.clone(), connected.clone());
                    tokio::task::spawn_local(async move {
                        loop {
                            linger(kind, &address, &connected).await;
                        }
                    });
                }
                let mut stopped = stopped;
                let _stopped_or_dropped = stopped.wait_for(|stop| *stop).await;
            });
        });
        for _ in 0..3 * of_each + idle {
            connections
                .recv_timeout(Duration::from_secs(30))
                .expect("a connection");
        }
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for SlowClients {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// One who has asked for much and reads nothing.
#[allow(
    dead_code,
    reason = "the benchmark, which shares this file, has no use for a single one"
)]
pub async fn reader(address: &str) -> std::io::Result<TcpStream> {
    let mut stream = connect(Kind::Reader, address).await?;
    ask_for_much(&mut stream).await?;
    Ok(stream)
}

async fn ask_for_much(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(LARGE_ANSWER.repeat(PIPELINED).as_bytes()).await
}

/// From a connection to its end.
async fn linger(kind: Kind, address: &str, connected: &mpsc::Sender<()>) {
    let Ok(mut stream) = connect(kind, address).await else {
        return tokio::time::sleep(PAUSE).await;
    };
    let _nobody_counts_any_more = connected.send(());
    let begun = match kind {
        Kind::Head => stream.write_all(HEAD.as_bytes()).await,
        Kind::Body => stream.write_all(BODY.as_bytes()).await,
        Kind::Reader => ask_for_much(&mut stream).await,
        Kind::Idle => Ok(()),
    };
    if begun.is_err() {
        return;
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        let alive = match kind {
            Kind::Head | Kind::Body => stream.write_all(b"x").await.is_ok(),
            Kind::Reader => true,
            // It reads, for nothing ever comes but the end.
            Kind::Idle => stream.try_read(&mut [0]).is_err(),
        };
        if !alive {
            return;
        }
    }
}

async fn connect(kind: Kind, address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if matches!(kind, Kind::Reader) {
        socket.set_recv_buffer_size(SMALLEST)?;
    }
    socket
        .connect(address.parse().map_err(std::io::Error::other)?)
        .await
}
