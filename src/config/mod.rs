//! Typed settings: one table names them all, `load` reads and checks every one at once, `Display`
//! masks what is secret.
//!
//! A setting comes from its environment variable, from the flag of the same name (`DOORWARD_LISTEN`
//! = `--listen`), or, if it is secret, from the variable or the file that `NAME_FILE` names, never
//! from a flag (ASVS 13.3.1). A flag wins over the environment.

mod areas;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::crypto::passwords::Cost;
use crate::crypto::secret::{MIN_SECRET_BYTES, RootSecret};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::throttle::Rate;
use crate::store::url::DatabaseUrl;
use crate::telemetry::LogFormat;
pub use areas::{
    AccountSettings, AuditSettings, HashSettings, HttpSettings, LimitSettings, MemorySettings,
    ServerSettings, SessionSettings, TelemetrySettings, TlsFiles, TokenSettings,
};

/// One row of the settings table, as `--help`, the README and `doorward config` show it.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What holds without it, in words or as a value.
    pub default: &'static str,
    /// One line of explanation.
    pub help: &'static str,
    /// Secret settings are masked, may come from `NAME_FILE`, and have no flag.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting {
        name,
        default,
        help,
        secret: false,
    }
}

/// The setting that names the file with the certificate chain.
pub const TLS_CERT: &str = "DOORWARD_TLS_CERT";
/// The setting that names the file with its private key.
pub const TLS_KEY: &str = "DOORWARD_TLS_KEY";

/// Every setting there is. A `DOORWARD_*` name outside this table refuses the start.
pub const SETTINGS: &[Setting] = &[
    setting(
        "DOORWARD_LISTEN",
        "127.0.0.1:8000",
        "address and port to listen on",
    ),
    setting(
        "DATABASE_URL",
        "sqlite://doorward.db",
        "sqlite://FILE, sqlite::memory: or postgres://…; may come from DATABASE_URL_FILE",
    ),
    Setting {
        name: "DOORWARD_SECRET",
        default: "generated file beside a SQLite database",
        help: "root secret of at least 32 bytes, from which all inner keys are derived; required with PostgreSQL",
        secret: true,
    },
    setting(
        "DOORWARD_JWT_ALGORITHM",
        "HS256",
        "HS256, EdDSA, ES256 or RS256; with the last three other services verify by JWKS",
    ),
    Setting {
        name: "DOORWARD_JWT_SECRET",
        default: "none",
        help: "HS256 only: the signing key of a team that shares it with its other services, at least 32 bytes",
        secret: true,
    },
    setting(
        "DOORWARD_KEY_ROTATION",
        "never",
        "make a new signing key so often, such as 30d; never leaves it to `doorward keys rotate`",
    ),
    setting(
        "DOORWARD_ISSUER",
        "http(s):// + listen address",
        "the `iss` of every token, an http or https URL",
    ),
    setting("DOORWARD_AUDIENCE", "doorward", "the `aud` of every token"),
    setting("DOORWARD_ACCESS_TOKEN_TTL", "15m", "life of an access token"),
    setting(
        "DOORWARD_SESSION_IDLE_TTL",
        "14d",
        "a session that is not refreshed for so long ends",
    ),
    setting(
        "DOORWARD_SESSION_MAX_AGE",
        "30d",
        "a session ends after so long in any case",
    ),
    setting(
        "DOORWARD_SESSIONS_PER_USER",
        "50",
        "live sessions of one user, 1 to 10000; a login beyond ends the one used longest ago",
    ),
    setting(
        "DOORWARD_REFRESH_GRACE",
        "30s",
        "0s to 60s: how long the refresh token before the newest gets the newest again; 0s is strict",
    ),
    setting(
        "DOORWARD_REGISTRATION",
        "open",
        "open or closed: whether POST /register takes new accounts",
    ),
    setting(
        "DOORWARD_PASSWORD_GRANT",
        "on",
        "on or off: whether a user name and password get a token at all",
    ),
    setting(
        "DOORWARD_PASSWORD_MIN_LENGTH",
        "8",
        "least characters of a new password, 8 to 64; NIST asks 15 of a single factor",
    ),
    setting(
        "DOORWARD_HASH_THREADS",
        "number of cores",
        "threads that hash passwords, 1 to 256",
    ),
    setting(
        "DOORWARD_HASH_QUEUE",
        "64",
        "hashes that may wait for a thread before 503, 1 to 65536",
    ),
    setting(
        "DOORWARD_ARGON2",
        "m=19456,t=2,p=1",
        "Argon2id memory in KiB, passes, lanes; the default is the least allowed",
    ),
    setting(
        "DOORWARD_LIMIT_LOGIN_IP",
        "100/5m",
        "logins of one address (IPv6: /64) in a time, or off; the limit of each account is always on",
    ),
    setting(
        "DOORWARD_LIMIT_REGISTER_IP",
        "30/1h",
        "registrations of one address in a time, or off",
    ),
    setting(
        "DOORWARD_ACCOUNT_LOCK",
        "until-reset",
        "how long 100 failures in a row lock an account to unknown devices: until-reset, or a time such as 24h",
    ),
    setting(
        "DOORWARD_TRUSTED_PROXIES",
        "none",
        "networks, comma-separated, whose X-Forwarded-For is believed, such as 10.0.0.0/8",
    ),
    setting(
        "DOORWARD_AUDIT_RETENTION",
        "400d",
        "how long events are kept, 1d or more",
    ),
    setting(
        "DOORWARD_REGISTRY_SIZE",
        "100000",
        "sessions that the in-memory registry holds, 1 to 100000000",
    ),
    setting(
        "DOORWARD_CORS_ORIGINS",
        "none",
        "exact origins, comma-separated, whose pages may call this service",
    ),
    setting(
        TLS_CERT,
        "none",
        "PEM file of the certificate chain, its own first; with the key the server speaks HTTPS, and takes up a change by itself",
    ),
    setting(
        TLS_KEY,
        "none",
        "PEM file of its private key, readable by owner and group only",
    ),
    setting("DOORWARD_DOCS", "on", "on or off: Swagger UI at /docs/"),
    setting(
        "DOORWARD_METRICS_LISTEN",
        "none",
        "address and port of a listener of its own for GET /metrics, in Prometheus' form",
    ),
    setting(
        "DOORWARD_LOG_FORMAT",
        "text on a terminal, else json",
        "text or json",
    ),
];

