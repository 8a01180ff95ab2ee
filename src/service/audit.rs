//! Events: finding them, recording them, and proving that none was changed or removed.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Failure, cut_page, rows_of_page};
use crate::app::App;
use crate::model::event::{Chain, ChainLinks as _, Context, EventFilter, EventRow, EventType};

const PAGE: i64 = 1000;
const LINK_BYTES: usize = 32;

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

/// The next thousand events from a position on, the oldest first.
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
    /// The number of events, each in its position and unchanged, and the newest as `ID:LINK`:
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
    let key = app.crypto.keyed().chain.clone();
    if chain.key_generation != key.generation() || chain.seal != key.seal(chain) {
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
            if row.id != place || !key.has_linked(&link, &row) {
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
        place_text(chain.last_id, &link),
    ))
}

/// Event of the chain as `ID:LINK`, the form in which a verification prints and takes it. The link
/// is in hexadecimal: in base64url it may look like a token, which logs are searched for.
#[must_use]
pub fn place_text(id: i64, link: &[u8]) -> String {
    let mut text = format!("{id}:");
    for byte in link {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

/// Parses `ID:LINK`. Version 0.1.0 printed the link in base64url.
#[must_use]
pub fn parse_place(text: &str) -> Option<(i64, Vec<u8>)> {
    let (id, link) = text.split_once(':')?;
    let link = if link.len() == 2 * LINK_BYTES && link.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let byte = |place: usize| u8::from_str_radix(&link[place..place + 2], 16).ok();
        (0..link.len()).step_by(2).map(byte).collect::<Option<_>>()?
    } else {
        URL_SAFE_NO_PAD.decode(link).ok()?
    };
    Some((id.parse().ok()?, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_printed_now_and_by_the_first_version() {
        let link: Vec<u8> = (240..=255).chain(0..16).collect();
        let text = place_text(7, &link);
        assert!(text.starts_with("7:f0f1") && text.ends_with("0e0f"), "{text}");
        let earlier = format!("7:{}", URL_SAFE_NO_PAD.encode(&link));
        for text in [&text, &earlier] {
            assert_eq!(parse_place(text), Some((7, link.clone())), "{text}");
        }
        for bad in ["7", "7:!", "x:f0f1", "7:+1", &text.replace("f0", "+1")] {
            assert_eq!(parse_place(bad), None, "{bad}");
        }
    }
}
