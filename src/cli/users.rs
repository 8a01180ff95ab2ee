//! `doorward user`: what the administrative interface does, on the database itself. The first admin
//! is made here.

use std::io::{IsTerminal as _, stdin};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use zeroize::Zeroizing;

use super::{CLI, Exit, argument, json_switch, optional, print, print_json};
use crate::app::App;
use crate::http::api::me::Session;
use crate::http::api::users::User;
use crate::model::authority::Authority;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::ids::{SessionId, UserId};
use crate::model::password::Password;
use crate::model::permission::DEFAULT_ROLE;
use crate::model::user::{Account, AccountChange, AccountFilter};
use crate::service::Failure;
use crate::service::administration::{self, CreatedAccount};
use crate::service::login::Invitation;

const PAGE: usize = 200;

/// Its commands.
pub fn command() -> Command {
    let who = || {
        Arg::new("who")
            .value_name("WHO")
            .required(true)
            .help("An address, or an id")
    };
    let role = || Arg::new("role").long("role").value_name("ROLE");
    Command::new("user")
        .about("Accounts and their sessions")
        .subcommand_required(true)
        .subcommands([
            Command::new("create")
                .about("Make an account; the password comes from a prompt or from standard input")
                .arg(Arg::new("email").value_name("EMAIL").required(true))
                .arg(role().default_value(DEFAULT_ROLE))
                .arg(
                    Arg::new("invite")
                        .long("invite")
                        .action(ArgAction::SetTrue)
                        .help("Ask for no password: print a one-time password"),
                )
                .arg(json_switch()),
            Command::new("list")
                .about("List accounts")
                .arg(
                    Arg::new("q")
                        .long("q")
                        .value_name("PREFIX")
                        .help("Whose addresses begin so"),
                )
                .arg(role())
                .arg(json_switch()),
            Command::new("disable")
                .about("Disable an account; its sessions end")
                .arg(who()),
            Command::new("enable").about("Enable an account").arg(who()),
            Command::new("set-role")
                .about("Give an account another role")
                .arg(who())
                .arg(Arg::new("new").value_name("ROLE").required(true)),
            Command::new("reset-password")
                .about("Replace the password by a one-time password; the sessions end")
                .arg(who())
                .arg(json_switch()),
            Command::new("unlock")
                .about("Let strangers try the password again after too many failures")
                .arg(who()),
            Command::new("delete")
                .about("Delete an account for good")
                .arg(who()),
            Command::new("sessions")
                .about("List an account's live sessions")
                .arg(who())
                .arg(json_switch()),
            Command::new("logout")
                .about("End every session of an account, or of all")
                .arg(
                    Arg::new("who")
                        .value_name("WHO")
                        .required_unless_present("everyone")
                        .help("An address, or an id"),
                )
                .arg(
                    Arg::new("everyone")
                        .long("everyone")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("who")
                        .help("Every session of every account"),
                ),
        ])
}

/// Runs one of them.
///
/// # Errors
/// [`Exit`] with why not.
pub async fn run(app: &App, matches: &ArgMatches) -> Result<(), Exit> {
    let Some((name, options)) = matches.subcommand() else {
        return Ok(());
    };
    let authority = Authority::OPERATOR;
    match name {
        "create" => create(app, options).await,
        "list" => list(app, options).await,
        "logout" if options.get_flag("everyone") => {
            let ended = administration::end_every_session(app, &CLI).await?;
            print(&format!("{ended} sessions ended\n"))
        }
        _ => act(app, name, options, authority).await,
    }
}

/// On one account.
async fn act(app: &App, name: &str, options: &ArgMatches, authority: Authority) -> Result<(), Exit> {
    let account = find(app, argument(options, "who")).await?;
    let id = account.me.id;
    let change =
        |role, is_active| administration::update(app, id, AccountChange { role, is_active }, authority, &CLI);
    match name {
        "disable" => show(&change(None, Some(false)).await?)?,
        "enable" => show(&change(None, Some(true)).await?)?,
        "set-role" => show(&change(Some(argument(options, "new")), None).await?)?,
        "reset-password" => {
            let invitation = administration::reset_password(app, id, authority, &CLI).await?;
            tell(&account, &invitation, options.get_flag("json"))?;
        }
        "unlock" => {
            administration::unlock(app, id, &CLI).await?;
            print(&format!("{} is unlocked\n", account.me.email))?;
        }
        "delete" => {
            administration::delete(app, id, authority, &CLI).await?;
            print(&format!("{} is deleted\n", account.me.email))?;
        }
        "logout" => {
            let ended = administration::end_sessions(app, id, authority, &CLI).await?;
            print(&format!("{ended} sessions of {} ended\n", account.me.email))?;
        }
        _ => {
            for session in administration::sessions(app, id).await? {
                if options.get_flag("json") {
                    print_json(&Session::of(session, SessionId::FIRST))?;
                } else {
                    print(&format!(
                        "{}  {}  {:15}  {}\n",
                        session.id,
                        session.last_used_at.rfc3339(),
                        session.ip,
                        session.user_agent
                    ))?;
                }
            }
        }
    }
    Ok(())
}