/// A setting that cannot be used: its name and why, in one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadSetting {
    /// The variable at fault.
    pub name: String,
    /// What is wrong, without a secret's value.
    pub why: String,
}

/// The settings in force, by area. A use-case reads them from [`App`](crate::app::App).
#[derive(Debug)]
pub struct Config {
    /// Address, database and root secret.
    pub server: ServerSettings,
    /// Access tokens and signing keys.
    pub tokens: TokenSettings,
    /// Life and number of sessions.
    pub sessions: SessionSettings,
    /// Accounts and their passwords.
    pub accounts: AccountSettings,
    /// Cost of password hashing.
    pub hashing: HashSettings,
    /// Limits on attempts.
    pub limits: LimitSettings,
    /// The audit trail.
    pub audit: AuditSettings,
    /// State in memory.
    pub memory: MemorySettings,
    /// The public HTTP interface.
    pub http: HttpSettings,
    /// Metrics and log lines.
    pub telemetry: TelemetrySettings,
}

/// Looks settings up; `flags` wins over `environment`.
pub struct SettingSource<'a> {
    /// Values of flags by setting name.
    pub flags: &'a dyn Fn(&str) -> Option<String>,
    /// Every environment variable.
    pub environment: &'a [(String, String)],
}

impl SettingSource<'_> {
    fn environment(&self, name: &str) -> Option<&str> {
        self.environment
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }
}

