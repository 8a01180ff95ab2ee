//! The bytes of one connection, plain or over TLS, as HTTP reads and writes them.

use std::cell::Cell;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::room::OpenConnection;

/// A connection that notes when bytes come and go.
pub struct ClientStream {
    transport: Transport,
    connection: Rc<OpenConnection>,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls a method of the transport, whichever it is.
macro_rules! of_transport {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match &mut $stream.transport {
            Transport::Plain(plain) => Pin::new(plain).$method($($argument),*),
            Transport::Tls(tls) => Pin::new(&mut **tls).$method($($argument),*),
        }
    };
}

impl ClientStream {
    /// Without TLS.
    pub fn plain(stream: TcpStream, connection: Rc<OpenConnection>) -> Self {
        Self {
            transport: Transport::Plain(stream),
            connection,
        }
    }

    /// Over TLS, after the handshake.
    pub fn tls(stream: TlsStream<TcpStream>, connection: Rc<OpenConnection>) -> Self {
        Self {
            transport: Transport::Tls(Box::new(stream)),
            connection,
        }
    }

    /// The count of its HTTP/2 requests in flight, for the one who counts them.
    pub fn streams(&self) -> Rc<Cell<usize>> {
        self.connection.streams()
    }

    fn noted(&self, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.connection.sent();
        }
        written
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = of_transport!(self, poll_read(cx, buffer));
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.connection.received(bytes);
        }
        read
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = of_transport!(self, poll_write(cx, bytes));
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = of_transport!(self, poll_write_vectored(cx, parts));
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(plain) => plain.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        of_transport!(self, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        of_transport!(self, poll_shutdown(cx))
    }
}
