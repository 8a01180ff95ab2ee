//! Events: finding them, recording them, and proving that none was changed or removed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Failure, cut_page, rows_of_page};
use crate::app::App;
use crate::model::event::{Chain, ChainLinks as _, Context, EventFilter, EventRow, EventType};

const PAGE: i64 = 1000;

/// One page of events, the newest first, and where the next one begins, if there is one.
///
/// # Errors
/// An infrastructure failure (`Busy`, `Unavailable`).
pub async fn find(
    app: &App,
    filter: &EventFilter,
    limit: usize,
) -> Result<(Vec<EventRow>, Option<i64>), Failure> {
    let mut events = app.store.find_events(filter, rows_of_page(limit)).await?;
    let next = cut_page(&mut events, limit).map(|last| last.id);
    Ok((events, next))
}

/// The next thousand events from a place on, the oldest first.
///
/// # Errors
/// An infrastructure failure (`Busy`, `Unavailable`).
pub async fn page_from(app: &App, place: i64) -> Result<Vec<EventRow>, Failure> {
    Ok(app.store.events_from(place, PAGE).await?)
}

/// Records an event that is no change of anything else, such as the start of a server.
///
/// # Errors
/// An infrastructure failure (`Busy`, `Unavailable`).
pub async fn record(app: &App, kind: EventType, context: &Context) -> Result<(), Failure> {
    Ok(app.store.append_event(&app.event(kind, context)).await?)
}

/// Result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditVerdict {
    /// The number of events, each in its place and as it was written, and the newest as `ID:LINK`:
    /// a note to keep elsewhere and to give to the next verification.
    Whole(i64, String),
    /// The event with this number, which the caller has noted, is gone or is another.
    Unlike(i64),
    /// The event with this number is not the one that was written, or is gone.
    Altered(i64),
    /// The two ends of the chain are not those that were written.
    EndsBroken,
}

/// Walks the whole chain; `known` is an event that the caller has noted at an earlier time, by its
/// number and link. Events that come meanwhile are left for the next time; if old ones are purged
/// meanwhile, it begins again.
///
/// # Errors
/// An infrastructure failure (`Busy`, `Unavailable`).
pub async fn verify(app: &App, known: Option<&(i64, Vec<u8>)>) -> Result<AuditVerdict, Failure> {
    loop {
        let chain = app.store.chain().await?;
        let found = verify_chain(app, &chain, known).await?;
        if matches!(found, AuditVerdict::Whole(..)) || app.store.chain().await?.first_id == chain.first_id {
            return Ok(found);
        }
    }
}

async fn verify_chain(
    app: &App,
    chain: &Chain,
    known: Option<&(i64, Vec<u8>)>,
) -> Result<AuditVerdict, Failure> {
    // A database in use has events. If the record alone is empty, somebody has emptied it.
    let unused = chain.is_unused()
        && app.store.count_users().await? == 0
        && app.store.signing_keys().await?.is_empty();
    if !unused && chain.seal != app.crypto.chain.seal(chain) {
        return Ok(AuditVerdict::EndsBroken);
    }
    if known.is_some_and(|(id, _)| *id > chain.last_id) {
        return Ok(AuditVerdict::Unlike(known.map_or(0, |(id, _)| *id)));
    }
    let (mut place, mut link) = (chain.first_id, chain.first_link.clone());
    while place <= chain.last_id {
        let page = page_from(app, place).await?;
        if page.is_empty() {
            return Ok(AuditVerdict::Altered(place));
        }
        for row in page.into_iter().take_while(|row| row.id <= chain.last_id) {
            if row.id != place || row.link != app.crypto.chain.link(&link, &row) {
                return Ok(AuditVerdict::Altered(place));
            }
            if known.is_some_and(|(id, link)| *id == row.id && *link != row.link) {
                return Ok(AuditVerdict::Unlike(row.id));
            }
            (place, link) = (place + 1, row.link);
        }
    }
    let before = app.store.events_from(0, 1).await?;
    if before.first().is_some_and(|row| row.id < chain.first_id)
        || link != chain.last_link
        || app.store.events_beyond().await? > 0
    {
        return Ok(AuditVerdict::EndsBroken);
    }
    Ok(AuditVerdict::Whole(
        chain.last_id + 1 - chain.first_id,
        format!("{}:{}", chain.last_id, URL_SAFE_NO_PAD.encode(link)),
    ))
}
