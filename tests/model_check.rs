//! Random histories of logins, refreshes, lost answers, parallel tabs, theft, logouts, disabling
//! and clock steps, over one and two nodes, against a small model of what should happen. The
//! use-cases are called as the handlers call them; proptest prints the history and its seed on a
//! failure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use doorward::app::App;
use doorward::config::{Config, SettingSource};
use doorward::crypto::password_hash::Cost;
use doorward::model::authority::Authority;
use doorward::model::clock::{Clock, Timestamp};
use doorward::model::event::{Actor, Context};
use doorward::model::generation::UsedGeneration;
use doorward::model::ids::{SessionId, Subject, UserId};
use doorward::model::permission::Permissions;
use doorward::model::session::{SessionState, Written};
use doorward::model::user::{AccountChange, PublicAccount};
use doorward::service::admin;
use doorward::service::login::{self, Login};
use doorward::service::sessions::{self, Bearer, LogoutScope};
use doorward::service::{Failure, accounts, feed};
use doorward::store::feed::FeedPlace;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};

use uuid::Uuid;

use crate::support::{PASSWORD, SECRET};

static CONTEXT: Context = Context::own(Actor::Anonymous);

const HISTORIES: u32 = 500;
const OPERATIONS: usize = 210;
const USERS: usize = 2;
const GRACE: i64 = 30;
const SAME_CLIENT: i64 = 5;
const IDLE: i64 = 3600;
const AGE: i64 = 3 * 3600;
const ACCESS: i64 = 900;

#[derive(Debug, Clone)]
enum Operation {
    Login {
        user: usize,
        node: usize,
    },
    /// Uses the session's token that is `behind` the newest.
    Refresh {
        session: usize,
        behind: i64,
        node: usize,
    },
    /// Two tabs and two nodes at once with the newest token.
    Tabs {
        session: usize,
    },
    Me {
        session: usize,
        node: usize,
    },
    Logout {
        session: usize,
        scope: u8,
        node: usize,
    },
    Disable {
        user: usize,
        active: bool,
        node: usize,
    },
    Step {
        seconds: i64,
    },
}

fn operation() -> impl Strategy<Value = Operation> {
    let (session, node) = (0..12usize, 0..2usize);
    prop_oneof![
        3 => (0..USERS, node.clone()).prop_map(|(user, node)| Operation::Login { user, node }),
        8 => (session.clone(), prop_oneof![6 => Just(0i64), 3 => Just(1), 1 => 2..4i64], node.clone()).prop_map(|(session, behind, node)| Operation::Refresh { session, behind, node }),
        2 => session.clone().prop_map(|session| Operation::Tabs { session }),
        8 => (session.clone(), node.clone()).prop_map(|(session, node)| Operation::Me { session, node }),
        1 => (session, 0..3u8, node.clone()).prop_map(|(session, scope, node)| Operation::Logout { session, scope, node }),
        1 => (0..USERS, any::<bool>(), node).prop_map(|(user, active, node)| Operation::Disable { user, active, node }),
        3 => prop_oneof![4 => 1..40i64, 1 => 40..1200i64, 1 => Just(IDLE)].prop_map(|seconds| Operation::Step { seconds }),
    ]
}

/// What should be true of a session.
struct Session {
    id: SessionId,
    user: usize,
    counter: i64,
    rotated_at: Option<i64>,
    /// Whether the newest generation was used, and whether it was given again for want of a use.
    used: bool,
    repeated: bool,
    idle_until: i64,
    until: i64,
    ended: bool,
    /// Every refresh token by counter, as the client or a thief may have kept it.
    tokens: HashMap<i64, String>,
    access: String,
    access_until: i64,
}

impl Session {
    fn live(&self, now: i64, active: &[bool]) -> bool {
        !self.ended && now < self.idle_until && now < self.until && active[self.user]
    }

    fn rotate(&mut self, now: i64) {
        self.counter += 1;
        self.rotated_at = Some(now);
        (self.used, self.repeated) = (false, false);
        self.idle_until = now + IDLE;
    }
}

struct World {
    nodes: Vec<App>,
    places: Vec<Option<FeedPlace>>,
    clock: Arc<AtomicI64>,
    sessions: Vec<Session>,
    active: [bool; USERS],
    users: Vec<UserId>,
    logins: u32,
}

