//! One statement with its values: its text stands once and runs on whichever engine is open.
//!
//! Values are encoded as they are bound, so a statement borrows nothing but its connection. A
//! statement of a [`Tx`](super::tx::Tx) runs on the transaction; one of the [`Store`] takes a
//! connection from the pool, in a span of its own and within the time limit.

use std::pin::pin;

use sqlx::error::BoxDynError;
use sqlx::{
    Arguments as _, Database, Decode, Encode, Executor, FromRow, IntoArguments, Row as _, SqlSafeStr, SqlStr,
    Type,
};
use sqlx_postgres::{PgConnection, PgRow, Postgres};
use sqlx_sqlite::{Sqlite, SqliteConnection, SqliteRow};

use super::file::{DatabaseFile, changing};
use super::pool::Pool;
use super::time_limits::in_time;
use super::{Store, StoreError};

/// A value that both engines can take.
pub(super) trait Value<'q>:
    Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres>
{
}

impl<'q, T> Value<'q> for T where T: Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres> {}

/// A type that a row of either engine can be read as.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A row whose columns are read one by one.
pub(super) enum EngineRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl EngineRow {
    /// The value of a column, by its position.
    pub(super) fn get<T>(&self, place: usize) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(place)?,
            Self::Postgres(row) => row.try_get(place)?,
        })
    }
}

/// A statement with the values that were bound so far.
#[must_use = "a statement does nothing until it is run"]
pub(super) enum Statement<'c> {
    Sqlite(Bound<'c, Sqlite>),
    Postgres(Bound<'c, Postgres>),
}

impl<'c> Statement<'c> {
    pub(super) fn on_sqlite(connection: &'c mut SqliteConnection, text: impl SqlSafeStr) -> Self {
        Self::Sqlite(Bound::new(text, Target::Connection(connection)))
    }

    pub(super) fn on_postgres(connection: &'c mut PgConnection, text: impl SqlSafeStr) -> Self {
        Self::Postgres(Bound::new(text, Target::Connection(connection)))
    }

    /// Binds the next value: `$1`, then `$2`.
    pub(super) fn bind<'q>(self, value: impl Value<'q>) -> Self {
        match self {
            Self::Sqlite(bound) => Self::Sqlite(bound.bind(value)),
            Self::Postgres(bound) => Self::Postgres(bound.bind(value)),
        }
    }

    /// Runs the statement; says how many rows it changed.
    pub(super) async fn execute(self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(bound) => Ok(bound.execute().await?.rows_affected()),
            Self::Postgres(bound) => Ok(bound.execute().await?.rows_affected()),
        }
    }

    /// Runs the statement and gives its first row, if there is one.
    pub(super) async fn optional<R: Row>(self) -> Result<Option<R>, StoreError> {
        match self {
            Self::Sqlite(bound) => bound.optional().await,
            Self::Postgres(bound) => bound.optional().await,
        }
    }

    /// Runs the statement and gives its first row; that there is none is an error.
    pub(super) async fn one<R: Row>(self) -> Result<R, StoreError> {
        let row = self.optional().await?;
        row.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Runs the statement and gives all its rows.
    pub(super) async fn all<R: Row>(self) -> Result<Vec<R>, StoreError> {
        match self {
            Self::Sqlite(bound) => bound.all().await,
            Self::Postgres(bound) => bound.all().await,
        }
    }

    /// Runs the statement and gives all its rows, unread.
    pub(super) async fn rows(self) -> Result<Vec<EngineRow>, StoreError> {
        Ok(match self {
            Self::Sqlite(bound) => bound.rows().await?.into_iter().map(EngineRow::Sqlite).collect(),
            Self::Postgres(bound) => bound.rows().await?.into_iter().map(EngineRow::Postgres).collect(),
        })
    }
}

