//! Typed settings by area. A setting is one row in the file of its area. The flags, `doorward
//! config`, docs/settings.md and the check for unknown names are generated from the rows.
//!
//! `Config::load` reads and checks every setting in one pass. Use-cases read the struct of an area
//! directly; no other part keeps a copy of a value.

mod accounts;
mod audit;
mod hashing;
mod http;
mod limits;
mod memory;
mod row;
mod server;
mod sessions;
mod setting;
mod source;
mod telemetry;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

use std::fmt;
use std::path::PathBuf;

pub use accounts::AccountSettings;
pub use audit::AuditSettings;
pub use hashing::HashSettings;
pub use http::{HttpSettings, TLS_CERT, TLS_KEY, TlsFiles};
pub use limits::LimitSettings;
pub use memory::MemorySettings;
use row::Area;
pub use server::ServerSettings;
pub use sessions::SessionSettings;
pub use setting::{BadSetting, Setting, Sources};
use source::Reader;
pub use source::SettingSource;
pub use telemetry::TelemetrySettings;
pub use tokens::TokenSettings;
pub use values::parse_duration;

/// Generates [`Config`] and [`AREAS`] from one list: `field: Type, title;`.
macro_rules! areas {
    ($($field:ident: $area:ty, $title:literal;)+) => {
        /// The settings in use, by area.
        #[derive(Debug)]
        pub struct Config {
            $(#[doc = $title] pub $field: $area,)+
        }

        /// Title and rows of each area. An environment variable `DOORWARD_*` outside these rows is an
        /// error.
        pub const AREAS: &[(&str, &[Setting])] = &[$(($title, <$area>::SETTINGS),)+];

        impl Config {
            fn read(reader: &mut Reader<'_>) -> Self {
                Self { $($field: <$area>::read(reader),)+ }
            }

            fn shown(&self) -> Vec<String> {
                [$(self.$field.shown(),)+].concat()
            }
        }
    };
}

areas! {
    server: ServerSettings, "Server";
    tokens: TokenSettings, "Tokens";
    sessions: SessionSettings, "Sessions";
    accounts: AccountSettings, "Accounts";
    hashing: HashSettings, "Password hashing";
    limits: LimitSettings, "Limits";
    audit: AuditSettings, "Audit";
    memory: MemorySettings, "Memory";
    http: HttpSettings, "HTTP";
    telemetry: TelemetrySettings, "Metrics and logs";
}

/// Every setting, in the order of the areas.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    AREAS.iter().flat_map(|(_, rows)| *rows)
}

impl Config {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// Every fault, as one [`BadSetting`] for each setting.
    pub fn load(source: &SettingSource<'_>) -> Result<Self, Vec<BadSetting>> {
        let mut reader = Reader::new(source);
        let known: Vec<&Setting> = settings().collect();
        reader.bad.extend(source.unknown_names(&known));
        reader.bad.extend(server::password_in_flag(source));
        let mut config = Self::read(&mut reader);
        let mut bad = reader.bad;
        if !bad
            .iter()
            .any(|one| [TLS_CERT, TLS_KEY].contains(&one.name.as_str()))
        {
            bad.extend(config.http.missing_half());
        }
        if bad.is_empty() {
            bad.extend(config.contradiction());
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        if config.tokens.issuer.is_empty() {
            config.tokens.issuer = config.listen_url();
        }
        Ok(config)
    }

    /// The first contradiction between settings.
    fn contradiction(&self) -> Option<BadSetting> {
        self.server
            .contradiction()
            .or_else(|| self.tokens.contradiction())
            .or_else(|| self.sessions.contradiction())
    }

    fn listen_url(&self) -> String {
        let scheme = if self.http.tls_cert.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.server.listen)
    }

    /// File of the generated root secret: beside the SQLite database, with the extension `secret`.
    #[must_use]
    pub fn secret_file(&self) -> Option<PathBuf> {
        self.server.database.secret_file()
    }
}

/// Every setting as `NAME=value`, with secrets masked.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        settings().zip(self.shown()).try_for_each(|(setting, value)| {
            // Without a given secret, the database decides where the secret is.
            if setting.name == server::SECRET && self.server.secret.is_none() {
                return writeln!(f, "{}={}", setting.name, self.server.generated_secret());
            }
            writeln!(f, "{}={value}", setting.name)
        })
    }
}
