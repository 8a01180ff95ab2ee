//! HTTP only: bodies, extractors, statuses. A handler converts, calls one use-case, converts.

pub mod api;
pub mod extract;
pub mod guard;
pub mod limits;
pub mod oauth;
pub mod openapi;
pub mod pipeline;
pub mod problem;

use actix_web::web;
use utoipa_actix_web::scope::scope as documented_scope;
use utoipa_actix_web::service_config::ServiceConfig as DocumentedConfig;

use self::api::{accounts, audit, health, me, roles, sessions, users};
use crate::model::permission::Permission as P;

/// The whole URL map, written once and used twice: to document and to serve. What is not here (and
/// not [`openapi::serve`]) answers 404. HEAD, OPTIONS, 405 and `Allow` are
/// [`pipeline::Envelope`]'s, from the document that is kept: after a change here, `make openapi`.
macro_rules! routes {
    ($service:expr, $scope:path) => {{
        use $scope as scope;
        $service
            .service(accounts::register)
            .service(sessions::login)
            .service(sessions::refresh)
            .service(scope("/logout").wrap(guard::bearer()).service(sessions::logout))
            .service(
                scope("/me")
                    .wrap(guard::bearer())
                    .service(me::show)
                    .service(me::change_email)
                    .service(me::delete)
                    .service(me::change_password)
                    .service(me::sessions)
                    .service(me::end_session),
            )
            .service(oauth::exchange)
            .service(oauth::revoke)
            .service(
                scope("/oauth/introspect")
                    .wrap(guard::permitted(P::TokensIntrospect, P::TokensIntrospect))
                    .service(oauth::introspect),
            )
            .service(
                scope("/users/{id}/sessions")
                    .wrap(guard::permitted(P::SessionsRead, P::SessionsWrite))
                    .service(users::sessions)
                    .service(users::end_sessions),
            )
            .service(
                scope("/users")
                    .wrap(guard::permitted(P::UsersRead, P::UsersWrite))
                    .service(users::list)
                    .service(users::invite)
                    .service(users::show)
                    .service(users::update)
                    .service(users::delete)
                    .service(users::reset_password),
            )
            .service(
                scope("/roles")
                    .wrap(guard::permitted(P::RolesRead, P::RolesWrite))
                    .service(roles::list)
                    .service(roles::put)
                    .service(roles::delete),
            )
            .service(
                scope("/audit")
                    .wrap(guard::permitted(P::AuditRead, P::AuditRead))
                    .service(audit::list),
            )
            .service(oauth::jwks)
            .service(oauth::metadata)
            .service(health::health)
            .service(health::ready);
    }};
}

/// The routes as a worker serves them.
pub fn serve(service: &mut web::ServiceConfig) {
    routes!(service, web::scope);
}

/// The same routes as the document collects them.
pub fn describe(service: &mut DocumentedConfig<'_>) {
    routes!(service, documented_scope);
}
