//! The connections of the open engine, and the time limit of every call on them.
//!
//! On SQLite one connection writes and a few read, so no writer ever waits for SQLite's lock behind
//! another of this process.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use sqlx_postgres::PgPool;
use sqlx_sqlite::SqlitePool;

use super::StoreError;
use super::file::DatabaseFile;
use crate::telemetry::metrics::{Family, Reading};
use crate::telemetry::request_context;

const CONNECTIONS: Family = Family::labelled(
    "doorward_database_connections",
    "Open connections to the database",
    &["pool", "state"],
);
const MOST_CONNECTIONS: Family = Family::labelled(
    "doorward_database_connections_max",
    "Connections that a pool may open",
    &["pool"],
);

/// Time after which a call is given up on this side: longer than the database takes to refuse it
/// itself.
const DEADLINE: Duration = Duration::from_millis(4500);

/// The connections of the open engine.
#[derive(Clone)]
pub(super) enum Pool {
    /// A file, or a database in memory.
    Sqlite {
        /// Connections that only read.
        read: SqlitePool,
        /// The one connection that writes.
        write: SqlitePool,
        /// The file under them.
        file: Arc<DatabaseFile>,
    },
    /// A server.
    Postgres(PgPool),
}

impl Pool {
    /// The file that a change must still find in its place, on SQLite.
    pub(super) fn file(&self) -> Option<&DatabaseFile> {
        match self {
            Self::Sqlite { file, .. } => Some(file),
            Self::Postgres(_) => None,
        }
    }

    /// Tells how the connections are used.
    pub(super) fn figures(&self, reading: &mut Reading) {
        let pools = match self {
            Self::Sqlite { read, write, .. } => vec![("read", used(read)), ("write", used(write))],
            Self::Postgres(pool) => vec![("all", used(pool))],
        };
        for (pool, connections) in &pools {
            reading.gauge(&CONNECTIONS, &[pool, "busy"], connections.busy);
            reading.gauge(&CONNECTIONS, &[pool, "idle"], connections.idle);
        }
        for (pool, connections) in &pools {
            reading.gauge(&MOST_CONNECTIONS, &[pool], connections.most);
        }
    }

    /// Closes every connection after its statement.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// Connections of one pool: at work, at rest, and how many there may be.
struct PoolUse {
    busy: usize,
    idle: usize,
    most: u32,
}

fn used<D: sqlx::Database>(connections: &sqlx::Pool<D>) -> PoolUse {
    let open = usize::try_from(connections.size()).unwrap_or(usize::MAX);
    let idle = connections.num_idle();
    PoolUse {
        busy: open.saturating_sub(idle),
        idle,
        most: connections.options().get_max_connections(),
    }
}

/// Runs a call in a span of its own, and gives up what takes longer than the database's own time
/// limits allow: its host is then gone without a word. The work stays pinned where the caller has
/// it, so that no wrapper holds another copy of it.
pub(super) async fn in_time<T>(
    span: &'static str,
    work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
) -> Result<T, StoreError> {
    let work = pin!(async {
        let result = tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()));
        if result.is_err() {
            request_context::failed("the database refused or was away");
        }
        result
    });
    request_context::span(|| span.into(), work).await
}

/// Runs a call that changes something, within the time limit of [`in_time`]. On SQLite the file must
/// be in its place before and after.
pub(super) async fn changing<T>(
    file: Option<&DatabaseFile>,
    span: &'static str,
    work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
) -> Result<T, StoreError> {
    match file {
        Some(file) => file.write(span, work).await,
        None => in_time(span, work).await,
    }
}