impl World {
    async fn new(file: &Path, nodes: usize) -> Self {
        let clock = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let mut world = Self {
            nodes: Vec::new(),
            places: vec![None; nodes],
            sessions: Vec::new(),
            active: [true; USERS],
            users: Vec::new(),
            logins: 0,
            clock,
        };
        let environment = [
            ("DATABASE_URL", format!("sqlite://{}", file.display())),
            ("DOORWARD_SECRET", SECRET.to_owned()),
            ("DOORWARD_HASH_THREADS", "1".to_owned()),
            ("DOORWARD_REFRESH_GRACE", format!("{GRACE}s")),
            ("DOORWARD_SESSION_IDLE_TTL", format!("{IDLE}s")),
            ("DOORWARD_SESSION_MAX_AGE", format!("{AGE}s")),
            ("DOORWARD_ACCESS_TOKEN_TTL", format!("{ACCESS}s")),
            ("DOORWARD_SESSIONS_PER_USER", "10000".to_owned()),
        ];
        for _ in 0..nodes {
            let environment = environment.clone().map(|(name, value)| (name.to_owned(), value));
            let mut config = Config::load(&SettingSource {
                flags: &|_| None,
                environment: &environment,
            })
            .unwrap();
            config.hashing.cost = Cost::cheapest();
            world.nodes.push(
                App::build(config, Clock::Manual(Arc::clone(&world.clock)))
                    .await
                    .unwrap(),
            );
        }
        for user in 0..USERS {
            let email = format!("user{user}@example.com");
            world.users.push(
                accounts::register(
                    &world.nodes[0],
                    accounts::Registration {
                        email: &email,
                        password: PASSWORD,
                    },
                    &CONTEXT,
                )
                .await
                .unwrap()
                .id,
            );
        }
        world.all_nodes_follow().await;
        world
    }

    fn now(&self) -> i64 {
        Timestamp::from_micros(self.clock.load(Ordering::SeqCst)).secs()
    }

    fn node(&self, node: usize) -> &App {
        &self.nodes[node % self.nodes.len()]
    }

    /// What each node's workers do within their intervals.
    async fn all_nodes_follow(&mut self) {
        for (node, place) in self.nodes.iter().zip(&mut self.places) {
            *place = Some(feed::catch_up(node, place.take()).await.unwrap());
            sessions::write_uses(node).await.unwrap();
        }
    }

    async fn perform(&mut self, operation: &Operation) {
        match *operation {
            Operation::Login { user, node } => self.login(user, node).await,
            Operation::Refresh {
                session,
                behind,
                node,
            } => self.refresh(session, behind, node).await,
            Operation::Tabs { session } => self.tabs(session).await,
            Operation::Me { session, node } => self.me(session, node).await,
            Operation::Logout { session, scope, node } => self.logout(session, scope, node).await,
            Operation::Disable { user, active, node } => self.set_active(user, active, node).await,
            Operation::Step { seconds } => {
                self.clock.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
            }
        }
        // An acknowledged change binds the node that made it at once, and the others when they have
        // followed.
        self.all_nodes_follow().await;
    }

