//! `doorward health`: asks the server of this machine whether it is ready, which is what a
//! container's health check needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::default_provider;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::exit::Exit;
use super::output::print;
use crate::config::Config;

/// Longest wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is shown, in bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// Runs the command.
///
/// # Errors
/// [`Exit`] if the server does not answer, or answers that it is not ready.
pub fn run(config: &Config) -> Result<(), Exit> {
    let host = match config.server.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, config.server.listen.port());
    let scheme = if config.http.tls().is_some() {
        "https"
    } else {
        "http"
    };
    let ask = || -> Result<(u16, String), ureq::Error> {
        let mut answer = agent().get(format!("{scheme}://{address}/ready")).call()?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MOST_BYTES).lossy_utf8(true);
        Ok((status, body.read_to_string()?))
    };
    let (status, body) = ask().map_err(|cause| Exit::failed(format!("no answer from {address}: {cause}")))?;
    if status == 200 {
        print(&format!("{body}\n"))
    } else {
        Err(Exit::failed(format!("not ready: {body}")))
    }
}

/// Client for one request to this very machine: no proxy, no redirect, and every certificate is
/// accepted. Nothing secret is sent, and the answer only decides whether to restart. To demand the
/// certificate of the settings would do harm: while a renewal is broken the server goes on with the
/// old one, and a check that fails then would end a server that serves.
fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .disable_verification(true)
        .build();
    Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls)
        .build()
        .into()
}
