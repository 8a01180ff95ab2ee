//! Accounts and sessions by the million, written by SQL into the tables of a database that the
//! service has made, and tokens as it would issue them.
//!
//! All have the password of the first account, which was registered as anyone is; the seed makes an
//! administrator of it. Nothing is flushed to the disk on the way: what a power cut would lose is a
//! benchmark.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorward::app::start::usable_keys;
use doorward::crypto::inner_keys::InnerKeys;
use doorward::crypto::jwt::{AccessTokens, TokenIdentity};
use doorward::crypto::refresh_tokens::RefreshTokens;
use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::root_secrets::RootSecrets;
use doorward::model::clock::{Clock, Timestamp};
use doorward::model::ids::{SessionId, Subject};
use doorward::model::permission::Permissions;
use doorward::model::signing_key::SigningAlgorithm;
use doorward::store::url::DatabaseUrl;
use doorward::store::{IfAbsent, Store};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use sqlx_postgres::PgConnection;
use sqlx_sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;

use crate::service::{IN_COMMON, ISSUER, SECRET, Service};

const HOUR: Duration = Duration::from_hours(1);

/// The numbers 1 to $1, a row each.
const NUMBERS: &str = "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)";

/// The database of a service that was started with [`crate::service::IN_COMMON`].
pub struct Database(DatabaseUrl);

/// A seeded session, and whose it is.
pub type Seat = (SessionId, Subject);

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// One text of SQL for both engines, but for how chance is written.
macro_rules! on {
    ($connection:expr, |$db:ident| $body:expr) => {
        match &mut $connection {
            Connection::Sqlite($db) => $body,
            Connection::Postgres($db) => $body,
        }
    };
}

impl Database {
    pub fn sqlite(folder: &Path) -> Self {
        Self(DatabaseUrl::SqliteFile(folder.join("doorward.db")))
    }

    pub fn postgres(url: &str) -> Self {
        Self(DatabaseUrl::Postgres(url.to_owned()))
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match &self.0 {
            DatabaseUrl::SqliteFile(path) => std::fs::metadata(path).expect("the file").len(),
            DatabaseUrl::SqliteMemory | DatabaseUrl::Postgres(_) => 0,
        }
    }

