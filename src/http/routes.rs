//! The URL map: a row for each path or group of paths, used to serve, to document, and to know
//! methods and surface before routing.
//!
//! Any other path answers 404, except the pages of the documentation. A handler's attribute
//! names the method and the path after the row's prefix; in an open row, which makes no scope, it
//! names the whole path. After a change: `make openapi`.

use actix_web::http::Method;
use actix_web::web;
use utoipa::Path;
use utoipa::openapi::HttpMethod;
use utoipa_actix_web::scope::scope as documented_scope;
use utoipa_actix_web::service_config::ServiceConfig as DocumentedConfig;

use super::api::{accounts, audit, health, me, roles, sessions, user_sessions, users, verify};
use super::guard::{bearer, permitted, permitted_or_client, permitted_with_proof};
use super::oauth::{introspect, jwks, metadata, revoke, token, userinfo};
use super::surface::Surface;
use crate::model::permission::Permission as P;

/// Writes the functions that walk the rows.
macro_rules! url_map {
    ($($path:literal $surface:ident $guard:tt => $($handler:path),+;)+) => {
        /// The routes as a worker serves them.
        pub fn serve(service: &mut web::ServiceConfig) {
            $(url_map!(@register service, web::scope, $path, $guard, $($handler),+);)+
        }

        /// The same routes as the document collects them.
        pub fn describe(service: &mut DocumentedConfig<'_>) {
            $(url_map!(@register service, documented_scope, $path, $guard, $($handler),+);)+
        }

        /// Each handler by itself, beside the path that its row shows.
        fn rows() -> Vec<(&'static str, Endpoint)> {
            vec![$($(($path, Endpoint::of::<$handler>(url_map!(@scope $path, $guard), Surface::$surface))),+),+]
        }
    };
    (@register $service:ident, $scope:path, $path:literal, [open], $($handler:path),+) => {
        $service$(.service($handler))+
    };
    (@register $service:ident, $scope:path, $path:literal, [$guard:expr], $($handler:path),+) => {
        $service.service($scope($path).wrap($guard)$(.service($handler))+)
    };
    (@scope $path:literal, [open]) => { "" };
    (@scope $path:literal, [$guard:expr]) => { $path };
}

url_map! {
    "/register"            Api   [open] => accounts::register;
    "/login"               OAuth [open] => sessions::login;
    "/refresh"             OAuth [open] => sessions::refresh;
    "/logout"              Api   [bearer()] => sessions::logout;
    "/me"                  Api   [bearer()] =>
        me::show, me::change_email, me::delete, me::change_password, me::reauthenticate, me::sessions, me::end_session;
    "/oauth/token"         OAuth [open] => token::exchange;
    "/oauth/revoke"        OAuth [open] => revoke::revoke;
    "/oauth/introspect"    OAuth [permitted_or_client(P::TokensIntrospect)] => introspect::introspect;
    "/oauth/userinfo"      OAuth [bearer()] => userinfo::userinfo;
    "/verify"              Api   [bearer()] => verify::verify;
    "/users/{id}/sessions" Api   [permitted(P::SessionsRead, P::SessionsWrite)] =>
        user_sessions::list, user_sessions::end;
    "/users"               Api   [permitted_with_proof(P::UsersRead, P::UsersWrite)] =>
        users::list, users::invite, users::show, users::update, users::delete, users::reset_password;
    "/roles"               Api   [permitted_with_proof(P::RolesRead, P::RolesWrite)] =>
        roles::list, roles::put, roles::delete;
    "/audit"               Api   [permitted(P::AuditRead, P::AuditRead)] => audit::list;
    "/.well-known"         Api   [open] => jwks::jwks, metadata::metadata;
    "/health"              Api   [open] => health::health;
    "/ready"               Api   [open] => health::ready;
}

/// A path, its methods and its surface, as the pipeline needs them before routing.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Path as the document writes it, with parameters in braces.
    pub path: String,
    /// The methods that have a handler, in the order of `Allow`.
    pub methods: Vec<Method>,
    /// The kind of client that it is for.
    pub surface: Surface,
}

impl Endpoint {
    fn of<H: Path>(scope: &str, surface: Surface) -> Self {
        let handled = H::methods();
        let methods = METHODS.into_iter().filter(|(word, _)| handled.contains(word));
        Self {
            path: format!("{scope}{}", H::path()),
            methods: methods.map(|(_, method)| method).collect(),
            surface,
        }
    }
}

const METHODS: [(HttpMethod, Method); 5] = [
    (HttpMethod::Get, Method::GET),
    (HttpMethod::Post, Method::POST),
    (HttpMethod::Put, Method::PUT),
    (HttpMethod::Patch, Method::PATCH),
    (HttpMethod::Delete, Method::DELETE),
];

/// Every path that has a handler, except the pages of the documentation.
#[must_use]
pub fn endpoints() -> Vec<Endpoint> {
    let document = Endpoint {
        path: "/openapi.json".to_owned(),
        methods: vec![Method::GET],
        surface: Surface::Api,
    };
    let mut endpoints: Vec<Endpoint> = vec![document];
    for (_, row) in rows() {
        match endpoints.iter_mut().find(|known| known.path == row.path) {
            Some(known) => known.methods.extend(row.methods),
            None => endpoints.push(row),
        }
    }
    for endpoint in &mut endpoints {
        let place = |method: &Method| METHODS.iter().position(|(_, other)| other == method);
        endpoint.methods.sort_by_key(place);
    }
    endpoints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_paths_of_its_handlers() {
        for (path, endpoint) in rows() {
            assert!(
                endpoint.path.starts_with(path),
                "{endpoint:?} in the row of {path}"
            );
        }
    }

    #[test]
    fn methods_of_one_path_stand_together_in_the_order_of_allow() {
        let endpoints = endpoints();
        let me = endpoints.iter().find(|endpoint| endpoint.path == "/me");
        assert_eq!(
            me.map(|me| me.methods.as_slice()),
            Some([Method::GET, Method::PATCH, Method::DELETE].as_slice())
        );
    }
}
