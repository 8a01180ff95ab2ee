//! The client: its IP address, taken from `X-Forwarded-For` only behind trusted proxies, and what
//! it calls itself.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpRequest, web};

use crate::app::App;
use crate::model::event::{Actor, Context};
use crate::telemetry::request_context;

/// The origin of a request: the client's address, and what it calls itself.
pub struct Origin {
    /// The network address, without the port.
    pub ip: IpAddr,
    /// The `User-Agent`, or nothing.
    pub user_agent: String,
    request_id: String,
}

impl Origin {
    /// The origin of a request.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let text = |name: &str| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            ip: client_address(request),
            user_agent: text(header::USER_AGENT.as_str()),
            request_id: request_context::request_id(),
        }
    }

    /// The context in which the events of this request are recorded.
    #[must_use]
    pub fn context(&self, actor: Actor) -> Context {
        Context {
            actor,
            ip: self.ip.to_string(),
            request_id: self.request_id.clone(),
        }
    }
}

impl FromRequest for Origin {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// Address of a peer that is not known.
const NO_PEER: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// The header in which proxies name the client.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer's address; or, where the peer is a trusted proxy, the right-most hop of
/// `X-Forwarded-For` that is not a trusted proxy. Anyone may have written the hops left of it.
///
/// Our listener gives every connection's peer. Requests of another listener that gave none would
/// share the limits of one address.
pub fn client_address(request: &HttpRequest) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(NO_PEER, |peer| peer.ip().to_canonical());
    let app = request.app_data::<web::Data<App>>();
    let trusted = app
        .map(|app| app.config.limits.trusted_proxies.as_slice())
        .unwrap_or_default();
    let is_proxy = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_proxy(&peer) {
        if request.headers().contains_key(FORWARDED_FOR)
            && app.is_some_and(|app| app.memory.forgotten_proxy.claim(app.clock.now()))
        {
            log::warn!(
                "X-Forwarded-For from {peer} is ignored: the address is not in DOORWARD_TRUSTED_PROXIES. \
                 If it is your proxy, all users behind it count as one address"
            );
        }
        return peer;
    }
    let mut nearest = peer;
    let values = request
        .headers()
        .get_all(FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or("?"));
    for hop in values.collect::<Vec<_>>().join(",").rsplit(',') {
        let Some(ip) = parse_hop(hop.trim()) else { break };
        nearest = ip;
        if !is_proxy(&ip) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(hop, |(ip, _port)| ip);
    bare.parse::<IpAddr>()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|ip| ip.to_canonical())
}

/// The header with the ticket of a device that has logged in before; its attempts are counted by
/// themselves.
pub const DEVICE: HeaderName = HeaderName::from_static("doorward-device");

/// The ticket that a device shows.
#[must_use]
pub fn device_of(request: &HttpRequest) -> Option<&str> {
    request
        .headers()
        .get(DEVICE)
        .and_then(|ticket| ticket.to_str().ok())
}
