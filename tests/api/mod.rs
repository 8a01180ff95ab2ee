//! The HTTP interface as a black box over a socket, each test on both engines; every answer is checked against the document.

mod http;
mod login;
mod me;
mod register;
mod resilience;
