//! The long-lived parts, built once from the settings and handed to every use-case.

mod inner_keys;
mod parts;
mod passwords;
pub mod start;
mod start_error;
pub mod workers;

use std::sync::atomic::AtomicBool;

pub use self::parts::{Crypto, Keyed, LiveSessions, Memory, Telemetry};
pub use self::passwords::{PasswordPlace, Passwords};
use crate::config::Config;
use crate::model::clock::Clock;
use crate::model::event::{Actor, Context, Event, EventType};
use crate::store::Store;

/// The context of what the server does by itself.
pub static OWN: Context = Context::own(Actor::Server);

/// Everything that a use-case works with.
pub struct App {
    /// The time.
    pub clock: Clock,
    /// The settings in force.
    pub config: Config,
    /// Durable state.
    pub store: Store,
    /// Keys and tokens.
    pub crypto: Crypto,
    /// Passwords, hashed on threads of their own.
    pub passwords: Passwords,
    /// State of this process alone.
    pub memory: Memory,
    /// Counters, spans, log.
    pub telemetry: Telemetry,
    /// Whether the process has begun to stop.
    pub stopping: AtomicBool,
}

impl App {
    /// An event that happens now.
    #[must_use]
    pub fn event<'a>(&'a self, kind: EventType, context: &'a Context) -> Event<'a> {
        Event::new(self.crypto.keyed().chain.clone(), kind, context, self.clock.now())
    }
}
