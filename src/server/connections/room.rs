//! The open connections of one worker: near the most that it can have, those that have been idle
//! longest are closed, so that the next client still finds room.
//!
//! Idle is a connection that has not asked anything yet, or whose last answer is sent. One that has
//! asked is left alone, for a minute: actix has a deadline for the head of a connection's first
//! request only, so that a later one that never ends would be kept for ever. And if all requests that
//! are not answered yet take too many bytes, the largest of them are closed.
//!
//! All of it belongs to one thread. Order is by count and not by time, which costs a store for each
//! read.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

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
}

/// Standing of one connection.
struct RoomPlace {
    index: Cell<usize>,
    stage: Cell<Stage>,
    /// When something last happened on it.
    last: Cell<u64>,
    /// The sweeps there had been when something was received that is not answered yet.
    asked_in: Cell<u64>,
    /// Bytes received since something was sent.
    unanswered: Cell<usize>,
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
        })
    }

    /// Adds a connection that has yet to shake hands, and says how many others are closed for it.
    pub fn enter_for_handshake(self: &Rc<Self>) -> (OpenConnection, usize) {
        let closed = if self.handshakes.get() >= MOST_HANDSHAKES {
            self.close_idle(MOST_HANDSHAKES, |stage| stage == Stage::Handshake)
        } else {
            0
        };
        self.handshakes.set(self.handshakes.get() + 1);
        let (connection, more) = self.enter_at(Stage::Handshake);
        (connection, closed + more)
    }

    /// Adds a connection, and says how many others are closed for it.
    pub fn enter(self: &Rc<Self>) -> (OpenConnection, usize) {
        self.enter_at(Stage::Silent)
    }

    fn enter_at(self: &Rc<Self>, stage: Stage) -> (OpenConnection, usize) {
        let open = self.places.borrow().len() - self.closing.get();
        let closed = if open >= self.most - (self.most / 10).max(1) {
            self.close_idle(self.most, |stage| stage <= Stage::Answered)
        } else {
            0
        };
        let mut places = self.places.borrow_mut();
        let place = Rc::new(RoomPlace {
            index: Cell::new(places.len()),
            stage: Cell::new(stage),
            last: Cell::new(self.tick()),
            asked_in: Cell::new(0),
            unanswered: Cell::new(0),
            waker: RefCell::default(),
        });
        places.push(Rc::clone(&place));
        let room = Rc::clone(self);
        (OpenConnection { room, place }, closed)
    }

    /// Closes some of those at certain stages: a sixty-fourth of `most` at once, so that looking at
    /// all of them is paid for once for so many.
    fn close_idle(&self, most: usize, at: impl Fn(Stage) -> bool) -> usize {
        let places = self.places.borrow();
        let mut idle: Vec<&Rc<RoomPlace>> = places.iter().filter(|place| at(place.stage.get())).collect();
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
        if let Some(waker) = place.waker.take() {
            waker.wake();
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

impl OpenConnection {
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
            Stage::Handshake => self.room.handshakes.set(self.room.handshakes.get() - 1),
            Stage::Closing => self.room.closing.set(self.room.closing.get() - 1),
            Stage::Silent | Stage::Answered | Stage::Asked => {}
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
mod tests {
    use super::*;

    fn closing(connections: &[OpenConnection]) -> Vec<usize> {
        let cx = Context::from_waker(Waker::noop());
        let all = connections.iter().enumerate();
        all.filter(|(_, connection)| connection.is_to_close(&cx))
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn near_the_most_the_silent_are_closed_first_then_the_longest_idle_and_never_one_that_asked() {
        let room = Room::new(10, 1000);
        let mut connections: Vec<_> = (0..9).map(|_| room.enter().0).collect();
        for number in [8, 7, 6, 5, 4, 3, 1, 0] {
            connections[number].received(1);
        }
        for number in [8, 7, 6, 5, 4, 3] {
            connections[number].sent();
        }
        assert_eq!(closing(&connections), [0_usize; 0]);
        let newer = room.enter();
        assert_eq!((newer.1, closing(&connections)), (1, vec![2]), "the silent one");
        drop(connections.remove(2));
        let newest = room.enter();
        // The newer one has been silent for less long, but silent.
        assert_eq!((newest.1, closing(&[newer.0]).len()), (1, 1));
        newest.0.received(1);
        let last = room.enter();
        assert_eq!(last.1, 1);
        last.0.received(1);
        assert_eq!(closing(&connections), [7], "the first that was answered");
        for connection in &connections {
            connection.received(1);
        }
        assert_eq!(room.enter().1, 0, "all the others have asked");
    }

    #[test]
    fn whoever_gets_no_answer_for_a_minute_is_closed_however_often_something_is_received() {
        let room = Room::new(10, 1000);
        let connections: Vec<_> = (0..4).map(|_| room.enter().0).collect();
        room.sweep();
        for asking in &connections[1..] {
            asking.received(1);
        }
        for _ in 0..6 {
            room.sweep();
            connections[1].received(1);
        }
        connections[2].sent();
        connections[3].sent();
        connections[3].received(1);
        assert_eq!(closing(&connections), [0_usize; 0]);
        room.sweep();
        assert_eq!(closing(&connections), [1]);
    }

    #[test]
    fn of_too_many_bytes_without_an_answer_the_largest_and_oldest_are_closed() {
        let room = Room::new(100, 1000);
        let connections: Vec<_> = (0..6).map(|_| room.enter().0).collect();
        for (connection, bytes) in connections.iter().zip([400, 10, 300, 200, 90, 0]) {
            connection.received(bytes);
        }
        assert_eq!(closing(&connections), [0_usize; 0]);
        connections[4].received(1);
        assert_eq!(closing(&connections), [0], "one of 400, 300 and 200 bytes");
        connections[0].received(5000);
        assert_eq!(closing(&connections), [0], "it counts no more");
        connections[2].sent();
        connections[5].received(800);
        assert_eq!(room.unanswered.get(), 10 + 200 + 91 + 800 - 800);
        assert_eq!(closing(&connections), [0, 5]);
        drop(connections);
        assert_eq!((room.unanswered.get(), room.closing.get()), (0, 0));
    }

    #[test]
    fn handshakes_have_a_most_of_their_own_and_the_oldest_end() {
        let room = Room::new(100 * MOST_HANDSHAKES, 1000);
        let known = room.enter().0;
        let mut connections: Vec<_> = (0..MOST_HANDSHAKES)
            .map(|_| room.enter_for_handshake().0)
            .collect();
        connections[0].shook_hands();
        connections.push(room.enter_for_handshake().0);
        assert_eq!(closing(&connections), [0_usize; 0]);
        let some = MOST_HANDSHAKES / 64;
        let next = room.enter_for_handshake();
        assert_eq!(next.1, some);
        assert_eq!(closing(&connections), (1..=some).collect::<Vec<_>>());
        assert_eq!(closing(&[known]), [0_usize; 0]);
        assert_eq!(room.handshakes.get(), MOST_HANDSHAKES - some + 1);
        drop((connections, next));
        assert_eq!((room.handshakes.get(), room.closing.get()), (0, 0));
        assert!(room.places.borrow().is_empty());
    }
}
