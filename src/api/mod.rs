//! HTTP only: bodies, extractors, statuses. A handler converts, calls one use-case, converts.

pub mod accounts;
pub mod document;
pub mod envelope;
pub mod guard;
pub mod health;
pub mod input;
pub mod me;
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
        .service(scope("/me").wrap(guard::bearer()).service(me::show))
        .service(health::health)
        .service(health::ready);
}
