//! The settings by area. Each struct is the policy that the use-cases of its area read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::crypto::passwords::Cost;
use crate::crypto::secret::RootSecret;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::throttle::Rate;
use crate::store::url::DatabaseUrl;
use crate::telemetry::LogFormat;

/// Address, database and root secret of a server.
#[derive(Debug)]
pub struct ServerSettings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Place of the data.
    pub database: DatabaseUrl,
    /// Root secret, if one was given.
    pub secret: Option<RootSecret>,
}

/// Access tokens and the keys that sign them.
#[derive(Debug)]
pub struct TokenSettings {
    /// Algorithm of new tokens.
    pub algorithm: SigningAlgorithm,
    /// Signing key of a team that shares it with its other services.
    pub jwt_secret: Option<RootSecret>,
    /// Time between two signing keys; none leaves it to `doorward keys rotate`.
    pub key_rotation: Option<Duration>,
    /// The `iss` of every token.
    pub issuer: String,
    /// The `aud` of every token.
    pub audience: String,
    /// Life of an access token; at least a second.
    pub access_token_ttl: Duration,
}

impl TokenSettings {
    /// Whether the signing key is the team's own (`DOORWARD_JWT_SECRET`) and not in the database.
    #[must_use]
    pub const fn shares_its_key(&self) -> bool {
        self.jwt_secret.is_some()
    }

    /// Whether the public URL is https.
    #[must_use]
    pub fn issuer_is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }
}

/// Life and number of sessions.
#[derive(Debug)]
pub struct SessionSettings {
    /// Life of a session without a refresh.
    pub idle_ttl: Duration,
    /// Life of a session in any case.
    pub max_age: Duration,
    /// Live sessions of one user.
    pub per_user: usize,
    /// How long the refresh token before the newest gets the newest again.
    pub refresh_grace: Duration,
}

/// Rules for accounts and their passwords.
#[derive(Debug)]
pub struct AccountSettings {
    /// Whether `POST /register` takes new accounts.
    pub registration_open: bool,
    /// Whether a user name and password get a token at all (RFC 9700 section 2.4).
    pub password_grant: bool,
    /// Least code points of a new password.
    pub password_min_length: usize,
}

/// Cost of password hashing.
#[derive(Debug)]
pub struct HashSettings {
    /// Threads that hash.
    pub threads: usize,
    /// Hashes that may wait for a thread.
    pub queue: usize,
    /// Argon2id parameters of one hash.
    pub cost: Cost,
}

/// Limits on attempts, and the networks whose word about a client's address counts.
#[derive(Debug)]
pub struct LimitSettings {
    /// Logins of one address.
    pub login: Option<Rate>,
    /// Registrations of one address.
    pub register: Option<Rate>,
    /// How long too many failures lock an account; none means until it is unlocked.
    pub account_lock: Option<Duration>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// The audit trail.
#[derive(Debug)]
pub struct AuditSettings {
    /// How long events are kept.
    pub retention: Duration,
}

/// State that a process holds in memory.
#[derive(Debug)]
pub struct MemorySettings {
    /// Sessions that the registry holds.
    pub registry_size: usize,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server's own first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// The public HTTP interface.
#[derive(Debug)]
pub struct HttpSettings {
    /// Exact origins that may call from a browser.
    pub cors_origins: Vec<String>,
    /// File of the certificate chain; set if and only if `tls_key` is.
    pub tls_cert: Option<PathBuf>,
    /// File of its private key.
    pub tls_key: Option<PathBuf>,
    /// Whether Swagger UI is served.
    pub docs: bool,
}

impl HttpSettings {
    /// The files to speak TLS with; none is plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }
}

/// Metrics and log lines.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// Address and port that answer `GET /metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// Form of the log lines; none means text on a terminal and JSON elsewhere.
    pub log_format: Option<LogFormat>,
}
