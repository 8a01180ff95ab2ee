//! Notes of refused passwords in the log: the queue of hashes is full, or there is no memory for one.
//!
//! A flood makes hundreds of such answers a second. A line for each would hide all others, so a
//! second with refusals has one line with their number.

use std::time::Duration;

use crate::app::App;

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(1);

/// Notes the refusals of each second, until dropped.
pub async fn keep_noted(app: &App) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        note(app);
    }
}

/// Writes the number of refusals since the last line to the log, if there were any.
pub fn note(app: &App) {
    let refused = app.passwords.take_refused();
    if refused > 0 {
        log::warn!(refused; "requests with a password were answered 503: the hash queue is full, or there is no memory for a hash");
    }
}
