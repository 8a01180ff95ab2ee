//! HTTP only: bodies, extractors, statuses. A handler converts, calls one use-case, converts.

pub mod accounts;
pub mod document;
pub mod envelope;
pub mod guard;
pub mod health;
pub mod input;
pub mod me;
pub mod oauth;
pub mod problem;
pub mod sessions;

use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// The whole URL map. Registering is documenting; what is not here (and not [`document::serve`]) answers 404. HEAD, OPTIONS, 405 and `Allow` are
/// [`envelope::Envelope`]'s, from the same map.
pub fn routes(service: &mut ServiceConfig<'_>) {
    service
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
        .service(scope("/oauth/introspect").wrap(guard::bearer()).service(oauth::introspect))
        .service(oauth::jwks)
        .service(oauth::metadata)
        .service(health::health)
        .service(health::ready);
}