impl Config {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// All that is wrong, one [`BadSetting`] a setting.
    pub fn load(source: &SettingSource<'_>) -> Result<Self, Vec<BadSetting>> {
        let mut reader = Reader {
            source,
            bad: unknown_names(source.environment),
        };
        let listen = reader.parsed("DOORWARD_LISTEN", "127.0.0.1:8000", |text| {
            SocketAddr::from_str(text)
                .map_err(|_| "must be an address and port such as 127.0.0.1:8000".to_owned())
        });
        let (tls_cert, tls_key) = reader.tls();
        let scheme = if tls_cert.is_some() { "https" } else { "http" };
        let config = Self {
            server: ServerSettings {
                listen,
                database: reader.database(),
                secret: reader.secret("DOORWARD_SECRET"),
            },
            tokens: TokenSettings {
                algorithm: reader.parsed("DOORWARD_JWT_ALGORITHM", "HS256", |text| {
                    SigningAlgorithm::parse(text)
                        .ok_or_else(|| "must be HS256, EdDSA, ES256 or RS256".to_owned())
                }),
                jwt_secret: reader.secret("DOORWARD_JWT_SECRET"),
                key_rotation: reader.parsed("DOORWARD_KEY_ROTATION", "never", parse_rotation),
                issuer: reader.parsed("DOORWARD_ISSUER", &format!("{scheme}://{listen}"), parse_issuer),
                audience: reader.parsed("DOORWARD_AUDIENCE", "doorward", parse_audience),
                access_token_ttl: reader.duration("DOORWARD_ACCESS_TOKEN_TTL", "15m"),
            },
            sessions: SessionSettings {
                idle_ttl: reader.duration("DOORWARD_SESSION_IDLE_TTL", "14d"),
                max_age: reader.duration("DOORWARD_SESSION_MAX_AGE", "30d"),
                per_user: reader.number("DOORWARD_SESSIONS_PER_USER", 50, 1, 10_000),
                refresh_grace: reader.parsed("DOORWARD_REFRESH_GRACE", "30s", parse_grace),
            },
            accounts: AccountSettings {
                registration_open: reader.parsed("DOORWARD_REGISTRATION", "open", |text| {
                    parse_switch(text, "open", "closed")
                }),
                password_grant: reader.parsed("DOORWARD_PASSWORD_GRANT", "on", |text| {
                    parse_switch(text, "on", "off")
                }),
                password_min_length: reader.number("DOORWARD_PASSWORD_MIN_LENGTH", 8, 8, 64),
            },
            hashing: HashSettings {
                threads: reader.number("DOORWARD_HASH_THREADS", cores(), 1, 256),
                queue: reader.number("DOORWARD_HASH_QUEUE", 64, 1, 65_536),
                cost: reader.parsed("DOORWARD_ARGON2", "m=19456,t=2,p=1", Cost::parse),
            },
            limits: LimitSettings {
                login: reader.parsed("DOORWARD_LIMIT_LOGIN_IP", "100/5m", parse_rate),
                register: reader.parsed("DOORWARD_LIMIT_REGISTER_IP", "30/1h", parse_rate),
                account_lock: reader.parsed("DOORWARD_ACCOUNT_LOCK", "until-reset", parse_lock),
                trusted_proxies: reader.parsed("DOORWARD_TRUSTED_PROXIES", "", parse_networks),
            },
            audit: AuditSettings {
                retention: reader.parsed("DOORWARD_AUDIT_RETENTION", "400d", parse_retention),
            },
            memory: MemorySettings {
                registry_size: reader.number("DOORWARD_REGISTRY_SIZE", 100_000, 1, 100_000_000),
            },
            http: HttpSettings {
                cors_origins: reader.parsed("DOORWARD_CORS_ORIGINS", "", parse_origins),
                tls_cert,
                tls_key,
                docs: reader.parsed("DOORWARD_DOCS", "on", |text| parse_switch(text, "on", "off")),
            },
            telemetry: TelemetrySettings {
                metrics_listen: reader.parsed("DOORWARD_METRICS_LISTEN", "none", |text| match text {
                    "none" => Ok(None),
                    address => SocketAddr::from_str(address).map(Some).map_err(|_| {
                        "must be none, or an address and port such as 127.0.0.1:9100".to_owned()
                    }),
                }),
                log_format: reader.parsed("DOORWARD_LOG_FORMAT", "", |text| match text {
                    "" => Ok(None),
                    "text" => Ok(Some(LogFormat::Text)),
                    "json" => Ok(Some(LogFormat::Json)),
                    _ => Err("must be text or json".to_owned()),
                }),
            },
        };
        if reader.bad.is_empty() {
            reader.bad.extend(config.contradiction());
        }
        if reader.bad.is_empty() {
            Ok(config)
        } else {
            Err(reader.bad)
        }
    }

    /// The first rule between settings that is broken.
    fn contradiction(&self) -> Option<BadSetting> {
        let (tokens, sessions) = (&self.tokens, &self.sessions);
        let (name, why) = if matches!(self.server.database, DatabaseUrl::Postgres(_))
            && self.server.secret.is_none()
        {
            (
                "DOORWARD_SECRET",
                "is required with PostgreSQL, the same for every node; make one with: openssl rand -base64 32",
            )
        } else if tokens.jwt_secret.is_some() && tokens.algorithm != SigningAlgorithm::Hs256 {
            ("DOORWARD_JWT_SECRET", "is for DOORWARD_JWT_ALGORITHM=HS256 only")
        } else if tokens.jwt_secret.is_some() && tokens.key_rotation.is_some() {
            (
                "DOORWARD_KEY_ROTATION",
                "has nothing to rotate with DOORWARD_JWT_SECRET",
            )
        } else if sessions.idle_ttl > sessions.max_age {
            (
                "DOORWARD_SESSION_IDLE_TTL",
                "must not be longer than DOORWARD_SESSION_MAX_AGE",
            )
        } else {
            return None;
        };
        Some(BadSetting {
            name: name.to_owned(),
            why: why.to_owned(),
        })
    }

