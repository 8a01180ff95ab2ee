//! The HTTP interface as a black box over a socket, each test on both engines; every answer is
//! checked against the document.

mod account;
mod administration;
mod audit;
mod cut_connections;
mod http;
mod keys;
mod login;
mod me;
mod nodes;
mod oauth;
mod refresh;
mod register;
mod resilience;
mod sessions;
mod throttle;
