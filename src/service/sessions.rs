//! Sessions: how a login opens one, a refresh carries it on, and a logout ends it.
//!
//! Whatever ends a session commits first, then evicts it from the registry, then answers: no
//! request that is sent after the answer finds it.

use serde_json::json;
use uuid::Uuid;

use super::standing::Bearer;
use super::{Failure, counted, throttle};
use crate::app::App;
use crate::crypto::access_tokens::TokenIdentity;
use crate::crypto::passwords::Verdict;
use crate::crypto::refresh_tokens::VerifiedRefreshToken;
use crate::model::clock::{NODES_APART, Timestamp};
use crate::model::email::Email;
use crate::model::event::{Context, Event, EventType};
use crate::model::ids::{SessionId, UserId};
use crate::model::invalid::Invalid;
use crate::model::password::Password;
use crate::model::session::{EndReason, NewSession, SessionInfo, Which};
use crate::model::throttle::Counters;
use crate::model::user::LoginAccount;
use crate::store::attempts::AttemptOutcome;
use crate::store::refresh::Rotation;
use crate::store::sessions::SessionGuard;

/// A user name and password, as they were typed, and where they came from.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The address.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// What to set in place of a one-time password; of no use with a lasting one.
    pub new_password: Option<&'a str>,
    /// The ticket that the device got at an earlier login.
    pub device: Option<&'a str>,
    /// What the client calls itself; cut to [`MAX_USER_AGENT`] characters.
    pub user_agent: &'a str,
}

/// The longest user agent kept, in characters.
pub const MAX_USER_AGENT: usize = 256;

/// A session's pair of tokens.
#[derive(Debug)]
pub struct TokenPair {
    /// The JWT.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// The opaque token that gets the next pair.
    pub refresh_token: String,
    /// For a device that has just logged in for the first time.
    pub device_ticket: Option<String>,
}

/// Logs in: opens a session and issues its first tokens.
///
/// Exactly one hash runs whether or not there is such an account, and everyone who is refused gets
/// the same words (ASVS 6.3.8). Only the hash of an imported account costs what its former system
/// made it cost, until the first login has replaced it. A password that no account can have is
/// refused without a hash: that says nothing about any account.
///
/// # Errors
/// [`Failure::BadCredentials`], [`Failure::PasswordGrantOff`], [`Failure::PasswordChangeRequired`]
/// or [`Failure::Invalid`] where a one-time password was right, or a passing failure.
pub async fn login(app: &App, login: Login<'_>, context: &Context) -> Result<TokenPair, Failure> {
    counted(
        &app.metrics.logins,
        log_in(app, login, context).await.map(|grant| (grant, "ok")),
    )
}

async fn log_in(app: &App, login: Login<'_>, context: &Context) -> Result<TokenPair, Failure> {
    if !app.config.accounts.password_grant {
        return Err(Failure::PasswordGrantOff);
    }
    let password = Password::parse(login.password).ok_or(Failure::BadCredentials("impossible_password"))?;
    let email = Email::parse("username", login.username).ok();
    let user = match &email {
        Some(email) => app.store.user_by_email(email.key()).await?,
        None => None,
    };
    let known = login.device.filter(|ticket| {
        user.as_ref()
            .is_some_and(|user| app.throttle.is_ticket_of(ticket, user.subject))
    });
    let account = throttle::account_name(login.username, email.as_ref());
    let counters = match known {
        Some(ticket) => app.throttle.of_device(ticket, &account),
        None => app.throttle.of_address(&account, context.ip.parse().ok()),
    };
    let attempt = Attempt {
        counters,
        known_device: known.is_some(),
    };
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let (verdict, _under_way) = throttle::verify(app, counters, password, stored).await?;
    let refusal = refusal(user.as_ref(), verdict, app.clock.now());
    let user = match (user, refusal) {
        (Some(user), None) => user,
        (user, reason) => {
            let reason = reason.unwrap_or("unknown_account");
            let event = app
                .event(EventType::LoginFail, context)
                .with(json!({"reason": reason}));
            let event = user
                .into_iter()
                .fold(event, |event, user| event.of_user(user.me.id));
            app.store
                .refuse_login(&counters, throttle::wrong(app, event.at), &event)
                .await?;
            log::info!(reason; "login refused");
            return Err(Failure::BadCredentials(reason));
        }
    };
    if user.password_expires_at.is_some() {
        let user = match replace_one_time_password(app, user, login, context).await {
            Ok(user) => user,
            Err(not_replaced) => {
                app.store
                    .settle_attempt(&counters, AttemptOutcome::Right, app.clock.now())
                    .await?;
                return Err(not_replaced);
            }
        };
        return open_session(app, &user, login, attempt, context).await;
    }
    let grant = open_session(app, &user, login, attempt, context).await?;
    if verdict == Verdict::RightButOutdated {
        upgrade_hash(app, &user, login.password).await;
    }
    Ok(grant)
}

