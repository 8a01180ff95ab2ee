//! The Nth call of a kind fails, for N = 1, 2, … until there is none left to fail: while the server
//! works, and while it starts.

use std::path::Path;

use doorward::model::clock::monotonic_now;

use super::shim::{
    EINTR, EIO, EMFILE, ENOMEM, ENOSPC, LOST, MAP, NAME, OPEN, READ, SHORT, SYNC, Shim, TORN, TRUNCATE, WRITE,
};
use super::{
    Client, LEAST_COST, Tokens, assert_ends_clearly, assert_quiet, assert_whole, database, healed,
    last_words, stands,
};
use crate::support::PASSWORD;
use crate::support::process::Server;

/// What fails, as a word, the kinds of calls, and how.
#[derive(Debug, Clone, Copy)]
struct Fault(&'static str, i64, i64);

const ANY: i64 = WRITE | SYNC | OPEN | TRUNCATE | READ | NAME | MAP;
const SHORT_ROUND: &[Fault] = &[Fault("any EIO", ANY, EIO), Fault("write ENOSPC", WRITE, ENOSPC)];
const LONG_ROUND: &[Fault] = &[
    Fault("sync EIO", SYNC, EIO),
    Fault("sync ENOSPC", SYNC, ENOSPC),
    Fault("sync EINTR", SYNC, EINTR),
    Fault("open EIO", OPEN, EIO),
    Fault("open EMFILE", OPEN, EMFILE),
    Fault("open EINTR", OPEN, EINTR),
    Fault("truncate EIO", TRUNCATE, EIO),
    Fault("read EIO", READ, EIO),
    Fault("name ENOSPC", NAME, ENOSPC),
    Fault("map ENOMEM", MAP, ENOMEM),
    Fault("any EIO", ANY, EIO),
    Fault("write ENOSPC", WRITE, ENOSPC),
    Fault("write EIO", WRITE, EIO),
    Fault("write EINTR", WRITE, EINTR),
    Fault("write short", WRITE, SHORT),
    Fault("write torn", WRITE, TORN),
];
const STEPS: &[Step] = &[
    Step::Register,
    Step::Login,
    Step::WrongLogin,
    Step::Refresh,
    Step::ChangePassword,
    Step::Logout,
];
/// No step makes so many calls.
const TOO_MANY: i64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Register,
    Login,
    WrongLogin,
    Refresh,
    ChangePassword,
    Logout,
}

/// Whether the calls after the Nth fail as well.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Extent {
    One,
    AllAfter,
}

#[derive(Debug, Default)]
struct Counts {
    scenarios: usize,
    runs: usize,
    fired: usize,
    /// Runs in which the step was answered with 503.
    refused: usize,
}

/// What was promised, to be looked up again after kill -9.
#[derive(Default)]
struct Promised {
    live: Vec<(String, String)>,
    ended: Vec<String>,
    passwords: Vec<(String, String)>,
}

/// One fault at every place of every step, on one server.
struct Sweep<'a> {
    client: Client<'a>,
    shim: &'a Shim,
    fault: Fault,
    extent: Extent,
    promised: Promised,
    counts: Counts,
    person: Person,
}

/// Someone with an account and two sessions.
struct Person {
    email: String,
    password: String,
    own: Tokens,
    other: Tokens,
}

impl Person {
    async fn new(client: &Client<'_>, email: String) -> Self {
        let own = client.registered(&email, PASSWORD).await;
        let other = client.logged_in(&email, PASSWORD).await;
        Self {
            email,
            password: PASSWORD.to_owned(),
            own,
            other,
        }
    }
}