    async fn connect(&self) -> Connection {
        match &self.0 {
            DatabaseUrl::SqliteFile(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Off)
                    .synchronous(SqliteSynchronous::Off)
                    .foreign_keys(false)
                    // What is found by chance stays in memory (KiB), or each of ten million rows
                    // reads a page.
                    .pragma("cache_size", "-1500000");
                Connection::Sqlite(options.connect().await.expect("a database"))
            }
            DatabaseUrl::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.expect("a database");
                connection
                    .execute("SET synchronous_commit = off")
                    .await
                    .expect("a setting");
                Connection::Postgres(connection)
            }
            DatabaseUrl::SqliteMemory => panic!("nobody else comes into a database in memory"),
        }
    }

    /// Adds so many accounts, `user00000001@example.com` and so on, and so many sessions of theirs,
    /// evenly spread. No service may run on a SQLite file meanwhile.
    pub fn fill(&self, users: u32, sessions: u32) {
        block_on(async {
            let mut connection = self.connect().await;
            let (random, text) = match &connection {
                Connection::Sqlite(_) => ("randomblob(16)", "printf('user%08d@example.com', n)"),
                Connection::Postgres(_) => (
                    "gen_random_uuid()",
                    "'user' || lpad(n::TEXT, 8, '0') || '@example.com'",
                ),
            };
            let now = Clock::System.now();
            let accounts = format!(
                "INSERT INTO users (subject, email, email_key, password_hash, role, created_at)
                 {NUMBERS}
                 SELECT {random}, {text}, {text}, (SELECT password_hash FROM users WHERE id = 1), 'user', $2
                 FROM numbers"
            );
            let live = format!(
                "INSERT INTO sessions (id, user_id, created_at, last_used_at, idle_expires_at, expires_at, ip, user_agent)
                 {NUMBERS}
                 SELECT {random}, (SELECT MIN(id) FROM users WHERE id > 1) + (n - 1) * $2 / $1, $3, $3, $4, $4, '198.51.100.7',
                     'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
                 FROM numbers"
            );
            let (users, sessions, day) = (i64::from(users), i64::from(sessions), now.plus(24 * HOUR));
            on!(connection, |db| {
                db.execute("UPDATE users SET role = 'admin' WHERE id = 1")
                    .await
                    .expect("an administrator");
                sqlx::query(sqlx::AssertSqlSafe(accounts))
                    .bind(users)
                    .bind(now)
                    .execute(&mut *db)
                    .await
                    .expect("accounts");
                if sessions > 0 {
                    let query = sqlx::query(sqlx::AssertSqlSafe(live))
                        .bind(sessions)
                        .bind(users)
                        .bind(now)
                        .bind(day);
                    query.execute(&mut *db).await.expect("sessions");
                }
            });
            close(connection).await;
        });
    }

    /// About so many of the seeded sessions, evenly from all of them, in an order that is nobody's.
    pub fn seats(&self, many: u32) -> Vec<Seat> {
        block_on(async {
            let mut connection = self.connect().await;
            let seats = on!(connection, |db| {
                let (all,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM sessions")
                    .fetch_one(&mut *db)
                    .await
                    .expect("a count");
                let sample = "SELECT id, subject
                     FROM (
                         SELECT sessions.id AS id, subject, ROW_NUMBER() OVER (ORDER BY user_id) AS place
                         FROM sessions
                         JOIN users ON users.id = user_id
                         WHERE user_id > 1
                     ) AS seats
                     WHERE place % $1 = 0
                     ORDER BY subject";
                sqlx::query_as(sample)
                    .bind((all / i64::from(many)).max(1))
                    .fetch_all(&mut *db)
                    .await
                    .expect("sessions")
            });
            close(connection).await;
            seats
        })
    }

    /// So many access tokens, each a text of its own, of these sessions in turn.
    pub fn access_tokens(&self, algorithm: SigningAlgorithm, seats: &[Seat], many: usize) -> Vec<String> {
        block_on(async {
            let now = Clock::System.now();
            let store = Store::open(&self.0, IfAbsent::Create)
                .await
                .expect("the database");
            let keys = usable_keys(&store, &roots(), now).await.expect("the keys").keys;
            store.close().await;
            let issuer = AccessTokens::new(keys, algorithm, ISSUER.to_owned(), "doorward".to_owned(), HOUR);
            let issue = |(session, subject): &Seat| issued(&issuer, *session, *subject, now);
            seats.iter().cycle().take(many).map(issue).collect()
        })
    }

    /// The first refresh token of each session.
    pub fn refresh_tokens(&self, seats: &[Seat]) -> Vec<String> {
        block_on(async {
            let store = Store::open(&self.0, IfAbsent::Create)
                .await
                .expect("the database");
            let sealed = store.inner_keys().await.expect("inner keys");
            store.close().await;
            let issuer = RefreshTokens::new(&InnerKeys::open(&sealed, &roots()).expect("keys"));
            seats
                .iter()
                .map(|(session, _)| issuer.issue(*session, 0))
                .collect()
        })
    }
}

/// A folder in which a service finds a SQLite database of so many accounts and sessions.
pub fn folder(users: u32, sessions: u32) -> (Arc<TempDir>, Database) {
    let service = Service::start_with(None, &IN_COMMON);
    service.account("first@example.com");
    let folder = Arc::clone(service.folder());
    drop(service);
    let database = Database::sqlite(folder.path());
    database.fill(users, sessions);
    (folder, database)
}

/// The address of an account by its number, from 1.
pub fn email(number: u32) -> String {
    format!("user{number:08}@example.com")
}

fn roots() -> RootSecrets {
    RootSecrets {
        current: RootSecret::parse(SECRET).expect("a secret"),
        previous: None,
    }
}

fn issued(issuer: &AccessTokens, session: SessionId, subject: Subject, now: Timestamp) -> String {
    let claimed = TokenIdentity {
        subject,
        role: "user",
        permissions: &Permissions::default(),
        generation: 0,
    };
    issuer.issue(session, claimed, now).expect("a token")
}

async fn close(connection: Connection) {
    match connection {
        Connection::Sqlite(connection) => connection.close().await.expect("it closes"),
        Connection::Postgres(connection) => connection.close().await.expect("it closes"),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}
