//! Opening a PostgreSQL database.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx_postgres::{PgConnectOptions, PgPoolOptions};

use super::OpenError;
use crate::store::migrations::POSTGRES;
use crate::store::pool::Pool;
use crate::store::time_limits::PATIENCE;

const CONNECTIONS: u32 = 10;
/// A connection that was used within this time is not asked for a sign of life before its next use:
/// that would double the round trips.
const TRUSTED: Duration = Duration::from_millis(500);

/// Connects to the server.
pub(super) async fn open_server(url: &str) -> Result<Pool, OpenError> {
    let patience = PATIENCE.as_millis().to_string();
    let options = PgConnectOptions::from_str(url)?
        .application_name("doorward")
        .options([
            ("statement_timeout", patience.as_str()),
            ("lock_timeout", patience.as_str()),
            ("idle_in_transaction_session_timeout", patience.as_str()),
        ]);
    // Migrations may take longer than a request may, so they get a connection of their own.
    let migrating = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(
            options
                .clone()
                .options([("statement_timeout", "0"), ("lock_timeout", "0")]),
        )
        .await?;
    POSTGRES.run(&migrating).await?;
    migrating.close().await;
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
    Ok(Pool::Postgres(pool))
}
