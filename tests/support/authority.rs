//! A certificate authority of the tests, and servers with its certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

/// Settings of a server with the files of [`Authority::install`].
pub const FILES: &[(&str, &str)] = &[("DOORWARD_TLS_CERT", "cert.pem"), ("DOORWARD_TLS_KEY", "key.pem")];

/// Signs the certificates of a test.
pub struct Authority(pub CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key in PEM.
    pub fn pair(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (
            params.signed_by(&key, &self.0).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    pub fn install(&self, folder: &Path) {
        let (cert, key) = self.pair();
        replace_file(folder, "cert.pem", &cert);
        replace_file(folder, "key.pem", &key);
    }

    /// A client that trusts this authority alone, with the protocols that it offers.
    pub fn client_config(&self, offered: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

/// A new file of mode 0640 in the place of the old, as tools that renew certificates do it.
pub fn replace_file(folder: &Path, name: &str, text: &str) {
    let new = folder.join("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o640)).unwrap();
    fs::rename(&new, folder.join(name)).unwrap();
}
