//! A wire between a node and its database, which a test can cut, silence, slow down or break.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It carries what it is given.
    Whole,
    /// Connections end, and new ones at once.
    Cut,
    /// Connections end by RST, and new ones at once.
    Reset,
    /// Connections stay and begin, and nothing comes through until it is whole again: a host that
    /// has vanished.
    Silent,
    /// Whatever the database says comes so much later.
    Slow(Duration),
    /// A connection ends after so many more bytes from the database.
    EndsAfter(usize),
}

pub struct Wire {
    pub address: String,
    target: watch::Sender<String>,
    state: watch::Sender<State>,
}

impl Wire {
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (state, watch) = watch::channel(State::Whole);
        let (target, targets) = watch::channel(target);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let target = targets.borrow().clone();
                tokio::spawn(carry(near, target, watch.clone()));
            }
        });
        Self {
            address,
            target,
            state,
        }
    }

    /// Leads new connections to another server.
    pub fn leads_to(&self, target: String) {
        self.target.send(target).unwrap();
    }

    pub fn becomes(&self, state: State) {
        self.state.send(state).unwrap();
    }
}

async fn carry(mut near: TcpStream, target: String, mut state: watch::Receiver<State>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    let (mut asked, mut answered) = ([0; 16384], [0; 16384]);
    let mut left = usize::MAX;
    loop {
        match *state.borrow_and_update() {
            State::Cut => return,
            // Closed with something unread or with nothing to linger for, a socket says RST.
            State::Reset => return near.set_zero_linger().unwrap(),
            State::EndsAfter(bytes) => left = left.min(bytes),
            State::Whole | State::Silent | State::Slow(_) => left = usize::MAX,
        }
        if *state.borrow() == State::Silent {
            if state.changed().await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            read = near.read(&mut asked) => match read {
                Ok(bytes @ 1..) if far.write_all(&asked[..bytes]).await.is_ok() => {}
                _ => return,
            },
            read = far.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                let now = *state.borrow();
                if let State::Slow(by) = now {
                    tokio::time::sleep(by).await;
                }
                let passed = bytes.min(left);
                left = if left == usize::MAX { left } else { left - passed };
                if near.write_all(&answered[..passed]).await.is_err() || left == 0 {
                    return;
                }
            },
        }
    }
}
