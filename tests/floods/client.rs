//! A client that costs next to nothing beside the server: one connection from an address of choice,
//! plain or over TLS.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// Longest wait for a connection with its handshake, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";

/// A server, and how its clients reach it.
#[derive(Clone)]
pub struct Door {
    pub address: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
}

/// Where a client is: at a loopback address of its own, or at one that a trusted proxy names.
#[derive(Clone)]
pub enum Place {
    Socket(Ipv4Addr),
    Forwarded(String),
}

impl Place {
    /// Address that the client binds.
    fn socket(&self) -> Ipv4Addr {
        match self {
            Self::Socket(address) => *address,
            Self::Forwarded(_) => Ipv4Addr::LOCALHOST,
        }
    }

    fn header(&self) -> String {
        match self {
            Self::Socket(_) => String::new(),
            Self::Forwarded(address) => format!("X-Forwarded-For: {address}\r\n"),
        }
    }
}

pub struct Reply {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Reply {
    /// Value of a header, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    /// Text of a member of the body, empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        let body = serde_json::from_str::<serde_json::Value>(&self.body).unwrap_or_default();
        body[name].as_str().unwrap_or_default().to_owned()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection that stays open.
pub struct Connection(Box<dyn Stream>);

impl Door {
    pub async fn connect(&self, from: Ipv4Addr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection, with its handshake where there is one.
    pub async fn open(&self, from: &Place) -> Result<Connection> {
        let opening = async {
            let stream = self.connect(from.socket()).await?;
            let Some(tls) = &self.tls else {
                return Ok(Connection(Box::new(stream)));
            };
            let name = ServerName::try_from("127.0.0.1").map_err(Error::other)?;
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
            Ok(Connection(Box::new(stream)))
        };
        tokio::time::timeout(PATIENCE, opening).await?
    }

    /// One answer on a connection of its own.
    pub async fn ask(&self, from: &Place, request: &Request<'_>) -> Result<Reply> {
        self.open(from).await?.ask(from, request).await
    }
}

/// A request; of the header fields, those with an empty value are left out.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub fields: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

impl Request<'_> {
    pub fn text(&self, from: &Place) -> String {
        let fields = self.fields.iter().filter(|(_, value)| !value.is_empty());
        let fields: Vec<String> = fields
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!(
            "{} {} HTTP/1.1\r\nHost: x\r\n{}{}Content-Length: {}\r\n\r\n{}",
            self.method,
            self.path,
            from.header(),
            fields.concat(),
            self.body.len(),
            self.body
        )
    }
}

impl Connection {
    pub async fn ask(&mut self, from: &Place, request: &Request<'_>) -> Result<Reply> {
        tokio::time::timeout(PATIENCE, self.exchange(&request.text(from))).await?
    }

    async fn exchange(&mut self, request: &str) -> Result<Reply> {
        self.0.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(4096);
        loop {
            if self.0.read_buf(&mut answer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let reply = Reply {
                status: 0,
                head: String::from_utf8_lossy(&answer[..end]).into_owned(),
                body: String::from_utf8_lossy(&answer[end + 4..]).into_owned(),
            };
            let length = reply.header("content-length").parse().unwrap_or(0);
            if answer.len() >= end + 4 + length {
                let status = reply.head.get(9..12).and_then(|status| status.parse().ok());
                let status = status.ok_or_else(|| Error::other("no status"))?;
                return Ok(Reply { status, ..reply });
            }
        }
    }
}
