//! The start of the process: the database opens, the root secret is found or made, a first signing
//! key is made if there is none.

use std::time::Duration;

pub use super::start_error::StartError;
use super::{App, Crypto, Memory, OWN, Passwords, Telemetry, inner_keys};
use crate::config::Config;
use crate::crypto::CryptoError;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::root_secrets::RootSecrets;
use crate::crypto::signing_keys::{self, SigningKey};
use crate::memory::hash_pool::HashTimes;
use crate::model::clock::{Clock, Timestamp};
use crate::model::event::EventType;
use crate::model::signing_key::next_generation;
use crate::store::url::DatabaseUrl;
use crate::store::{IfAbsent, Store};
use crate::telemetry::metrics::Metrics;

impl App {
    /// Opens the database, finds or makes the root secret and the signing key, and starts the
    /// hashing threads.
    ///
    /// # Errors
    /// [`StartError`], in words for the operator.
    pub async fn build(config: Config, clock: Clock) -> Result<Self, StartError> {
        let app = Self::open(config, clock, IfAbsent::Create).await?;
        if !app.config.tokens.shares_its_key() {
            let keys = first_keys(&app).await?;
            app.crypto.access_tokens.replace_keys(keys);
        }
        Ok(app)
    }

    /// Opens the parts like [`Self::open`] on a copy of the database, with the root secret of the
    /// database itself.
    ///
    /// # Errors
    /// [`StartError`], in words for the operator.
    pub async fn open_copy(mut config: Config, copy: DatabaseUrl, clock: Clock) -> Result<Self, StartError> {
        if config.server.secret.is_none()
            && let Some(file) = config.secret_file()
        {
            let kept = RootSecret::read(&file)?;
            config.server.secret =
                Some(kept.ok_or_else(|| StartError::SecretLost(file.display().to_string()))?);
        }
        config.server.database = copy;
        Self::open(config, clock, IfAbsent::Refuse).await
    }

    /// Opens the parts like [`Self::build`], but makes no signing key. For commands, which manage a
    /// server's database and may have other settings than the server.
    ///
    /// # Errors
    /// [`StartError`], in words for the operator.
    pub async fn open(config: Config, clock: Clock, if_absent: IfAbsent) -> Result<Self, StartError> {
        let store = Store::open(&config.server.database, if_absent).await?;
        let secrets = RootSecrets {
            current: root_secret(&config, &store).await?,
            previous: config.server.secret_previous.clone(),
        };
        let keys = match &config.tokens.jwt_secret {
            Some(secret) => vec![signing_keys::shared(secret)?],
            None => usable_keys(&store, &secrets, clock.now()).await?.logged(),
        };
        let inner = inner_keys::open(&store, &secrets, clock.now()).await?;
        let metrics = Metrics::new(clock.now())?;
        let hash_times = HashTimes::register(&metrics)?;
        let crypto = Crypto::new(&config, secrets, &inner, keys);
        store.begin_chain(&*crypto.keyed().chain).await?;
        Ok(Self {
            clock,
            passwords: Passwords::start(&config.hashing, hash_times).map_err(StartError::Threads)?,
            crypto,
            memory: Memory::new(&config),
            telemetry: Telemetry::new(metrics),
            stopping: false.into(),
            store,
            config,
        })
    }
}

/// The keys of the database; if none of the configured algorithm signs, one is made. Of any number
/// of nodes that start at once, one makes it.
async fn first_keys(app: &App) -> Result<Vec<SigningKey>, StartError> {
    let (now, algorithm) = (app.clock.now(), app.crypto.access_tokens.algorithm());
    bind_earlier_keys(app).await?;
    let usable = usable_keys(&app.store, &app.crypto.root_secrets, now).await?;
    let goes_on = |key: &SigningKey| key.retires_at.is_none() && key.algorithm == algorithm;
    if !usable.keys.iter().any(goes_on) {
        let (keys, secrets) = (app.store.signing_keys().await?, &app.crypto.root_secrets);
        let key = signing_keys::generate(&secrets.current, algorithm, next_generation(&keys), now, now)?;
        let event = app.event(EventType::KeyRotated, &OWN);
        let end = retirement(now, app.crypto.access_tokens.ttl_secs());
        let retired = signing_keys::seal_retired(&keys, end, secrets)?;
        app.store.add_signing_key(&key, end, &retired, &event).await?;
    }
    Ok(usable_keys(&app.store, &app.crypto.root_secrets, now).await?.keys)
}

