//! An adversary's floods at the program with its default settings, and what honest people notice: how
//! many come in from a known device and from a new one in another network, whether sessions go
//! on, whether the server says that it is ready, how much memory it takes.
//!
//! `make test` has a short round of each. `make torture` has the long ones and prints the table that
//! docs/floods.md shows.

mod client;
mod flood;
mod http2;
mod lock;
mod people;
mod table;
mod watch;

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rstest::rstest;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use self::client::{Door, Place};
use self::flood::{Flood, Networks};
use self::people::{Fared, People};
use self::watch::{Seen, Watch};
use crate::crashes::rounds;
use crate::support::authority::{Authority, FILES};
use crate::support::process::Server;

/// What [`Server::start`] turns off is as a user has it.
const DEFAULTS: [(&str, &str); 3] = [
    ("RUST_LOG", "info"),
    ("DOORWARD_LIMIT_LOGIN_IP", "100/5m"),
    ("DOORWARD_LIMIT_REGISTER_IP", "30/1h"),
];
const NO_BUDGETS: [(&str, &str); 3] = [
    ("RUST_LOG", "info"),
    ("DOORWARD_LIMIT_LOGIN_IP", "off"),
    ("DOORWARD_LIMIT_REGISTER_IP", "off"),
];
const PROXY: (&str, &str) = ("DOORWARD_TRUSTED_PROXIES", "127.0.0.0/8");
/// Memory of the server that no flood exceeds, in MiB.
const MOST_MIB: u64 = 150;
const MALLORY: &str = "mallory@example.com";

/// What the adversary does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    CutConnections,
    OneAccount,
    OneV6Network,
    OneV4Network,
    HundredV6Networks,
    HeaderBombs,
    SilentSockets,
}

/// How much of it.
#[derive(Clone, Copy)]
pub struct Size {
    /// Honest people of each kind.
    pub people: u8,
    /// Clients of the adversary that guess at once.
    pub at_once: usize,
    /// Connections that are cut in a second.
    pub cut: usize,
    pub bombs: usize,
    pub silent: usize,
    /// How long the server is watched idle. Before that the honest come once without a flood, and not
    /// again within it: a right password gives its turn and token back once a minute.
    pub idle: Option<Duration>,
}

const SHORT: Size = Size {
    people: 5,
    at_once: 120,
    cut: 200,
    bombs: 3000,
    silent: 1500,
    idle: None,
};

/// What was seen of one flood.
pub struct Round {
    pub before: Option<([Fared; 2], Seen)>,
    pub during: [Fared; 2],
    pub seen: Seen,
    pub flood: String,
}

/// A server, and how honest people reach it.
struct Scene {
    server: Server,
    door: Door,
    _folder: TempDir,
}

