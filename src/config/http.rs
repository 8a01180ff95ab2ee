//! The public HTTP interface. Whether the files of TLS can be used is for the server to say:
//! another command may run as a user who may not read the key.

use std::path::PathBuf;

use super::BadSetting;
use super::row::settings;
use super::values::{By, FILE_OR_NONE, Or, Switch, parts, show_list};

/// Name of the setting with the file of the certificate chain.
pub const TLS_CERT: &str = "DOORWARD_TLS_CERT";
/// Name of the setting with the file of its private key.
pub const TLS_KEY: &str = "DOORWARD_TLS_KEY";

settings! {
    /// The public HTTP interface.
    HttpSettings {
        cors_origins: Vec<String> = "DOORWARD_CORS_ORIGINS", "none", ORIGINS,
            "comma-separated exact origins whose pages may call this service";
        tls_cert: Option<PathBuf> = TLS_CERT, "none", FILE_OR_NONE,
            "PEM file of the certificate chain, the server's own first; with the key the server speaks \
             HTTPS; a changed file is loaded without a restart";
        tls_key: Option<PathBuf> = TLS_KEY, "none", FILE_OR_NONE,
            "PEM file of the private key, readable by owner and group only";
        docs: bool = "DOORWARD_DOCS", "on", Switch("on", "off"),
            "on or off: Swagger UI at /docs/";
    }
}

/// Exact origins, none if they are not given.
const ORIGINS: Or<By<Vec<String>>> = Or(By(parse_origins, |list| show_list(list)), Vec::new);

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server's own first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

impl HttpSettings {
    /// The files to speak TLS with; none is plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }

    /// The one file of TLS that is missing beside the other.
    pub(super) fn missing_half(&self) -> Option<BadSetting> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Some(BadSetting::new(TLS_KEY, format!("is needed with {TLS_CERT}"))),
            (None, Some(_)) => Some(BadSetting::new(TLS_CERT, format!("is needed with {TLS_KEY}"))),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

/// Exact origins (RFC 6454): scheme, host and port, no path, no star.
fn parse_origins(text: &str) -> Result<Vec<String>, String> {
    let origin = |origin: &str| {
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .unwrap_or_default();
        let exact = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte));
        exact
            .then(|| origin.to_ascii_lowercase())
            .ok_or_else(|| "must be exact origins such as https://app.example.com, no path, no *".to_owned())
    };
    parts(text).map(origin).collect()
}
