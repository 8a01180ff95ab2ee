//! kill -9 at any moment, under eight clients who register, log in, refresh, log out and change
//! passwords: every acknowledged write is there after the next start, and what got no answer has
//! happened whole or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection as _;

use super::{rounds, seed, serve, settings, side_by_side};
use crate::support::Engine;
use crate::support::app::fresh_database;
use crate::support::chance::Chance;
use crate::support::process::output;

const CLIENTS: usize = 8;
/// Cycles on one database, after which everything that was ever acknowledged there is verified.
const CYCLES_OF_A_DATABASE: usize = 50;
/// Accounts that a client goes on using, and live sessions of one.
const ACCOUNTS_IN_USE: usize = 3;
const SESSIONS_IN_USE: usize = 6;

#[derive(Default)]
struct Tally {
    cycles: usize,
    acknowledged: usize,
    in_doubt: usize,
    verified: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.acknowledged += other.acknowledged;
        self.in_doubt += other.in_doubt;
        self.verified += other.verified;
        self.wrong.extend(other.wrong);
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.verified += 1;
        if !holds {
            self.wrong.push(what());
        }
    }
}

struct Account {
    email: String,
    password: String,
    /// The one before, which must not work any more.
    former: Option<String>,
    sessions: Vec<Session>,
}

struct Session {
    access: String,
    refresh: String,
    live: bool,
    /// Changed since it was last verified.
    changed: bool,
}

/// What was asked for and got no answer.
enum Doubt {
    Registration {
        email: String,
        password: String,
    },
    Login,
    Refresh {
        account: usize,
        session: usize,
    },
    Logout {
        account: usize,
        session: usize,
    },
    Change {
        account: usize,
        session: usize,
        new: String,
    },
}

/// Someone with accounts that nobody else uses, who remembers every promise.
struct Client {
    name: String,
    /// Whether it wants what others want too; half do, so that the losers' logins do not throttle
    /// the winner's.
    contends: bool,
    chance: Chance,
    http: reqwest::Client,
    accounts: Vec<Account>,
    made: usize,
    doubt: Option<Doubt>,
    tally: Tally,
}

/// An answer, its body as far as it came.
struct Answer {
    status: u16,
    body: Option<Value>,
}

impl Answer {
    /// The tokens of a 200 that came whole.
    fn tokens(&self) -> Option<(String, String)> {
        let body = self.body.as_ref()?;
        Some((
            body["access_token"].as_str()?.to_owned(),
            body["refresh_token"].as_str()?.to_owned(),
        ))
    }
}

/// None if there was no answer, or a 503, which leaves open what happened.
async fn ask(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    Some(Answer {
        status,
        body: response.json().await.ok(),
    })
    .filter(|answer| answer.status != 503)
}

