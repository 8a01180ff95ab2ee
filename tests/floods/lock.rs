//! The lock of an account in an hour of 10,000 guesses: how many are evaluated, and how long the
//! owner waits. The guesses move the service's clock, so the hour takes seconds.

use std::time::Duration;

use crate::support::{Engine, PASSWORD, TestApp};

const ALICE: &str = "alice@example.com";
/// In a network of her own.
const HOME: &str = "2001:db8:600d::1";
/// Guesses in an hour.
const RATE: u32 = 10_000;
/// Pause between two logins of the owner, and between two tries where no longer one is told.
const LOGIN_PAUSE: Duration = Duration::from_mins(6);
/// What an account takes in a row before it is locked, and in an hour while it is.
const BEFORE_THE_LOCK: usize = 100;
const IN_AN_HOUR: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adversary {
    /// A hundred addresses of one network.
    OneNetwork,
    /// A hundred networks. They move on to the next one only when one is refused, so that as many as
    /// possible stay fresh.
    HundredNetworks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Known,
    New,
}

#[derive(Debug, Default)]
struct Hour {
    guesses: usize,
    evaluated: usize,
    /// Of each login of the owner, from its first try.
    waits: Vec<Duration>,
}

struct Simulation {
    app: TestApp,
    adversary: Adversary,
    network: usize,
    hour: Hour,
}

async fn login_from(app: &TestApp, ip: &str, password: &str, ticket: &str) -> (u16, Duration) {
    let mut request = app
        .request("POST", "/login")
        .with(|builder| builder.header("x-forwarded-for", ip));
    if !ticket.is_empty() {
        request = request.with(|builder| builder.header("doorward-device", ticket));
    }
    let answer = request
        .form(&[("username", ALICE), ("password", password)])
        .send()
        .await;
    let wait = answer.header("retry-after").parse().unwrap_or(1);
    (answer.status, Duration::from_secs(wait))
}

impl Simulation {
    async fn begin(adversary: Adversary) -> Self {
        let settings = [
            ("DOORWARD_TRUSTED_PROXIES", "127.0.0.0/8"),
            ("DOORWARD_LIMIT_LOGIN_IP", "100/5m"),
        ];
        Self {
            app: TestApp::start_with(Engine::Sqlite, &settings).await,
            adversary,
            network: 0,
            hour: Hour::default(),
        }
    }

    async fn guess(&mut self) {
        let host = self.hour.guesses % 100;
        let ip = match self.adversary {
            Adversary::OneNetwork => format!("2001:db8:bad:{host:x}::1"),
            Adversary::HundredNetworks => format!("2001:db8:{:x}:{host:x}::1", 0xa00 + self.network % 100),
        };
        let (status, _) = login_from(&self.app, &ip, "wrong wrong", "").await;
        self.hour.guesses += 1;
        match status {
            401 => self.hour.evaluated += 1,
            429 => self.network += 1,
            other => panic!("a guess was answered {other}"),
        }
    }

    /// Guesses go on for so long.
    async fn pass(&mut self, time: Duration) {
        let apart = Duration::from_hours(1) / RATE;
        for _ in 0..time.as_micros() / apart.as_micros() {
            self.guess().await;
            self.app.advance(apart);
        }
    }

    /// The owner logs in so many times while the guesses go on, and comes again when told to.
    async fn run(mut self, device: Device, logins: usize, pause: Duration) -> Hour {
        self.app.registered("alice").await;
        let ticket = match device {
            Device::New => String::new(),
            Device::Known => {
                let login = self.app.login(ALICE, PASSWORD).await.expect(200);
                login.header("doorward-device").to_owned()
            }
        };
        for _ in 0..logins {
            self.pass(pause).await;
            let mut waited = Duration::ZERO;
            loop {
                let (status, wait) = login_from(&self.app, HOME, PASSWORD, &ticket).await;
                if status == 200 {
                    break;
                }
                assert_eq!(status, 429, "the owner's password is right");
                assert!(waited < Duration::from_hours(24), "the owner waits for a day");
                self.pass(wait).await;
                waited += wait;
            }
            self.hour.waits.push(waited);
        }
        self.hour
    }
}

impl Hour {
    fn at_once(&self) -> usize {
        self.waits.iter().filter(|wait| wait.is_zero()).count()
    }

    fn longest(&self) -> Duration {
        self.waits.iter().max().copied().unwrap_or_default()
    }

    /// As many as may be evaluated at most.
    fn bound(&self) -> usize {
        let hours = self.guesses.div_ceil(RATE as usize);
        BEFORE_THE_LOCK * (self.waits.len() + 1) + IN_AN_HOUR * hours
    }

    fn assert_bounded(&self) {
        assert!(self.evaluated <= self.bound(), "{self:?}");
    }
}

#[tokio::test]
async fn an_attacked_owner_comes_in_and_few_guesses_are_evaluated() {
    // Two logins of the owner in ten minutes: 1,666 guesses.
    let pause = Duration::from_mins(5);
    for adversary in [Adversary::OneNetwork, Adversary::HundredNetworks] {
        let hour = Simulation::begin(adversary)
            .await
            .run(Device::Known, 2, pause)
            .await;
        assert_eq!(hour.at_once(), 2, "{hour:?}");
        hour.assert_bounded();
    }
    let hour = Simulation::begin(Adversary::OneNetwork).await;
    let hour = hour.run(Device::New, 2, pause).await;
    assert!(hour.longest() <= Duration::from_mins(5), "{hour:?}");
    hour.assert_bounded();
}

#[tokio::test]
#[ignore = "long: make torture"]
async fn torture_by_floods_of_guesses_for_an_hour_does_not_lock_the_owner_out() {
    println!(
        "| 10,000 guesses an hour from | owner's device | guesses | evaluated | bound | at once | longest wait |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (adversary, device) in [
        (Adversary::OneNetwork, Device::Known),
        (Adversary::OneNetwork, Device::New),
        (Adversary::HundredNetworks, Device::Known),
        (Adversary::HundredNetworks, Device::New),
    ] {
        let simulation = Simulation::begin(adversary).await;
        let hour = simulation.run(device, 10, LOGIN_PAUSE).await;
        println!(
            "| {adversary:?} | {device:?} | {} | {} | {} | {} of 10 | {} min {} s |",
            hour.guesses,
            hour.evaluated,
            hour.bound(),
            hour.at_once(),
            hour.longest().as_secs() / 60,
            hour.longest().as_secs() % 60
        );
        println!("lock: waits {:?}", hour.waits);
        hour.assert_bounded();
        match (adversary, device) {
            (_, Device::Known) => assert_eq!(hour.at_once(), 10, "{hour:?}"),
            (Adversary::OneNetwork, Device::New) => {
                assert!(hour.longest() <= Duration::from_mins(5), "{hour:?}");
            }
            (Adversary::HundredNetworks, Device::New) => {}
        }
    }
}
