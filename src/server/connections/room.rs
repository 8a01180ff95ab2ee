//! The open connections of one worker: near the most that it can have, those that have been idle
//! longest are closed, so that the next client still finds room. If none is idle, the network that
//! has the most connections loses those that asked first.
//!
//! Idle is a connection that has not asked anything yet, or whose last answer is sent. One that has
//! asked has a minute: actix has a deadline for the head of a connection's first request only, so
//! that a later one that never ends would be kept for ever. And if all requests that are not answered
//! yet take too many bytes, the largest of them are closed.
//!
//! All of it belongs to one thread. Order is by count and not by time, which costs a store for each
//! read.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Waker};

use ipnet::IpNet;

use super::limits::{ANSWER_TIMEOUT, MOST_HANDSHAKES, SWEEP_INTERVAL};

/// How far a connection is; those that come first here are closed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Handshake,
    /// Nothing was asked yet.
    Silent,
    /// The last thing that happened is that something was sent.
    Answered,
    /// The last thing that happened is that something was received.
    Asked,
    /// It is to close.
    Closing,
}

/// The connections of a worker.
pub struct Room {
    most: usize,
    most_unanswered: usize,
    /// Bytes received on all connections since something was sent there.
    unanswered: Cell<usize>,
    /// Whether it was logged since the last sweep that there are too many of them.
    logged: Cell<bool>,
    /// Counts what happens on all of them.
    clock: Cell<u64>,
    handshakes: Cell<usize>,
    closing: Cell<usize>,
    /// How often all were looked at.
    sweeps: Cell<u64>,
    places: RefCell<Vec<Rc<RoomPlace>>>,
    /// Connections of each network that are not to close.
    networks: RefCell<HashMap<IpNet, usize>>,
}

/// Connections that are closed for a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClosedForRoom {
    /// Idle ones.
    pub idle: usize,
    /// Ones whose request is cut off.
    pub asked: usize,
}

/// Standing of one connection.
struct RoomPlace {
    /// The widest network around its client; none for a trusted proxy, whose requests are never cut
    /// off.
    network: Option<IpNet>,
    index: Cell<usize>,
    stage: Cell<Stage>,
    /// When something last happened on it.
    last: Cell<u64>,
    /// The sweeps there had been when something was received that is not answered yet.
    asked_in: Cell<u64>,
    /// Bytes received since something was sent.
    unanswered: Cell<usize>,
    /// HTTP/2 requests in flight.
    streams: Rc<Cell<usize>>,
    waker: RefCell<Option<Waker>>,
}

/// One connection, until dropped.
pub struct OpenConnection {
    room: Rc<Room>,
    place: Rc<RoomPlace>,
}

impl Room {
    /// For so many connections, and so many bytes that are not answered yet.
    pub fn new(most: usize, most_unanswered: usize) -> Rc<Self> {
        Rc::new(Self {
            most,
            most_unanswered,
            unanswered: Cell::new(0),
            logged: Cell::new(false),
            clock: Cell::new(0),
            handshakes: Cell::new(0),
            closing: Cell::new(0),
            sweeps: Cell::new(0),
            places: RefCell::default(),
            networks: RefCell::default(),
        })
    }

    /// Adds a connection of a network that has yet to shake hands, and says how many others are
    /// closed for it.
    pub fn enter_for_handshake(self: &Rc<Self>, network: Option<IpNet>) -> (OpenConnection, ClosedForRoom) {
        let closed = if self.handshakes.get() >= MOST_HANDSHAKES {
            self.close_idle(MOST_HANDSHAKES, |stage| stage == Stage::Handshake)
        } else {
            0
        };
        self.handshakes.set(self.handshakes.get() + 1);
        let (connection, more) = self.enter_at(Stage::Handshake, network);
        let idle = closed + more.idle;
        (connection, ClosedForRoom { idle, ..more })
    }

    /// Adds a connection of a network, and says how many others are closed for it.
    pub fn enter(self: &Rc<Self>, network: Option<IpNet>) -> (OpenConnection, ClosedForRoom) {
        self.enter_at(Stage::Silent, network)
    }