/// Seals the keys for their rows that an earlier version sealed for their ids only.
async fn bind_earlier_keys(app: &App) -> Result<(), StartError> {
    for key in app.store.signing_keys().await? {
        if let Some(sealed) = signing_keys::bind(&key, &app.crypto.root_secrets)? {
            app.store.replace_signing_seal(&key, &sealed).await?;
        }
    }
    Ok(())
}

/// The signing keys that verify, and the rows that do not open or must not.
#[derive(Debug)]
pub struct UsableKeys {
    /// The keys, opened, the newest first.
    pub keys: Vec<SigningKey>,
    unreadable: Vec<(String, CryptoError)>,
    revived: Vec<String>,
}

impl UsableKeys {
    /// The keys. Rows that do not open are named in the log.
    #[must_use]
    pub fn logged(self) -> Vec<SigningKey> {
        for (kid, error) in &self.unreadable {
            log::error!(kid = kid.as_str(), error = error.to_string().as_str(); "signing key skipped");
        }
        for kid in &self.revived {
            log::error!(kid = kid.as_str(), error = "the audit record says that it was revoked"; "signing key skipped");
        }
        self.keys
    }
}

/// Every key of the database that still verifies. A row that does not open is skipped, so that one
/// damaged row does not stop the service. The row of a key that was revoked, put back as it was before,
/// is skipped too.
///
/// # Errors
/// The store, or rows of which none opens.
pub async fn usable_keys(
    store: &Store,
    secrets: &RootSecrets,
    now: Timestamp,
) -> Result<UsableKeys, StartError> {
    let mut usable = UsableKeys {
        keys: Vec::new(),
        unreadable: Vec::new(),
        revived: Vec::new(),
    };
    let revoked = store.revoked_signing_keys().await?;
    for key in store.signing_keys().await?.iter().filter(|key| key.verifies(now)) {
        if revoked.contains(&key.kid) {
            usable.revived.push(key.kid.clone());
            continue;
        }
        match secrets.open(|root| signing_keys::open(key, root)) {
            Ok(opened) => usable.keys.push(opened),
            Err(error) => usable.unreadable.push((key.kid.clone(), error)),
        }
    }
    if usable.keys.is_empty()
        && let Some((_, error)) = usable.unreadable.pop()
    {
        return Err(error.into());
    }
    Ok(usable)
}

/// When a key that signs until `successor_activates_at` has no token left: their life, and a minute
/// for clocks that differ.
#[must_use]
pub fn retirement(successor_activates_at: Timestamp, access_token_ttl_secs: u64) -> Timestamp {
    successor_activates_at.plus(Duration::from_secs(access_token_ttl_secs + 60))
}

/// The secret of the settings, or of the file beside the database, which is made if no key is sealed
/// yet.
async fn root_secret(config: &Config, store: &Store) -> Result<RootSecret, StartError> {
    if let Some(given) = &config.server.secret {
        return Ok(given.clone());
    }
    let Some(file) = config.secret_file() else {
        return Ok(RootSecret::generate()?);
    };
    if let Some(kept) = RootSecret::read(&file)? {
        return Ok(kept);
    }
    if !store.signing_keys().await?.is_empty() || !store.inner_keys().await?.is_empty() {
        return Err(StartError::SecretLost(file.display().to_string()));
    }
    RootSecret::generate()?.write(&file)?;
    // Read back: of two processes that began at once, one wrote the file and both must have its
    // secret.
    RootSecret::read(&file)?.ok_or_else(|| StartError::SecretLost(file.display().to_string()))
}
