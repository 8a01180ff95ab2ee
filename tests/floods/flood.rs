//! The floods, each on a thread of its own until it is ended.
//!
//! The flood shares the processors with the server, so it is paced: a client that was refused pauses
//! before it asks again, and connections are opened some at a time. The hash queue, the budgets
//! and the places of connections are to be full, not the processors with the work of the flood.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::task::LocalSet;

use super::client::{Connection, Door, FORM, JSON, Place, Request};
use crate::support::PASSWORD;

/// Pause of a client after a refusal.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause between two steps of what opens connections by itself.
const STEP: Duration = Duration::from_millis(20);

/// What a flood has done.
#[derive(Default)]
pub struct Tally {
    /// Requests, or connections where a flood asks nothing.
    pub sent: AtomicUsize,
    /// Answers: the password was evaluated.
    pub evaluated: AtomicUsize,
    /// Answers: a budget or the lock refused, 429.
    pub refused: AtomicUsize,
    /// Answers: the queue was full, 503.
    pub put_off: AtomicUsize,
    /// Connections that the server closed.
    pub closed: AtomicUsize,
}

impl Tally {
    fn answered(&self, status: u16) -> bool {
        let (counter, refusal) = match status {
            200 | 401 => (&self.evaluated, false),
            503 => (&self.put_off, true),
            _ => (&self.refused, true),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        refusal
    }

    pub fn told(&self) -> String {
        let figure = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        format!(
            "{} sent, {} evaluated, {} refused, {} put off, {} closed",
            figure(&self.sent),
            figure(&self.evaluated),
            figure(&self.refused),
            figure(&self.put_off),
            figure(&self.closed)
        )
    }
}

/// A flood that runs.
pub struct Flood {
    stop: Arc<AtomicBool>,
    pub tally: Arc<Tally>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn begin(run: impl FnOnce(&AtomicBool, &Tally) + Send + 'static) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&tally));
        let thread = std::thread::spawn(move || run(&stopped, &counted));
        Self {
            stop,
            tally,
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Networks that guesses come from.
#[derive(Clone, Copy)]
pub enum Networks {
    OneV4,
    OneV6,
    HundredV6,
}

impl Networks {
    /// Address of a guess: a network's addresses in turn, spread over its smaller networks.
    fn address(self, guess: usize) -> String {
        let part = guess % 16 * 0x1000 + guess / 16 % 0x1000;
        match self {
            Self::OneV4 => format!("203.0.113.{}", 1 + guess % 254),
            Self::OneV6 => format!("2001:db8:bad:{part:x}::1"),
            Self::HundredV6 => format!(
                "2001:db8:{:x}:{:x}::1",
                0xa00 + guess % 100,
                guess / 100 % 0x1_0000
            ),
        }
    }
}

/// Guesses at accounts that do not exist, so many at once, by a trusted proxy.
pub fn guesses(door: &Door, networks: Networks, at_once: usize) -> Flood {
    requests(door, at_once, move |guess| {
        let body = format!("username=nobody{guess}@example.com&password=a+heron+stands+still");
        Prepared {
            place: Place::Forwarded(networks.address(guess)),
            method: "POST",
            path: "/login",
            fields: vec![("Content-Type", FORM.to_owned())],
            body,
        }
    })
}

/// Changes of one account to the e-mail address that it has, with its right password, so many at once
/// in the sessions of these tokens, from 16 networks.
pub fn changes(door: &Door, email: &str, tokens: Vec<String>, at_once: usize) -> Flood {
    let body = serde_json::json!({"email": email, "current_password": PASSWORD}).to_string();
    requests(door, at_once, move |number| Prepared {
        place: Place::Forwarded(format!(
            "2001:db8:{:x}:{:x}::1",
            0xb00 + number % 16,
            number / 16 % 0x100 * 0x100
        )),
        method: "PATCH",
        path: "/me",
        fields: vec![
            ("Content-Type", JSON.to_owned()),
            (
                "Authorization",
                format!("Bearer {}", tokens[number % tokens.len()]),
            ),
        ],
        body: body.clone(),
    })
}

struct Prepared {
    place: Place,
    method: &'static str,
    path: &'static str,
    fields: Vec<(&'static str, String)>,
    body: String,
}

/// Requests over kept connections.
fn requests(door: &Door, at_once: usize, prepare: impl Fn(usize) -> Prepared + Send + 'static) -> Flood {
    let door = door.clone();
    Flood::begin(move |stop, tally| {
        let client = async || {
            let mut kept: Option<Connection> = None;
            while !stop.load(Ordering::Relaxed) {
                let prepared = prepare(tally.sent.fetch_add(1, Ordering::Relaxed));
                let fields: Vec<_> = prepared
                    .fields
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                let request = Request {
                    method: prepared.method,
                    path: prepared.path,
                    fields: &fields,
                    body: &prepared.body,
                };
                let asked = async {
                    let mut connection = match kept.take() {
                        Some(connection) => connection,
                        None => door.open(&prepared.place).await?,
                    };
                    let reply = connection.ask(&prepared.place, &request).await?;
                    kept = Some(connection);
                    std::io::Result::Ok(reply.status)
                };
                let pauses = if let Ok(status) = asked.await {
                    tally.answered(status)
                } else {
                    tally.closed.fetch_add(1, Ordering::Relaxed);
                    true
                };
                if pauses {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let clients = futures_util::future::join_all((0..at_once).map(|_| client()));
        LocalSet::new().block_on(&runtime.unwrap(), async {
            tokio::select! {
                _ = clients => {}
                () = until(stop) => {}
            }
        });
    })
}

/// Ends soon after the flood is told to stop, whatever its clients wait for.
async fn until(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(STEP).await;
    }
}

/// A connection from an address of the adversary: of so many networks of 24 bits in turn.
fn connected(to: SocketAddr, networks: usize, number: usize) -> std::io::Result<TcpStream> {
    let byte = |number: usize| u8::try_from(number % 256).unwrap_or(0);
    let from = Ipv4Addr::new(127, 1, byte(number % networks), byte(1 + number / networks % 100));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

/// Logins whose client resets the connection: half at once, half when the password may be in the
/// queue. So many in a second, from 64 networks.
pub fn cut_connections(door: &Door, each_second: usize) -> Flood {
    let to = door.address;
    Flood::begin(move |stop, tally| {
        let each_step = each_second * 20 / 1000;
        let mut held: VecDeque<TcpStream> = VecDeque::new();
        while !stop.load(Ordering::Relaxed) {
            let before = held.len();
            for _ in 0..each_step.max(1) {
                let number = tally.sent.fetch_add(1, Ordering::Relaxed);
                let body = format!("username=cut{number}@example.com&password=a+heron+stands+still");
                let request = Request {
                    method: "POST",
                    path: "/login",
                    fields: &[("Content-Type", FORM)],
                    body: &body,
                };
                let Ok(mut stream) = connected(to, 64, number) else {
                    tally.closed.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                let _the_server_may_have_closed = stream
                    .write_all(request.text(&Place::Socket(Ipv4Addr::LOCALHOST)).as_bytes())
                    .and_then(|()| SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
                if number.is_multiple_of(2) {
                    held.push_back(stream);
                }
            }
            drop(held.drain(..before));
            std::thread::sleep(STEP);
        }
    })
}

/// Bytes of a header block that does not end before the server's own bound.
const LONG_HEAD: usize = 120 * 1024;

/// Header blocks of four kinds: too many fields, one endless field, many large fields, and, every
/// other one, one that stops shortly before the bound and waits. So many connections, opened anew
/// when they are closed: a fifth of them in a second at first, then a fiftieth.
pub fn header_bombs(door: &Door, connections: usize) -> Flood {
    let to = door.address;
    Flood::begin(move |stop, tally| {
        let begin = |place: usize| {
            tally.sent.fetch_add(1, Ordering::Relaxed);
            connected(to, 64, place)
                .ok()
                .map(|stream| Bomb::new(stream, place))
        };
        let mut open: Vec<Option<Bomb>> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            for bomb in &mut open {
                if bomb.as_mut().is_some_and(|bomb| !bomb.goes_on()) {
                    tally.closed.fetch_add(1, Ordering::Relaxed);
                    *bomb = None;
                }
            }
            if open.len() < connections {
                let next = open.len()..connections.min(open.len() + connections / 50);
                open.extend(next.map(begin));
            } else {
                let closed = open.iter_mut().enumerate().filter(|(_, bomb)| bomb.is_none());
                for (place, bomb) in closed.take(connections / 500) {
                    *bomb = begin(place);
                }
            }
            std::thread::sleep(5 * STEP);
        }
    })
}

struct Bomb {
    stream: TcpStream,
    left: Vec<u8>,
}

impl Bomb {
    fn new(stream: TcpStream, number: usize) -> Self {
        let fields = match number % 6 {
            1 => "X: y\r\n".repeat(10_000) + "\r\n",
            3 => format!("X: {}", "y".repeat(4 * LONG_HEAD)),
            5 => format!("X: {}\r\n", "y".repeat(1200)).repeat(90) + "\r\n",
            _ => format!("X: {}", "y".repeat(LONG_HEAD)),
        };
        let _stays_blocking = stream.set_nonblocking(true);
        Self {
            stream,
            left: format!("GET /health HTTP/1.1\r\nHost: x\r\n{fields}").into_bytes(),
        }
    }

    /// Writes what goes; false once the server has answered or closed.
    fn goes_on(&mut self) -> bool {
        let waits = |cause: &std::io::Error| cause.kind() == ErrorKind::WouldBlock;
        while !self.left.is_empty() {
            match self.stream.write(&self.left) {
                Ok(written) => drop(self.left.drain(..written)),
                Err(cause) if waits(&cause) => return true,
                Err(_) => return false,
            }
        }
        self.stream.read(&mut [0; 1024]).is_err_and(|cause| waits(&cause))
    }
}

/// Sockets that never say a word, each opened anew when the server has closed it; from as many
/// addresses as it takes when one has 250.
pub fn silent_sockets(door: &Door, sockets: usize) -> Flood {
    let to = door.address;
    Flood::begin(move |stop, tally| {
        let mut open: Vec<Option<TcpStream>> = (0..sockets).map(|_| None).collect();
        let mut steps = 0_usize;
        while !stop.load(Ordering::Relaxed) {
            // A hundredth of them at each step, each every two seconds.
            for (place, silent) in open.iter_mut().enumerate().skip(steps % 100).step_by(100) {
                if silent.as_mut().is_some_and(is_closed) {
                    tally.closed.fetch_add(1, Ordering::Relaxed);
                    *silent = None;
                }
                if silent.is_none() {
                    tally.sent.fetch_add(1, Ordering::Relaxed);
                    *silent = connected(to, sockets.div_ceil(250), place).ok();
                    if let Some(stream) = silent {
                        let _stays_blocking = stream.set_nonblocking(true);
                    }
                }
            }
            steps += 1;
            std::thread::sleep(STEP);
        }
    })
}

fn is_closed(stream: &mut TcpStream) -> bool {
    !stream
        .read(&mut [0])
        .is_err_and(|cause| cause.kind() == ErrorKind::WouldBlock)
}