// A fault has ended by the time that something is asked here. On a machine whose disk stands still
// under others, a call may still be given up with 503, also after one that was served: each is asked
// until it is served.
impl Sweep<'_> {
    async fn logged_in(&self, password: &str) -> (u16, Option<Tokens>) {
        healed(async || self.client.login(&self.person.email, password).await).await
    }

    async fn me(&self, token: &str) -> u16 {
        let (status, _) = healed(async || self.client.me(token).await).await;
        status
    }

    async fn every_place(&mut self, step: Step) {
        self.counts.scenarios += 1;
        for number in 1.. {
            assert!(number < TOO_MANY, "{step:?} with {:?} has no end", self.fault);
            self.counts.runs += 1;
            // An attempt whose outcome could not be stored counts as pending for 15 s, and an
            // account has twenty.
            if self.counts.runs.is_multiple_of(10) {
                self.someone_else().await;
            }
            let before = self.counts.fired;
            self.run(step, number).await;
            if self.counts.fired == before {
                return;
            }
        }
    }

    async fn someone_else(&mut self) {
        let next = Person::new(&self.client, format!("alice-{}@example.com", self.counts.runs)).await;
        let Person {
            email,
            password,
            own,
            other,
        } = std::mem::replace(&mut self.person, next);
        self.promised
            .live
            .extend([(own.access, email.clone()), (other.access, email.clone())]);
        self.promised.passwords.push((email, password));
    }

    fn begin(&self, number: i64) {
        let Fault(_, kinds, action) = self.fault;
        match self.extent {
            Extent::One => self.shim.fail(kinds, number, action),
            Extent::AllAfter => self.shim.fail_from(kinds, number, action),
        }
    }

    /// Ends the fault. What was answered under it must be what it should be, or 503 for a reason.
    fn end(&mut self, what: &str, status: u16, right: u16) -> bool {
        let fired = self.shim.end() > 0;
        self.counts.fired += usize::from(fired);
        self.counts.refused += usize::from(status == 503);
        let allowed = status == right || (fired && status == 503);
        assert!(
            allowed,
            "{what} with {:?} ({:?}): {status}, fired: {fired}; it said {:?}",
            self.fault,
            self.extent,
            last_words(self.client.server)
        );
        status == right
    }

    async fn run(&mut self, step: Step, number: i64) {
        match step {
            Step::Register => self.register(number).await,
            Step::Login => self.login(number).await,
            Step::WrongLogin => self.wrong_login(number).await,
            Step::Refresh => self.refresh(number).await,
            Step::ChangePassword => self.change_password(number).await,
            Step::Logout => self.logout(number).await,
        }
    }

    async fn register(&mut self, number: i64) {
        let email = format!("new-{}@example.com", self.counts.runs);
        self.begin(number);
        let status = self.client.register(&email, PASSWORD).await;
        if !self.end("register", status, 201) {
            // Refused and yet there, or not there: never half.
            let (again, ()) = healed(async || (self.client.register(&email, PASSWORD).await, ())).await;
            assert!([201, 400].contains(&again), "{again}");
        }
        let (status, tokens) = healed(async || self.client.login(&email, PASSWORD).await).await;
        assert_eq!(status, 200, "{email}");
        self.promised.live.push((tokens.unwrap().access, email));
    }

    async fn login(&mut self, number: i64) {
        self.begin(number);
        let (status, tokens) = self.client.login(&self.person.email, &self.person.password).await;
        self.end("login", status, 200);
        if let Some(tokens) = tokens {
            self.promised
                .live
                .push((tokens.access, self.person.email.clone()));
        }
        let (status, tokens) = self.logged_in(&self.person.password).await;
        assert_eq!(status, 200);
        self.promised
            .live
            .push((tokens.unwrap().access, self.person.email.clone()));
    }

    async fn wrong_login(&mut self, number: i64) {
        self.begin(number);
        let (status, _) = self.client.login(&self.person.email, "not the password").await;
        self.end("a wrong login", status, 401);
        // The right one is let in, and ends the count of failures.
        let (status, _) = self.logged_in(&self.person.password).await;
        assert_eq!(status, 200);
    }

    async fn refresh(&mut self, number: i64) {
        self.begin(number);
        let (status, tokens) = self.client.refresh(&self.person.own.refresh).await;
        self.end("refresh", status, 200);
        // Whoever was refused tries the same token again.
        let next = tokens.unwrap_or_else(|| self.person.own.clone());
        let (status, tokens) = healed(async || self.client.refresh(&next.refresh).await).await;
        assert_eq!(status, 200);
        self.person.own = tokens.unwrap();
    }

    async fn change_password(&mut self, number: i64) {
        let new = format!("{PASSWORD}, {}", self.counts.runs);
        self.begin(number);
        let (status, next) = self
            .client
            .change_password(&self.person.own.access, &self.person.password, &new)
            .await;
        let changed = self.end("a change of password", status, 200);
        let (by_new, tokens) = self.logged_in(&new).await;
        let (by_old, old_tokens) = self.logged_in(&self.person.password).await;
        assert!(
            [(200, 401), (401, 200)].contains(&(by_new, by_old)),
            "new {by_new}, old {by_old}"
        );
        if by_new == 200 {
            // I3, also if the answer was lost: every other session ended with the old password.
            assert_eq!(self.me(&self.person.other.access).await, 401);
            let own = self
                .promised
                .live
                .extract_if(.., |(_, email)| *email == self.person.email);
            self.promised.ended.extend(own.map(|(token, _)| token));
            // The older tokens of the session that asked, too. If its next ones are lost, it takes
            // another login.
            assert_eq!(self.me(&self.person.own.access).await, 401);
            self.person.own = match next {
                Some(next) => next,
                None => self.logged_in(&new).await.1.unwrap(),
            };
            self.person.password = new;
        } else {
            assert!(!changed, "200, and the old password works");
            assert_eq!(self.me(&self.person.other.access).await, 200);
        }
        assert_eq!(self.me(&self.person.own.access).await, 200);
        self.person.other = tokens.or(old_tokens).unwrap();
    }

    async fn logout(&mut self, number: i64) {
        let token = self.person.other.access.clone();
        self.begin(number);
        let status = self.client.logout(&token).await;
        if self.end("logout", status, 204) {
            assert_eq!(self.me(&token).await, 401);
        } else {
            let (again, ()) = healed(async || (self.client.logout(&token).await, ())).await;
            assert!([204, 401].contains(&again), "{again}");
        }
        let (refreshed, _) = healed(async || self.client.refresh(&self.person.other.refresh).await).await;
        assert_eq!(refreshed, 400, "a session that was ended");
        self.promised.ended.push(token);
        let (status, tokens) = self.logged_in(&self.person.password).await;
        assert_eq!(status, 200);
        self.person.other = tokens.unwrap();
    }

    async fn keeps(mut self, server: &Server) -> Counts {
        let client = Client {
            server,
            http: self.client.http,
        };
        let Person {
            email,
            password,
            own,
            other,
        } = self.person;
        self.promised
            .live
            .extend([(own.access, email.clone()), (other.access, email.clone())]);
        self.promised.passwords.push((email, password));
        for (token, email) in &self.promised.live {
            let me = healed(async || client.me(token).await).await;
            assert_eq!(me, (200, email.clone()), "lost");
        }
        for token in &self.promised.ended {
            let (status, _) = healed(async || client.me(token).await).await;
            assert_eq!(status, 401, "ended, and alive again");
        }
        for (email, password) in &self.promised.passwords {
            let (status, _) = healed(async || client.login(email, password).await).await;
            assert_eq!(status, 200, "{email}");
        }
        self.counts
    }
}