    fn pick(&self, session: usize) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| self.sessions.len() - 1 - session % self.sessions.len())
    }

    async fn login(&mut self, user: usize, node: usize) {
        let email = format!("user{user}@example.com");
        // Each from an address of its own: how failures slow each other is told elsewhere.
        self.logins += 1;
        let ip = IpAddr::from(self.logins.to_be_bytes());
        let context = Context {
            ip: ip.to_string(),
            ..CONTEXT.clone()
        };
        let outcome = login::login(
            self.node(node),
            Login {
                username: &email,
                password: PASSWORD,
                new_password: None,
                device: None,
                ip,
                user_agent: "model",
            },
            &context,
        )
        .await;
        let now = self.now();
        match outcome {
            Ok(grant) => {
                assert!(self.active[user], "a disabled user logged in");
                let id = sessions::authenticate(self.node(node), &grant.access_token)
                    .await
                    .expect("a fresh token is good")
                    .session;
                self.sessions.push(Session {
                    id,
                    user,
                    counter: 0,
                    rotated_at: None,
                    used: false,
                    repeated: false,
                    idle_until: now + IDLE,
                    until: now + AGE,
                    ended: false,
                    tokens: HashMap::from([(0, grant.refresh_token)]),
                    access: grant.access_token,
                    access_until: now + ACCESS,
                });
            }
            Err(Failure::BadCredentials(_)) => assert!(!self.active[user], "an active user was refused"),
            Err(other) => panic!("{other}"),
        }
    }

    async fn refresh(&mut self, session: usize, behind: i64, node: usize) {
        let Some(at) = self.pick(session) else { return };
        let now = self.now();
        let known = &self.sessions[at];
        let counter = known.counter - behind;
        let Some(token) = known.tokens.get(&counter).cloned() else {
            return;
        };
        let live = known.live(now, &self.active);
        let within = |span| behind == 1 && known.rotated_at.is_some_and(|at| now < at + span);
        let is_same_client = within(SAME_CLIENT);
        let is_unused = within(GRACE) && !known.used && !known.repeated;
        let is_repeat = is_same_client || is_unused;
        let outcome = sessions::refresh(self.node(node), &token, "model", &CONTEXT).await;
        let known = &mut self.sessions[at];
        match outcome {
            Ok(grant) => {
                assert!(
                    live && (behind == 0 || is_repeat),
                    "a refresh of a token {behind} behind, live: {live}"
                );
                if behind == 0 {
                    known.rotate(now);
                } else {
                    known.repeated |= !is_same_client;
                    assert_eq!(
                        known.tokens[&known.counter], grant.refresh_token,
                        "the same successor"
                    );
                }
                known.tokens.insert(known.counter, grant.refresh_token);
                (known.access, known.access_until) = (grant.access_token, now + ACCESS);
            }
            Err(Failure::InvalidGrant(_)) => {
                assert!(
                    !live || (behind > 0 && !is_repeat),
                    "an honest refresh was refused"
                );
                known.ended |= live;
            }
            Err(other) => panic!("{other}"),
        }
    }

    async fn tabs(&mut self, session: usize) {
        let Some(at) = self.pick(session) else { return };
        let now = self.now();
        let known = &self.sessions[at];
        let live = known.live(now, &self.active);
        let token = known.tokens[&known.counter].clone();
        let outcomes = futures_util::future::join_all(
            (0..4).map(|tab| sessions::refresh(self.node(tab), &token, "model", &CONTEXT)),
        )
        .await;
        let known = &mut self.sessions[at];
        let granted: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
        assert_eq!(
            granted.len(),
            if live { 4 } else { 0 },
            "every tab goes on, or none"
        );
        if let Some(first) = granted.first() {
            assert!(
                granted
                    .iter()
                    .all(|grant| grant.refresh_token == first.refresh_token),
                "one lineage"
            );
            known.rotate(now);
            known.tokens.insert(known.counter, first.refresh_token.clone());
            (known.access, known.access_until) = (first.access_token.clone(), now + ACCESS);
        }
    }

    async fn me(&mut self, session: usize, node: usize) {
        let Some(at) = self.pick(session) else { return };
        let known = &self.sessions[at];
        let now = self.now();
        let good = known.live(now, &self.active) && now < known.access_until;
        match sessions::authenticate(self.node(node), &known.access).await {
            Ok(bearer) => {
                assert!(
                    good && bearer.session == known.id && bearer.state.me.id == self.users[known.user],
                    "let in who should not be"
                );
                self.sessions[at].used = true;
            }
            Err(Failure::InvalidToken) => assert!(!good, "refused who should be let in"),
            Err(other) => panic!("{other}"),
        }
    }

    async fn logout(&mut self, session: usize, scope: u8, node: usize) {
        let Some(at) = self.pick(session) else { return };
        let (id, user) = (self.sessions[at].id, self.sessions[at].user);
        let scope = [LogoutScope::This, LogoutScope::Others, LogoutScope::All][usize::from(scope)];
        let me = PublicAccount {
            id: self.users[user],
            email: String::new(),
            is_active: true,
            role: "user".to_owned(),
        };
        let (subject, end) = (Subject::from(Uuid::nil()), Timestamp::from_secs(0));
        let state = Arc::new(SessionState {
            me,
            subject,
            permissions: Permissions::default(),
            authenticated_at: Timestamp::from_secs(0),
            idle_expires_at: end,
            expires_at: end,
            least_generation: 0,
            used: UsedGeneration::default(),
            written: Written::default(),
        });
        sessions::logout(
            self.node(node),
            &Bearer {
                session: id,
                generation: 0,
                state,
            },
            scope,
            &CONTEXT,
        )
        .await
        .unwrap();
        for other in self.sessions.iter_mut().filter(|other| other.user == user) {
            other.ended |= match scope {
                LogoutScope::This => other.id == id,
                LogoutScope::Others => other.id != id,
                LogoutScope::All => true,
            };
        }
        // On the node that answered, at once.
        for other in self
            .sessions
            .iter()
            .filter(|other| other.user == user && other.ended)
        {
            assert!(
                sessions::authenticate(self.node(node), &other.access)
                    .await
                    .is_err(),
                "let in after the logout was acknowledged"
            );
        }
    }

    async fn set_active(&mut self, user: usize, active: bool, node: usize) {
        let change = AccountChange {
            email: None,
            role: None,
            is_active: Some(active),
        };
        admin::update(
            self.node(node),
            self.users[user],
            change,
            Authority::OPERATOR,
            &CONTEXT,
        )
        .await
        .unwrap();
        self.active[user] = active;
        for session in self.sessions.iter_mut().filter(|session| session.user == user) {
            session.ended |= !active;
        }
        for session in self
            .sessions
            .iter()
            .filter(|session| session.user == user && session.ended)
        {
            assert!(
                sessions::authenticate(self.node(node), &session.access)
                    .await
                    .is_err(),
                "let in after the account was disabled"
            );
        }
    }
}

fn histories(nodes: usize, histories: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: histories,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    });
    // In memory: what is checked here is not that the disk keeps its word.
    let outcome = runner.run(&prop::collection::vec(operation(), OPERATIONS), |history| {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        runtime.block_on(async {
            let mut world = World::new(&folder.path().join("doorward.db"), nodes).await;
            for operation in &history {
                world.perform(operation).await;
            }
            for node in &world.nodes {
                node.store.close().await;
            }
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}\n{runner}");
    }
}

#[test]
fn one_node_does_what_the_model_says() {
    histories(1, HISTORIES / 2);
}

#[test]
fn two_nodes_do_what_the_model_says() {
    histories(2, HISTORIES / 2);
}