    /// The file that holds a generated root secret: beside the SQLite database, with the extension
    /// `secret`.
    #[must_use]
    pub fn secret_file(&self) -> Option<PathBuf> {
        self.server.database.secret_file()
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let switch = |on: bool, yes: &str, no: &str| if on { yes } else { no }.to_owned();
        let file = |path: Option<&PathBuf>| path.map_or("none".to_owned(), |path| path.display().to_string());
        let secret = match (&self.server.secret, self.secret_file()) {
            (Some(_), _) => "***".to_owned(),
            (None, Some(file)) => format!("in {}", file.display()),
            (None, None) => "made at start and forgotten at the end".to_owned(),
        };
        vec![
            ("DOORWARD_LISTEN", self.server.listen.to_string()),
            ("DATABASE_URL", self.server.database.to_string()),
            ("DOORWARD_SECRET", secret),
            ("DOORWARD_JWT_ALGORITHM", self.tokens.algorithm.name().to_owned()),
            (
                "DOORWARD_JWT_SECRET",
                if self.tokens.jwt_secret.is_some() {
                    "***"
                } else {
                    "none"
                }
                .to_owned(),
            ),
            (
                "DOORWARD_KEY_ROTATION",
                self.tokens
                    .key_rotation
                    .map_or("never".to_owned(), shown_duration),
            ),
            ("DOORWARD_ISSUER", self.tokens.issuer.clone()),
            ("DOORWARD_AUDIENCE", self.tokens.audience.clone()),
            (
                "DOORWARD_ACCESS_TOKEN_TTL",
                shown_duration(self.tokens.access_token_ttl),
            ),
            (
                "DOORWARD_SESSION_IDLE_TTL",
                shown_duration(self.sessions.idle_ttl),
            ),
            ("DOORWARD_SESSION_MAX_AGE", shown_duration(self.sessions.max_age)),
            ("DOORWARD_SESSIONS_PER_USER", self.sessions.per_user.to_string()),
            (
                "DOORWARD_REFRESH_GRACE",
                shown_duration(self.sessions.refresh_grace),
            ),
            (
                "DOORWARD_REGISTRATION",
                switch(self.accounts.registration_open, "open", "closed"),
            ),
            (
                "DOORWARD_PASSWORD_GRANT",
                switch(self.accounts.password_grant, "on", "off"),
            ),
            (
                "DOORWARD_PASSWORD_MIN_LENGTH",
                self.accounts.password_min_length.to_string(),
            ),
            ("DOORWARD_HASH_THREADS", self.hashing.threads.to_string()),
            ("DOORWARD_HASH_QUEUE", self.hashing.queue.to_string()),
            ("DOORWARD_ARGON2", self.hashing.cost.to_string()),
            ("DOORWARD_LIMIT_LOGIN_IP", shown_rate(self.limits.login)),
            ("DOORWARD_LIMIT_REGISTER_IP", shown_rate(self.limits.register)),
            (
                "DOORWARD_ACCOUNT_LOCK",
                self.limits
                    .account_lock
                    .map_or("until-reset".to_owned(), shown_duration),
            ),
            (
                "DOORWARD_TRUSTED_PROXIES",
                self.limits
                    .trusted_proxies
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            ),
            ("DOORWARD_AUDIT_RETENTION", shown_duration(self.audit.retention)),
            ("DOORWARD_REGISTRY_SIZE", self.memory.registry_size.to_string()),
            ("DOORWARD_CORS_ORIGINS", self.http.cors_origins.join(",")),
            (TLS_CERT, file(self.http.tls_cert.as_ref())),
            (TLS_KEY, file(self.http.tls_key.as_ref())),
            ("DOORWARD_DOCS", switch(self.http.docs, "on", "off")),
            (
                "DOORWARD_METRICS_LISTEN",
                self.telemetry
                    .metrics_listen
                    .map_or("none".to_owned(), |address| address.to_string()),
            ),
            (
                "DOORWARD_LOG_FORMAT",
                self.telemetry
                    .log_format
                    .map_or("text on a terminal, else json", log_format_name)
                    .to_owned(),
            ),
        ]
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows()
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

struct Reader<'a> {
    source: &'a SettingSource<'a>,
    bad: Vec<BadSetting>,
}

impl Reader<'_> {
    fn refuse(&mut self, name: &str, why: impl Into<String>) {
        self.bad.push(BadSetting {
            name: name.to_owned(),
            why: why.into(),
        });
    }

