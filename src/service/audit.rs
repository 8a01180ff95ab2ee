//! The events: what happened, and the proof that nothing of it was changed or removed.

use super::Failure;
use crate::app::App;
use crate::model::event::{Chain, Context, EventRow, EventType};
pub use crate::store::events::EventFilter;

const PAGE: i64 = 1000;

/// One page of events, the newest first, and where the next one begins, if there is one.
///
/// # Errors
/// A passing failure.
pub async fn find(app: &App, filter: &EventFilter, limit: usize) -> Result<(Vec<EventRow>, Option<i64>), Failure> {
    let more = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut events = app.store.find_events(filter, more).await?;
    let next = if events.len() > limit {
        events.truncate(limit);
        events.last().map(|last| last.id)
    } else {
        None
    };
    Ok((events, next))
}

/// The next thousand events from a place on, the oldest first.
///
/// # Errors
/// A passing failure.
pub async fn page_from(app: &App, place: i64) -> Result<Vec<EventRow>, Failure> {
    Ok(app.store.events_from(place, PAGE).await?)
}

/// Stores something that is no change of anything else, such as the start of a server.
///
/// # Errors
/// A passing failure.
pub async fn record(app: &App, kind: EventType, context: &Context) -> Result<(), Failure> {
    Ok(app.store.append_event(&app.event(kind, context)).await?)
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// So many events, each in its place and as it was written.
    Whole(i64),
    /// The event with this number is not the one that was written, or is gone.
    Broken(i64),
    /// The two ends of the chain are not those that were written.
    EndsBroken,
}

/// Walks the whole chain. Events that come meanwhile are left for the next time; if old ones are purged meanwhile, it begins again.
///
/// # Errors
/// A passing failure.
pub async fn verify(app: &App) -> Result<Verified, Failure> {
    loop {
        let chain = app.store.chain().await?;
        let found = verify_chain(app, &chain).await?;
        if matches!(found, Verified::Whole(_)) || app.store.chain().await?.first_id == chain.first_id {
            return Ok(found);
        }
    }
}

async fn verify_chain(app: &App, chain: &Chain) -> Result<Verified, Failure> {
    let never_used = chain.last_id == 0 && chain.first_id == 1 && chain.seal.is_empty();
    if !never_used && chain.seal != app.chain.seal(chain) {
        return Ok(Verified::EndsBroken);
    }
    let (mut place, mut link) = (chain.first_id, chain.first_link.clone());
    while place <= chain.last_id {
        let page = page_from(app, place).await?;
        if page.is_empty() {
            return Ok(Verified::Broken(place));
        }
        for row in page.into_iter().take_while(|row| row.id <= chain.last_id) {
            if row.id != place || row.link != app.chain.link(&link, &row) {
                return Ok(Verified::Broken(place));
            }
            (place, link) = (place + 1, row.link);
        }
    }
    let before = app.store.events_from(0, 1).await?;
    if before.first().is_some_and(|row| row.id < chain.first_id) || link != chain.last_link {
        return Ok(Verified::EndsBroken);
    }
    Ok(Verified::Whole(chain.last_id + 1 - chain.first_id))
}
