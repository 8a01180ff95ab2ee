//! First uses of generations: written to the database a moment later, so that a repeated refresh on
//! another node finds them.

use std::time::Duration;

use crate::app::App;
use crate::store::StoreError;
use crate::store::generation_uses::TOGETHER;

/// Pause between two writings: the time for which other nodes do not know of a use.
const INTERVAL: Duration = Duration::from_millis(500);

/// Writes uses again and again until dropped.
pub async fn keep_uses_written(app: &App) {
    let mut warned = false;
    loop {
        tokio::time::sleep(INTERVAL).await;
        match write_uses(app).await {
            Ok(()) => warned = false,
            Err(error) if !warned => {
                warned = true;
                log::warn!(error:%; "cannot write which access tokens were used; it is tried again");
            }
            Err(_) => {}
        }
    }
}

/// Writes every use that waits.
///
/// # Errors
/// [`StoreError`]; what is not written waits on.
pub async fn write_uses(app: &App) -> Result<(), StoreError> {
    let uses = &app.memory.generation_uses;
    loop {
        let batch = uses.batch(TOGETHER);
        if batch.is_empty() {
            return Ok(());
        }
        app.store.write_generation_uses(&batch).await?;
        uses.written(&batch);
    }
}
