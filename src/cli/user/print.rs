//! Printed lines for accounts, sessions and one-time passwords.

use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::output::{Format, print, print_json};
use crate::http::api::me::Session;
use crate::http::api::users::User;
use crate::model::clock::Timestamp;
use crate::model::ids::SessionId;
use crate::model::session::SessionInfo;
use crate::model::user::Account;
use crate::service::login::Invitation;

/// Prints an account in the requested form.
pub fn listed(one: Account, format: Format) -> Result<(), Exit> {
    if format.json {
        print_json(&User::from(one))
    } else {
        account(&one)
    }
}

/// Names of what a line of [`account`] shows.
pub const ACCOUNT_COLUMNS: &str =
    "    ID  STATE     ROLE          LAST LOGIN                              E-MAIL";
/// Names of what a line of [`session`] shows.
pub const SESSION_COLUMNS: &str =
    "SESSION                               LAST USED                    ADDRESS          USER AGENT";

fn state(account: &Account) -> &'static str {
    match account.password_expires_at {
        _ if !account.me.is_active => "disabled",
        Some(_) => "invited",
        None => "active",
    }
}

fn last_login(account: &Account) -> String {
    account
        .last_login_at
        .map_or_else(|| "never".to_owned(), Timestamp::rfc3339)
}

/// Prints all that is known of an account.
pub fn shown(one: Account, format: Format) -> Result<(), Exit> {
    if format.json {
        return print_json(&User::from(one));
    }
    print(&format!(
        "id          {}\ne-mail      {}\nstate       {}\nrole        {}\nsubject     {}\ncreated     {}\nlast login  {}\n",
        one.me.id.get(),
        one.me.email,
        state(&one),
        one.me.role,
        one.subject,
        one.created_at.rfc3339(),
        last_login(&one),
    ))
}

/// Prints an account as one line of text.
pub fn account(account: &Account) -> Result<(), Exit> {
    let (state, seen) = (state(account), last_login(account));
    print(&format!(
        "{:6}  {:8}  {:12}  last login {seen:27}  {}\n",
        account.me.id.get(),
        state,
        account.me.role,
        account.me.email
    ))
}

/// Prints a one-time password and its expiry time.
pub fn invitation(account: &Account, invitation: &Invitation, format: Format) -> Result<(), Exit> {
    let (email, password) = (&account.me.email, &invitation.password);
    let expires_at = invitation.expires_at.rfc3339();
    if format.json {
        return print_json(&json!({
            "id": account.me.id, "email": email, "one_time_password": password, "expires_at": expires_at,
        }));
    }
    print(&format!(
        "{email} can log in once with {password} until {expires_at} and must then set a new password\n"
    ))
}

/// Prints a live session.
pub fn session(session: SessionInfo, format: Format) -> Result<(), Exit> {
    if format.json {
        return print_json(&Session::of(session, SessionId::FIRST));
    }
    let SessionInfo {
        id,
        ip,
        user_agent,
        last_used_at,
        ..
    } = session;
    print(&format!(
        "{id}  {}  {ip:15}  {user_agent}\n",
        last_used_at.rfc3339()
    ))
}
