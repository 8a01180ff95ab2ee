//! Identification: the account that a login names, and the counters of attempts at it. The counters
//! exist also if the account does not.

use super::credentials::Login;
use crate::app::App;
use crate::crypto::device_tickets::{TicketHolder, TicketState};
use crate::memory::hash_queue::Caller;
use crate::model::email::Email;
use crate::model::throttle::Counters;
use crate::model::user::LoginAccount;
use crate::service::Failure;

/// The account that a login names, if there is one, and how the attempt is counted and queued.
pub struct Identified {
    /// The account.
    pub account: Option<LoginAccount>,
    /// Counters of the attempt.
    pub counters: Counters,
    /// Caller of its hash.
    pub caller: Caller,
}

/// Finds the account that a login names, and the counters and the caller of the attempt. A device
/// that shows the account's own ticket is counted apart, so that failures of others do not lock it
/// out, and has a reserved place in the queue of hashes, so that floods of others do not block it.
///
/// # Errors
/// An infrastructure failure.
pub async fn identify(app: &App, login: Login<'_>) -> Result<Identified, Failure> {
    let email = Email::parse("username", login.username).ok();
    let account = match &email {
        Some(email) => app.store.user_by_email(email.key()).await?,
        None => None,
    };
    let keyed = app.crypto.keyed();
    let known_device = login.device.zip(account.as_ref()).filter(|(ticket, account)| {
        let holder = TicketHolder::of(account);
        keyed.device_tickets.check(ticket, holder, app.clock.now()) != TicketState::Void
    });
    let name = account_name(login.username, email.as_ref());
    let names = &keyed.counter_names;
    let (counters, caller) = match known_device {
        Some((_, account)) => (
            names.of_devices(&name, account),
            Caller::known(login.ip, account.me.id),
        ),
        None => (
            names.of_address(&name, account.as_ref(), login.ip),
            Caller::stranger(login.ip),
        ),
    };
    Ok(Identified {
        account,
        counters,
        caller,
    })
}

/// Name by which failures of an account are counted: its canonical address, or the text that was
/// typed if that is no address.
#[must_use]
pub fn account_name(typed: &str, email: Option<&Email>) -> String {
    email.map_or_else(|| typed.to_lowercase(), |email| email.key().as_str().to_owned())
}
