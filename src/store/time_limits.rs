//! Time limits of the calls to the database: the database's own, and one in this process for the
//! case that the host stops answering. Every call runs in a span of its own.

use std::pin::{Pin, pin};
use std::time::Duration;

use super::StoreError;
use crate::telemetry::request_context;

/// How long a request waits for a connection, and a statement for its end, before the database
/// counts as away.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Time after which a call is given up on this side: longer than the database takes to refuse it
/// itself.
const DEADLINE: Duration = Duration::from_millis(4500);

/// Runs a call in a span of its own, and gives up what takes longer than the database's own time
/// limits allow: its host is then gone without a word. The work stays pinned where the caller has
/// it, so that no wrapper holds another copy of it.
pub(super) async fn in_time<T>(
    span: &'static str,
    work: Pin<&mut impl Future<Output = Result<T, StoreError>>>,
) -> Result<T, StoreError> {
    let work = pin!(async {
        let result = tokio::time::timeout(DEADLINE, work)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()));
        if result.is_err() {
            request_context::failed("the database refused or was away");
        }
        result
    });
    request_context::span(span, work).await
}
