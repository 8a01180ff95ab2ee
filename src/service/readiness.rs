//! Whether this process can do its work: what another node would do better. Load is not among the
//! checks, because a flood of logins would take every node out of a load balancer at once; it shows
//! in the metrics, and in 503 at `/login`.

use std::sync::atomic::Ordering;

use crate::app::App;

/// One check by name and whether it holds.
pub type Check = (&'static str, bool);

/// Asks each part that a request may need.
///
/// `serving` ends when the process begins to stop. `feed` holds once the feed of changes was read,
/// and as long as the last reading is within the registry's lease: before that the process is
/// starting, later it has lost the database.
pub async fn checks(app: &App) -> Vec<Check> {
    let migrated = app.store.is_migrated().await;
    vec![
        ("serving", !app.stopping.load(Ordering::Relaxed)),
        ("database", migrated.is_ok()),
        ("migrations", migrated.unwrap_or(false)),
        (
            "keys",
            app.crypto.access_tokens.signing_since(app.clock.now()).is_some(),
        ),
        ("feed", app.memory.registry.leased()),
    ]
}
