//! Acts of administrators on others' accounts. Over HTTP, an admin never sees or sets a lasting
//! password (ASVS 6.4.6), and an admin cannot act on an account with more permissions.

mod change;
mod create;
mod find;
mod refusal;

pub use self::change::{delete, end_every_session, end_sessions, reset_password, unlock, update};
pub use self::create::{CreatedAccount, create, invite};
pub use self::find::{find, id_of, sessions, show};
pub(super) use self::refusal::refused;