impl Attack {
    const ALL: [Self; 7] = [
        Self::CutConnections,
        Self::OneAccount,
        Self::OneV6Network,
        Self::OneV4Network,
        Self::HundredV6Networks,
        Self::HeaderBombs,
        Self::SilentSockets,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::CutConnections => "cut connections",
            Self::OneAccount => "one account, `PATCH /me`",
            Self::OneV6Network => "one /48",
            Self::OneV4Network => "one /24",
            Self::HundredV6Networks => "100 /48s",
            Self::HeaderBombs => "header bombs",
            Self::SilentSockets => "6,000 silent sockets, TLS",
        }
    }

    /// Whether it comes from many addresses by a trusted proxy, for there are no real ones.
    const fn is_proxied(self) -> bool {
        match self {
            Self::OneAccount | Self::OneV6Network | Self::OneV4Network | Self::HundredV6Networks => true,
            Self::CutConnections | Self::HeaderBombs | Self::SilentSockets => false,
        }
    }

    /// Where an honest person of a kind is: no network has an attacker in it.
    fn honest_place(self, kind: usize, number: u8) -> Place {
        let network = u8::try_from(100 + kind).unwrap();
        if self.is_proxied() {
            Place::Forwarded(format!("198.51.{network}.{number}"))
        } else {
            Place::Socket(Ipv4Addr::new(127, network, 0, number))
        }
    }

    fn scene(self, settings: &[(&str, &str)]) -> Scene {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let mut settings = settings.to_vec();
        if self.is_proxied() {
            settings.push(PROXY);
        }
        let tls = (self == Self::SilentSockets).then(|| {
            authority.install(folder.path());
            settings.extend(FILES);
            authority.client_config(&[b"http/1.1"])
        });
        let server = Server::start(folder.path(), &settings);
        let door = Door {
            address: server.address.parse().unwrap(),
            tls,
        };
        Scene {
            server,
            door,
            _folder: folder,
        }
    }

    async fn begin(self, scene: &Scene, size: Size) -> Flood {
        let door = &scene.door;
        match self {
            Self::CutConnections => flood::cut_connections(door, size.cut),
            Self::OneAccount => {
                let mut tokens = Vec::new();
                let place = Place::Forwarded("2001:db8:b00::1".to_owned());
                people::register(door, &place, MALLORY).await;
                // At most twenty attempts of one session are in flight.
                for _ in 0..size.at_once.div_ceil(18) {
                    let session = people::login(door, &place, MALLORY, "").await.unwrap();
                    tokens.push(session.text("access_token"));
                }
                flood::changes(door, MALLORY, tokens, size.at_once)
            }
            Self::OneV6Network => flood::guesses(door, Networks::OneV6, size.at_once),
            Self::OneV4Network => flood::guesses(door, Networks::OneV4, size.at_once),
            Self::HundredV6Networks => flood::guesses(door, Networks::HundredV6, 2 * size.at_once),
            Self::HeaderBombs => flood::header_bombs(door, size.bombs),
            Self::SilentSockets => flood::silent_sockets(door, size.silent),
        }
    }

    /// Waits until the flood has filled what it fills.
    async fn is_in_full_flow(self, flood: &Flood, size: Size) {
        for _ in 0..1000 {
            let of = |counter: &std::sync::atomic::AtomicUsize| counter.load(Ordering::Relaxed);
            let tally = &flood.tally;
            let flows = match self {
                Self::CutConnections => of(&tally.sent) >= size.cut,
                Self::HeaderBombs => of(&tally.sent) >= size.bombs && of(&tally.closed) > 0,
                Self::SilentSockets => of(&tally.sent) >= size.silent && of(&tally.closed) > 0,
                Self::OneAccount | Self::OneV4Network | Self::OneV6Network => {
                    of(&tally.put_off) + of(&tally.refused) >= size.at_once / 4
                }
                // Each of them has asked several times: until then they are like others.
                Self::HundredV6Networks => of(&tally.put_off) >= 6 * size.at_once,
            };
            if flows {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{self:?} fills nothing: {}", flood.tally.told());
    }

    /// One round: the server idle, honest people alone, honest people beside the flood.
    async fn round(self, settings: &[(&str, &str)], size: Size) -> Round {
        raise_the_limit_of_descriptors();
        let scene = self.scene(settings);
        let (door, process) = (&scene.door, scene.server.child.id());
        let mut people =
            People::register(door, size.people, |kind, number| self.honest_place(kind, number)).await;
        let token = people.known[0].login(door).await.unwrap().text("access_token");
        let place = people.known[0].place.clone();
        let mut before = None;
        if let Some(idle) = size.idle {
            let fared = people.come(door).await;
            let watching = Watch::begin(door, process, &place, &token);
            tokio::time::sleep(idle).await;
            before = Some((fared, watching.end()));
        }
        let flood = self.begin(&scene, size).await;
        self.is_in_full_flow(&flood, size).await;
        let watching = Watch::begin(door, process, &place, &token);
        let during = people.come(door).await;
        let seen = watching.end();
        let tally = flood.tally.told();
        drop(flood);
        Round {
            before,
            during,
            seen,
            flood: tally,
        }
    }
}

fn raise_the_limit_of_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

impl Round {
    /// What an honest person would have noticed beyond what is promised, with so many of a hundred
    /// answers that it is not ready.
    fn complaints(&self, unready_in_100: usize) -> Vec<String> {
        let [known, others] = &self.during;
        let mut complaints = Vec::new();
        let mut expect = |holds: bool, what: String| {
            if !holds {
                complaints.push(what);
            }
        };
        expect(
            known.at_once == known.of,
            format!(
                "{} of {} from a known device: {:?}",
                known.at_once, known.of, known.refusals
            ),
        );
        expect(
            others.came_in() * 100 >= others.of * 95,
            format!(
                "{} of {} from another network: {:?}",
                others.came_in(),
                others.of,
                others.refusals
            ),
        );
        let refreshed = known.refreshed + others.refreshed;
        expect(
            refreshed == known.sessions + others.sessions,
            format!(
                "{refreshed} refreshed: {:?} {:?}",
                known.refusals, others.refusals
            ),
        );
        expect(
            self.seen.me_failed == 0,
            format!("{} times no /me", self.seen.me_failed),
        );
        let not_ready = self.seen.not_ready.len();
        expect(
            self.seen.ready > 0 && not_ready * 100 <= (not_ready + self.seen.ready) * unready_in_100,
            format!(
                "{not_ready} times not ready, {} times ready: {:?}",
                self.seen.ready, self.seen.not_ready
            ),
        );
        let mib = self.seen.most_kib / 1024;
        expect((1..=MOST_MIB).contains(&mib), format!("{mib} MiB"));
        complaints
    }
}

#[rstest]
#[case::cut_connections(Attack::CutConnections)]
#[case::one_account(Attack::OneAccount)]
#[case::one_ipv6_network(Attack::OneV6Network)]
#[case::one_ipv4_network(Attack::OneV4Network)]
#[case::a_hundred_ipv6_networks(Attack::HundredV6Networks)]
#[case::header_bombs(Attack::HeaderBombs)]
#[case::silent_sockets(Attack::SilentSockets)]
#[tokio::test]
async fn a_flood_keeps_no_honest_person_out(#[case] attack: Attack) {
    let mut settings = DEFAULTS.to_vec();
    if attack.is_proxied() {
        // The default queue takes longer than its deadline while the machine has other work too.
        settings.push(("DOORWARD_HASH_QUEUE", "16"));
    }
    let round = attack.round(&settings, SHORT).await;
    println!(
        "floods: {attack:?}: {} MiB, {}",
        round.seen.most_kib / 1024,
        round.flood
    );
    // Other work can hold up the reader of the feed for longer than its lease.
    let complaints = round.complaints(10);
    assert!(
        complaints.is_empty(),
        "{complaints:#?}; the flood: {}",
        round.flood
    );
}

/// `FLOOD=` is the name of the only row to make.
#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_floods_keeps_no_honest_person_out() {
    let each = u8::try_from(rounds(100)).expect("ROUNDS is at most 100");
    let size = Size {
        people: each,
        at_once: 120,
        cut: 500,
        bombs: 6000,
        silent: 6000,
        idle: None,
    };
    let (mut rows, mut complaints) = (Vec::new(), Vec::new());
    let floods = Attack::ALL.map(|attack| (attack, "", &DEFAULTS));
    // Others reach a budget so late that the queue is full throughout anyway.
    let without = [Attack::OneV6Network, Attack::OneV4Network];
    let without = without.map(|attack| (attack, ", no budgets", &NO_BUDGETS));
    let only = std::env::var("FLOOD").ok();
    for (attack, how, settings) in floods.into_iter().chain(without) {
        let name = format!("{}{how}", attack.name());
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let size = Size {
            idle: Some(Duration::from_secs(if attack.is_proxied() { 61 } else { 10 })),
            ..size
        };
        let round = attack.round(settings, size).await;
        println!("floods: {name}: {}", round.flood);
        rows.push(table::row(&name, &round));
        complaints.extend(
            round
                .complaints(0)
                .into_iter()
                .map(|complaint| format!("{name}: {complaint}")),
        );
    }
    println!("{}\n{}", table::HEAD, rows.join("\n"));
    assert!(complaints.is_empty(), "{complaints:#?}");
}
