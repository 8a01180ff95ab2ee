//! Accounts and their sessions, as administrators see them.

use crate::app::App;
use crate::model::email::Email;
use crate::model::ids::{Subject, UserId};
use crate::model::session::SessionInfo;
use crate::model::user::{Account, AccountCursor, AccountFilter};
use crate::service::{Failure, cut_page, rows_of_page, sessions as session};

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

/// The number of the account with a subject.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn id_of(app: &App, subject: Subject) -> Result<UserId, Failure> {
    let filter = AccountFilter {
        subject: Some(subject),
        ..AccountFilter::default()
    };
    let (found, _) = find(app, &filter, None, 1).await?;
    found
        .first()
        .map(|account| account.me.id)
        .ok_or(Failure::NotFound)
}

/// An account's live sessions, the last used first.
///
/// # Errors
/// [`Failure::NotFound`], or an infrastructure failure.
pub async fn sessions(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    show(app, user).await?;
    session::list(app, user).await
}
