//! Acts of administrators on others' accounts. An admin never sees or sets a lasting password (ASVS
//! 6.4.6), and an admin cannot act on an account with more permissions.

mod change;
mod create;

pub use self::change::{delete, end_every_session, end_sessions, reset_password, unlock, update};
pub use self::create::{CreatedAccount, create, invite};
use super::{Failure, cut_page, rows_of_page, sessions as session};
use crate::app::App;
use crate::model::email::Email;
use crate::model::event::Context;
use crate::model::ids::UserId;
use crate::model::invalid::Invalid;
use crate::model::session::SessionInfo;
use crate::model::user::{Account, AccountCursor, AccountFilter};
use crate::store::authority::Refusal;

/// One page of accounts, and where the next one begins, if there is one.
///
/// # Errors
/// An infrastructure failure.
pub async fn find(
    app: &App,
    filter: &AccountFilter,
    after: Option<&AccountCursor>,
    limit: usize,
) -> Result<(Vec<Account>, Option<AccountCursor>), Failure> {
    let mut accounts = app
        .store
        .find_accounts(filter, after, rows_of_page(limit))
        .await?;
    let next = cut_page(&mut accounts, limit).and_then(|last| match &filter.prefix {
        Some(_) => Email::parse("email", &last.me.email)
            .ok()
            .map(|email| AccountCursor::AfterEmail(email.key().as_str().to_owned())),
        None => Some(AccountCursor::AfterId(last.me.id)),
    });
    Ok((accounts, next))
}

/// One account.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn show(app: &App, user: UserId) -> Result<Account, Failure> {
    app.store.account(user).await?.ok_or(Failure::NotFound)
}

/// An account's live sessions, the last used first.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn sessions(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    show(app, user).await?;
    session::list(app, user).await
}

/// Failure of an act that the store refused.
pub(super) fn refused(refusal: Refusal, context: &Context) -> Failure {
    match refusal {
        Refusal::Unknown => Failure::NotFound,
        Refusal::Outdated => Failure::Outdated,
        Refusal::Unseen => Failure::VersionRequired,
        Refusal::NotCovered => not_permitted(context),
        Refusal::Unauthenticated => Failure::InvalidToken,
        Refusal::LastAdmin => Failure::LastAdmin,
        Refusal::UnknownRole => Failure::Invalid(vec![unknown_role()]),
        Refusal::InUse => Failure::RoleInUse,
    }
}

/// Logs and refuses an act beyond the permissions of its caller.
fn not_permitted(context: &Context) -> Failure {
    log::warn!(request_id = context.request_id.as_str(), actor:? = context.actor; "an administrator is refused what they may not");
    Failure::NotPermitted
}

fn unknown_role() -> Invalid {
    Invalid::field("role", "enum", "Input should be the name of a role")
}
