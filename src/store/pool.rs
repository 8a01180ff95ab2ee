//! The connections of the open engine.
//!
//! On SQLite one connection writes and a few read, so no writer ever waits for SQLite's lock behind
//! another of this process.

use std::sync::Arc;

use sqlx_postgres::PgPool;
use sqlx_sqlite::SqlitePool;

use super::file::DatabaseFile;
use crate::telemetry::metrics::{Family, Reading};

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

/// The connections as the start has opened them.
pub(super) struct Opened {
    /// The connections.
    pub pool: Pool,
    /// Whether the schema had no chain of events before: the database is new, or older than the
    /// audit record.
    pub chain_is_new: bool,
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
