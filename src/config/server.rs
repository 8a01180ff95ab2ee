//! Address, database and root secret: the settings that every server needs.

use std::net::SocketAddr;

use super::row::settings;
use super::setting::{BadSetting, Sources};
use super::source::SettingSource;
use super::values::{ADDRESS, ValueForm};
use crate::crypto::root_secret::{MIN_SECRET_BYTES, RootSecret};
use crate::store::url::DatabaseUrl;

/// Name of the setting for the root secret.
pub(super) const SECRET: &str = "DOORWARD_SECRET";
const SECRET_PREVIOUS: &str = "DOORWARD_SECRET_PREVIOUS";
const DATABASE: &str = "DATABASE_URL";

settings! {
    /// Address, database and root secret of a server.
    ServerSettings {
        listen: SocketAddr = "DOORWARD_LISTEN", "127.0.0.1:8000", ADDRESS,
            "address and port to listen on";
        database: DatabaseUrl = DATABASE, "sqlite://doorward.db", Database,
            "sqlite://FILE, sqlite::memory: or postgres://USER:PASSWORD@HOST/NAME; a URL with a password \
             comes from the variable or from DATABASE_URL_FILE";
        secret: Option<RootSecret> = SECRET, "generated file beside a SQLite database", MaskedSecret,
            "root secret of at least 32 bytes, which encrypts internal keys; required with PostgreSQL";
        secret_previous: Option<RootSecret> = SECRET_PREVIOUS, "none", MaskedSecret,
            "another root secret that also opens internal keys, while `DOORWARD_SECRET` is being replaced";
    }
}

impl ServerSettings {
    /// The first contradiction between these settings.
    pub(super) fn contradiction(&self) -> Option<BadSetting> {
        let lacks = matches!(self.database, DatabaseUrl::Postgres(_)) && self.secret.is_none();
        let why = "is required with PostgreSQL, with the same value on every node; create one with: openssl rand -base64 32";
        lacks.then(|| BadSetting::new(SECRET, why))
    }

    /// Place of the generated root secret, as text.
    pub(super) fn generated_secret(&self) -> String {
        self.database.secret_file().map_or_else(
            || "generated at each start, kept in memory only".to_owned(),
            |file| format!("in {}", file.display()),
        )
    }
}

/// A refusal of a password in the flag: other users of the machine can see it.
pub(super) fn password_in_flag(source: &SettingSource<'_>) -> Option<BadSetting> {
    let url = DatabaseUrl::parse(&(source.flags)(DATABASE)?).ok()?;
    url.has_password().then(|| {
        BadSetting::new(
            DATABASE,
            "contains a password, and other users can see flags; set the variable or DATABASE_URL_FILE instead",
        )
    })
}

struct Database;

impl ValueForm for Database {
    type Value = DatabaseUrl;
    const SOURCES: Sources = Sources::FlagVariableOrFile;

    fn parse(&self, text: &str) -> Result<DatabaseUrl, String> {
        DatabaseUrl::parse(text)
    }

    fn show(&self, value: &DatabaseUrl) -> String {
        value.to_string()
    }
}

/// An optional secret, always masked.
pub(super) struct MaskedSecret;

impl ValueForm for MaskedSecret {
    type Value = Option<RootSecret>;
    const SOURCES: Sources = Sources::VariableOrFile;

    fn parse(&self, text: &str) -> Result<Option<RootSecret>, String> {
        RootSecret::parse(text).map(Some).ok_or_else(|| {
            format!(
                "must be at least {MIN_SECRET_BYTES} bytes that are not a known example; \
                 create one with: openssl rand -base64 32"
            )
        })
    }

    fn show(&self, value: &Option<RootSecret>) -> String {
        if value.is_some() { "***" } else { "none" }.to_owned()
    }

    fn default(&self, _text: &str) -> Option<RootSecret> {
        None
    }
}
