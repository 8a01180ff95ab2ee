//! The caller of a hash, from the context of the request.

use std::net::{IpAddr, Ipv4Addr};

use crate::memory::hash_queue::Caller;
use crate::model::event::{Actor, Context};

/// The caller whose network and account decide the place of a hash. Commands have no address and no
/// queue to share.
pub fn caller(context: &Context) -> Caller {
    let ip = context.ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    match context.actor {
        Actor::User(user) => Caller::known(ip, user),
        Actor::Anonymous | Actor::Cli | Actor::Server => Caller::stranger(ip),
    }
}