    /// The flag's or the variable's value parsed, or the default; a bad one is noted and the
    /// default goes on, so that all are checked.
    fn parsed<T>(&mut self, name: &str, default: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let given = (self.source.flags)(name).or_else(|| self.source.environment(name).map(str::to_owned));
        if let Some(text) = given {
            match parse(&text) {
                Ok(value) => return value,
                Err(why) => self.refuse(name, why),
            }
        }
        parse(default).unwrap_or_else(|why| unreachable!("the default of {name} {why}"))
    }

    fn number(&mut self, name: &str, default: usize, least: usize, most: usize) -> usize {
        self.parsed(name, &default.to_string(), |text| match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {least} to {most}")),
        })
    }

    fn duration(&mut self, name: &str, default: &str) -> Duration {
        self.parsed(name, default, parse_duration)
    }

    fn database(&mut self) -> DatabaseUrl {
        let name = "DATABASE_URL";
        if (self.source.flags)(name)
            .is_some_and(|url| DatabaseUrl::parse(&url).is_ok_and(|parsed| parsed.has_password()))
        {
            self.refuse(name, "holds a password, which others can see in a flag; set the variable or DATABASE_URL_FILE instead");
        }
        match self.file_content(name) {
            Some(url) if self.source.environment(name).is_none() && (self.source.flags)(name).is_none() => {
                match DatabaseUrl::parse(&url) {
                    Ok(url) => url,
                    Err(why) => {
                        self.refuse(name, why);
                        DatabaseUrl::SqliteMemory
                    }
                }
            }
            Some(_) => {
                self.refuse(name, "is set twice: directly and by DATABASE_URL_FILE");
                DatabaseUrl::SqliteMemory
            }
            None => self.parsed(name, "sqlite://doorward.db", DatabaseUrl::parse),
        }
    }

    /// Both files or neither. Whether they can be used is for the server to say: another command
    /// may run as someone who may not read the key.
    fn tls(&mut self) -> (Option<PathBuf>, Option<PathBuf>) {
        let good = self.bad.len();
        let (cert, key) = (
            self.parsed(TLS_CERT, "none", parse_file),
            self.parsed(TLS_KEY, "none", parse_file),
        );
        match (&cert, &key) {
            (Some(_), None) if self.bad.len() == good => {
                self.refuse(TLS_KEY, format!("is needed with {TLS_CERT}"));
            }
            (None, Some(_)) if self.bad.len() == good => {
                self.refuse(TLS_CERT, format!("is needed with {TLS_KEY}"));
            }
            _ => {}
        }
        (cert, key)
    }

    fn secret(&mut self, name: &str) -> Option<RootSecret> {
        let direct = self
            .source
            .environment(name)
            .map(|text| Zeroizing::new(text.to_owned()));
        let text = match (direct, self.file_content(name)) {
            (Some(_), Some(_)) => {
                self.refuse(name, format!("is set twice: directly and by {name}_FILE"));
                return None;
            }
            (direct, file) => direct.or(file)?,
        };
        let secret = RootSecret::parse(&text);
        if secret.is_none() {
            self.refuse(
                name,
                format!("must be at least {MIN_SECRET_BYTES} bytes that are not a known example; make one with: openssl rand -base64 32"),
            );
        }
        secret
    }

    /// The trimmed content of the file that `NAME_FILE` names.
    fn file_content(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let variable = format!("{name}_FILE");
        let path = self.source.environment(&variable)?.to_owned();
        match std::fs::read_to_string(Path::new(&path)).map(Zeroizing::new) {
            Ok(text) => Some(Zeroizing::new(text.trim().to_owned())),
            Err(cause) => {
                self.refuse(&variable, format!("cannot read {path}: {cause}"));
                None
            }
        }
    }
}

