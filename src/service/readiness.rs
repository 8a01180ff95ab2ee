//! Whether this process can do its work.

use crate::app::App;

/// One check by name and whether it holds.
pub type Check = (&'static str, bool);

/// Asks each part that a request may need. Migrations and keys were checked at the start, or there would be no process to ask.
pub async fn checks(app: &App) -> Vec<Check> {
    vec![("database", app.store.ping().await.is_ok()), ("hash_queue", app.passwords.has_room())]
}
