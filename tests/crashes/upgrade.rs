//! Databases of every earlier schema, with people in them, opened by the program of today. A newer
//! schema is refused: `store::a_newer_schema_is_refused`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward::crypto::audit_chain::ChainKey;
use doorward::crypto::inner_keys::InnerKeys;
use doorward::crypto::password_hash::{self, Cost, Scratch};
use doorward::crypto::refresh_tokens::RefreshTokens;
use doorward::crypto::root_secret::RootSecret;
use doorward::crypto::signing_keys;
use doorward::model::clock::{Clock, Timestamp};
use doorward::model::event::{Actor, Chain, Context, Event, EventType};
use doorward::model::ids::SessionId;
use doorward::model::password::Password;
use doorward::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

use super::{SECRET, serve, settings};
use crate::support::app::fresh_database;
use crate::support::process::output;
use crate::support::{Engine, PASSWORD};

const NEWEST: usize = 12;

fn migrations(engine: Engine) -> Vec<PathBuf> {
    let folder = if engine == Engine::Sqlite {
        "src/store/migrations/sqlite"
    } else {
        "src/store/migrations/postgres"
    };
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What a database of that version held: people of three roles and one who is disabled, a session
/// that lives and one that has ended, the signing key, an event and inner keys since there are any.
fn rows(engine: Engine, version: usize, live: Uuid, ended: Uuid) -> String {
    let bytes = |bytes: &[u8]| {
        if engine == Engine::Sqlite {
            format!("x'{}'", hex(bytes))
        } else {
            format!("'\\x{}'", hex(bytes))
        }
    };
    let id = |id: Uuid| {
        if engine == Engine::Sqlite {
            format!("x'{}'", hex(id.as_bytes()))
        } else {
            format!("'{id}'")
        }
    };
    let root = RootSecret::parse(SECRET).unwrap();
    let now = Clock::System.now();
    let (at, later) = (now.micros(), now.plus(Duration::from_hours(24)).micros());
    let password = Password::parse(PASSWORD).unwrap();
    let hash = password_hash::hash(&Cost::cheapest(), &password, &mut Scratch::default()).unwrap();
    let mut sql: Vec<String> = Vec::new();
    if version >= 5 {
        sql.push("INSERT INTO roles (name, permissions) VALUES ('clerk', 'users:read');".to_owned());
    }
    for (name, role, active) in [
        ("alice", "user", "TRUE"),
        ("boss", "admin", "TRUE"),
        ("carl", "clerk", "TRUE"),
        ("dora", "user", "FALSE"),
    ] {
        sql.push(format!(
            "INSERT INTO users (subject, email, email_key, password_hash, role, is_active, created_at)
             VALUES ({}, '{name}@example.com', '{name}@example.com', '{hash}', '{role}', {active}, {at});",
            id(Uuid::new_v4())
        ));
    }
    for (session, ended_at) in [(live, "NULL".to_owned()), (ended, at.to_string())] {
        sql.push(format!(
            "INSERT INTO sessions (id, user_id, counter, created_at, idle_expires_at, expires_at, ended_at)
             VALUES ({}, 1, 3, {at}, {later}, {later}, {ended_at});",
            id(session)
        ));
    }
    let key = signing_keys::generate(&root, SigningAlgorithm::Hs256, 1, now, now).unwrap();
    sql.push(format!(
        "INSERT INTO signing_keys (kid, generation, algorithm, sealed, created_at) VALUES ('{}', 1, 'HS256', {}, {at});",
        key.kid,
        bytes(&root.seal(&format!("signing key {}", key.kid), &[7; 32]).unwrap())
    ));
    if version >= 5 {
        sql.push(first_event(&root, now, bytes));
    }
    if version >= 10 {
        for key in InnerKeys::derive(&root).unwrap().seal(&root, now).unwrap() {
            sql.push(format!(
                "INSERT INTO inner_keys (purpose, generation, sealed, created_at) VALUES ('{}', {}, {}, {at});",
                key.purpose,
                key.generation,
                bytes(&key.sealed)
            ));
        }
    }
    if version >= 6 {
        sql.push(format!(
            "INSERT INTO throttles (key, of_account, failures, updated_at) VALUES ({}, TRUE, 3, {at});",
            id(Uuid::new_v4())
        ));
    }
    sql.concat()
}

fn first_event(root: &RootSecret, now: Timestamp, bytes: impl Fn(&[u8]) -> String) -> String {
    let (key, context) = (
        Arc::new(ChainKey::new(&root.derive("audit chain").unwrap())),
        Context::own(Actor::Server),
    );
    let (row, chain) =
        Event::new(key.clone(), EventType::ServerStarted, &context, now).follow(&Chain::genesis(&*key));
    format!(
        "INSERT INTO events (id, created_at, type, actor, ip, request_id, details, link) VALUES (1, {}, '{}', '{}', '', '', '{}', {});
         UPDATE audit_chain SET last_id = 1, last_link = {}, seal = {};",
        now.micros(),
        row.kind,
        row.actor,
        row.details,
        bytes(&row.link),
        bytes(&chain.last_link),
        bytes(&chain.seal)
    )
}

/// A database as the migrations up to `version` made it. What is written by hand is not for the
/// log, which is heard for addresses.
async fn old_database(url: &str, folder: &Path, engine: Engine, version: usize, rows: String) {
    let known = folder.join("migrations");
    std::fs::create_dir(&known).unwrap();
    for file in migrations(engine).iter().take(version) {
        std::fs::copy(file, known.join(file.file_name().unwrap())).unwrap();
    }
    let migrator = Migrator::new(known).await.unwrap();
    if engine == Engine::Sqlite {
        let options = url
            .parse::<sqlx_sqlite::SqliteConnectOptions>()
            .unwrap()
            .create_if_missing(true);
        let mut connection = options.disable_statement_logging().connect().await.unwrap();
        migrator.run(&mut connection).await.unwrap();
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(rows)))
            .await
            .unwrap();
        connection.close().await.unwrap();
    } else {
        let options = url.parse::<sqlx_postgres::PgConnectOptions>().unwrap();
        let mut connection = options.disable_statement_logging().connect().await.unwrap();
        migrator.run(&mut connection).await.unwrap();
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(rows)))
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
}

