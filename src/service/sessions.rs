//! Sessions: how a login opens one, a refresh carries it on, and a logout ends it.
//!
//! Whatever ends a session commits first, then evicts it from the registry, then answers: no request that is sent after the answer finds it.

use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::model::clock::Timestamp;
use crate::model::email::Email;
use crate::model::ids::{SessionId, Subject, UserId};
use crate::model::password::Password;
use crate::model::session::{EndReason, NewSession, SessionInfo, Which};
use crate::model::user::User;
use crate::security::passwords::Verdict;
use crate::security::refresh_tokens::Presented;
use crate::store::rotations::Rotation;

/// A user name and password, as they were typed, and where they came from.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The address.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The client's network address.
    pub ip: &'a str,
    /// What the client calls itself; cut to [`MAX_USER_AGENT`] characters.
    pub user_agent: &'a str,
}

/// The longest user agent kept, in characters.
pub const MAX_USER_AGENT: usize = 256;

/// A session's pair of tokens.
#[derive(Debug)]
pub struct Grant {
    /// The JWT.
    pub access_token: String,
    /// Its life in seconds.
    pub expires_in: u64,
    /// The opaque token that gets the next pair.
    pub refresh_token: String,
}

/// Logs in: opens a session and issues its first tokens.
///
/// Exactly one hash runs whether or not there is such an account, and everyone who is refused gets the same words (ASVS 6.3.8). A password that
/// no account can have is refused without a hash: that says nothing about any account.
///
/// # Errors
/// [`Failure::BadCredentials`], [`Failure::PasswordGrantOff`], or a passing failure.
pub async fn login(app: &App, login: Login<'_>) -> Result<Grant, Failure> {
    if !app.policy.password_grant {
        return Err(Failure::PasswordGrantOff);
    }
    let password = Password::parse(login.password).ok_or(Failure::BadCredentials)?;
    let user = match Email::parse("username", login.username) {
        Ok(email) => app.store.user_by_email(email.key()).await?,
        Err(_) => None,
    };
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let verdict = app.passwords.verify(password, stored).await?;
    let Some(user) = user.filter(|user| user.me.is_active && verdict != Verdict::Wrong) else {
        log::info!("login refused");
        return Err(Failure::BadCredentials);
    };
    let grant = open_session(app, &user, login).await?;
    if verdict == Verdict::RightButOutdated {
        upgrade_hash(app, &user, login.password).await;
    }
    Ok(grant)
}

async fn open_session(app: &App, user: &User, login: Login<'_>) -> Result<Grant, Failure> {
    let now = app.clock.now();
    let user_agent: String = login.user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
    let session = NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: user.me.id,
        created_at: now,
        idle_expires_at: now.plus(app.policy.session_idle_ttl),
        expires_at: now.plus(app.policy.session_max_age),
        ip: login.ip,
        user_agent: &user_agent,
    };
    let cap = i64::try_from(app.policy.sessions_per_user).unwrap_or(i64::MAX);
    let over = app.store.start_session(&session, user.password_version, cap).await?.ok_or(Failure::BadCredentials)?;
    for ended in &over {
        app.registry.evict(*ended);
    }
    log::info!(user = user.me.id.get(), session = session.id.to_string().as_str(), over_the_cap = over.len(); "session started");
    grant(app, session.id, user.subject, &user.me.role, 0, now)
}

fn grant(app: &App, session: SessionId, subject: Subject, role: &str, counter: i64, now: Timestamp) -> Result<Grant, Failure> {
    Ok(Grant {
        access_token: app.access_tokens.issue(session, subject, role, now)?,
        expires_in: app.access_tokens.ttl_secs(),
        refresh_token: app.refresh_tokens.issue(session, counter),
    })
}

/// Replaces a hash made at another cost (NIST SP 800-63B-4 section 3.1.1.2). A login that was right stays right if this fails.
async fn upgrade_hash(app: &App, user: &User, password: &str) {
    let Some(password) = Password::parse(password) else { return };
    let upgraded = match app.passwords.hash(password).await {
        Ok(hash) => app.store.upgrade_password_hash(user.me.id, &user.password_hash, &hash).await.map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = upgraded {
        log::warn!(user = user.me.id.get(), failure:%; "the password hash was not upgraded; the next login tries again");
    }
}

/// Exchanges a refresh token for the session's next pair of tokens.
///
/// The newest token rotates by one compare-and-swap. The one before it, within the grace, gets the same successor again: two tabs, or an answer
/// that was lost. Any other genuine token has been exchanged before, so either its holder or the newest's is a thief: the session ends (RFC 9700
/// section 4.14.2).
///
/// # Errors
/// [`Failure::InvalidGrant`] whatever is wrong, or a passing failure.
pub async fn refresh(app: &App, token: &str) -> Result<Grant, Failure> {
    let presented = app.refresh_tokens.verify(token).ok_or(Failure::InvalidGrant)?;
    let now = app.clock.now();
    let successor = presented.counter.saturating_add(1);
    let idle_expires_at = now.plus(app.policy.session_idle_ttl);
    if let Some(holder) = app.store.rotate(Rotation { session: presented.session, counter: presented.counter, now, idle_expires_at }).await? {
        return grant(app, presented.session, holder.subject, &holder.role, successor, now);
    }
    let lineage = app.store.lineage(presented.session).await?.filter(|lineage| lineage.standing.live(now)).ok_or(Failure::InvalidGrant)?;
    let within_grace = lineage.rotated_at.is_some_and(|at| now < at.plus(app.policy.refresh_grace));
    if lineage.counter == successor && within_grace {
        let standing = &lineage.standing;
        return grant(app, presented.session, standing.subject, &standing.me.role, successor, now);
    }
    end(app, presented.session, EndReason::TokenReuse).await?;
    let session = presented.session.to_string();
    log::warn!(user = lineage.standing.me.id.get(), session = session.as_str(), event = EndReason::TokenReuse.word(); "a refresh token was used again; its session is ended");
    Err(Failure::InvalidGrant)
}

/// Ends one session, whoever asked.
async fn end(app: &App, session: SessionId, reason: EndReason) -> Result<(), Failure> {
    app.store.end_session(session, reason, app.clock.now()).await?;
    app.registry.evict(session);
    Ok(())
}

/// Which sessions a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
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
pub async fn logout(app: &App, user: UserId, session: SessionId, scope: Scope) -> Result<(), Failure> {
    let which = match scope {
        Scope::This => return end(app, session, EndReason::Logout).await,
        Scope::Others => Which::AllBut(session),
        Scope::All => Which::All,
    };
    if app.store.end_sessions(user, which, EndReason::Logout, app.clock.now()).await? {
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
pub async fn end_own(app: &App, user: UserId, session: SessionId) -> Result<(), Failure> {
    if !app.store.end_own_session(user, session, app.clock.now()).await? {
        return Err(Failure::NotFound);
    }
    app.registry.evict(session);
    Ok(())
}

/// Gives a token back (RFC 7009): ends the session of a genuine access or refresh token, and does nothing for any other text.
///
/// # Errors
/// A passing failure: never an answer that says *revoked* of what is not.
pub async fn revoke(app: &App, token: &str) -> Result<(), Failure> {
    let presented = app.refresh_tokens.verify(token).map(|Presented { session, .. }| session);
    let session = presented.or_else(|| app.access_tokens.verify(token, app.clock.now()).ok().map(|access| access.session));
    match session {
        Some(session) => end(app, session, EndReason::Revoked).await,
        None => Ok(()),
    }
}