/// Why someone is not let in, for the record alone.
fn refusal(user: Option<&LoginAccount>, verdict: Verdict, now: Timestamp) -> Option<&'static str> {
    match user {
        None => Some("unknown_account"),
        Some(_) if verdict == Verdict::Wrong => Some("wrong_password"),
        Some(user) if !user.me.is_active => Some("disabled_account"),
        Some(user) if user.password_expires_at.is_some_and(|at| at <= now) => {
            Some("one_time_password_expired")
        }
        Some(_) => None,
    }
}

/// A one-time password is good for nothing but to set a lasting one (ASVS 6.4.1): no session begins
/// with it.
async fn replace_one_time_password(
    app: &App,
    user: LoginAccount,
    login: Login<'_>,
    context: &Context,
) -> Result<LoginAccount, Failure> {
    let new = login.new_password.ok_or(Failure::PasswordChangeRequired)?;
    if new == login.password {
        return Err(Failure::Invalid(vec![Invalid::field(
            "new_password",
            "value_error",
            "Value error, the one-time password cannot stay",
        )]));
    }
    let email = Email::parse("email", &user.me.email).ok();
    let new = Password::parse_new(
        "new_password",
        new,
        app.config.accounts.password_min_length,
        email.as_ref(),
    )
    .map_err(|why| Failure::Invalid(vec![why]))?;
    let hash = app.passwords.hash(new).await?;
    let event = app.event(EventType::PasswordChanged, context);
    let changed = app
        .store
        .change_password(user.me.id, user.password_version, &hash, None, &event)
        .await?;
    app.registry.evict_user(user.me.id);
    if changed {
        Ok(LoginAccount {
            password_version: user.password_version + 1,
            ..user
        })
    } else {
        Err(Failure::BadCredentials("changed_meanwhile"))
    }
}

async fn open_session(
    app: &App,
    user: &LoginAccount,
    login: Login<'_>,
    attempt: Attempt,
    context: &Context,
) -> Result<TokenPair, Failure> {
    let now = app.clock.now();
    let user_agent: String = login
        .user_agent
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_USER_AGENT)
        .collect();
    let session = NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: user.me.id,
        created_at: now,
        idle_expires_at: now.plus(app.config.sessions.idle_ttl),
        expires_at: now.plus(app.config.sessions.max_age),
        ip: &context.ip,
        user_agent: &user_agent,
    };
    let cap = i64::try_from(app.config.sessions.per_user).unwrap_or(i64::MAX);
    let over = app
        .store
        .start_session(
            &session,
            SessionGuard {
                password_version: user.password_version,
                counters: Some(attempt.counters),
            },
            cap,
            &app.event(EventType::LoginSuccess, context),
        )
        .await?
        .ok_or(Failure::BadCredentials("changed_meanwhile"))?;
    for ended in &over {
        app.registry.evict(*ended);
    }
    log::info!(user = user.me.id.get(), session = session.id.to_string().as_str(), over_the_cap = over.len(); "session started");
    let granted = grant(
        app,
        session.id,
        TokenIdentity {
            subject: user.subject,
            role: &user.me.role,
            permissions: &user.permissions,
        },
        0,
        now,
    )?;
    let device_ticket = if attempt.known_device {
        None
    } else {
        Some(app.throttle.issue_ticket(user.subject)?)
    };
    Ok(TokenPair {
        device_ticket,
        ..granted
    })
}

/// How an attempt at a password was let in.
#[derive(Clone, Copy)]
struct Attempt {
    counters: Counters,
    known_device: bool,
}

fn grant(
    app: &App,
    session: SessionId,
    claimed: TokenIdentity<'_>,
    counter: i64,
    now: Timestamp,
) -> Result<TokenPair, Failure> {
    Ok(TokenPair {
        access_token: app.access_tokens.issue(session, claimed, now)?,
        expires_in: app.access_tokens.ttl_secs(),
        refresh_token: app.refresh_tokens.issue(session, counter),
        device_ticket: None,
    })
}

