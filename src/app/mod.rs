//! The long-lived parts, built once from the settings and handed to every use-case.

mod passwords;
pub mod workers;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use self::passwords::Passwords;
use crate::config::Config;
use crate::crypto::CryptoError;
use crate::crypto::audit_chain::ChainKey;
use crate::crypto::counter_names::CounterNames;
use crate::crypto::device_tickets::DeviceTickets;
use crate::crypto::jwt::AccessTokens;
use crate::crypto::refresh_tokens::RefreshTokens;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::signing_keys::{self, SigningKey};
use crate::memory::hash_pool::HashTimes;
use crate::memory::rate_limit::AddressLimit;
use crate::memory::session_registry::Registry;
use crate::model::clock::{Clock, Timestamp};
use crate::model::event::{Actor, Context, Event, EventType};
use crate::model::signing_key::SealedKey;
use crate::store::{OpenError, Store, StoreError};
use crate::telemetry::log::DroppedLines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// Why the service cannot start; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database opened and then failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The root secret or a key.
    #[error(transparent)]
    CryptoError(#[from] CryptoError),
    /// The file with the root secret has gone.
    #[error(
        "{0} is missing, but the database has keys sealed with it; put the file back, or set DOORWARD_SECRET to its content"
    )]
    SecretLost(String),
    /// The operating system gave no thread.
    #[error("cannot start the hashing threads: {0}")]
    Threads(std::io::Error),
    /// A defect of ours.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What the server does unasked.
pub static OWN: Context = Context::own(Actor::Server);

/// A count of the sessions that have not ended.
#[derive(Debug, Default)]
pub struct LiveSessions {
    /// The last count that succeeded.
    pub count: i64,
    /// When it was made; none if a later one failed.
    pub at: Option<Timestamp>,
}

/// Everything that a use-case works with.
pub struct App {
    /// The time.
    pub clock: Clock,
    /// The settings in force.
    pub config: Config,
    /// Durable state.
    pub store: Store,
    /// The hashing threads.
    pub passwords: Passwords,
    /// Issues and verifies access tokens.
    pub access_tokens: AccessTokens,
    /// Issues refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// Who stands where, in memory.
    pub registry: Registry,
    /// What the signing keys are sealed with.
    pub root: RootSecret,
    /// Names of the counters of attempts.
    pub counter_names: CounterNames,
    /// Tickets of devices that have logged in.
    pub device_tickets: DeviceTickets,
    /// Logins of each address.
    pub logins: AddressLimit,
    /// Registrations of each address.
    pub registrations: AddressLimit,
    /// What events are linked with.
    pub chain: ChainKey,
    /// Held while the keys are read and replaced.
    pub reloading: tokio::sync::Mutex<()>,
    /// Told whenever an attempt at a password ends.
    pub attempt_ended: tokio::sync::Notify,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where spans go, if somebody collects them.
    pub traces: Option<Arc<Traces>>,
    /// The count of log lines that did not get out.
    pub dropped_lines: DroppedLines,
    /// The last count of live sessions; held while they are counted.
    pub live_sessions: tokio::sync::Mutex<LiveSessions>,
    /// Whether the process has begun to stop.
    pub stopping: AtomicBool,
}

impl App {
    /// Opens the database, finds or makes the root secret and the signing key, and starts the
    /// hashing threads.
    ///
    /// # Errors
    /// [`StartError`], in words for the operator.
    pub async fn build(config: Config, clock: Clock) -> Result<Self, StartError> {
        let app = Self::open(config, clock).await?;
        if !app.config.tokens.shares_its_key() {
            let keys = first_keys(&app).await?;
            app.access_tokens.replace_keys(keys);
        }
        Ok(app)
    }

