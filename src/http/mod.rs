//! HTTP only: bodies, extractors, statuses. A handler converts, calls one use-case, converts.
//!
//! A request passes [`pipeline`], then a [`guard`] if its row in [`routes`] has one, then its handler
//! in [`api`] or [`oauth`], whose arguments [`extract`] reads; what is refused on the way is a
//! [`problem::Problem`].

pub mod api;
pub mod extract;
pub mod guard;
pub mod limits;
pub mod oauth;
pub mod openapi;
pub mod pipeline;
pub mod problem;
pub mod routes;
pub mod surface;
pub mod token_response;
