//! Random histories of one session: its owner with tabs, lost answers, forms that are sent twice and
//! slow networks; and a thief who has copied the pair and knows when the owner refreshes. The
//! use-cases are called as the handlers call them.
//!
//! No honest client is logged out. A thief from another address is caught within two refreshes
//! while both use their tokens. The cases without that promise are counted and printed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use doorward::app::App;
use doorward::config::{Config, SettingSource};
use doorward::crypto::password_hash::Cost;
use doorward::model::clock::Clock;
use doorward::model::event::{Actor, Context};
use doorward::service::login::{self, Login};
use doorward::service::sessions::{self, TokenPair};
use doorward::service::{Failure, accounts, feed};

use crate::support::chance::Chance;
use crate::support::{PASSWORD, SECRET};

const EMAIL: &str = "owner@example.com";
const HOME: &str = "192.0.2.7";
const ON_THE_WAY: &str = "198.51.100.20";
const ELSEWHERE: &str = "203.0.113.9";
const AGENT: &str = "Browser/1.0";
/// Refreshes of the owner in one history.
const ROUNDS: usize = 6;
/// Histories of one database.
const TOGETHER: usize = 250;

/// A moment at which the thief acts, in relation to the owner's refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    /// Between the owner's refresh and the first use of its tokens.
    Between,
    Within,
    AfterTheGrace,
    Never,
}

const MOMENTS: [Moment; 6] = [
    Moment::Before,
    Moment::Between,
    Moment::Within,
    Moment::Within,
    Moment::AfterTheGrace,
    Moment::Never,
];

/// The thief of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is none.
    Nobody,
    /// From another address; both use their tokens at Doorward.
    Elsewhere,
    /// As `Elsewhere`, and always between the refresh and the first use.
    Prompt,
    /// From the owner's own network, with the owner's user agent.
    SameNetwork,
    /// From another address; access tokens are verified by other services alone.
    Offline,
}

/// A pair that somebody holds, and its generation.
#[derive(Debug, Clone)]
struct Held {
    generation: i64,
    refresh: String,
    access: String,
}

/// How it went.
#[derive(Debug, Default)]
struct Tally {
    honest: usize,
    caught: usize,
    prompt: (usize, usize),
    same_network: (usize, usize),
    offline: (usize, usize),
}

struct World {
    app: App,
    clock: Arc<AtomicI64>,
}

