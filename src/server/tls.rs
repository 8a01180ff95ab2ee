//! TLS by rustls: the certificate and key of the settings, and how they are taken up again when
//! their files change.
//!
//! TLS 1.2 and 1.3 only, by aws-lc-rs, handed to rustls by name: no process-wide default is
//! installed. Nothing here knows of HTTP; the bounds of HTTP/2 are in `server::connections`. The
//! surprising thing: the files are taken up only after they stood still for a look, because a
//! renewal writes two files one after the other, and between the two they do not fit.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, InconsistentKeys, ServerConfig, SupportedProtocolVersion};

use crate::config::{BadSetting, TLS_CERT, TLS_KEY, TlsFiles};
use crate::crypto::private_file::{self, Readers};

/// How often the files are looked at; a change is in use after two to three looks.
const LOOK: Duration = Duration::from_secs(1);
/// RFC 8996 ended what is older.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// The certificate and key in use, for every handshake that begins from now on.
pub struct TlsIdentity {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    /// How the files were just before the first reading, so that a change since is seen.
    first: Stamp,
    current: RwLock<Arc<CertifiedKey>>,
}

impl TlsIdentity {
    /// Reads both files.
    ///
    /// # Errors
    /// The setting at fault and why: a file is missing, the key may be read by others, something is
    /// no PEM, or the two do not fit.
    pub fn open(files: TlsFiles) -> Result<Arc<Self>, BadSetting> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let first = Stamp::of(&files);
        let current = RwLock::new(Arc::new(load(&files, &provider)?));
        Ok(Arc::new(Self {
            files,
            provider,
            first,
            current,
        }))
    }

    /// Configuration for a listener that speaks these protocols, by their ALPN names, the
    /// preferred first. A client that offers others only is refused.
    ///
    /// # Errors
    /// The provider has no cipher suite for these versions.
    pub fn server_config(self: &Arc<Self>, protocols: &[&[u8]]) -> Result<ServerConfig, Error> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(VERSIONS)?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// Looks at the files for ever and takes up a new pair that is valid; one that is not is logged
    /// once, and the old one stays.
    pub async fn follow(&self) {
        let mut taken = self.first.clone();
        let mut last = taken.clone();
        loop {
            tokio::time::sleep(LOOK).await;
            let seen = Stamp::of(&self.files);
            let stands_still = seen == last;
            last = seen;
            if !stands_still || last == taken {
                continue;
            }
            taken = last.clone();
            match load(&self.files, &self.provider) {
                Ok(new) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                    log::info!("took up the new TLS certificate");
                }
                Err(bad) => {
                    log::warn!("cannot load the new TLS certificate, the old one stays in use: {bad}");
                }
            }
        }
    }
}

impl ResolvesServerCert for TlsIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// Without the key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// Metadata that changes when a file is written or replaced, or when its link changes, as with
/// mounted secrets. `ctime` changes also when only the mode is changed.
#[derive(Clone, PartialEq, Eq)]
struct Stamp([Option<[i64; 6]>; 2]);

impl Stamp {
    fn of(files: &TlsFiles) -> Self {
        Self([&files.cert, &files.key].map(|path| {
            let about = std::fs::metadata(path).ok()?;
            Some([
                about.ino().cast_signed(),
                about.size().cast_signed(),
                about.mtime(),
                about.mtime_nsec(),
                about.ctime(),
                about.ctime_nsec(),
            ])
        }))
    }
}

fn load(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, BadSetting> {
    let bad = |name: &str, path: &Path, why: &str| BadSetting {
        name: name.to_owned(),
        why: format!("{} {why}", path.display()),
    };
    let (cert, key) = (files.cert.as_path(), files.key.as_path());

    let text =
        std::fs::read(cert).map_err(|cause| bad(TLS_CERT, cert, &format!("cannot be read: {cause}")))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    if chain.is_empty() {
        return Err(bad(TLS_CERT, cert, "does not hold certificates in PEM"));
    }

    // The error text of the parser may repeat a line of the key, so it is dropped.
    let text =
        private_file::read(key, Readers::OwnerAndGroup).map_err(|why| bad(TLS_KEY, key, &why.to_string()))?;
    let der = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| bad(TLS_KEY, key, "does not hold a private key in PEM, unencrypted"))?;
    let signing = provider
        .key_provider
        .load_private_key(der)
        .map_err(|_| bad(TLS_KEY, key, "holds a private key of a kind that is not known"))?;

    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(Error::InconsistentKeys(_)) => Err(bad(
            TLS_KEY,
            key,
            &format!("does not fit the first certificate in {}", cert.display()),
        )),
        Err(_) => Err(bad(
            TLS_CERT,
            cert,
            "does not begin with a certificate that can be read",
        )),
    }
}
