//! `doorward user`: administration of accounts, directly on the database. This command creates the
//! first admin.

mod print;

use clap::{Args, Subcommand};

use super::confirm::Consent;
use super::exit::Exit;
use super::operator::{CLI, OPERATOR};
use super::output::{self, Format};
use super::password;
use crate::app::App;
use crate::model::email::Email;
use crate::model::ids::UserId;
use crate::model::password::Password;
use crate::model::permission::DEFAULT_ROLE;
use crate::model::user::{Account, AccountChange, AccountFilter};
use crate::service::Failure;
use crate::service::admin::{self, CreatedAccount};
use crate::store::IfAbsent;

/// Accounts read at a time.
const PAGE: usize = 200;

/// Commands of `doorward user`.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Create an account; the password is read from a prompt or from standard input
    Create(Creation),
    /// List accounts
    List(Listing),
    /// Show an account
    Show {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        format: Format,
    },
    /// Disable an account and end its sessions
    Disable(Who),
    /// Enable an account
    Enable(Who),
    /// Set the role of an account
    SetRole {
        #[command(flatten)]
        who: Who,
        /// Name of a role
        role: String,
    },
    /// Set the email address of an account
    SetEmail {
        #[command(flatten)]
        who: Who,
        /// The new address
        email: String,
    },
    /// Replace the password with a one-time password and end the sessions
    ResetPassword {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        format: Format,
    },
    /// Unlock an account that too many failed logins have locked
    Unlock(Who),
    /// Delete an account permanently
    Delete {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        consent: Consent,
    },
    /// List the live sessions of an account
    Sessions {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        format: Format,
    },
    /// End every session of one account or of all accounts
    Logout(Logout),
}

/// The account that a command works on.
#[derive(Debug, Args)]
pub struct Who {
    /// Email address or id of the account
    who: String,
}

/// Options of `doorward user create`.
#[derive(Debug, Args)]
pub struct Creation {
    /// Email address of the account
    email: String,
    /// Role of the account
    #[arg(long, default_value = DEFAULT_ROLE)]
    role: String,
    /// Print a one-time password instead of asking for a password
    #[arg(long)]
    invite: bool,
    #[command(flatten)]
    format: Format,
}

/// Options of `doorward user list`.
#[derive(Debug, Args)]
pub struct Listing {
    /// Only email addresses that begin with this text
    #[arg(long, value_name = "PREFIX")]
    q: Option<String>,
    /// Only accounts with this role
    #[arg(long)]
    role: Option<String>,
    /// Only disabled accounts
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    format: Format,
}

/// Options of `doorward user logout`.
#[derive(Debug, Args)]
pub struct Logout {
    /// Email address or id of the account
    #[arg(required_unless_present = "everyone")]
    who: Option<String>,
    /// End the sessions of all accounts
    #[arg(long, conflicts_with = "who")]
    everyone: bool,
    #[command(flatten)]
    consent: Consent,
}

impl UserAction {
    /// Creating an account can begin an installation.
    pub const fn if_absent(&self) -> IfAbsent {
        match self {
            Self::Create(_) => IfAbsent::Create,
            _ => IfAbsent::Refuse,
        }
    }
}

