//! Refund of a right password: it gives the token back that it took from the address's budget, once a
//! minute for each account. People who use their passwords leave the budget to others behind their
//! address; one account that repeats its right password does not.

use crate::app::App;
use crate::model::event::Context;
use crate::model::ids::UserId;

/// Gives one token back to the budget of the caller's address, unless the account got one back within
/// the last minute.
pub fn give_token_back(app: &App, user: UserId, context: &Context) {
    let Ok(ip) = context.ip.parse() else { return };
    if app.memory.refunds.claim(user, app.clock.now()) {
        app.memory.logins.give_back(ip);
    }
}