/// One fault at every place of every step; then kill -9, a look at the file, and a new start, after
/// which all promises hold.
async fn sweep(fault: Fault, extent: Extent, steps: &[Step]) -> Counts {
    let folder = tempfile::tempdir().unwrap();
    let shim = Shim::over(folder.path());
    let settings = shim.with(&[
        LEAST_COST,
        ("DOORWARD_SESSIONS_PER_USER", "10000"),
        ("DOORWARD_ISSUER", "https://id.example.com"),
    ]);
    let http = reqwest::Client::new();
    let mut server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    let person = Person::new(&client, "alice@example.com".to_owned()).await;
    let mut sweep = Sweep {
        client,
        shim: &shim,
        fault,
        extent,
        promised: Promised::default(),
        counts: Counts::default(),
        person,
    };
    for step in steps {
        sweep.every_place(*step).await;
    }
    assert_quiet(&server);
    let Sweep {
        promised,
        counts,
        person,
        ..
    } = sweep;
    server.kill();
    assert_whole(&database(&folder)).await;
    let server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    Sweep {
        client,
        shim: &shim,
        fault,
        extent,
        promised,
        counts,
        person,
    }
    .keeps(&server)
    .await
}

async fn sweeps(faults: &[Fault], extents: &[Extent]) {
    let mut all = Counts::default();
    let each = faults
        .iter()
        .flat_map(|fault| extents.iter().map(move |extent| (*fault, *extent)));
    // A call that is interrupted for ever is no fault that there is.
    for (fault, extent) in each.filter(|(fault, extent)| fault.2 != EINTR || *extent == Extent::One) {
        let begun = monotonic_now();
        let Counts {
            scenarios,
            runs,
            fired,
            refused,
        } = sweep(fault, extent, STEPS).await;
        println!(
            "{}, {extent:?}: runs={runs}, fired={fired}, refused={refused}, {:?}",
            fault.0,
            begun.elapsed()
        );
        // Nothing that works on is truncated, mapped or linked; whatever else there is must have
        // failed.
        assert!(
            fired > 0 || fault.1 & (WRITE | SYNC) == 0,
            "{fault:?} never fired"
        );
        all = Counts {
            scenarios: all.scenarios + scenarios,
            runs: all.runs + runs,
            fired: all.fired + fired,
            refused: all.refused + refused,
        };
    }
    println!(
        "torture: nth-failure scenarios={}, runs={}, fired={}, refused={}, lost=0",
        all.scenarios, all.runs, all.fired, all.refused
    );
}

