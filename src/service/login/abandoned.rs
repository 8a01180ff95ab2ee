//! Settles attempts whose outcome was not stored, as failures: their guess was evaluated. Otherwise
//! somebody who leaves before each answer could keep the attempts of everybody else waiting.

use serde_json::json;

use crate::app::{App, OWN};
use crate::model::event::EventType;
use crate::model::refusal::LoginRefusal;

/// Settles them as they come, until dropped.
pub async fn keep_settled(app: &App) {
    loop {
        for counters in app.memory.abandoned.take().await {
            let reason = LoginRefusal::Abandoned.word();
            let event = app
                .event(EventType::LoginFail, &OWN)
                .with(json!({"reason": reason}));
            if let Err(error) = app.store.refuse_login(&counters, &event).await {
                log::warn!(error:%; "an abandoned login attempt was not settled; it counts as in flight for a while");
            }
        }
    }
}
