//! Refreshes that come together are committed together.
//!
//! A commit costs a flush of the disk and, on PostgreSQL, a round trip; a thousand clients that
//! refresh in the same second need not pay it one by one. One task commits; rotations that arrive
//! while it waits for the disk go into its next statement, so no rotation waits on purpose and a lone
//! rotation is committed at once. The answer to each still comes after the commit of its own.

use std::fmt::Write as _;
use std::pin::pin;

use sqlx::AssertSqlSafe;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::pool::Pool;
use super::time_limits::in_time;
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::{SeenClient, SessionOwner};

/// Most rotations in one statement. Each batch size is a prepared statement of its own, so the number
/// is small.
const TOGETHER: usize = 32;
/// Rotations that wait; beyond it callers wait to be let in.
const WAITING: usize = 1024;

/// Columns of the owner of a session, as a statement on `sessions` returns them. In SQLite, RETURNING
/// cannot name a column of another table, but it can hold a query.
pub(super) const OWNER: &str = "(SELECT subject FROM users WHERE users.id = sessions.user_id) AS subject,
            (SELECT role FROM users WHERE users.id = sessions.user_id) AS role,
            (SELECT permissions FROM roles WHERE name = (SELECT role FROM users WHERE users.id = sessions.user_id)) AS permissions";

/// The step from one refresh token of a session to the next.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The session.
    pub session: SessionId,
    /// The counter of the token that was presented.
    pub counter: i64,
    /// The time.
    pub now: Timestamp,
    /// When the session ends from now on, unless it is refreshed again.
    pub idle_expires_at: Timestamp,
    /// The client that presented it.
    pub client: SeenClient,
}

type RotationAnswer = oneshot::Sender<Result<Option<SessionOwner>, StoreError>>;

/// The way to the task that commits.
pub(super) struct Rotations {
    waiting: mpsc::Sender<(Rotation, RotationAnswer)>,
}

impl Rotations {
    /// Starts the task; it ends with the store.
    pub(super) fn start(pool: Pool) -> Self {
        let (waiting, receiver) = mpsc::channel(WAITING);
        tokio::spawn(Committer { pool }.run(receiver));
        Self { waiting }
    }

    /// Asks for a rotation and waits for its commit.
    pub(super) async fn ask(&self, rotation: Rotation) -> Result<Option<SessionOwner>, StoreError> {
        let gone = || StoreError::from(sqlx::Error::WorkerCrashed);
        let answered = pin!(async {
            let (answer, outcome) = oneshot::channel();
            self.waiting.send((rotation, answer)).await.map_err(|_| gone())?;
            outcome.await.unwrap_or_else(|_| Err(gone()))
        });
        in_time("store ask", answered).await
    }
}

struct Committer {
    pool: Pool,
}

#[derive(sqlx::FromRow)]
struct Rotated {
    id: SessionId,
    counter: i64,
    #[sqlx(flatten)]
    owner: SessionOwner,
}

impl Committer {
    async fn run(self, mut receiver: mpsc::Receiver<(Rotation, RotationAnswer)>) {
        let mut batch = Vec::with_capacity(TOGETHER);
        while receiver.recv_many(&mut batch, TOGETHER).await > 0 {
            // A caller that has given up was told that the rotation did not happen, so it must not:
            // the caller's next try would find a rotation that is long past.
            batch.retain(|(_, waiting)| !waiting.is_closed());
            if batch.is_empty() {
                continue;
            }
            // In the order of ids: two nodes that rotate the same sessions lock them in the same
            // order.
            batch.sort_unstable_by_key(|(rotation, _)| *rotation.session.as_bytes());
            match self.commit(batch.iter().map(|(rotation, _)| rotation)).await {
                Ok(rotated) => answer(&mut batch, rotated),
                Err(error) if batch.len() > 1 && error.is_conflict() => self.one_by_one(&mut batch).await,
                Err(error) => batch
                    .drain(..)
                    .for_each(|(_, waiting)| drop(waiting.send(Err(error.clone())))),
            }
        }
    }

    /// Tries each rotation alone, after a deadlock with another node or a row that another
    /// transaction holds, so that one conflict does not fail the others.
    async fn one_by_one(&self, batch: &mut Vec<(Rotation, RotationAnswer)>) {
        for (rotation, waiting) in batch.drain(..).filter(|(_, waiting)| !waiting.is_closed()) {
            let rotated = self.commit([&rotation].into_iter()).await;
            // A caller that does not wait any more needs no answer.
            let _gone = waiting.send(rotated.map(|rotated| rotated.into_iter().next().map(|row| row.owner)));
        }
    }

    async fn commit(
        &self,
        rotations: impl ExactSizeIterator<Item = &Rotation>,
    ) -> Result<Vec<Rotated>, StoreError> {
        let statement = statement(rotations.len());
        let statement = self.pool.write("store commit", AssertSqlSafe(statement));
        let bound = rotations.fold(statement, |statement, rotation| {
            statement
                .bind(rotation.session)
                .bind(rotation.counter)
                .bind(rotation.now)
                .bind(rotation.idle_expires_at)
                .bind(&rotation.client.ip)
                .bind(&rotation.client.user_agent)
        });
        bound.all().await
    }
}

/// Answers the batch. If several callers presented the same token, one gets the rotation and the
/// others learn that it has happened.
fn answer(batch: &mut Vec<(Rotation, RotationAnswer)>, mut rotated: Vec<Rotated>) {
    for (rotation, waiting) in batch.drain(..) {
        let own = rotated
            .iter()
            .position(|row| row.id == rotation.session && row.counter == rotation.counter + 1);
        let _gone = waiting.send(Ok(own.map(|place| rotated.swap_remove(place).owner)));
    }
}

fn statement(rotations: usize) -> String {
    let mut text =
        "WITH presented (session, counter, now, idle_expires_at, ip, user_agent) AS (VALUES ".to_owned();
    for first in (0..rotations).map(|row| 6 * row + 1) {
        let comma = if first > 1 { ", " } else { "" };
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "{comma}(${first}, ${}, ${}, ${}, ${}, ${})",
            first + 1,
            first + 2,
            first + 3,
            first + 4,
            first + 5
        );
    }
    text + ")
        UPDATE sessions
        SET counter = sessions.counter + 1, rotated_at = presented.now, last_used_at = presented.now, idle_expires_at = presented.idle_expires_at,
            last_ip = presented.ip, last_user_agent = presented.user_agent
        FROM presented
        WHERE sessions.id = presented.session AND sessions.counter = presented.counter AND sessions.ended_at IS NULL
            AND sessions.idle_expires_at > presented.now AND sessions.expires_at > presented.now
            AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.is_active)
        RETURNING sessions.id AS id, sessions.counter AS counter, "
        + OWNER
}
