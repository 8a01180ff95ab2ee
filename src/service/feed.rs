//! The reader of the feed: this process's registry forgets what other processes on the same
//! database changed.
//!
//! A reading that succeeds renews the registry's lease; while none does, the registry answers
//! nothing, so a node without its database reports a session that was ended elsewhere as live for
//! at most the lease.

use std::io;
use std::time::Duration;

use super::Failure;
use super::keys::{self, ReloadFailure};
use crate::app::App;
use crate::memory::session_registry::Registry;
use crate::model::clock::Timestamp;
use crate::store::feed::{Change, FeedPlace};

/// How long to wait for word of a change before reading anyway: a share of the lease, so that one
/// slow reading does not end it.
const INTERVAL: Duration = Duration::from_millis(200);
const BATCH: usize = 1000;

/// One reading that takes longer is given up: the database is away.
const DEADLINE: Duration = Duration::from_secs(2);
/// The longest pause after a failure; each doubles the one before.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// After a silence this long (a process that was stopped, a machine that slept) the rows in between
/// may be purged: begin anew.
const LONGEST_SILENCE: Duration = Duration::from_mins(30);

/// How far the feed was read, and when.
#[derive(Debug, Clone)]
pub struct FeedPosition {
    place: FeedPlace,
    at: Timestamp,
}

/// Begins at the newest change.
///
/// # Errors
/// The feed could not be read.
pub async fn begin(app: &App) -> Result<FeedPosition, Failure> {
    let at = app.clock.now();
    Ok(FeedPosition {
        place: catch_up(app, None).await?,
        at,
    })
}

/// Follows the feed from there until dropped.
///
/// # Errors
/// The keys of the database are sealed under a root secret that this node does not have. To go on
/// would be to accept what was issued with keys that were replaced.
pub async fn follow(app: &App, from: FeedPosition) -> io::Result<()> {
    let mut watch = app.store.watch();
    let mut last = Some(from);
    let mut warned = false;
    let mut pause = INTERVAL;
    loop {
        let now = app.clock.now();
        let place = last
            .filter(|last| last.at <= now && now < last.at.plus(LONGEST_SILENCE))
            .map(|last| last.place);
        let reading = tokio::time::timeout(DEADLINE, catch_up(app, place)).await;
        last = match reading {
            Ok(Ok(place)) => {
                pause = INTERVAL;
                warned = false;
                Some(FeedPosition { place, at: now })
            }
            Ok(Err(ReloadFailure::SecretReplaced(error))) => {
                app.memory.registry.end_lease();
                return Err(io::Error::other(ReloadFailure::SecretReplaced(error)));
            }
            failed => {
                app.memory.registry.end_lease();
                if !warned {
                    warned = true;
                    let cause = failed.map_or_else(
                        |_| "no answer in time".to_owned(),
                        |error| error.err().map(|error| error.to_string()).unwrap_or_default(),
                    );
                    log::warn!(cause = cause.as_str(); "cannot read the feed of changes; sessions are checked in the database meanwhile");
                }
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
                None
            }
        };
        if !watch.wait(INTERVAL).await {
            // Another server may answer at this address next.
            app.memory.registry.end_lease();
            last = None;
        }
    }
}

/// Reads what has come since `place`, evicts it and renews the lease. Returns the new position. Without
/// a position it starts with an empty registry at the newest change. It also restarts if the position
/// belongs to another database, or the database lost rows that were read (a failover to a copy that
/// lags, a restore).
///
/// # Errors
/// The feed could not be read, or the keys could not be taken up; the position is then unknown, because
/// rows may be purged meanwhile.
pub async fn catch_up(app: &App, place: Option<FeedPlace>) -> Result<FeedPlace, ReloadFailure> {
    let Some(mut place) = place else {
        return begin_anew(app).await;
    };
    loop {
        let start = Registry::lease_start();
        let Some(changes) = app.store.changes_after(&place, BATCH).await? else {
            log::warn!("the database is another one or is behind what was read; every session is read again");
            return begin_anew(app).await;
        };
        for row in &changes {
            match row.change() {
                Change::Session(session) => app.memory.registry.evict(session),
                Change::User(user) => app.memory.registry.evict_user(user),
                Change::Role(role) => app.memory.registry.evict_role(role),
                Change::Everything => {
                    keys::reload(app).await?;
                    app.memory.registry.clear();
                }
            }
            place = place.moved_to(row.id);
        }
        if changes.len() < BATCH {
            app.memory.registry.renew_lease(start);
            return Ok(place);
        }
    }
}

async fn begin_anew(app: &App) -> Result<FeedPlace, ReloadFailure> {
    let start = Registry::lease_start();
    let newest = app.store.newest_place().await?;
    keys::reload(app).await?;
    app.memory.registry.clear();
    app.memory.registry.renew_lease(start);
    Ok(newest)
}