/// Runs one of the commands.
///
/// # Errors
/// [`Exit`] with the reason.
pub async fn run(app: &App, action: UserAction) -> Result<(), Exit> {
    match action {
        UserAction::Create(options) => create(app, options).await,
        UserAction::List(options) => list(app, options).await,
        UserAction::Disable(who) => set_active(app, &who, false).await,
        UserAction::Enable(who) => set_active(app, &who, true).await,
        UserAction::SetRole { who, role } => {
            let role = Some(role.as_str());
            change(
                app,
                &who,
                AccountChange {
                    role,
                    ..AccountChange::default()
                },
            )
            .await
        }
        UserAction::SetEmail { who, email } => {
            let email = Email::parse_new("email", &email).map_err(|why| Failure::Invalid(vec![why]))?;
            let email = Some(&email);
            change(
                app,
                &who,
                AccountChange {
                    email,
                    ..AccountChange::default()
                },
            )
            .await
        }
        UserAction::ResetPassword { who, format } => {
            let account = find(app, &who.who).await?;
            let invitation = admin::reset_password(app, account.me.id, OPERATOR, &CLI).await?;
            print::invitation(&account, &invitation, format)
        }
        UserAction::Unlock(who) => {
            let account = find(app, &who.who).await?;
            admin::unlock(app, account.me.id, &CLI).await?;
            output::print(&format!("{} is unlocked\n", account.me.email))
        }
        UserAction::Show { who, format } => print::shown(find(app, &who.who).await?, format),
        UserAction::Delete { who, consent } => {
            let account = find(app, &who.who).await?;
            consent.ask(&format!(
                "Delete {} and its sessions permanently?",
                account.me.email
            ))?;
            admin::delete(app, account.me.id, OPERATOR, &CLI).await?;
            output::print(&format!("{} is deleted\n", account.me.email))
        }
        UserAction::Sessions { who, format } => {
            let account = find(app, &who.who).await?;
            let sessions = admin::sessions(app, account.me.id).await?;
            if sessions.is_empty() {
                output::none(format, "sessions");
                return Ok(());
            }
            output::header(format, print::SESSION_COLUMNS)?;
            for session in sessions {
                print::session(session, format)?;
            }
            Ok(())
        }
        UserAction::Logout(Logout { who: Some(who), .. }) => {
            let account = find(app, &who).await?;
            let ended = admin::end_sessions(app, account.me.id, OPERATOR, &CLI).await?;
            output::print(&format!("{ended} sessions of {} ended\n", account.me.email))
        }
        UserAction::Logout(Logout {
            who: None, consent, ..
        }) => {
            consent.ask("End the sessions of all accounts?")?;
            let ended = admin::end_every_session(app, &CLI).await?;
            output::print(&format!("{ended} sessions ended\n"))
        }
    }
}

async fn create(app: &App, options: Creation) -> Result<(), Exit> {
    let Creation {
        email,
        role,
        invite,
        format,
    } = options;
    if invite {
        let (account, invitation) = admin::invite(app, &email, &role, OPERATOR, &CLI).await?;
        return print::invitation(&account, &invitation, format);
    }
    let text = password::read()?;
    let address = Email::parse("email", &email).ok();
    let least = app.config.accounts.password_min_length;
    let password = Password::parse_new("password", &text, least, address.as_ref())
        .map_err(|why| Failure::Invalid(vec![why]))?;
    let account = CreatedAccount {
        email: &email,
        role: &role,
        password,
        password_expires_at: None,
    };
    let account = admin::create(app, account, OPERATOR, &CLI).await?;
    print::listed(account, format)
}

async fn list(app: &App, options: Listing) -> Result<(), Exit> {
    let filter = AccountFilter {
        prefix: options.q.map(|prefix| prefix.to_ascii_lowercase()),
        role: options.role,
        is_active: options.disabled.then_some(false),
        ..AccountFilter::default()
    };
    let mut after = None;
    loop {
        let (page, next) = admin::find(app, &filter, after.as_ref(), PAGE).await?;
        if after.is_none() {
            if page.is_empty() {
                output::none(options.format, "accounts");
                return Ok(());
            }
            output::header(options.format, print::ACCOUNT_COLUMNS)?;
        }
        for account in page {
            print::listed(account, options.format)?;
        }
        match next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(()),
        }
    }
}

async fn set_active(app: &App, who: &Who, is_active: bool) -> Result<(), Exit> {
    let is_active = Some(is_active);
    change(
        app,
        who,
        AccountChange {
            is_active,
            ..AccountChange::default()
        },
    )
    .await
}

async fn change(app: &App, who: &Who, change: AccountChange<'_>) -> Result<(), Exit> {
    let id = find(app, &who.who).await?.me.id;
    print::account(&admin::update(app, id, change, OPERATOR, &CLI).await?)
}

/// Finds an account by email address or id.
pub(super) async fn find(app: &App, who: &str) -> Result<Account, Exit> {
    let not_found = || Exit::failed(format!("there is no account {who}"));
    if let Ok(id) = who.parse::<i64>() {
        return admin::show(app, UserId::from(id))
            .await
            .map_err(|failure| match failure {
                Failure::NotFound => not_found(),
                other => other.into(),
            });
    }
    let email = Email::parse("email", who).map_err(|_| not_found())?;
    let filter = AccountFilter {
        email: Some(email.key().clone()),
        ..AccountFilter::default()
    };
    let (mut found, _) = admin::find(app, &filter, None, 1).await?;
    found.pop().ok_or_else(not_found)
}