impl World {
    async fn new(file: &Path) -> Self {
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let environment = [
            ("DATABASE_URL", format!("sqlite://{}", file.display())),
            ("DOORWARD_SECRET", SECRET.to_owned()),
            ("DOORWARD_HASH_THREADS", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let mut config = Config::load(&SettingSource {
            flags: &|_| None,
            environment: &environment,
        })
        .unwrap();
        config.hashing.cost = Cost::cheapest();
        let app = App::build(config, Clock::Manual(Arc::clone(&clock)))
            .await
            .unwrap();
        let account = accounts::Registration {
            email: EMAIL,
            password: PASSWORD,
        };
        accounts::register(&app, account, &at(HOME)).await.unwrap();
        Self { app, clock }
    }

    fn wait(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    async fn login(&self) -> Held {
        // What its worker does all the time.
        feed::begin(&self.app).await.unwrap();
        let login = Login {
            username: EMAIL,
            password: PASSWORD,
            new_password: None,
            device: None,
            ip: HOME.parse().unwrap(),
            user_agent: AGENT,
        };
        let pair = login::login(&self.app, login, &at(HOME)).await.unwrap();
        held(pair, 0)
    }

    async fn refresh(&self, from: &str, token: &str) -> Option<TokenPair> {
        match sessions::refresh(&self.app, token, AGENT, &at(from)).await {
            Ok(pair) => Some(pair),
            Err(Failure::InvalidGrant(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    async fn is_let_in(&self, access: &str) -> bool {
        match sessions::authenticate(&self.app, access).await {
            Ok(_) => true,
            Err(Failure::InvalidToken) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

fn at(ip: &str) -> Context {
    Context {
        ip: ip.to_owned(),
        ..Context::own(Actor::Anonymous)
    }
}

fn held(pair: TokenPair, generation: i64) -> Held {
    Held {
        generation,
        refresh: pair.refresh_token,
        access: pair.access_token,
    }
}

/// One session, from its login to its end or the end of the history.
struct History<'a> {
    world: &'a World,
    chance: Chance,
    kind: Kind,
    newest: i64,
    owner: Held,
    thief: Option<Held>,
    /// The newest generation when the thief first presented a token.
    begun_at: Option<i64>,
    /// Whether a thief got the pair that the owner had not used yet.
    slipped_in: bool,
    ended: bool,
    log: Vec<String>,
}

impl<'a> History<'a> {
    async fn new(world: &'a World, seed: u64, kind: Kind) -> Self {
        Self {
            world,
            chance: Chance::new(seed),
            kind,
            newest: 0,
            owner: world.login().await,
            thief: None,
            begun_at: None,
            slipped_in: false,
            ended: false,
            log: vec![format!("{kind:?}, seed {seed}")],
        }
    }

    /// So many microseconds, at random below an end of seconds.
    fn micros_below(&mut self, seconds: usize) -> i64 {
        i64::try_from(self.chance.below(seconds * 1_000_000)).unwrap()
    }

    async fn uses(&mut self, access: &str) {
        if self.kind != Kind::Offline && !self.ended {
            let let_in = self.world.is_let_in(access).await;
            assert!(let_in, "a live access token is refused: {:#?}", self.log);
        }
    }

    /// Presents the owner's token, once more than `repeats` times within five seconds.
    async fn owner_presents(&mut self, from: &str, repeats: usize) -> bool {
        let parent = self.owner.clone();
        for turn in 0..=repeats {
            if turn > 0 {
                self.world.wait(4_900_000 / i64::try_from(repeats).unwrap());
            }
            let pair = self.world.refresh(from, &parent.refresh).await;
            self.log.push(format!(
                "owner from {from}: {} -> {}",
                parent.generation,
                pair.is_some()
            ));
            let Some(pair) = pair else {
                self.ended = true;
                return false;
            };
            self.newest = self.newest.max(parent.generation + 1);
            self.owner = held(pair, parent.generation + 1);
            // Each tab but the last uses its pair at once; the last one later.
            if turn < repeats {
                let access = self.owner.access.clone();
                self.uses(&access).await;
            }
        }
        true
    }

    /// The owner's refresh, in one of the ways of honest clients.
    async fn owner_refreshes(&mut self) -> bool {
        match self.chance.below(4) {
            0 => self.owner_presents(HOME, 0).await,
            1 => {
                let tabs = 1 + self.chance.below(3);
                self.owner_presents(HOME, tabs).await
            }
            // The answer comes late: nothing is used meanwhile.
            2 => {
                let gone = self.owner_presents(HOME, 0).await;
                let late = self.micros_below(30);
                self.world.wait(late);
                gone
            }
            // The answer is lost. The client sends it again, sometimes from another network.
            _ => {
                let parent = self.owner.clone();
                if !self.owner_presents(HOME, 0).await {
                    return false;
                }
                self.owner = parent;
                let late = self.micros_below(30);
                self.world.wait(late);
                let from = *self.chance.pick(&[HOME, HOME, ON_THE_WAY]);
                self.owner_presents(from, 0).await
            }
        }
    }

    async fn thief_acts(&mut self) {
        let Some(thief) = self.thief.clone().filter(|_| !self.ended) else {
            return;
        };
        self.begun_at.get_or_insert(self.newest);
        let from = if self.kind == Kind::SameNetwork {
            HOME
        } else {
            ELSEWHERE
        };
        let pair = self.world.refresh(from, &thief.refresh).await;
        self.log.push(format!(
            "thief: {} of {} -> {}",
            thief.generation,
            self.newest,
            pair.is_some()
        ));
        let Some(pair) = pair else {
            self.ended = true;
            return;
        };
        self.slipped_in |= thief.generation < self.newest;
        self.newest = self.newest.max(thief.generation + 1);
        let got = held(pair, thief.generation + 1);
        let access = got.access.clone();
        self.thief = Some(got);
        self.uses(&access).await;
    }

    async fn run(&mut self) {
        let theft = self.chance.below(2);
        for round in 0..ROUNDS {
            let pause = 60_000_000 + self.micros_below(600);
            self.world.wait(pause);
            if round == theft && self.kind != Kind::Nobody {
                self.thief = Some(self.owner.clone());
            }
            let moment = match self.kind {
                Kind::Prompt => Moment::Between,
                _ => *self.chance.pick(&MOMENTS),
            };
            if moment == Moment::Before {
                self.thief_acts().await;
                let soon = self.micros_below(60);
                self.world.wait(soon);
            }
            if self.ended || !self.owner_refreshes().await {
                break;
            }
            if moment == Moment::Between {
                self.thief_acts().await;
            }
            let access = self.owner.access.clone();
            self.uses(&access).await;
            match moment {
                Moment::Within => {
                    let soon = self.micros_below(25);
                    self.world.wait(soon);
                    self.thief_acts().await;
                }
                Moment::AfterTheGrace => {
                    let later = 30_000_000 + self.micros_below(20);
                    self.world.wait(later);
                    self.thief_acts().await;
                }
                Moment::Before | Moment::Between | Moment::Never => {}
            }
            if self.ended {
                break;
            }
        }
    }

    fn check(&self, tally: &mut Tally) {
        let counted = |(all, caught): &mut (usize, usize)| {
            *all += 1;
            *caught += usize::from(self.ended);
        };
        match self.kind {
            Kind::Nobody => {
                assert!(!self.ended, "an honest client is logged out: {:#?}", self.log);
                tally.honest += 1;
            }
            Kind::SameNetwork => counted(&mut tally.same_network),
            Kind::Offline => counted(&mut tally.offline),
            Kind::Prompt => counted(&mut tally.prompt),
            Kind::Elsewhere if self.slipped_in => counted(&mut tally.prompt),
            Kind::Elsewhere => {
                let since = self.begun_at.map_or(0, |begun| self.newest - begun);
                assert!(since <= 2, "{since} refreshes since the theft: {:#?}", self.log);
                assert!(self.ended || since < 2, "not caught: {:#?}", self.log);
                tally.caught += usize::from(self.ended);
            }
        }
    }
}

async fn histories(seed: u64, many: usize) -> Tally {
    let mut tally = Tally::default();
    let mut done = 0;
    while done < many {
        // In memory: what is checked here is not that the disk keeps its word.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let world = World::new(&folder.path().join("doorward.db")).await;
        for number in (done..many).take(TOGETHER) {
            let kind = match number % 8 {
                0..3 => Kind::Nobody,
                3..5 => Kind::Elsewhere,
                5 => Kind::Prompt,
                6 => Kind::SameNetwork,
                _ => Kind::Offline,
            };
            let mut history = History::new(&world, seed + number as u64, kind).await;
            history.run().await;
            history.check(&mut tally);
        }
        world.app.store.close().await;
        done += TOGETHER;
    }
    println!("thief model, seed {seed}: {tally:?} (pairs: histories, caught)");
    assert!(tally.honest * 4 > many && tally.caught * 16 > many, "{tally:?}");
    tally
}

#[tokio::test]
async fn a_thief_is_caught_and_no_honest_client_is_logged_out() {
    Box::pin(histories(1, 2000)).await;
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_thieves_logs_no_honest_client_out() {
    Box::pin(histories(1_000_000, 100_000)).await;
}
