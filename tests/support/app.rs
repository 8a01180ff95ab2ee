//! The service as a test starts it: what `main` serves, on a free port, with a clock moved by hand
//! and hashes at their cheapest.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use doorward::app::App;
use doorward::config::{Config, SettingSource};
use doorward::crypto::password_hash::Cost;
use doorward::model::clock::Clock;
use doorward::server;
use sqlx::ConnectOptions as _;
use tokio::sync::oneshot;

use super::people::{Answer, Person};
use super::{PASSWORD, SECRET, postgres, secrets};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// When the tests' time begins: microseconds since the Unix epoch.
pub const BEGINNING: i64 = 1_800_000_000_000_000;

pub struct TestApp {
    pub address: String,
    pub database: String,
    pub clock: Arc<AtomicI64>,
    client: reqwest::Client,
    pub stop: Option<oneshot::Sender<()>>,
    pub server: Option<std::thread::JoinHandle<()>>,
    folder: Arc<tempfile::TempDir>,
}

/// An empty database of the engine, and the folder that it may live in.
pub async fn fresh_database(engine: Engine) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = match engine {
        Engine::Sqlite => format!("sqlite://{}", folder.path().join("doorward.db").display()),
        Engine::Postgres => postgres::database().await,
    };
    (url, folder)
}

