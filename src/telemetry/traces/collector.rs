//! The way to the collector of spans: one request at a time, made by the thread that sends them,
//! which may wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::crypto::aws_lc_rs::default_provider;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// More than any answer of a collector.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Keeps connections to the collector; trusts whom the system trusts.
#[derive(Debug)]
pub struct Collector(Agent);

impl Collector {
    /// Client whose requests may take `timeout`, answer included.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        Self(
            Agent::config_builder()
                .timeout_global(Some(timeout))
                .http_status_as_error(false)
                .tls_config(tls)
                .build()
                .into(),
        )
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let (head, mut answer) = self.0.run(Request::from_parts(head, body.as_ref()))?.into_parts();
        let body = answer.with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}