/// Replaces a hash made at another cost (NIST SP 800-63B-4 section 3.1.1.2). A login that was right
/// stays right if this fails.
async fn upgrade_hash(app: &App, user: &LoginAccount, password: &str) {
    let Some(password) = Password::parse(password) else {
        return;
    };
    let upgraded = match app.passwords.hash(password).await {
        Ok(hash) => app
            .store
            .upgrade_password_hash(user.me.id, &user.password_hash, &hash)
            .await
            .map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = upgraded {
        log::warn!(user = user.me.id.get(), failure:%; "the password hash was not upgraded; the next login tries again");
    }
}

/// Exchanges a refresh token for the session's next pair of tokens.
///
/// The newest token rotates by one compare-and-swap. The one before it, within the grace, gets the
/// same successor again: two tabs, or an answer that was lost. Any other genuine token has been
/// exchanged before, so either its holder or the newest's is a thief: the session ends (RFC 9700
/// section 4.14.2).
///
/// # Errors
/// [`Failure::InvalidGrant`] whatever is wrong, or a passing failure.
pub async fn refresh(app: &App, token: &str, context: &Context) -> Result<TokenPair, Failure> {
    counted(&app.metrics.refreshes, exchange(app, token, context).await)
}

/// The next pair, and whether the token was the newest (`ok`) or the one before it (`repeated`).
async fn exchange(app: &App, token: &str, context: &Context) -> Result<(TokenPair, &'static str), Failure> {
    let presented = app
        .refresh_tokens
        .verify(token)
        .ok_or(Failure::InvalidGrant("not_ours"))?;
    let now = app.clock.now();
    let successor = presented.counter.saturating_add(1);
    let idle_expires_at = now.plus(app.config.sessions.idle_ttl);
    if let Some(holder) = app
        .store
        .rotate(Rotation {
            session: presented.session,
            counter: presented.counter,
            now,
            idle_expires_at,
        })
        .await?
    {
        let claimed = TokenIdentity {
            subject: holder.subject,
            role: &holder.role,
            permissions: &holder.permissions,
        };
        return Ok((grant(app, presented.session, claimed, successor, now)?, "ok"));
    }
    let lineage = app
        .store
        .lineage(presented.session)
        .await?
        .filter(|lineage| lineage.standing.live(now))
        .ok_or(Failure::InvalidGrant("ended"))?;
    // Further ahead than another node's clock can be, ours was set back, and nobody knows how long
    // ago that was.
    let within_grace = lineage
        .rotated_at
        .is_some_and(|at| at <= now.plus(NODES_APART) && now < at.plus(app.config.sessions.refresh_grace));
    if lineage.counter == successor && within_grace {
        let standing = &lineage.standing;
        let claimed = TokenIdentity {
            subject: standing.subject,
            role: &standing.me.role,
            permissions: &standing.permissions,
        };
        return Ok((
            grant(app, presented.session, claimed, successor, now)?,
            "repeated",
        ));
    }
    end(
        app,
        presented.session,
        EndReason::TokenReuse,
        &app.event(EventType::TokenReuse, context),
    )
    .await?;
    let session = presented.session.to_string();
    log::warn!(user = lineage.standing.me.id.get(), session = session.as_str(), event = EndReason::TokenReuse.word(); "a refresh token was used again; its session is ended");
    Err(Failure::InvalidGrant("reused"))
}

/// Ends one session, whoever asked.
async fn end(app: &App, session: SessionId, reason: EndReason, event: &Event<'_>) -> Result<(), Failure> {
    app.store.end_session(session, reason, event).await?;
    app.registry.evict(session);
    Ok(())
}

/// Which sessions a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutScope {
    /// The caller's own.
    This,
    /// All of the user's but the caller's own.
    Others,
    /// All of the user's.
    All,
}

/// Logs out: after it, no token of the sessions that it names works anywhere.
///
/// # Errors
/// A passing failure; nothing is ended then.
pub async fn logout(
    app: &App,
    bearer: &Bearer,
    scope: LogoutScope,
    context: &Context,
) -> Result<(), Failure> {
    let (user, session) = (bearer.standing.me.id, bearer.session);
    let event = app.event(EventType::Logout, context);
    let which = match scope {
        LogoutScope::This => return end(app, session, EndReason::Logout, &event).await,
        LogoutScope::Others => Which::AllBut(session),
        LogoutScope::All => Which::All,
    };
    if app
        .store
        .end_sessions(user, which, EndReason::Logout, &event)
        .await?
    {
        app.registry.evict_user(user);
    }
    Ok(())
}

/// A user's live sessions, the last used first.
///
/// # Errors
/// A passing failure.
pub async fn list(app: &App, user: UserId) -> Result<Vec<SessionInfo>, Failure> {
    Ok(app.store.sessions_of(user, app.clock.now()).await?)
}

/// Ends one of the user's own sessions.
///
/// # Errors
/// [`Failure::NotFound`] alike for another's session and for none.
pub async fn end_own(app: &App, user: UserId, session: SessionId, context: &Context) -> Result<(), Failure> {
    if !app
        .store
        .end_own_session(user, session, &app.event(EventType::Logout, context))
        .await?
    {
        return Err(Failure::NotFound);
    }
    app.registry.evict(session);
    Ok(())
}

/// Gives a token back (RFC 7009): ends the session of a genuine access or refresh token, and does
/// nothing for any other text.
///
/// # Errors
/// A passing failure: never an answer that says *revoked* of what is not.
pub async fn revoke(app: &App, token: &str, context: &Context) -> Result<(), Failure> {
    let presented = app
        .refresh_tokens
        .verify(token)
        .map(|VerifiedRefreshToken { session, .. }| session);
    let session = presented.or_else(|| {
        app.access_tokens
            .verify(token, app.clock.now())
            .ok()
            .map(|access| access.session)
    });
    match session {
        Some(session) => {
            end(
                app,
                session,
                EndReason::Revoked,
                &app.event(EventType::TokenRevoked, context),
            )
            .await
        }
        None => Ok(()),
    }
}