/// Refuses every `DOORWARD_*` variable that is no setting and says which one was meant.
fn unknown_names(environment: &[(String, String)]) -> Vec<BadSetting> {
    let known = |name: &str| {
        let plain = name.strip_suffix("_FILE").unwrap_or(name);
        SETTINGS
            .iter()
            .any(|setting| setting.name == name || (setting.secret && setting.name == plain))
    };
    let strangers = environment
        .iter()
        .filter(|(name, _)| name.starts_with("DOORWARD_") && !known(name));
    strangers
        .map(|(name, _)| {
            let nearest = SETTINGS.iter().max_by(|a, b| {
                strsim::jaro_winkler(a.name, name).total_cmp(&strsim::jaro_winkler(b.name, name))
            });
            let meant = nearest
                .map(|setting| format!("; did you mean {}?", setting.name))
                .unwrap_or_default();
            BadSetting {
                name: name.clone(),
                why: format!("is not a setting{meant}"),
            }
        })
        .collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const UNITS: &[(&str, u64)] = &[("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A whole number with its unit: `30s`, `15m`, `12h`, `30d`; at least a second, at most ten years.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = UNITS
        .iter()
        .find_map(|(unit, secs)| text.strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(*secs));
    match parsed {
        Some(secs @ 1..=315_360_000) => Ok(Duration::from_secs(secs)),
        _ => Err("must be a whole number with a unit s, m, h or d, such as 15m, from 1s to 3650d".to_owned()),
    }
}

fn parse_rotation(text: &str) -> Result<Option<Duration>, String> {
    match parse_duration(text) {
        _ if text == "never" => Ok(None),
        Ok(interval) if interval >= Duration::from_hours(1) => Ok(Some(interval)),
        _ => Err("must be never, or at least 1h, such as 30d".to_owned()),
    }
}

/// `100/5m`: so many in so long.
fn parse_rate(text: &str) -> Result<Option<Rate>, String> {
    if text == "off" {
        return Ok(None);
    }
    let rate = text.split_once('/').and_then(|(quota, window)| {
        Some(Rate {
            quota: quota.parse().ok()?,
            window: parse_duration(window).ok()?,
        })
    });
    rate.filter(|rate| (1..=1_000_000).contains(&rate.quota))
        .map(Some)
        .ok_or_else(|| "must be off, or a number and a time such as 100/5m".to_owned())
}

fn shown_rate(rate: Option<Rate>) -> String {
    rate.map_or_else(
        || "off".to_owned(),
        |rate| format!("{}/{}", rate.quota, shown_duration(rate.window)),
    )
}

fn parse_lock(text: &str) -> Result<Option<Duration>, String> {
    match parse_duration(text) {
        _ if text == "until-reset" => Ok(None),
        Ok(locked) if locked >= Duration::from_hours(1) => Ok(Some(locked)),
        _ => Err("must be until-reset, or at least 1h, such as 24h".to_owned()),
    }
}

/// Networks in CIDR notation; a bare address is a network of one.
fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let networks = text
        .split(',')
        .map(str::trim)
        .filter(|network| !network.is_empty());
    networks
        .map(|network| {
            network
                .parse()
                .or_else(|_| network.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| format!("{network:?} is no network such as 10.0.0.0/8"))
        })
        .collect()
}

fn parse_retention(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(kept) if kept >= Duration::from_hours(24) => Ok(kept),
        _ => Err("must be at least 1d, such as 400d".to_owned()),
    }
}

fn parse_grace(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        _ if text == "0s" => Ok(Duration::ZERO),
        Ok(grace) if grace <= Duration::from_mins(1) => Ok(grace),
        _ => Err("must be from 0s to 60s".to_owned()),
    }
}

fn shown_duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    let unit = UNITS
        .iter()
        .find(|(_, unit)| secs > 0 && secs.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{secs}s"),
        |(name, unit)| format!("{}{name}", secs / unit),
    )
}

fn parse_switch(text: &str, yes: &str, no: &str) -> Result<bool, String> {
    match text {
        _ if text == yes => Ok(true),
        _ if text == no => Ok(false),
        _ => Err(format!("must be {yes} or {no}")),
    }
}

/// An issuer identifier: an http or https URL without query or fragment (RFC 8414 section 2).
fn parse_issuer(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with('/')
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"?#\"\\<>".contains(&b)) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("must be an http:// or https:// URL without query or fragment".to_owned()),
    }
}

fn parse_audience(text: &str) -> Result<String, String> {
    let graphic = !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    graphic
        .then(|| text.to_owned())
        .ok_or_else(|| "must be 1 to 255 visible ASCII characters".to_owned())
}