async fn create(app: &App, options: &ArgMatches) -> Result<(), Exit> {
    let (email, role, json) = (
        argument(options, "email"),
        argument(options, "role"),
        options.get_flag("json"),
    );
    if options.get_flag("invite") {
        let (account, invitation) =
            administration::invite(app, email, role, Authority::OPERATOR, &CLI).await?;
        return tell(&account, &invitation, json);
    }
    let text = read_password()?;
    let address = Email::parse("email", email).ok();
    let password = Password::parse_new(
        "password",
        &text,
        app.config.accounts.password_min_length,
        address.as_ref(),
    );
    let password = password.map_err(|why| Failure::Invalid(vec![why]))?;
    let account = administration::create(
        app,
        CreatedAccount {
            email,
            role,
            password,
            password_expires_at: None,
        },
        Authority::OPERATOR,
        &CLI,
    )
    .await?;
    if json {
        return print_json(&User::from(account));
    }
    show(&account)
}

async fn list(app: &App, options: &ArgMatches) -> Result<(), Exit> {
    let filter = AccountFilter {
        prefix: optional(options, "q").map(str::to_ascii_lowercase),
        role: optional(options, "role").map(str::to_owned),
        ..AccountFilter::default()
    };
    let mut after = None;
    loop {
        let (page, next) = administration::find(app, &filter, after.as_ref(), PAGE).await?;
        for account in page {
            if options.get_flag("json") {
                print_json(&User::from(account))?;
            } else {
                show(&account)?;
            }
        }
        match next {
            Some(place) => after = Some(place),
            None => return Ok(()),
        }
    }
}

async fn find(app: &App, who: &str) -> Result<Account, Exit> {
    let nobody = || Exit::failed(format!("there is no account {who}"));
    if let Ok(id) = who.parse::<i64>() {
        return administration::show(app, UserId::from(id))
            .await
            .map_err(|failure| match failure {
                Failure::NotFound => nobody(),
                other => other.into(),
            });
    }
    let email = Email::parse("email", who).map_err(|_| nobody())?;
    let filter = AccountFilter {
        email: Some(email.key().clone()),
        ..AccountFilter::default()
    };
    administration::find(app, &filter, None, 1)
        .await?
        .0
        .pop()
        .ok_or_else(nobody)
}

fn show(account: &Account) -> Result<(), Exit> {
    let state = match account.password_expires_at {
        _ if !account.me.is_active => "disabled",
        Some(_) => "invited",
        None => "active",
    };
    let seen = account
        .last_login_at
        .map_or_else(|| "never".to_owned(), Timestamp::rfc3339);
    print(&format!(
        "{:6}  {:8}  {:12}  last login {seen:27}  {}\n",
        account.me.id.get(),
        state,
        account.me.role,
        account.me.email
    ))
}

fn tell(account: &Account, invitation: &Invitation, json: bool) -> Result<(), Exit> {
    if json {
        return print_json(&json!({
            "id": account.me.id, "email": account.me.email,
            "one_time_password": invitation.password, "expires_at": invitation.expires_at.rfc3339(),
        }));
    }
    print(&format!(
        "{} may log in once with {} until {}, and sets another password then\n",
        account.me.email,
        invitation.password,
        invitation.expires_at.rfc3339()
    ))
}

/// From a prompt that shows nothing, twice; or, where there is no terminal, the first line of
/// standard input.
fn read_password() -> Result<Zeroizing<String>, Exit> {
    if !stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        stdin().read_line(&mut line).map_err(Exit::failed)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |words| {
        rpassword::prompt_password(words)
            .map(Zeroizing::new)
            .map_err(Exit::failed)
    };
    let (first, second) = (ask("Password: ")?, ask("Once more: ")?);
    if first == second {
        Ok(first)
    } else {
        Err(Exit::failed("the two passwords differ"))
    }
}
