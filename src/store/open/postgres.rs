//! Opening a PostgreSQL database.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx_postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::{IfAbsent, OpenError};
use crate::store::migrations::POSTGRES;
use crate::store::pool::{Opened, Pool};
use crate::store::time_limits::PATIENCE;
use crate::store::url::DatabaseUrl;

const CONNECTIONS: u32 = 10;
/// A connection that was used within this time is not asked for a sign of life before its next use:
/// that would double the round trips.
const TRUSTED: Duration = Duration::from_millis(500);
/// How long the start waits for a server that is not there yet, as after a reboot of both.
const START: Duration = Duration::from_secs(30);
/// Time before the start first says what it waits for.
const FIRST_NOTICE: Duration = Duration::from_millis(500);
/// Time between later messages.
const NEXT_NOTICE: Duration = Duration::from_secs(5);
const NEXT_TRY: Duration = Duration::from_millis(200);

/// Connects to the server.
pub(super) async fn open_server(
    server: &str,
    shown: &DatabaseUrl,
    if_absent: IfAbsent,
) -> Result<Opened, OpenError> {
    let patience = PATIENCE.as_millis().to_string();
    let options = PgConnectOptions::from_str(server)?
        .application_name("doorward")
        .options([
            ("statement_timeout", patience.as_str()),
            ("lock_timeout", patience.as_str()),
            ("idle_in_transaction_session_timeout", patience.as_str()),
        ]);
    // Migrations may take longer than a request may, so they get a connection of their own.
    let unlimited = options
        .clone()
        .options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let mut migrating = first_connection(&unlimited).await?;
    match first_migration(&mut migrating).await? {
        None if if_absent == IfAbsent::Refuse => return Err(OpenError::Absent(shown.to_string())),
        Some(first) if POSTGRES.iter().next().is_none_or(|ours| *ours.checksum != *first) => {
            return Err(OpenError::Foreign(shown.to_string()));
        }
        _ => {}
    }
    let (has_chain,): (bool,) = sqlx::query_as("SELECT to_regclass('audit_chain') IS NOT NULL")
        .fetch_one(&mut migrating)
        .await?;
    POSTGRES.run(&mut migrating).await?;
    migrating.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for < TRUSTED {
                    Ok(true)
                } else {
                    connection.ping().await.map(|()| true)
                }
            })
        })
        .connect_with(options)
        .await?;
    Ok(Opened {
        pool: Pool::Postgres(pool),
        chain_is_new: !has_chain,
    })
}

/// The checksum of the first migration that the database has taken, if any.
async fn first_migration(connection: &mut PgConnection) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let (is_migrated,): (bool,) = sqlx::query_as("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !is_migrated {
        return Ok(None);
    }
    let first: Option<(Vec<u8>,)> =
        sqlx::query_as("SELECT checksum FROM _sqlx_migrations ORDER BY version LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(first.map(|(checksum,)| checksum))
}

/// Connects to a server that may not be up yet. Logs the server's address while it waits.
async fn first_connection(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    let address = address(options);
    let last = RefCell::new("no answer to the connection".to_owned());
    let connecting = async {
        loop {
            let tried = PgConnection::connect_with(options).await;
            match tried.as_ref().map_err(passing_cause) {
                Err(Some(cause)) => *last.borrow_mut() = cause,
                Ok(_) | Err(None) => return tried,
            }
            sleep(NEXT_TRY).await;
        }
    };
    let announcing = async {
        let mut notices = interval_at(Instant::now() + FIRST_NOTICE, NEXT_NOTICE);
        loop {
            notices.tick().await;
            log::warn!("waiting for PostgreSQL at {address}: {}", last.borrow());
        }
    };
    let connected = timeout(START, async {
        tokio::select! {
            connected = connecting => connected,
            never = announcing => never,
        }
    });
    match connected.await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(OpenError::Unreachable {
            address,
            after: START,
            cause: last.into_inner(),
        }),
    }
}

/// Host and port, or the folder of the socket.
fn address(options: &PgConnectOptions) -> String {
    let port = options.get_port();
    match options.get_socket() {
        Some(folder) => format!("{}, port {port}", folder.display()),
        None => format!("{}:{port}", options.get_host()),
    }
}

/// The words of an error after which the server may answer soon: nothing listens yet, or it says
/// that it is starting or full.
fn passing_cause(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::Io(cause) => matches!(
            cause.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::NotFound
                | ErrorKind::TimedOut
                | ErrorKind::UnexpectedEof
        )
        .then(|| cause.to_string()),
        sqlx::Error::Database(refusal) => {
            matches!(refusal.code().as_deref(), Some("53300" | "57P03")).then(|| refusal.message().to_owned())
        }
        _ => None,
    }
}
