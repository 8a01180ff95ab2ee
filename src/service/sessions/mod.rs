//! Sessions: a login opens one, a refresh carries it on, a logout ends it; every request asks for
//! the state of its own.
//!
//! Each act that ends a session commits first, then evicts it from the registry, then answers: no
//! request that is sent after the answer finds it.

mod authenticate;
mod end;
mod expiry;
mod introspect;
mod open;
mod refresh;
mod repeat;
mod token_pair;
mod uses;

pub use self::authenticate::{Bearer, authenticate, authenticate_again};
pub use self::end::{LogoutScope, end_own, logout, revoke};
pub use self::introspect::{Active, ExpectedToken, introspect};
pub use self::open::{Client, open};
pub use self::refresh::refresh;
pub use self::token_pair::TokenPair;
pub(super) use self::token_pair::issue_next;
pub use self::uses::{keep_uses_written, write_uses};
use super::Failure;
use crate::app::App;
use crate::model::ids::UserId;
use crate::model::session::SessionInfo;

/// A user's live sessions, the last used first.
///
/// # Errors
/// An infrastructure failure.
pub async fn list(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    let now = app.clock.now();
    let mut live = Vec::new();
    for session in app.store.sessions_of(user, now).await? {
        if session.runs {
            live.push(session.info);
        } else {
            expiry::store_end(app, session.info.id, now).await;
        }
    }
    Ok(live)
}