/// A file's path, or `none`. What is pasted in its place by mistake is refused without being
/// repeated.
fn parse_file(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "none" => Ok(None),
        _ if text.contains("-----BEGIN") => Err("must be the path of a PEM file, not its content".to_owned()),
        _ => Ok(Some(PathBuf::from(text))),
    }
}

/// Exact origins (RFC 6454): scheme, host and port, no path, no star.
fn parse_origins(text: &str) -> Result<Vec<String>, String> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| {
            let host = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"))
                .unwrap_or_default();
            let exact = !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b));
            exact.then(|| origin.to_ascii_lowercase()).ok_or_else(|| {
                "must be exact origins such as https://app.example.com, no path, no *".to_owned()
            })
        })
        .collect()
}

const fn log_format_name(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, Vec<BadSetting>> {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::load(&SettingSource {
            flags: &|_| None,
            environment: &environment,
        })
    }

    fn refusals(environment: &[(&str, &str)]) -> Vec<String> {
        load(environment)
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn nothing_need_be_set() {
        let config = load(&[]).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.tokens.issuer, "http://127.0.0.1:8000");
        assert_eq!(config.secret_file(), Some(PathBuf::from("doorward.secret")));
    }

    #[test]
    fn the_shown_settings_are_the_table_and_load_again_to_the_same() {
        let shown = load(&[]).unwrap().to_string();
        let names: Vec<&str> = shown
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .collect();
        assert_eq!(
            names,
            SETTINGS.iter().map(|setting| setting.name).collect::<Vec<_>>()
        );
        let plain: Vec<_> = shown
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter(|(name, _)| !name.contains("SECRET") && !name.contains("LOG_FORMAT"))
            .collect();
        assert_eq!(load(&plain).unwrap().to_string(), shown);
    }

    #[test]
    fn an_unknown_name_says_which_was_meant() {
        assert_eq!(
            refusals(&[("DOORWARD_LISTNE", "x")]),
            ["DOORWARD_LISTNE: is not a setting; did you mean DOORWARD_LISTEN?"]
        );
        assert_eq!(refusals(&[("DOORWARD_SESSION_TTL_IDLE", "x")]).len(), 1);
        assert!(
            refusals(&[("DOORWARD_LISTEN_FILE", "x")])[0].contains("is not a setting"),
            "only secrets come from files"
        );
    }

    #[test]
    fn every_bad_value_is_named_at_once() {
        let bad = [
            ("DOORWARD_LISTEN", "nowhere"),
            ("DATABASE_URL", "mysql://x"),
            ("DOORWARD_SECRET", "short"),
            ("DOORWARD_ISSUER", "ftp://x"),
            ("DOORWARD_AUDIENCE", "a b"),
            ("DOORWARD_ACCESS_TOKEN_TTL", "15"),
            ("DOORWARD_SESSION_IDLE_TTL", "0s"),
            ("DOORWARD_SESSION_MAX_AGE", "forever"),
            ("DOORWARD_JWT_ALGORITHM", "none"),
            ("DOORWARD_JWT_SECRET", "secret"),
            ("DOORWARD_KEY_ROTATION", "1m"),
            ("DOORWARD_SESSIONS_PER_USER", "0"),
            ("DOORWARD_REFRESH_GRACE", "61s"),
            ("DOORWARD_REGISTRATION", "maybe"),
            ("DOORWARD_PASSWORD_GRANT", "yes"),
            ("DOORWARD_PASSWORD_MIN_LENGTH", "7"),
            ("DOORWARD_HASH_THREADS", "0"),
            ("DOORWARD_HASH_QUEUE", "-1"),
            ("DOORWARD_ARGON2", "m=1,t=1,p=1"),
            ("DOORWARD_LIMIT_LOGIN_IP", "100"),
            ("DOORWARD_LIMIT_REGISTER_IP", "0/1h"),
            ("DOORWARD_ACCOUNT_LOCK", "1s"),
            ("DOORWARD_TRUSTED_PROXIES", "proxy"),
            ("DOORWARD_AUDIT_RETENTION", "1h"),
            ("DOORWARD_REGISTRY_SIZE", "0"),
            ("DOORWARD_CORS_ORIGINS", "*"),
            (TLS_CERT, "-----BEGIN CERTIFICATE-----"),
            (TLS_KEY, "-----BEGIN PRIVATE KEY-----"),
            ("DOORWARD_METRICS_LISTEN", "9100"),
            ("DOORWARD_DOCS", "1"),
            ("DOORWARD_LOG_FORMAT", "xml"),
        ];
        let mut named: Vec<String> = load(&bad).unwrap_err().into_iter().map(|bad| bad.name).collect();
        let mut all: Vec<String> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
        named.sort();
        all.sort();
        assert_eq!(named, all);
    }

    #[test]
    fn secrets_are_masked_and_never_repeated() {
        let secret = "0123456789abcdef-0123456789abcdef-x";
        let shown = load(&[
            ("DOORWARD_SECRET", secret),
            (
                "DATABASE_URL",
                "postgres://door:pa@ss:w@db.example/doorward?sslmode=prefer&password=hush",
            ),
        ])
        .unwrap();
        assert!(
            shown
                .to_string()
                .contains("DATABASE_URL=postgres://door:***@db.example/doorward?sslmode=prefer&password=***"),
            "{shown}"
        );
        assert!(!shown.to_string().contains(secret) && !format!("{shown:?}").contains(secret));
        assert!(!refusals(&[("DOORWARD_SECRET", "too-short-a-secret")])[0].contains("too-short-a-secret"));
    }

    #[test]
    fn postgres_needs_the_secret_and_a_flag_no_password() {
        assert!(
            refusals(&[("DATABASE_URL", "postgres://door@localhost/doorward")])[0]
                .starts_with("DOORWARD_SECRET: is required")
        );
        let flags = |name: &str| {
            (name == "DATABASE_URL").then(|| "postgres://door:hush@localhost/doorward".to_owned())
        };
        let refused = Config::load(&SettingSource {
            flags: &flags,
            environment: &[(
                "DOORWARD_SECRET".to_owned(),
                "a secret of more than thirty-two bytes".to_owned(),
            )],
        })
        .unwrap_err();
        assert!(refused[0].to_string().contains("holds a password"));
    }

    #[test]
    fn tls_needs_both_files_and_makes_the_issuer_https() {
        assert_eq!(
            refusals(&[(TLS_CERT, "cert.pem")]),
            ["DOORWARD_TLS_KEY: is needed with DOORWARD_TLS_CERT"]
        );
        assert_eq!(
            refusals(&[(TLS_KEY, "key.pem")]),
            ["DOORWARD_TLS_CERT: is needed with DOORWARD_TLS_KEY"]
        );
        assert_eq!(
            load(&[(TLS_CERT, "cert.pem"), (TLS_KEY, "key.pem")])
                .unwrap()
                .tokens
                .issuer,
            "https://127.0.0.1:8000"
        );
    }

    #[test]
    fn durations_are_read_and_shown() {
        for (text, secs) in [
            ("1s", 1),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(secs)));
        }
        assert_eq!(shown_duration(Duration::from_mins(15)), "15m");
        assert_eq!(shown_duration(Duration::from_secs(90)), "90s");
        for bad in [
            "",
            "m",
            "1",
            "1.5h",
            "-1s",
            "1w",
            "99999999999999999999d",
            "3651d",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    /// Beginnings and ends of values that mean something to one setting or other.
    const PIECES: &str = "[0-9]{0,20}|[a-zA-Z:/.@?#%,=\\[\\]*-]{0,12}|[smhd]|on|off|never|m=|,t=|,p=|http://|https://|sqlite:|postgres://u:p@h/d|\\PC{0,4}";

    proptest! {
        #[test]
        fn no_value_panics_and_what_loads_shows_itself_and_loads_again(
            values in prop::collection::vec((prop::sample::select(SETTINGS), prop::collection::vec(PIECES, 0..4)), 1..4),
        ) {
            let secret = "hunter2, but thirty-two bytes long";
            let values: Vec<(&str, String)> = values.into_iter()
                .map(|(setting, pieces)| (setting.name, if setting.secret { secret.to_owned() } else { pieces.concat() })).collect();
            let environment: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            match load(&environment) {
                Ok(config) => {
                    let shown = config.to_string();
                    prop_assert!(!shown.contains("hunter2") && shown.lines().count() == SETTINGS.len(), "{}", shown);
                }
                Err(refused) => for bad in refused {
                    let line = bad.to_string();
                    prop_assert!(!line.contains("hunter2") && !line.contains('\n') && !line.is_empty(), "{}", line);
                },
            }
        }

        #[test]
        fn a_duration_is_shown_as_it_is_read(secs in 1..=315_360_000_u64) {
            let duration = Duration::from_secs(secs);
            prop_assert_eq!(parse_duration(&shown_duration(duration)), Ok(duration));
        }
    }
}
