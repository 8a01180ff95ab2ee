//! Sessions: how a login opens one.

use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::model::email::Email;
use crate::model::ids::SessionId;
use crate::model::password::Password;
use crate::model::session::NewSession;
use crate::model::user::User;
use crate::security::passwords::Verdict;

/// A user name and password, as they were typed.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The address.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
}

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
    let grant = open_session(app, &user).await?;
    if verdict == Verdict::RightButOutdated {
        upgrade_hash(app, &user, login.password).await;
    }
    Ok(grant)
}

async fn open_session(app: &App, user: &User) -> Result<Grant, Failure> {
    let now = app.clock.now();
    let session = NewSession {
        id: SessionId::from(Uuid::new_v4()),
        user_id: user.me.id,
        created_at: now,
        idle_expires_at: now.plus(app.policy.session_idle_ttl),
        expires_at: now.plus(app.policy.session_max_age),
    };
    if !app.store.start_session(&session, user.password_version).await? {
        return Err(Failure::BadCredentials);
    }
    log::info!(user = user.me.id.get(), session = session.id.to_string().as_str(); "session started");
    Ok(Grant {
        access_token: app.access_tokens.issue(session.id, user.subject, &user.me.role, now)?,
        expires_in: app.access_tokens.ttl_secs(),
        refresh_token: app.refresh_tokens.issue(session.id, 0),
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
