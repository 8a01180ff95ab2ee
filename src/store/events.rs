//! Events, appended in the transaction of the change that they tell of, each linked to the one
//! before.
//!
//! The one row of `audit_chain` holds both ends. Appending updates it first, so that appends of all
//! nodes stand in one line until they commit; hence an event is the last thing that a transaction
//! does.

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::statement::part;
use super::tx::End::{Commit, Rollback};
use super::tx::Tx;
use super::{Store, StoreError};
use crate::model::clock::Timestamp;
use crate::model::event::{Chain, ChainLinks, Event, EventFilter, EventRow, EventType};

/// Appends an event within the transaction whose change it tells of.
///
/// # Errors
/// [`StoreError::KeysReplaced`] if the key of the event no longer links; the change must not be then.
pub(super) async fn append(tx: &mut Tx, event: &Event<'_>) -> Result<(), StoreError> {
    let end = hold_chain(tx).await?;
    if end.key_generation != event.key().generation() {
        return Err(StoreError::KeysReplaced);
    }
    let (row, chain) = event.follow(&end);
    tx.query(
        "INSERT INTO events (id, created_at, type, actor, actor_id, user_id, session_id, ip, request_id, details, link)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(row.id)
    .bind(row.created_at)
    .bind(row.kind)
    .bind(row.actor)
    .bind(row.actor_id)
    .bind(row.user_id)
    .bind(row.session_id)
    .bind(row.ip)
    .bind(row.request_id)
    .bind(row.details)
    .bind(row.link)
    .execute()
    .await?;
    set_ends(tx, chain).await
}

/// Both ends of the chain, held until the transaction ends.
async fn hold_chain(tx: &mut Tx) -> Result<Chain, StoreError> {
    tx.query(
        "UPDATE audit_chain
         SET last_id = last_id
         RETURNING first_id, first_link, last_id, last_link, seal, key_generation",
    )
    .one()
    .await
}

async fn set_ends(tx: &mut Tx, chain: Chain) -> Result<(), StoreError> {
    tx.query(
        "UPDATE audit_chain
         SET first_id = $1, first_link = $2, last_id = $3, last_link = $4, seal = $5, key_generation = $6",
    )
    .bind(chain.first_id)
    .bind(chain.first_link)
    .bind(chain.last_id)
    .bind(chain.last_link)
    .bind(chain.seal)
    .bind(chain.key_generation)
    .execute()
    .await
    .map(drop)
}

/// Gives the chain another key. Ends that someone has moved are not sealed again: a verification must
/// go on finding them. Says whether it did: not if its key is not `old` any more.
pub(super) async fn replace_key(
    tx: &mut Tx,
    old: &dyn ChainLinks,
    new: &dyn ChainLinks,
) -> Result<bool, StoreError> {
    let mut chain = hold_chain(tx).await?;
    if chain.key_generation != old.generation() {
        return Ok(false);
    }
    if old.seal(&chain) == chain.seal {
        chain.seal = new.seal(&chain);
    }
    chain.key_generation = new.generation();
    set_ends(tx, chain).await?;
    Ok(true)
}

impl Store {
    /// Stores an event that is no change of anything else.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn append_event(&self, event: &Event<'_>) -> Result<(), StoreError> {
        self.transaction("store append_event", async |tx| {
            Ok(Commit(append(tx, event).await?))
        })
        .await
    }

    /// Events that pass the filter, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_events(&self, filter: &EventFilter, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        let statement = format!(
            "SELECT id, created_at, type, actor, actor_id, user_id, session_id, ip, request_id, details, link
             FROM events
             WHERE id < $1 {}{}{}{}
             ORDER BY id DESC
             LIMIT $6",
            part(filter.kind.is_some(), "AND type = $2 "),
            part(filter.user.is_some(), "AND (user_id = $3 OR actor_id = $3) "),
            part(filter.from.is_some(), "AND created_at >= $4 "),
            part(filter.until.is_some(), "AND created_at < $5 "),
        );
        self.read("store find_events", AssertSqlSafe(statement))
            .bind(filter.below.unwrap_or(i64::MAX))
            .bind(filter.kind.map(EventType::word))
            .bind(filter.user)
            .bind(filter.from)
            .bind(filter.until)
            .bind(limit)
            .all()
            .await
    }

    /// Events from a position on, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_from(&self, place: i64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        self.read(
            "store events_from",
            "SELECT id, created_at, type, actor, actor_id, user_id, session_id, ip, request_id, details, link
             FROM events
             WHERE id >= $1
             ORDER BY id
             LIMIT $2",
        )
        .bind(place)
        .bind(limit)
        .all()
        .await
    }

    /// Both ends of the chain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain(&self) -> Result<Chain, StoreError> {
        self.read(
            "store chain",
            "SELECT first_id, first_link, last_id, last_link, seal, key_generation
             FROM audit_chain",
        )
        .one()
        .await
    }

    /// Seals the chain of a database that has no event yet, so that its first event can be linked.
    /// A database with accounts or signing keys had events: an empty chain in it was emptied, and
    /// stays broken. The one exception is a database whose chain was made by the migrations of this
    /// very start, because it is older than the audit record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_chain(&self, links: &dyn ChainLinks) -> Result<(), StoreError> {
        let genesis = Chain::genesis(links);
        let empty: Option<(Vec<u8>,)> = self
            .read(
                "store begin_chain",
                "SELECT seal FROM audit_chain WHERE last_id = 0",
            )
            .optional()
            .await?;
        if empty.is_none_or(|(seal,)| seal == genesis.seal) {
            return Ok(());
        }
        self.transaction("store begin_chain", async |tx| {
            let end = hold_chain(tx).await?;
            let (in_use, events): (bool, bool) = tx
                .query(
                    "SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM signing_keys),
                            EXISTS (SELECT 1 FROM events)",
                )
                .one()
                .await?;
            if end.last_id != 0 || events || (in_use && !self.chain_is_new) {
                return Ok(Rollback(()));
            }
            set_ends(tx, genesis.clone()).await?;
            Ok(Commit(()))
        })
        .await
    }

    /// Number of events after the chain's end, in one query. None of them was written by this
    /// program.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events_beyond(&self) -> Result<i64, StoreError> {
        let (beyond,) = self
            .read(
                "store events_beyond",
                "SELECT COUNT(*)
                 FROM events
                 WHERE id > (SELECT last_id FROM audit_chain)",
            )
            .one()
            .await?;
        Ok(beyond)
    }

    /// Time of the newest event that is not later than `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_event_until(&self, until: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let newest: Option<(Timestamp,)> = self
            .read(
                "store newest_event_until",
                "SELECT created_at
                 FROM events
                 WHERE created_at <= $1
                 ORDER BY id DESC
                 LIMIT 1",
            )
            .bind(until)
            .optional()
            .await?;
        Ok(newest.map(|(at,)| at))
    }

    /// Deletes the oldest events, at most `limit`, as far as each is older than `before`; the chain
    /// then begins after them, and `event` says which. Returns how many. Deleting stops at the first
    /// altered row, so that a row cannot be removed by making it look old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_events(
        &self,
        before: Timestamp,
        limit: i64,
        links: &dyn ChainLinks,
        event: &Event<'_>,
    ) -> Result<u64, StoreError> {
        let end = self.chain().await?;
        let (mut place, mut link) = (end.first_id, end.first_link);
        let mut last = None;
        for row in self
            .events_from(0, limit)
            .await?
            .into_iter()
            .take_while(|row| row.created_at < before)
        {
            if row.id != place || !links.has_linked(&link, &row) {
                log::error!(
                    "event {place} does not verify, so old events are not deleted; run: doorward audit verify"
                );
                return Ok(0);
            }
            (place, link) = (row.id + 1, row.link.clone());
            last = Some(row);
        }
        let Some(last) = last else { return Ok(0) };
        self.transaction("store purge_events", async |tx| {
            let mut chain = hold_chain(tx).await?;
            // Another node may have been here; the newest row stays, because it is the chain's end;
            // and ends that were moved are not sealed again.
            if last.id < chain.first_id || last.id >= chain.last_id || links.seal(&chain) != chain.seal {
                return Ok(Rollback(0));
            }
            let first = chain.first_id;
            chain.first_id = last.id + 1;
            chain.first_link.clone_from(&last.link);
            chain.seal = links.seal(&chain);
            set_ends(tx, chain).await?;
            let purged = tx
                .query(
                    "DELETE FROM events
                     WHERE id <= $1",
                )
                .bind(last.id)
                .execute()
                .await?;
            let details = json!({"first": first, "last": last.id, "events": purged});
            append(tx, &event.clone().with(details)).await?;
            Ok(Commit(purged))
        })
        .await
    }
}
