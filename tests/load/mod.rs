//! The program under load: slow clients beside an honest one, and memory under everything at once.

mod memory;
mod slow;
mod slow_clients;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::PASSWORD;

/// A keep-alive connection of a client that costs next to nothing beside the server.
struct Connection {
    address: String,
    stream: TcpStream,
}

struct Reply {
    status: u16,
    body: String,
}

impl Reply {
    fn text(&self, name: &str) -> String {
        let body: Value =
            serde_json::from_str(&self.body).unwrap_or_else(|cause| panic!("{cause}: {}", self.body));
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name}: {}", self.body))
            .to_owned()
    }
}

impl Connection {
    async fn open(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            stream: TcpStream::connect(address).await.unwrap(),
        }
    }

    /// Sends the request and reads its answer to the end.
    async fn ask(&mut self, request: &str) -> Reply {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::with_capacity(4096);
        loop {
            assert!(
                self.stream.read_buf(&mut answer).await.unwrap() > 0,
                "the server closed after {request}"
            );
            let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&answer[..head]).unwrap();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if answer.len() >= head + 4 + length {
                let status = text[9..12].parse().unwrap();
                let closes = text.contains("connection: close");
                let body = String::from_utf8(answer.split_off(head + 4)).unwrap();
                if closes {
                    self.stream = TcpStream::connect(&self.address).await.unwrap();
                }
                return Reply { status, body };
            }
        }
    }

    async fn get(&mut self, path: &str, token: &str) -> Reply {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        ))
        .await
    }

    async fn post(&mut self, path: &str, media_type: &str, token: &str, body: &str) -> Reply {
        let head = format!(
            "Host: x\r\nContent-Type: {media_type}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}",
            body.len()
        );
        self.ask(&format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n{body}"))
            .await
    }

    async fn register(&mut self, email: &str) -> Reply {
        self.post(
            "/register",
            "application/json",
            "none",
            &format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#),
        )
        .await
    }

    async fn login(&mut self, email: &str, password: &str) -> Reply {
        self.form("/login", &format!("username={email}&password={password}"))
            .await
    }

    async fn form(&mut self, path: &str, body: &str) -> Reply {
        self.post(path, "application/x-www-form-urlencoded", "none", body)
            .await
    }
}
