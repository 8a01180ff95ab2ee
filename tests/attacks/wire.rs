//! One attack over a raw socket: what is sent, what may come back, and what came.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// In every place that an attacker fills, so that an answer that repeats input gives itself away.
pub const CANARY: &str = "qzcanaryqz";

/// The connection is closed without an answer.
pub const CLOSED: u16 = 0;
/// The server waits for the rest of the request, as it may until its timeout.
pub const WAITS: u16 = 1;

/// How long a second answer may take before it is held that none comes.
const SILENCE: Duration = Duration::from_millis(120);
/// How long the first answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server is watched that may wait.
const WATCH: Duration = Duration::from_millis(400);

/// A row of the table.
pub struct Attack {
    pub name: String,
    pieces: Vec<Vec<u8>>,
    pause: Duration,
    allowed: Vec<u16>,
    holds: Vec<String>,
    lacks: Vec<String>,
    is_head: bool,
}

pub fn attack(name: impl Into<String>, bytes: impl Into<Vec<u8>>, allowed: &[u16]) -> Attack {
    let bytes = bytes.into();
    Attack {
        name: name.into(),
        is_head: bytes.starts_with(b"HEAD "),
        pieces: vec![bytes],
        pause: Duration::ZERO,
        allowed: allowed.to_vec(),
        holds: Vec::new(),
        lacks: vec![CANARY.to_owned()],
    }
}

impl Attack {
    /// The answer must hold this text.
    pub fn holding(mut self, text: impl Into<String>) -> Self {
        self.holds.push(text.into());
        self
    }

    /// The answer must not hold this text, in whatever case.
    pub fn lacking(mut self, text: &str) -> Self {
        self.lacks.push(text.to_ascii_lowercase());
        self
    }

    /// Sends so many bytes at a time, with a pause between.
    pub fn slowly(mut self, bytes: usize, pause: Duration) -> Self {
        self.pieces = self.pieces.concat().chunks(bytes).map(<[u8]>::to_vec).collect();
        self.pause = pause;
        self
    }

    /// Carries it out; says what is wrong with the answer.
    pub fn run(&self, address: &str) -> Result<(), String> {
        let came = self.exchange(address);
        let (first, text) = (
            came.answers.first(),
            String::from_utf8_lossy(&came.bytes).to_ascii_lowercase(),
        );
        let status = first.copied().unwrap_or(if came.closed { CLOSED } else { WAITS });
        let told = || {
            format!(
                "{}: {}",
                self.name,
                String::from_utf8_lossy(&came.bytes)
                    .chars()
                    .take(600)
                    .collect::<String>()
            )
        };
        if !self.allowed.contains(&status) || status >= 500 {
            return Err(format!(
                "answered {status}, allowed {:?}; {}",
                self.allowed,
                told()
            ));
        }
        if came.answers.len() > 1 || came.trailing {
            return Err(format!("more than one answer; {}", told()));
        }
        for wanted in &self.holds {
            if !text.contains(&wanted.to_ascii_lowercase()) {
                return Err(format!("without {wanted:?}; {}", told()));
            }
        }
        match self.lacks.iter().find(|unwanted| text.contains(*unwanted)) {
            Some(unwanted) => Err(format!("with {unwanted:?}; {}", told())),
            None => Ok(()),
        }
    }

    fn exchange(&self, address: &str) -> Came {
        let mut stream = TcpStream::connect(address).unwrap();
        for (number, piece) in self.pieces.iter().enumerate() {
            if number > 0 {
                std::thread::sleep(self.pause);
            }
            // The server may refuse and close before it has read everything.
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let first = if self.allowed.contains(&WAITS) {
            WATCH
        } else {
            PATIENCE
        };
        let mut came = Came::default();
        let mut buffer = [0; 16 * 1024];
        loop {
            stream
                .set_read_timeout(Some(if came.answers.is_empty() { first } else { SILENCE }))
                .unwrap();
            match stream.read(&mut buffer) {
                Ok(0) => came.closed = true,
                Ok(length) => {
                    came.bytes.extend_from_slice(&buffer[..length]);
                    came.read_answers(self.is_head);
                    continue;
                }
                Err(cause) => {
                    came.closed = !matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
            return came;
        }
    }
}

/// What came back.
#[derive(Default)]
pub struct Came {
    pub bytes: Vec<u8>,
    /// The statuses of the whole answers, `100 Continue` apart.
    pub answers: Vec<u16>,
    /// Whether there are bytes after the last whole answer.
    pub trailing: bool,
    pub closed: bool,
}

impl Came {
    pub fn read_answers(&mut self, is_head: bool) {
        let mut rest = &self.bytes[..];
        self.answers.clear();
        while let Some((status, length)) = answer(rest, is_head) {
            if status != 100 {
                self.answers.push(status);
            }
            rest = &rest[length..];
        }
        self.trailing = !rest.is_empty();
    }
}

/// The status of the answer at the beginning of the bytes, and its length; none if it is not whole.
pub fn answer(bytes: &[u8], is_head: bool) -> Option<(u16, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let status: u16 = text.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let length = text
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse::<usize>()
                .ok()
        })
        .unwrap_or(0);
    let body = if is_head || status < 200 || status == 204 || status == 304 {
        0
    } else {
        length
    };
    (bytes.len() >= head + 4 + body).then_some((status, head + 4 + body))
}

/// A request without a body, after which the server closes.
pub fn request(method: &str, target: &str, headers: &str) -> Vec<u8> {
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n").into_bytes()
}

pub fn get(target: &str, headers: &str) -> Vec<u8> {
    request("GET", target, headers)
}

/// A request with a body, after which the server closes.
pub fn with_body(method: &str, target: &str, headers: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}