    /// As [`Self::build`], but makes no signing key: for a command that manages a server's database
    /// and may have other settings than the server.
    ///
    /// # Errors
    /// [`StartError`], in words for the operator.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, StartError> {
        let store = Store::open(&config.server.database).await?;
        let root = root_secret(&config, &store).await?;
        let keys = match &config.tokens.jwt_secret {
            Some(secret) => vec![signing_keys::shared(secret)?],
            None => usable_keys(&store, &root, clock.now()).await?,
        };
        let metrics = Arc::new(Metrics::new()?);
        Ok(Self {
            clock,
            passwords: Passwords::start(&config.hashing, HashTimes::register(&metrics)?)
                .map_err(StartError::Threads)?,
            access_tokens: AccessTokens::new(
                keys,
                config.tokens.algorithm,
                config.tokens.issuer.clone(),
                config.tokens.audience.clone(),
                config.tokens.access_token_ttl,
            ),
            refresh_tokens: RefreshTokens::new(&root)?,
            registry: Registry::new(config.memory.registry_size),
            counter_names: CounterNames::new(&root)?,
            device_tickets: DeviceTickets::new(&root)?,
            logins: AddressLimit::new(config.limits.login),
            registrations: AddressLimit::new(config.limits.register),
            chain: ChainKey::new(&*root.derive("audit chain")?),
            root,
            reloading: tokio::sync::Mutex::new(()),
            attempt_ended: tokio::sync::Notify::new(),
            metrics,
            traces: None,
            dropped_lines: DroppedLines::default(),
            live_sessions: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            store,
            config,
        })
    }
}

impl App {
    /// Something that happens now.
    #[must_use]
    pub fn event<'a>(&'a self, kind: EventType, context: &'a Context) -> Event<'a> {
        Event::new(&self.chain, kind, context, self.clock.now())
    }
}

/// The keys of the database; if none of the configured algorithm signs, one is made. Of any number
/// of nodes that start at once, one makes it.
async fn first_keys(app: &App) -> Result<Vec<SigningKey>, StartError> {
    let (now, algorithm) = (app.clock.now(), app.access_tokens.algorithm());
    let sealed = app.store.signing_keys().await?;
    let goes_on =
        |key: &SealedKey| key.verifies(now) && key.retires_at.is_none() && key.algorithm == algorithm.name();
    if !sealed.iter().any(goes_on) {
        let generation = sealed.first().map_or(1, |key| key.generation + 1);
        let key = signing_keys::generate(&app.root, algorithm, generation, now, now)?;
        let event = app.event(EventType::KeyRotated, &OWN);
        app.store
            .add_signing_key(&key, retirement(now, app.access_tokens.ttl_secs()), &event)
            .await?;
    }
    usable_keys(&app.store, &app.root, now).await
}

/// Every key of the database that still verifies, opened, the newest first.
///
/// # Errors
/// The store, or a root secret that opens one of them not.
pub async fn usable_keys(
    store: &Store,
    root: &RootSecret,
    now: Timestamp,
) -> Result<Vec<SigningKey>, StartError> {
    let sealed = store.signing_keys().await?;
    let usable = sealed.iter().filter(|key| key.verifies(now));
    Ok(usable
        .map(|key| signing_keys::open(key, root))
        .collect::<Result<_, _>>()?)
}

/// When a key that signs until `successor_activates_at` has no token left: their life, and a minute
/// for clocks that differ.
#[must_use]
pub fn retirement(successor_activates_at: Timestamp, access_token_ttl_secs: u64) -> Timestamp {
    successor_activates_at.plus(Duration::from_secs(access_token_ttl_secs + 60))
}

/// The secret of the settings, or of the file beside the database, which is made if nothing was
/// sealed yet.
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
    if !store.signing_keys().await?.is_empty() {
        return Err(StartError::SecretLost(file.display().to_string()));
    }
    RootSecret::generate()?.write(&file)?;
    // Read back: of two processes that began at once, one wrote the file and both must have its
    // secret.
    RootSecret::read(&file)?.ok_or_else(|| StartError::SecretLost(file.display().to_string()))
}