impl Pool {
    /// A statement that only reads, run in the span `span`.
    pub(super) fn read(&self, span: &'static str, text: impl SqlSafeStr) -> Statement<'_> {
        match self {
            Self::Sqlite { read, .. } => Statement::Sqlite(Bound::new(text, Target::Reader(read, span))),
            Self::Postgres(pool) => Statement::Postgres(Bound::new(text, Target::Reader(pool, span))),
        }
    }

    /// A statement that may write, committed by itself, run in the span `span`.
    pub(super) fn write(&self, span: &'static str, text: impl SqlSafeStr) -> Statement<'_> {
        let file = self.file();
        match self {
            Self::Sqlite { write, .. } => {
                Statement::Sqlite(Bound::new(text, Target::Writer(write, span, file)))
            }
            Self::Postgres(pool) => Statement::Postgres(Bound::new(text, Target::Writer(pool, span, file))),
        }
    }
}

impl Store {
    /// A statement that only reads, run in the span `span`.
    pub(super) fn read(&self, span: &'static str, text: impl SqlSafeStr) -> Statement<'_> {
        self.pool.read(span, text)
    }

    /// A statement that may write, committed by itself, run in the span `span`.
    pub(super) fn write(&self, span: &'static str, text: impl SqlSafeStr) -> Statement<'_> {
        self.pool.write(span, text)
    }
}

/// A statement of one engine.
pub(super) struct Bound<'c, D: Database> {
    text: SqlStr,
    /// Or why a value could not be encoded, which running the statement tells.
    arguments: Result<D::Arguments, BoxDynError>,
    target: Target<'c, D>,
}

/// The connection on which a statement runs.
enum Target<'c, D: Database> {
    Connection(&'c mut D::Connection),
    Reader(&'c sqlx::Pool<D>, &'static str),
    Writer(&'c sqlx::Pool<D>, &'static str, Option<&'c DatabaseFile>),
}

impl<'c, D> Bound<'c, D>
where
    D: Database,
    D::Arguments: IntoArguments<D>,
    for<'e> &'e mut D::Connection: Executor<'e, Database = D>,
{
    fn new(text: impl SqlSafeStr, target: Target<'c, D>) -> Self {
        Self {
            text: text.into_sql_str(),
            arguments: Ok(D::Arguments::default()),
            target,
        }
    }

    fn bind<'q>(mut self, value: impl Encode<'q, D> + Type<D>) -> Self {
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = arguments.add(value)
        {
            self.arguments = Err(error);
        }
        self
    }

    async fn execute(self) -> Result<D::QueryResult, StoreError> {
        let query = sqlx::query_with(self.text, self.arguments.map_err(sqlx::Error::Encode)?);
        let work = async |connection: &mut D::Connection| query.execute(connection).await;
        self.target.run(work).await
    }

    async fn optional<R: for<'r> FromRow<'r, D::Row> + Send + Unpin>(self) -> Result<Option<R>, StoreError> {
        let query = sqlx::query_as_with(self.text, self.arguments.map_err(sqlx::Error::Encode)?);
        let work = async |connection: &mut D::Connection| query.fetch_optional(connection).await;
        self.target.run(work).await
    }

    async fn all<R: for<'r> FromRow<'r, D::Row> + Send + Unpin>(self) -> Result<Vec<R>, StoreError> {
        let query = sqlx::query_as_with(self.text, self.arguments.map_err(sqlx::Error::Encode)?);
        let work = async |connection: &mut D::Connection| query.fetch_all(connection).await;
        self.target.run(work).await
    }

    async fn rows(self) -> Result<Vec<D::Row>, StoreError> {
        let query = sqlx::query_with(self.text, self.arguments.map_err(sqlx::Error::Encode)?);
        let work = async |connection: &mut D::Connection| query.fetch_all(connection).await;
        self.target.run(work).await
    }
}

impl<D: Database> Target<'_, D> {
    async fn run<T>(
        self,
        work: impl AsyncFnOnce(&mut D::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        match self {
            Self::Connection(connection) => Ok(work(connection).await?),
            Self::Reader(pool, span) => in_time(span, pin!(on_a_connection(pool, work))).await,
            Self::Writer(pool, span, file) => changing(file, span, pin!(on_a_connection(pool, work))).await,
        }
    }
}

async fn on_a_connection<D: Database, T>(
    pool: &sqlx::Pool<D>,
    work: impl AsyncFnOnce(&mut D::Connection) -> Result<T, sqlx::Error>,
) -> Result<T, StoreError> {
    let mut connection = pool.acquire().await?;
    Ok(work(&mut connection).await?)
}

/// A part of a statement that stands there only if it is asked for: an index serves `column = $2`,
/// but not `$2 IS NULL OR column = $2`.
pub(super) fn part(asked: bool, text: &'static str) -> &'static str {
    if asked { text } else { "" }
}
