//! Refund of a right password: what it took from the budget of the IP address is given back, and it
//! counts as no demand of the address's networks for hashes, once a minute for each account. So people who
//! log in correctly use up nothing of others at the same IP address. One account that logs in again
//! and again does.

use crate::app::App;
use crate::model::event::Context;
use crate::model::ids::UserId;

/// Gives back what the attempt took from the caller's IP address, unless that was done for the account
/// within the last minute.
pub fn give_token_back(app: &App, user: UserId, context: &Context) {
    let Ok(ip) = context.ip.parse() else { return };
    if app.memory.refunds.claim(user, app.clock.now()) {
        app.memory.logins.give_back(ip);
        app.passwords.was_right(ip);
    }
}