#[tokio::test]
async fn whichever_call_fails_nothing_promised_is_lost_and_it_serves_again() {
    sweeps(SHORT_ROUND, &[Extent::One]).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_whichever_call_fails_nothing_promised_is_lost_and_it_serves_again() {
    sweeps(LONG_ROUND, &[Extent::One, Extent::AllAfter]).await;
}

/// Nothing can be promised on a disk that lies; these tests would notice.
#[tokio::test]
async fn a_disk_that_lies_is_noticed_by_these_tests() {
    let folder = tempfile::tempdir().unwrap();
    let shim = Shim::over(folder.path());
    let settings = shim.with(&[LEAST_COST]);
    let http = reqwest::Client::new();
    let mut server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    client.registered("before@example.com", PASSWORD).await;
    shim.fail_from(WRITE, 1, LOST);
    assert_eq!(client.register("after@example.com", PASSWORD).await, 201);
    server.kill();
    assert!(shim.end() > 0);
    let server = Server::start(folder.path(), &settings);
    let client = Client {
        server: &server,
        http: &http,
    };
    assert_eq!(client.login("before@example.com", PASSWORD).await.0, 200);
    assert_eq!(
        client.login("after@example.com", PASSWORD).await.0,
        401,
        "it is there"
    );
}

/// The Nth call of a start fails: it ends with one clear line, or stands; the next start without
/// the fault stands in any case.
async fn start(folder: &Path, fault: Fault, number: i64, http: &reqwest::Client) -> (bool, bool) {
    let shim = Shim::over(folder);
    let Fault(_, kinds, action) = fault;
    shim.fail(kinds, number, action);
    let settings = shim.with(&[LEAST_COST]);
    let stood = match Server::try_start(folder, &settings, &[]) {
        Ok(mut server) => stands(&mut server, http).await,
        Err(refusal) => {
            assert_ends_clearly(&refusal);
            false
        }
    };
    let fired = shim.end() > 0;
    assert!(fired || stood, "no fault, and it does not stand");
    (fired, stood)
}

/// Every `stride`th call of the first start, or of one on a database with someone in it.
async fn starts(fault: Fault, stride: usize, first: bool) -> Counts {
    let http = reqwest::Client::new();
    let mut counts = Counts {
        scenarios: 1,
        ..Counts::default()
    };
    let kept = tempfile::tempdir().unwrap();
    if !first {
        let server = Server::start(kept.path(), &[LEAST_COST]);
        Client {
            server: &server,
            http: &http,
        }
        .registered("alice@example.com", PASSWORD)
        .await;
    }
    for number in (1..).step_by(stride) {
        let new = tempfile::tempdir().unwrap();
        let folder = if first { new.path() } else { kept.path() };
        let (fired, stood) = start(folder, fault, number, &http).await;
        let server = Server::start(folder, &[LEAST_COST]);
        let client = Client {
            server: &server,
            http: &http,
        };
        if first {
            client.registered("alice@example.com", PASSWORD).await;
        } else {
            client.logged_in("alice@example.com", PASSWORD).await;
        }
        counts.runs += 1;
        counts.fired += usize::from(fired);
        counts.refused += usize::from(!stood);
        if !fired {
            break;
        }
    }
    counts
}

async fn all_starts(faults: &[(Fault, usize)]) {
    for (fault, stride) in faults {
        for first in [true, false] {
            let begun = monotonic_now();
            let Counts {
                runs, fired, refused, ..
            } = starts(*fault, *stride, first).await;
            println!(
                "torture: start, {}, first={first}, stride={stride}, runs={runs}, fired={fired}, refused={refused}, lost=0, {:?}",
                fault.0,
                begun.elapsed()
            );
        }
    }
}

#[tokio::test]
async fn a_start_that_fails_anywhere_says_why_and_the_next_one_stands() {
    all_starts(&[
        (Fault("sync EIO", SYNC, EIO), 3),
        (Fault("any EIO", ANY, EIO), 61),
    ])
    .await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_a_start_that_fails_anywhere_says_why_and_the_next_one_stands() {
    let faults: Vec<_> = LONG_ROUND.iter().map(|fault| (*fault, 1)).collect();
    all_starts(&faults).await;
}
