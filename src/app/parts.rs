//! The parts of [`App`](super::App) that are more than one thing, each built from its settings.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::config::Config;
use crate::crypto::audit_chain::ChainKey;
use crate::crypto::client_secrets::ClientSecrets;
use crate::crypto::counter_names::CounterNames;
use crate::crypto::device_tickets::DeviceTickets;
use crate::crypto::inner_keys::InnerKeys;
use crate::crypto::jwt::AccessTokens;
use crate::crypto::refresh_tokens::RefreshTokens;
use crate::crypto::root_secrets::RootSecrets;
use crate::crypto::signing_keys::SigningKey;
use crate::memory::abandoned::AbandonedAttempts;
use crate::memory::generation_uses::GenerationUses;
use crate::memory::once_per::OncePer;
use crate::memory::once_per_key::OncePerKey;
use crate::memory::rate_limit::AddressLimit;
use crate::memory::session_registry::Registry;
use crate::model::clock::Timestamp;
use crate::model::generation::UNUSED_REPEATS_APART;
use crate::model::ids::{SessionId, UserId};
use crate::telemetry::log::DroppedLines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

/// Keys, and the tokens and texts that are made with them.
pub struct Crypto {
    /// The secrets that keys are sealed with.
    pub root_secrets: RootSecrets,
    /// Issues and verifies access tokens.
    pub access_tokens: AccessTokens,
    /// The parts that use the inner keys. Held for the time of a clone.
    keyed: RwLock<Arc<Keyed>>,
    /// Held while keys are read and replaced.
    pub reloading: tokio::sync::Mutex<()>,
}

/// The parts that use the inner keys, all of one generation.
pub struct Keyed {
    /// Issues refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// Names of the counters of attempts.
    pub counter_names: CounterNames,
    /// Tickets of devices that have logged in.
    pub device_tickets: DeviceTickets,
    /// Issues and verifies the secrets of clients.
    pub client_secrets: ClientSecrets,
    /// The key of the chain of events.
    pub chain: Arc<ChainKey>,
}

impl Keyed {
    fn new(keys: &InnerKeys) -> Self {
        Self {
            refresh_tokens: RefreshTokens::new(keys),
            counter_names: CounterNames::new(keys),
            device_tickets: DeviceTickets::new(keys),
            client_secrets: ClientSecrets::new(keys),
            chain: Arc::new(ChainKey::of(keys)),
        }
    }
}

impl Crypto {
    /// The parts that use the inner keys, as they are now. A use-case that needs two asks once.
    #[must_use]
    pub fn keyed(&self) -> Arc<Keyed> {
        Arc::clone(&self.keyed.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other inner keys in place of those that it has.
    pub fn replace_inner_keys(&self, keys: &InnerKeys) {
        *self.keyed.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Keyed::new(keys));
    }

    pub(super) fn new(
        config: &Config,
        root_secrets: RootSecrets,
        inner_keys: &InnerKeys,
        keys: Vec<SigningKey>,
    ) -> Self {
        let tokens = &config.tokens;
        Self {
            access_tokens: AccessTokens::new(
                keys,
                tokens.algorithm,
                tokens.issuer.clone(),
                tokens.audience.clone(),
                tokens.access_token_ttl,
            ),
            keyed: RwLock::new(Arc::new(Keyed::new(inner_keys))),
            reloading: tokio::sync::Mutex::default(),
            root_secrets,
        }
    }
}

/// State of this process alone, gone with it.
pub struct Memory {
    /// Live sessions and what their accounts may do.
    pub registry: Registry,
    /// First uses of their generations, to be written.
    pub generation_uses: GenerationUses,
    /// Logins and other tries at a password of each address.
    pub logins: AddressLimit,
    /// Accounts whose right password gave a token of that budget back: one a minute.
    pub refunds: OncePerKey<UserId>,
    /// Sessions whose repeated refresh by the same client was recorded: one event a minute.
    pub told_repeats: OncePerKey<SessionId>,
    /// Sessions whose unused pair was given again.
    pub unused_repeats: OncePerKey<SessionId>,
    /// Registrations of each address.
    pub registrations: AddressLimit,
    /// Warnings of `X-Forwarded-For` from a peer that is no trusted proxy.
    pub forgotten_proxy: OncePer,
    /// Warnings of connections that were refused because their address has too many.
    pub refused_connections: OncePer,
    /// Warnings of idle connections that were closed because there are too many in all.
    pub closed_connections: OncePer,
    /// Warnings of requests that were cut off because there are too many connections and none idle.
    pub cut_off_requests: OncePer,
    /// Attempts at a password whose outcome was not stored.
    pub abandoned: AbandonedAttempts,
    /// Told whenever an attempt at a password ends.
    pub attempt_ended: tokio::sync::Notify,
    /// The last count of live sessions; held while they are counted.
    pub live_sessions: tokio::sync::Mutex<LiveSessions>,
}

impl Memory {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            registry: Registry::new(config.memory.registry_size),
            generation_uses: GenerationUses::default(),
            logins: AddressLimit::new(config.limits.login),
            refunds: OncePerKey::new(Duration::from_mins(1)),
            told_repeats: OncePerKey::new(Duration::from_mins(1)),
            unused_repeats: OncePerKey::new(UNUSED_REPEATS_APART),
            registrations: AddressLimit::new(config.limits.register),
            forgotten_proxy: OncePer::new(Duration::from_hours(1)),
            refused_connections: OncePer::new(Duration::from_mins(1)),
            closed_connections: OncePer::new(Duration::from_mins(1)),
            cut_off_requests: OncePer::new(Duration::from_mins(1)),
            abandoned: AbandonedAttempts::default(),
            attempt_ended: tokio::sync::Notify::new(),
            live_sessions: tokio::sync::Mutex::default(),
        }
    }
}

/// A count of the sessions that have not ended.
#[derive(Debug, Default)]
pub struct LiveSessions {
    /// The last count that succeeded.
    pub count: i64,
    /// When it was made; none if a later one failed.
    pub at: Option<Timestamp>,
}

/// Log, metrics and traces: the process as an operator sees it.
pub struct Telemetry {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The way of spans to a collector, if one is named.
    pub traces: Option<Arc<Traces>>,
    /// The count of log lines that did not get out.
    pub dropped_lines: DroppedLines,
}

impl Telemetry {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics: Arc::new(metrics),
            traces: None,
            dropped_lines: DroppedLines::default(),
        }
    }
}
