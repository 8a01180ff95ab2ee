//! The application of one worker: the routes behind the pipeline, CORS and the bound of streams.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{Data, ServiceConfig};

use super::connections::streams;
use crate::app::App;
use crate::crypto::{CryptoError, random};
use crate::http::openapi::{self, Pages};
use crate::http::pipeline::Pipeline;
use crate::http::routes;

/// Parts that all workers share.
#[derive(Clone)]
pub struct Shared {
    pipeline: Arc<Pipeline>,
    more: fn(&mut ServiceConfig),
    /// Swagger UI, where it is served.
    pages: Option<Data<Pages>>,
    /// Whether the listener speaks HTTP/2, whose streams are bounded.
    pub(super) bound_streams: bool,
}

impl Shared {
    /// Makes the pipeline once; `more` lets a test put a route behind the same middleware.
    ///
    /// # Errors
    /// The system gave no random number.
    pub fn new(app: &App, more: fn(&mut ServiceConfig)) -> Result<Self, CryptoError> {
        let pipeline = Pipeline::new(app, u64::from_be_bytes(random()?));
        Ok(Self {
            pipeline: Arc::new(pipeline),
            more,
            pages: app.config.http.docs.then(Pages::new),
            bound_streams: false,
        })
    }
}

/// The application of one worker. The last `wrap` is the outermost.
pub fn http_app(
    app: Data<App>,
    shared: Shared,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let Shared {
        pipeline,
        more,
        pages,
        bound_streams,
    } = shared;
    // Each request holds it: the worker's own count costs less than the one that all share.
    let pipeline = Rc::new(pipeline);
    let origins = &app.config.http.cors_origins;
    let cors = Condition::new(!origins.is_empty(), cors(origins));
    actix_web::App::new()
        .configure(routes::serve)
        .app_data(app)
        .configure(more)
        .configure(|service| openapi::serve(service, pages))
        .wrap(Condition::new(bound_streams, from_fn(streams::bound)))
        .wrap(cors)
        .wrap(from_fn(move |request, next| {
            let pipeline = Rc::clone(&pipeline);
            async move { pipeline.handle(request, next).await }
        }))
}

fn cors(origins: &[String]) -> actix_cors::Cors {
    let listed = actix_cors::Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            "authorization",
            "content-type",
            "doorward-device",
            "if-match",
            "x-request-id",
        ])
        .expose_headers([
            "doorward-device",
            "etag",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id",
        ])
        .block_on_origin_mismatch(false)
        .max_age(600);
    origins
        .iter()
        .fold(listed, |cors, origin| cors.allowed_origin(origin))
}