async fn upgraded(engine: Engine, version: usize) {
    let (live, ended) = (Uuid::new_v4(), Uuid::new_v4());
    let (url, folder) = fresh_database(engine).await;
    old_database(
        &url,
        folder.path(),
        engine,
        version,
        rows(engine, version, live, ended),
    )
    .await;
    let settings = settings(&url);
    let server = serve(folder.path(), &settings);
    let http = reqwest::Client::new();
    let post = async |path: &str, form: &[(&str, &str)]| {
        let answer = http.post(server.url(path)).form(form).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let get = async |path: &str, token: &str| {
        let answer = http
            .get(server.url(path))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let tokens = RefreshTokens::new(&InnerKeys::derive(&RootSecret::parse(SECRET).unwrap()).unwrap());
    let (status, body) = post(
        "/refresh",
        &[("refresh_token", &tokens.issue(SessionId::from(live), 3))],
    )
    .await;
    assert_eq!(status, 200, "version {version}: {body}");
    let me = get("/me", body["access_token"].as_str().unwrap()).await;
    assert_eq!(
        me,
        (
            200,
            json!({"id": 1, "email": "alice@example.com", "is_active": true, "role": "user"})
        ),
        "version {version}"
    );
    assert_eq!(
        post(
            "/refresh",
            &[("refresh_token", &tokens.issue(SessionId::from(ended), 3))]
        )
        .await
        .0,
        400,
        "version {version}"
    );
    for (name, status, users) in [
        ("alice", 200, 403),
        ("boss", 200, 200),
        ("carl", 200, if version >= 5 { 200 } else { 403 }),
        ("dora", 401, 0),
    ] {
        let (answered, body) = post(
            "/login",
            &[
                ("username", &format!("{name}@example.com")),
                ("password", PASSWORD),
            ],
        )
        .await;
        assert_eq!(answered, status, "version {version}: {name}: {body}");
        if let Some(token) = body["access_token"].as_str() {
            assert_eq!(get("/users", token).await.0, users, "version {version}: {name}");
        }
    }
    let registered = http
        .post(server.url("/register"))
        .json(&json!({"email": "eve@example.com", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(
        registered.json::<Value>().await.unwrap()["id"],
        5,
        "version {version}"
    );
    drop(server);
    let client = ["client", "create", "orders", "--permission", "tokens:introspect"];
    output(folder.path(), &settings, &client).expect(0);
    for arguments in [["audit", "verify"], ["keys", "list"]] {
        let done = output(folder.path(), &settings, &arguments).expect(0);
        assert!(
            arguments[0] != "keys" || done.stdout.lines().count() == 1,
            "version {version}: another key"
        );
    }
}

async fn upgraded_from_every_version(engine: Engine) {
    assert_eq!(
        migrations(engine).len(),
        NEWEST,
        "a new migration: say here what a database before it held"
    );
    for version in 1..=NEWEST {
        upgraded(engine, version).await;
    }
}

#[tokio::test]
async fn every_earlier_sqlite_schema_is_brought_up_to_date_with_its_people() {
    upgraded_from_every_version(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_earlier_postgres_schema_is_brought_up_to_date_with_its_people() {
    upgraded_from_every_version(Engine::Postgres).await;
}
