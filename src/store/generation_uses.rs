//! First uses of generations, written by a worker: many in one statement, after the requests that
//! they come from.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::{Store, StoreError};
use crate::model::ids::SessionId;

/// Uses of one statement at most.
pub const TOGETHER: usize = 64;

impl Store {
    /// Writes uses, at most [`TOGETHER`], each a session and its generation. A generation that a
    /// session has not reached is ignored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write_generation_uses(&self, uses: &[(SessionId, i64)]) -> Result<(), StoreError> {
        let mut uses = uses.to_vec();
        // In the order of ids: a node that rotates the same sessions locks them in the same order.
        uses.sort_unstable_by_key(|(session, _)| *session.as_bytes());
        let Some(last) = uses.last().copied() else {
            return Ok(());
        };
        // The last one stands there several times, so that few statements are prepared.
        uses.resize(uses.len().next_power_of_two(), last);
        let statement = AssertSqlSafe(statement(uses.len()));
        let statement = self.write("store write_generation_uses", statement);
        uses.into_iter()
            .fold(statement, |statement, (session, generation)| {
                statement.bind(session).bind(generation)
            })
            .execute()
            .await
            .map(drop)
    }
}

fn statement(uses: usize) -> String {
    let mut text = "WITH uses (session, generation) AS (VALUES ".to_owned();
    for first in (0..uses).map(|row| 2 * row + 1) {
        let comma = if first > 1 { ", " } else { "" };
        // Writing to a String cannot fail.
        let _written = write!(text, "{comma}(${first}, ${})", first + 1);
    }
    text + ")
        UPDATE sessions
        SET used_generation = uses.generation
        FROM uses
        WHERE sessions.id = uses.session AND sessions.ended_at IS NULL
            AND sessions.used_generation < uses.generation AND uses.generation <= sessions.counter"
}