/// Asks a server that nobody kills. A busy machine may have it say 503; and 20 logins that were cut
/// short count as under way for a quarter of a minute, which is 429 to the next.
async fn insist(request: reqwest::RequestBuilder) -> Answer {
    for _ in 0..100 {
        match ask(request.try_clone().unwrap()).await {
            Some(answer) if answer.status != 429 => return answer,
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    panic!("no answer to {request:?}");
}

impl Client {
    fn new(number: usize, chance: Chance, http: reqwest::Client) -> Self {
        let (name, contends) = (format!("client{number}"), number.is_multiple_of(2));
        Self {
            name,
            contends,
            chance,
            http,
            accounts: Vec::new(),
            made: 0,
            doubt: None,
            tally: Tally::default(),
        }
    }

    /// One thing after the other until an answer fails to come.
    async fn work(&mut self, server: &str, contested: &str) {
        while self.doubt.is_none() {
            let first_in_use = self.accounts.len().saturating_sub(ACCOUNTS_IN_USE);
            let account = first_in_use + self.chance.below((self.accounts.len() - first_in_use).max(1));
            let live = |account: &Account| {
                (0..account.sessions.len())
                    .filter(|at| account.sessions[*at].live)
                    .collect::<Vec<_>>()
            };
            let sessions = self.accounts.get(account).map(live).unwrap_or_default();
            let session = if sessions.is_empty() {
                None
            } else {
                Some(*self.chance.pick(&sessions))
            };
            match (self.chance.below(20), session) {
                (0, _) => self.register(server, contested).await,
                _ if self.accounts.is_empty() => self.register(server, contested).await,
                (1, _) | (_, None) if sessions.len() < SESSIONS_IN_USE => self.login(server, account).await,
                (2, Some(session)) => self.change_password(server, account, session).await,
                (3..5, Some(session)) => self.logout(server, account, session).await,
                (_, Some(session)) => self.refresh(server, account, session).await,
                (_, None) => {}
            }
        }
    }

    /// An address of its own, or one that several want.
    async fn register(&mut self, server: &str, contested: &str) {
        self.made += 1;
        let wanted = if self.contends && !self.accounts.is_empty() && self.chance.below(2) == 0 {
            contested.to_owned()
        } else {
            format!("{}-{}@example.com", self.name, self.made)
        };
        let email: String = wanted
            .chars()
            .map(|c| {
                if self.chance.below(2) == 0 {
                    c.to_ascii_uppercase()
                } else {
                    c
                }
            })
            .collect();
        let password = format!("an owl keeps the door {} {}", self.name, self.made);
        match ask(self.registering(server, &email, &password)).await {
            None => self.doubt = Some(Doubt::Registration { email, password }),
            Some(answer) if answer.status == 201 => self.has_registered(email, password),
            Some(answer) => self.tally.check(answer.status == 400 && wanted == contested, || {
                format!("registering {email}: {}", answer.status)
            }),
        }
    }

    fn has_registered(&mut self, email: String, password: String) {
        self.tally.acknowledged += 1;
        self.accounts.push(Account {
            email,
            password,
            former: None,
            sessions: Vec::new(),
        });
    }

    async fn login(&mut self, server: &str, account: usize) {
        let (email, password) = (
            self.accounts[account].email.clone(),
            self.accounts[account].password.clone(),
        );
        match ask(self.log_in(server, &email, &password)).await {
            None => self.doubt = Some(Doubt::Login),
            Some(answer) if answer.status == 429 => {}
            Some(answer) => self.has_logged_in(account, &answer),
        }
    }

    fn log_in(&self, server: &str, email: &str, password: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{server}/login"))
            .form(&[("username", email), ("password", password)])
    }

    fn refreshing(&self, server: &str, token: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{server}/refresh"))
            .form(&[("refresh_token", token)])
    }

    fn registering(&self, server: &str, email: &str, password: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{server}/register"))
            .json(&json!({"email": email, "password": password}))
    }

    /// Something to begin with, before anybody is killed.
    async fn prepare(&mut self, server: &str) {
        let (email, password) = (
            format!("{}@example.com", self.name),
            format!("an owl keeps the door {}", self.name),
        );
        insist(self.registering(server, &email, &password)).await;
        self.has_registered(email.clone(), password.clone());
        for _ in 0..SESSIONS_IN_USE / 2 {
            let answer = insist(self.log_in(server, &email, &password)).await;
            self.has_logged_in(0, &answer);
        }
    }

    fn has_logged_in(&mut self, account: usize, answer: &Answer) {
        let email = &self.accounts[account].email;
        self.tally.check(answer.status == 200, || {
            format!("{email} does not log in: {}", answer.status)
        });
        if let (200, Some((access, refresh))) = (answer.status, answer.tokens()) {
            self.tally.acknowledged += 1;
            self.accounts[account].sessions.push(Session {
                access,
                refresh,
                live: true,
                changed: true,
            });
        }
    }

    async fn refresh(&mut self, server: &str, account: usize, session: usize) {
        let token = self.accounts[account].sessions[session].refresh.clone();
        let answer = ask(self.refreshing(server, &token)).await;
        let whole = answer.filter(|answer| answer.status != 200 || answer.body.is_some());
        match whole {
            None => self.doubt = Some(Doubt::Refresh { account, session }),
            Some(answer) => self.has_refreshed(account, session, &answer),
        }
    }

    fn has_refreshed(&mut self, account: usize, session: usize, answer: &Answer) {
        let Account { email, sessions, .. } = &mut self.accounts[account];
        self.tally.check(answer.status == 200, || {
            format!("{email} does not refresh: {}", answer.status)
        });
        if let Some((access, refresh)) = answer.tokens() {
            self.tally.acknowledged += 1;
            sessions[session] = Session {
                access,
                refresh,
                live: true,
                changed: true,
            };
        } else {
            sessions[session].live = false;
        }
    }

    async fn logout(&mut self, server: &str, account: usize, session: usize) {
        let request = self
            .http
            .post(format!("{server}/logout"))
            .bearer_auth(&self.accounts[account].sessions[session].access);
        match ask(request).await {
            None => self.doubt = Some(Doubt::Logout { account, session }),
            Some(answer) => {
                let Account { email, sessions, .. } = &mut self.accounts[account];
                self.tally.check(answer.status == 204, || {
                    format!("{email} does not log out: {}", answer.status)
                });
                self.tally.acknowledged += 1;
                sessions[session].end();
            }
        }
    }

    async fn change_password(&mut self, server: &str, account: usize, session: usize) {
        self.made += 1;
        let new = format!("an owl keeps the door {} {}", self.name, self.made);
        let Account {
            password, sessions, ..
        } = &self.accounts[account];
        let body = json!({"current_password": password, "new_password": new});
        match ask(self
            .http
            .put(format!("{server}/me/password"))
            .bearer_auth(&sessions[session].access)
            .json(&body))
        .await
        {
            None => {
                self.doubt = Some(Doubt::Change {
                    account,
                    session,
                    new,
                });
            }
            Some(answer) if answer.status == 200 => {
                self.has_changed_password(account, session, new, answer.tokens());
            }
            Some(answer) => self.tally.check(false, || {
                format!(
                    "{} does not change the password: {}",
                    self.accounts[account].email, answer.status
                )
            }),
        }
    }

    /// The session goes on with the tokens of the answer alone; if they are lost, with none.
    fn has_changed_password(
        &mut self,
        account: usize,
        session: usize,
        new: String,
        next: Option<(String, String)>,
    ) {
        self.tally.acknowledged += 1;
        let account = &mut self.accounts[account];
        account.former = Some(std::mem::replace(&mut account.password, new));
        account
            .sessions
            .iter_mut()
            .enumerate()
            .filter(|(at, _)| *at != session)
            .for_each(|(_, other)| other.end());
        let spared = &mut account.sessions[session];
        match next {
            Some((access, refresh)) => (spared.access, spared.refresh) = (access, refresh),
            None => spared.end(),
        }
        spared.changed = true;
    }

    /// After the next start: finds out what became of the request without an answer, then verifies
    /// what has changed. Logins are dear, so few are tried now, all at the end.
    async fn verify(&mut self, server: &str) {
        if let Some(doubt) = self.doubt.take() {
            self.tally.in_doubt += 1;
            self.settle(server, doubt).await;
        }
        for account in 0..self.accounts.len() {
            for session in 0..self.accounts[account].sessions.len() {
                if std::mem::take(&mut self.accounts[account].sessions[session].changed) {
                    let refreshes = self.chance.below(4) == 0;
                    self.verify_session(server, account, session, refreshes).await;
                }
            }
        }
        if let (0, Some(newest)) = (self.chance.below(16), self.accounts.len().checked_sub(1)) {
            self.verify_login(server, newest).await;
        }
    }

    async fn verify_everything(&mut self, server: &str) {
        for account in 0..self.accounts.len() {
            for session in 0..self.accounts[account].sessions.len() {
                self.verify_session(server, account, session, true).await;
            }
            self.verify_login(server, account).await;
        }
    }

    async fn verify_session(&mut self, server: &str, account: usize, session: usize, refreshes: bool) {
        let Account { email, sessions, .. } = &self.accounts[account];
        let Session {
            access,
            refresh,
            live,
            ..
        } = &sessions[session];
        let me = self.me(server, access).await;
        self.tally.check(me == if *live { 200 } else { 401 }, || {
            format!("a session of {email}, live: {live}, answers {me}")
        });
        if *live && refreshes {
            let answer = insist(self.refreshing(server, refresh)).await;
            self.has_refreshed(account, session, &answer);
        } else if !*live {
            let answer = insist(self.refreshing(server, refresh)).await;
            self.tally.check(answer.status == 400, || {
                format!("an ended session of {email} refreshes: {}", answer.status)
            });
        }
    }

    async fn verify_login(&mut self, server: &str, account: usize) {
        let Account {
            email,
            password,
            former,
            ..
        } = &self.accounts[account];
        let (email, password, former) = (email.clone(), password.clone(), former.clone());
        if let Some(former) = former {
            let refused = insist(self.log_in(server, &email, &former)).await;
            self.tally.check(refused.status == 401, || {
                format!("{email} logs in by the former password: {}", refused.status)
            });
        }
        let answer = insist(self.log_in(server, &email, &password)).await;
        self.has_logged_in(account, &answer);
    }

    async fn me(&self, server: &str, token: &str) -> u16 {
        insist(self.http.get(format!("{server}/me")).bearer_auth(token))
            .await
            .status
    }

    async fn settle(&mut self, server: &str, doubt: Doubt) {
        match doubt {
            Doubt::Login => {}
            Doubt::Registration { email, password } => {
                let again = insist(self.registering(server, &email, &password)).await;
                if again.status != 201 {
                    let login = insist(self.log_in(server, &email, &password)).await;
                    // The address that several wanted may be another's.
                    let settled = login.status == 200 || email.to_lowercase().starts_with("contested");
                    self.tally.check(settled, || {
                        format!("half an account at {email}: {}, {}", again.status, login.status)
                    });
                    if login.status != 200 {
                        return;
                    }
                }
                self.has_registered(email, password);
            }
            Doubt::Refresh { account, session } => {
                // The answer was lost: the same token again gets the newest pair, rotated then or
                // now, and that pair goes on.
                for _ in 0..2 {
                    let newest = self.accounts[account].sessions[session].refresh.clone();
                    let answer = insist(self.refreshing(server, &newest)).await;
                    self.has_refreshed(account, session, &answer);
                }
            }
            Doubt::Logout { account, session } => {
                let ended = self
                    .me(server, &self.accounts[account].sessions[session].access)
                    .await
                    == 401;
                let session = &mut self.accounts[account].sessions[session];
                session.changed = true;
                session.live = !ended;
            }
            Doubt::Change {
                account,
                session,
                new,
            } => {
                let email = self.accounts[account].email.clone();
                let changed = insist(self.log_in(server, &email, &new)).await.status == 200;
                if changed {
                    self.has_changed_password(account, session, new, None);
                }
                // Password and sessions changed together or not at all.
                self.accounts[account]
                    .sessions
                    .iter_mut()
                    .for_each(|session| session.changed = true);
                self.verify_login(server, account).await;
            }
        }
    }
}

impl Session {
    fn end(&mut self) {
        self.changed |= self.live;
        self.live = false;
    }
}

/// So many cycles on one fresh database.
async fn one_database(engine: Engine, cycles: usize, longest: u64, seed: u64) -> Tally {
    let (url, folder) = fresh_database(engine).await;
    let settings = settings(&url);
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let mut chance = Chance::new(seed);
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|number| Client::new(number, Chance::new(chance.next()), http.clone()))
        .collect();
    let mut tally = Tally {
        cycles,
        ..Tally::default()
    };
    let mut server = serve(folder.path(), &settings);
    let at = server.url("");
    futures_util::future::join_all(clients.iter_mut().map(|client| client.prepare(&at))).await;
    for cycle in 0..cycles {
        let (at, contested) = (server.url(""), format!("contested{cycle}@example.com"));
        let delay = Duration::from_micros(chance.next() % (1000 * longest));
        let killing = async {
            tokio::time::sleep(delay).await;
            server.kill();
        };
        tokio::join!(
            futures_util::future::join_all(clients.iter_mut().map(|client| client.work(&at, &contested))),
            killing
        );
        if engine == Engine::Postgres {
            until_nobody_is_connected(&url).await;
        }
        server = serve(folder.path(), &settings);
        let at = server.url("");
        futures_util::future::join_all(clients.iter_mut().map(|client| client.verify(&at))).await;
        tally.wrong.extend(broken_rows(&url).await);
    }
    let at = server.url("");
    futures_util::future::join_all(clients.iter_mut().map(|client| client.verify_everything(&at))).await;
    let chain = output(folder.path(), &settings, &["audit", "verify"]);
    tally.check(chain.status.success(), || {
        format!("the chain of events does not verify: {}", chain.stderr)
    });
    for client in clients {
        tally.add(client.tally);
    }
    drop(server);
    tally
}

/// PostgreSQL may still be at a dead server's last statement.
async fn until_nobody_is_connected(url: &str) {
    let mut connection = sqlx_postgres::PgConnection::connect(url).await.unwrap();
    for _ in 0..1000 {
        let others = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let (others,): (i64,) = sqlx::query_as(others).fetch_one(&mut connection).await.unwrap();
        if others == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("someone stays connected");
}

/// What no interruption may leave behind: two accounts of one address, half accounts, sessions of
/// nobody, a second key, a damaged file.
async fn broken_rows(url: &str) -> Vec<String> {
    let counts = "SELECT (SELECT COUNT(*) - COUNT(DISTINCT LOWER(email)) FROM users),
            (SELECT COUNT(*) FROM users WHERE password_hash NOT LIKE '$argon2id$%' OR role NOT IN (SELECT name FROM roles)),
            (SELECT COUNT(*) FROM sessions WHERE user_id NOT IN (SELECT id FROM users)),
            (SELECT COUNT(*) - 1 FROM signing_keys)";
    let (counts, health): ((i64, i64, i64, i64), String) = if url.starts_with("postgres") {
        let mut connection = sqlx_postgres::PgConnection::connect(url).await.unwrap();
        (
            sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap(),
            "ok".to_owned(),
        )
    } else {
        let mut connection = sqlx_sqlite::SqliteConnection::connect(url).await.unwrap();
        let (health,) = sqlx::query_as("PRAGMA integrity_check")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        (
            sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap(),
            health,
        )
    };
    if counts == (0, 0, 0, 0) && health == "ok" {
        Vec::new()
    } else {
        vec![format!("broken rows: {counts:?}, {health}")]
    }
}

/// Several databases side by side, each with a server of its own, killed within `longest`
/// milliseconds again and again.
fn torture(engine: Engine, cycles: usize, lanes: usize, longest: u64, seed: u64) -> Tally {
    let sizes: Vec<usize> = (0..cycles)
        .step_by(CYCLES_OF_A_DATABASE)
        .map(|done| CYCLES_OF_A_DATABASE.min(cycles - done))
        .collect();
    let one = async |number: usize| {
        one_database(engine, sizes[number], longest, seed.wrapping_add(number as u64)).await
    };
    let mut total = Tally::default();
    for tally in side_by_side(lanes, sizes.len(), one) {
        total.add(tally);
    }
    println!(
        "torture: kill -9 on {engine:?} cycles={} acknowledged={} in_doubt={} verified={} lost={} seed={seed}",
        total.cycles,
        total.acknowledged,
        total.in_doubt,
        total.verified,
        total.wrong.len()
    );
    for wrong in &total.wrong {
        println!("torture: {wrong}");
    }
    total
}

fn nothing_is_lost(total: &Tally) {
    assert!(total.wrong.is_empty(), "{:#?}", total.wrong);
    assert!(
        total.acknowledged > 2 * total.cycles,
        "the clients did next to nothing: {}",
        total.acknowledged
    );
    assert!(
        total.in_doubt > total.cycles,
        "nothing was cut short: {}",
        total.in_doubt
    );
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_sqlite_acknowledged() {
    nothing_is_lost(&torture(Engine::Sqlite, 160, 4, 100, seed()));
}

#[test]
fn kill_9_at_any_moment_loses_nothing_that_postgres_acknowledged() {
    nothing_is_lost(&torture(Engine::Postgres, 40, 2, 100, seed()));
}

#[test]
#[ignore = "long: make torture"]
fn torture_by_kill_9_loses_nothing_on_sqlite() {
    nothing_is_lost(&torture(Engine::Sqlite, rounds(5000) * 19 / 20, 6, 300, seed()));
}

#[test]
#[ignore = "long: make torture"]
fn torture_by_kill_9_loses_nothing_on_postgres() {
    nothing_is_lost(&torture(
        Engine::Postgres,
        rounds(5000).div_ceil(20),
        4,
        300,
        seed(),
    ));
}
