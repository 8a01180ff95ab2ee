//! Notes of the newest audit event in the log.
//!
//! Somebody who can write the database can put back an older state with its MACs. A position from the
//! chain that stands outside the database, as in the log, finds that: `doorward audit verify
//! --since`. The running server compares its own last note too.

use std::time::Duration;

use tokio::time::Instant;

use super::Failure;
use super::audit::place_text;
use crate::app::App;
use crate::model::event::ChainLinks as _;

/// Time between two looks at the end of the chain.
const LOOK: Duration = Duration::from_secs(2);
/// Longest time between two notes.
const INTERVAL: Duration = Duration::from_hours(1);
/// Number of events after which the next one is noted.
const EVENTS: i64 = 1000;

/// An event that was the newest when it was noted.
struct Note {
    id: i64,
    link: Vec<u8>,
    at: Instant,
}

impl Note {
    /// Whether the next note is due at `now`, when the newest event is `newest`.
    fn is_past(&self, newest: i64, now: Instant) -> bool {
        newest < self.id || newest >= self.id + EVENTS || now >= self.at + INTERVAL
    }
}

/// Notes the newest event at the start, after each thousand events and each hour, until dropped.
pub async fn keep_noted(app: &App) {
    let mut last = None;
    loop {
        match next_note(app, last.as_ref()).await {
            Ok(None) => {}
            Ok(note) => last = note,
            Err(failure) => {
                log::warn!(failure:%; "the newest audit event was not noted in the log; it is tried again");
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Writes the next note to the log, if it is due.
async fn next_note(app: &App, last: Option<&Note>) -> Result<Option<Note>, Failure> {
    let chain = app.store.chain().await?;
    let (now, key) = (Instant::now(), app.crypto.keyed().chain.clone());
    let is_early = last.is_some_and(|last| !last.is_past(chain.last_id, now));
    // A key that was replaced cannot tell; the new one is taken up at once.
    if is_early || chain.key_generation != key.generation() {
        return Ok(None);
    }
    if key.seal(&chain) != chain.seal {
        log::error!(
            "the audit record was changed: its first or last event does not match its MAC; run: doorward audit verify"
        );
    } else if let Some(last) = last
        && !is_kept(app, last).await?
    {
        let since = place_text(last.id, &last.link);
        log::error!(since = since.as_str(); "a noted audit event is missing or changed: an older database was restored");
    } else {
        let newest = place_text(chain.last_id, &chain.last_link);
        log::info!(newest = newest.as_str(); "newest audit event, for: doorward audit verify --since");
    }
    Ok(Some(Note {
        id: chain.last_id,
        link: chain.last_link,
        at: now,
    }))
}

/// Whether a noted event still exists unchanged, or was purged in its time.
async fn is_kept(app: &App, note: &Note) -> Result<bool, Failure> {
    let found = app.store.events_from(note.id, 1).await?;
    if found.first().is_some_and(|row| row.id == note.id) {
        return Ok(found[0].link == note.link);
    }
    Ok(app.store.chain().await?.first_id > note.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_event_is_noted_after_a_thousand_events_an_hour_or_when_events_are_gone() {
        let at = Instant::now();
        let note = Note {
            id: 5,
            link: Vec::new(),
            at,
        };
        for (newest, after, past) in [
            (5, Duration::ZERO, false),
            (1004, Duration::from_mins(59), false),
            (1005, Duration::ZERO, true),
            (5, Duration::from_hours(1), true),
            (4, Duration::ZERO, true),
        ] {
            assert_eq!(note.is_past(newest, at + after), past, "{newest} after {after:?}");
        }
    }
}