impl TestApp {
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    pub async fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let (url, folder) = fresh_database(engine).await;
        Self::start_on(
            &url,
            Arc::new(folder),
            settings,
            Some(Cost::cheapest()),
            BEGINNING,
        )
        .await
    }

    /// On a PostgreSQL that the test may stop.
    pub async fn start_on_postgres(server: &postgres::Postgres) -> Self {
        Self::start_on(
            &server.url("postgres"),
            Arc::new(tempfile::tempdir().unwrap()),
            &[],
            Some(Cost::cheapest()),
            BEGINNING,
        )
        .await
    }

    /// A second service on the database of this one.
    pub async fn sibling(&self, settings: &[(&str, &str)], cost: Option<Cost>) -> Self {
        let url = settings
            .iter()
            .find(|(name, _)| *name == "DATABASE_URL")
            .map_or(self.database.as_str(), |(_, url)| url);
        let now = self.clock.load(Ordering::SeqCst);
        let mut sibling = Self::start_on(url, Arc::clone(&self.folder), settings, cost, now).await;
        sibling.client = self.client.clone();
        sibling
    }

    pub async fn start_on(
        url: &str,
        folder: Arc<tempfile::TempDir>,
        settings: &[(&str, &str)],
        cost: Option<Cost>,
        now: i64,
    ) -> Self {
        secrets::listen();
        let mut environment = vec![
            ("DATABASE_URL", url),
            ("DOORWARD_SECRET", SECRET),
            ("DOORWARD_HASH_THREADS", "2"),
            // All people of a test come from one address.
            ("DOORWARD_LIMIT_LOGIN_IP", "off"),
            ("DOORWARD_LIMIT_REGISTER_IP", "off"),
        ];
        environment.retain(|(name, _)| !settings.iter().any(|(other, _)| other == name));
        environment.extend(settings);
        let environment: Vec<_> = environment
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut config = Config::load(&SettingSource {
            flags: &|_| None,
            environment: &environment,
        })
        .unwrap();
        if let Some(cost) = cost {
            config.hashing.cost = cost;
        }
        let clock = Arc::new(AtomicI64::new(now));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let (built, building) = oneshot::channel();
        let moved = Clock::Manual(Arc::clone(&clock));
        let server = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = Data::new(App::build(config, moved).await.unwrap());
                let begun = server::begin(&app).await.unwrap();
                built.send(()).unwrap();
                let listeners = server::Listeners {
                    public: listener,
                    identity: None,
                    metrics: None,
                };
                server::run(listeners, app, begun, async {
                    drop(stopped.await);
                })
                .await
                .unwrap();
            });
        });
        building.await.expect("the service starts");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            address,
            database: url.to_owned(),
            clock,
            client,
            stop: Some(stop),
            server: Some(server),
            folder,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Moves this service's time.
    pub fn advance(&self, by: Duration) {
        self.clock
            .fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Moves this service's time back.
    pub fn set_back(&self, by: Duration) {
        self.clock
            .fetch_sub(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Asks `GET /me` until it answers so; how long that takes is measured elsewhere.
    pub async fn until(&self, token: &str, status: u16) {
        for _ in 0..1000 {
            if self.me(token).await.status == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never answers {status}");
    }

    /// Asks `GET /ready` until it says yes: on a machine that is busy a reading of the feed may
    /// come late, which is a no for a moment.
    pub async fn until_ready(&self) -> Answer {
        for _ in 0..100 {
            let answer = self.get("/ready").await;
            if answer.status == 200 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("it is never ready");
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        let builder = self.client.request(method.parse().unwrap(), self.url(path));
        Request {
            builder,
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub async fn register(&self, email: &str, password: &str) -> Answer {
        self.request("POST", "/register")
            .json(&serde_json::json!({"email": email, "password": password}))
            .send()
            .await
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        self.request("POST", "/login")
            .form(&[("username", username), ("password", password)])
            .send()
            .await
    }

    /// Someone with an account and a session.
    pub async fn registered(&self, name: &str) -> Person<'_> {
        let email = format!("{name}@example.com");
        self.register(&email, PASSWORD).await.expect(201);
        self.logged_in(&email).await
    }

    /// Another session of someone who is registered.
    pub async fn logged_in(&self, email: &str) -> Person<'_> {
        let body = self.login(email, PASSWORD).await.expect(200).json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Person {
            app: self,
            email: email.to_owned(),
            token: text("access_token"),
            refresh_token: text("refresh_token"),
        }
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.request("POST", "/refresh")
            .form(&[("refresh_token", token)])
            .send()
            .await
    }

    /// `GET /me` with a token.
    pub async fn me(&self, token: &str) -> Answer {
        self.request("GET", "/me").bearer(token).send().await
    }

    /// Does to the database what has no way through the front door.
    pub async fn sql(&self, statement: &'static str) {
        // The statement is the test's, not the program's: not for the log, which is heard for
        // addresses.
        if self.database.starts_with("postgres") {
            let options: sqlx_postgres::PgConnectOptions = self.database.parse().unwrap();
            let mut connection = options.disable_statement_logging().connect().await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        } else {
            let options: sqlx_sqlite::SqliteConnectOptions = self.database.parse().unwrap();
            let mut connection = options.disable_statement_logging().connect().await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.stop.take());
        let has_ended = self.server.take().is_some_and(|server| server.is_finished());
        if has_ended && std::thread::panicking() {
            eprintln!("the service at {} had ended by itself", self.address);
        }
    }
}

pub struct Request {
    builder: reqwest::RequestBuilder,
    method: String,
    path: String,
}

impl Request {
    pub fn bearer(self, token: &str) -> Self {
        self.with(|builder| builder.bearer_auth(token))
    }

    pub fn json(self, body: &serde_json::Value) -> Self {
        ["password", "current_password", "new_password"]
            .into_iter()
            .filter_map(|field| body[field].as_str())
            .for_each(secrets::sent);
        self.with(|builder| builder.json(body))
    }

    pub fn form(self, body: &[(&str, &str)]) -> Self {
        body.iter()
            .filter(|(field, _)| field.ends_with("password"))
            .for_each(|(_, password)| secrets::sent(password));
        self.with(|builder| builder.form(body))
    }

    pub fn with(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self {
            builder: change(self.builder),
            ..self
        }
    }

    pub async fn send(self) -> Answer {
        Answer::read(&self.method, &self.path, self.builder.send().await.unwrap()).await
    }
}