    fn enter_at(self: &Rc<Self>, stage: Stage, network: Option<IpNet>) -> (OpenConnection, ClosedForRoom) {
        let closed = self.make_room();
        if let Some(network) = network {
            *self.networks.borrow_mut().entry(network).or_default() += 1;
        }
        let mut places = self.places.borrow_mut();
        let place = Rc::new(RoomPlace {
            network,
            index: Cell::new(places.len()),
            stage: Cell::new(stage),
            last: Cell::new(self.tick()),
            asked_in: Cell::new(0),
            unanswered: Cell::new(0),
            streams: Rc::default(),
            waker: RefCell::default(),
        });
        places.push(Rc::clone(&place));
        let room = Rc::clone(self);
        (OpenConnection { room, place }, closed)
    }

    /// With nine tenths of the places taken, closes idle connections. With nineteen twentieths, and if
    /// none is idle, closes others, so that one network can never take the last places.
    fn make_room(&self) -> ClosedForRoom {
        let open = self.places.borrow().len() - self.closing.get();
        let left = self.most.saturating_sub(open);
        if left > (self.most / 10).max(1) {
            return ClosedForRoom::default();
        }
        let idle = self.close_idle(self.most, |stage| stage <= Stage::Answered);
        let asked = if idle == 0 && left <= (self.most / 20).max(1) {
            self.close_asked()
        } else {
            0
        };
        ClosedForRoom { idle, asked }
    }

    /// Closes some connections of the network that has the most, those that asked first; none if no
    /// network has two.
    fn close_asked(&self) -> usize {
        let largest = {
            let networks = self.networks.borrow();
            let largest = networks.iter().max_by_key(|(_, count)| **count);
            largest.map(|(network, count)| (*network, *count))
        };
        let Some((network, count)) = largest.filter(|(_, count)| *count > 1) else {
            return 0;
        };
        let places = self.places.borrow();
        let mut asked: Vec<&Rc<RoomPlace>> = places
            .iter()
            .filter(|place| place.network == Some(network) && place.standing() == Stage::Asked)
            .collect();
        let number = (self.most / 64).clamp(1, count / 2).min(asked.len());
        asked.sort_unstable_by_key(|place| (place.asked_in.get(), place.last.get()));
        for place in &asked[..number] {
            self.close(place);
        }
        number
    }

    /// Closes some of those at certain stages: a sixty-fourth of `most` at a time, so that not every
    /// new connection costs a look at all others.
    fn close_idle(&self, most: usize, at: impl Fn(Stage) -> bool) -> usize {
        let places = self.places.borrow();
        let mut idle: Vec<&Rc<RoomPlace>> = places.iter().filter(|place| at(place.standing())).collect();
        let number = (most / 64).max(1).min(idle.len());
        if number < idle.len() {
            // A client without a request so far goes before one that has sent a request.
            idle.select_nth_unstable_by_key(number, |place| {
                (place.stage.get() > Stage::Silent, place.last.get())
            });
        }
        for place in &idle[..number] {
            self.close(place);
        }
        number
    }

    /// Closes the connections with the most bytes that are not answered: of those that have at least
    /// half as many as the largest, some that have waited longest, as many as [`Self::close_idle`] would.
    fn close_largest(&self) {
        let places = self.places.borrow();
        let most = places
            .iter()
            .map(|place| place.unanswered.get())
            .max()
            .unwrap_or(0);
        let large = places.iter().filter(|place| place.unanswered.get() * 2 >= most);
        let mut large: Vec<&Rc<RoomPlace>> = large.collect();
        let number = (self.most / 64).max(1).min(large.len());
        if number < large.len() {
            large.select_nth_unstable_by_key(number, |place| place.last.get());
        }
        for place in &large[..number] {
            self.close(place);
        }
        if !self.logged.replace(true) {
            log::warn!(
                "requests that are not answered yet take too much memory: the connections of the largest are closed"
            );
        }
    }

