//! Settings of the public HTTP interface. Only the server opens the TLS files: another command may
//! run as a user without permission to read the key.

use std::path::PathBuf;

use super::row::settings;
use super::setting::BadSetting;
use super::values::{By, FILE_OR_NONE, Or, Switch, parts, show_list};

/// Name of the setting for the certificate chain file.
pub const TLS_CERT: &str = "DOORWARD_TLS_CERT";
/// Name of the setting for the private key file.
pub const TLS_KEY: &str = "DOORWARD_TLS_KEY";

settings! {
    /// Settings of the public HTTP interface.
    HttpSettings {
        cors_origins: Vec<String> = "DOORWARD_CORS_ORIGINS", "none", ORIGINS,
            "comma-separated origins whose web pages can call this service, such as https://app.example.com";
        tls_cert: Option<PathBuf> = TLS_CERT, "none", FILE_OR_NONE,
            "PEM file of the certificate chain, the server certificate first; together with the key it \
             turns HTTPS on; a changed file is loaded without a restart";
        tls_key: Option<PathBuf> = TLS_KEY, "none", FILE_OR_NONE,
            "PEM file of the private key; only its owner and group can have read permission";
        http2: bool = "DOORWARD_HTTP2", "off", Switch("on", "off"),
            "on or off: HTTP/2 beside HTTP/1.1 over TLS; it has no bound on a header before it is decoded, so \
             one client can make the server use gigabytes of memory";
        docs: bool = "DOORWARD_DOCS", "on", Switch("on", "off"),
            "on or off: Swagger UI at /docs/";
    }
}

/// Exact origins; the default is an empty list.
const ORIGINS: Or<By<Vec<String>>> = Or(By(parse_origins, |list| show_list(list)), Vec::new);

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server certificate first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

impl HttpSettings {
    /// Files for TLS; `None` means plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (cert, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { cert, key })
    }

    /// A refusal if only one of the two TLS files is set.
    pub(super) fn missing_half(&self) -> Option<BadSetting> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => Some(BadSetting::new(TLS_KEY, format!("is needed with {TLS_CERT}"))),
            (None, Some(_)) => Some(BadSetting::new(TLS_CERT, format!("is needed with {TLS_KEY}"))),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

/// Exact origins (RFC 6454): scheme, host and port, without path or wildcard.
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
            .ok_or_else(|| "must be origins such as https://app.example.com, without path or *".to_owned())
    };
    parts(text).map(origin).collect()
}
