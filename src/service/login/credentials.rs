//! Input of a login: the credentials as they were typed. Nothing of it is checked yet.

use std::net::IpAddr;

/// User name and password as they were typed, and the client that sent them.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// The address.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The password to set in place of a one-time password; ignored with a lasting one.
    pub new_password: Option<&'a str>,
    /// The ticket that the device got at an earlier login.
    pub device: Option<&'a str>,
    /// The client's network address.
    pub ip: IpAddr,
    /// The client's name for itself.
    pub user_agent: &'a str,
}