    fn close(&self, place: &RoomPlace) {
        self.answered(place);
        if place.stage.replace(Stage::Closing) == Stage::Handshake {
            self.handshakes.set(self.handshakes.get() - 1);
        }
        self.closing.set(self.closing.get() + 1);
        self.leave_network(place);
        if let Some(waker) = place.waker.take() {
            waker.wake();
        }
    }

    fn leave_network(&self, place: &RoomPlace) {
        let Some(network) = place.network else { return };
        let mut networks = self.networks.borrow_mut();
        if let Some(count) = networks.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                networks.remove(&network);
            }
        }
    }

    /// Closes connections that got no answer in time, for ever.
    pub async fn keep_swept(self: Rc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.sweep();
        }
    }

    fn sweep(&self) {
        let sweeps = self.sweeps.get() + 1;
        self.sweeps.set(sweeps);
        self.logged.set(false);
        let most = ANSWER_TIMEOUT.as_secs() / SWEEP_INTERVAL.as_secs();
        for place in self.places.borrow().iter() {
            if place.stage.get() == Stage::Asked && sweeps - place.asked_in.get() > most {
                self.close(place);
            }
        }
    }

    /// Notes that the bytes of a connection take no memory any more.
    fn answered(&self, place: &RoomPlace) {
        self.unanswered
            .set(self.unanswered.get() - place.unanswered.take());
    }

    fn tick(&self) -> u64 {
        let now = self.clock.get() + 1;
        self.clock.set(now);
        now
    }
}

impl RoomPlace {
    /// The stage. With an HTTP/2 request in flight the connection has asked: the last thing that was
    /// sent is the answer to another request, or an acknowledgement.
    fn standing(&self) -> Stage {
        match self.stage.get() {
            Stage::Answered if self.streams.get() > 0 => Stage::Asked,
            stage => stage,
        }
    }
}

impl OpenConnection {
    /// The count of its HTTP/2 requests in flight, for the one who counts them.
    pub fn streams(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.place.streams)
    }

    /// Notes that the handshake is done.
    pub fn shook_hands(&self) {
        if self.place.stage.get() == Stage::Handshake {
            self.room.handshakes.set(self.room.handshakes.get() - 1);
            self.happened(Stage::Silent);
        }
    }

    /// Notes that so many bytes came.
    pub fn received(&self, bytes: usize) {
        if self.place.stage.get() == Stage::Closing {
            return;
        }
        if self.place.stage.get() != Stage::Asked {
            self.place.asked_in.set(self.room.sweeps.get());
        }
        self.happened(Stage::Asked);
        self.place.unanswered.set(self.place.unanswered.get() + bytes);
        let unanswered = self.room.unanswered.get() + bytes;
        self.room.unanswered.set(unanswered);
        if unanswered > self.room.most_unanswered {
            self.room.close_largest();
        }
    }

    /// Notes that bytes went.
    pub fn sent(&self) {
        self.room.answered(&self.place);
        self.happened(Stage::Answered);
    }

    fn happened(&self, stage: Stage) {
        if self.place.stage.get() != Stage::Closing {
            self.place.stage.set(stage);
            self.place.last.set(self.room.tick());
        }
    }

    /// Whether the connection is to close; if not, the task is woken when it is.
    pub fn is_to_close(&self, cx: &Context<'_>) -> bool {
        if self.place.stage.get() == Stage::Closing {
            return true;
        }
        let mut waker = self.place.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.room.answered(&self.place);
        match self.place.stage.get() {
            Stage::Closing => self.room.closing.set(self.room.closing.get() - 1),
            Stage::Handshake => {
                self.room.handshakes.set(self.room.handshakes.get() - 1);
                self.room.leave_network(&self.place);
            }
            Stage::Silent | Stage::Answered | Stage::Asked => self.room.leave_network(&self.place),
        }
        let mut places = self.room.places.borrow_mut();
        let index = self.place.index.get();
        places.swap_remove(index);
        if let Some(moved) = places.get(index) {
            moved.index.set(index);
        }
    }
}

#[cfg(test)]
mod tests;
