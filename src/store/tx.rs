//! Transactions: one atomic change a closure, committed or rolled back by what the closure gives.
//!
//! [`Store::transaction`] is the only way to begin one for a request, so that none on SQLite begins
//! without IMMEDIATE: a plain BEGIN that reads first fails under contention, even with a busy
//! timeout. If PostgreSQL aborts the transaction (SQLSTATE 40001, 40P01), nothing was saved, so the
//! closure is run once more.

use std::pin::pin;

use sqlx::{SqlSafeStr, Transaction};
use sqlx_postgres::Postgres;
use sqlx_sqlite::Sqlite;

use super::file::changing;
use super::pool::Pool;
use super::statement::Statement;
use super::{Store, StoreError};

/// A transaction on whichever engine is open. One that is dropped rolls back.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// How a transaction ends, and its answer.
pub(super) enum End<T> {
    /// The changes are kept.
    Commit(T),
    /// The changes are undone.
    Rollback(T),
}

impl Tx {
    /// Begins a transaction that may write.
    async fn begin(pool: &Pool) -> Result<Self, StoreError> {
        Ok(match pool {
            Pool::Sqlite { write, .. } => Self::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => Self::Postgres(pool.begin().await?),
        })
    }

    /// Begins a transaction that may write and may take longer than a request's.
    pub(super) async fn begin_unhurried(pool: &Pool) -> Result<Self, StoreError> {
        let mut tx = Self::begin(pool).await?;
        tx.lift_time_limits().await?;
        Ok(tx)
    }

    /// Begins a transaction that sees the database as it is at this moment, and only reads.
    pub(super) async fn begin_snapshot(pool: &Pool) -> Result<Self, StoreError> {
        let mut tx = match pool {
            Pool::Sqlite { read, .. } => Self::Sqlite(read.begin().await?),
            Pool::Postgres(pool) => Self::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    .await?,
            ),
        };
        tx.lift_time_limits().await?;
        Ok(tx)
    }

    /// Removes PostgreSQL's time limits of statements. SQLite has none.
    async fn lift_time_limits(&mut self) -> Result<(), StoreError> {
        if matches!(self, Self::Postgres(_)) {
            self.query("SET LOCAL statement_timeout = 0").execute().await?;
            self.query("SET LOCAL idle_in_transaction_session_timeout = 0")
                .execute()
                .await?;
        }
        Ok(())
    }

    /// A statement of this transaction.
    pub(super) fn query(&mut self, text: impl SqlSafeStr) -> Statement<'_> {
        match self {
            Self::Sqlite(tx) => Statement::on_sqlite(tx, text),
            Self::Postgres(tx) => Statement::on_postgres(tx, text),
        }
    }

    async fn commit(self) -> Result<(), StoreError> {
        let committed = match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        };
        committed.map_err(StoreError::from)
    }

    /// Runs the work and ends the transaction as it says. It does not wait for a rollback: the
    /// connection runs it before its next statement.
    pub(super) async fn run<T>(
        mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<End<T>, StoreError>,
    ) -> Result<T, StoreError> {
        match work(&mut self).await? {
            End::Commit(answer) => {
                self.commit().await?;
                Ok(answer)
            }
            End::Rollback(answer) => Ok(answer),
        }
    }
}

impl Store {
    /// Runs one atomic change in the span `span`, within the time limit.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has changed then, unless the answer to the commit itself was lost.
    pub(super) async fn transaction<T>(
        &self,
        span: &'static str,
        work: impl AsyncFn(&mut Tx) -> Result<End<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let whole = pin!(async {
            match Tx::begin(&self.pool).await?.run(&work).await {
                Err(error) if error.is_to_be_tried_again() => Tx::begin(&self.pool).await?.run(&work).await,
                done => done,
            }
        });
        changing(self.pool.file(), span, whole).await
    }
}
