//! Steps that every request goes through: request id, trace, path and method, a guard against
//! panics, the error body, the headers, the log line and the counters. Each step has a file; this
//! file has their order.

pub mod access_log;
pub mod headers;
pub mod methods;
pub mod refusals;
pub mod request_id;
pub mod trace_headers;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use futures_util::FutureExt as _;

use self::headers::SecurityHeaders;
use self::methods::{ListedPath, MethodMap};
use self::request_id::RequestIds;
use super::limits;
use super::problem::{MediaType, Problem};
use super::routes;
use super::surface::Surface;
use crate::app::App;
use crate::model::clock::monotonic_now;
use crate::telemetry::metrics::{Metrics, Route};
use crate::telemetry::request_context::{RequestContext, RequestId};
use crate::telemetry::traces::{Trace, Traces};

/// The outermost middleware.
pub struct Pipeline {
    ids: RequestIds,
    paths: MethodMap,
    cors_origins: Vec<String>,
    headers: SecurityHeaders,
    metrics: Arc<Metrics>,
    no_route: Route,
    no_template: Arc<str>,
    traces: Option<Arc<Traces>>,
}

impl Pipeline {
    /// Pipeline for the settings of `app`. `process` is a random number of this process.
    #[must_use]
    pub fn new(app: &App, process: u64) -> Self {
        let listed = MethodMap::new(routes::endpoints(), &app.telemetry.metrics);
        Self {
            ids: RequestIds::new(process),
            paths: if app.config.http.docs {
                listed.with_docs(&app.telemetry.metrics)
            } else {
                listed
            },
            cors_origins: app.config.http.cors_origins.clone(),
            headers: SecurityHeaders::new(app.config.tokens.issuer_is_https()),
            metrics: Arc::clone(&app.telemetry.metrics),
            no_route: app.telemetry.metrics.requests.no_route(),
            no_template: "other".into(),
            traces: app.telemetry.traces.clone(),
        }
    }

    /// Takes a request through.
    ///
    /// # Errors
    /// Only if the handler failed or panicked. The error holds the complete answer, because no
    /// `ServiceResponse` can be made without the request.
    pub async fn handle<B: MessageBody + 'static>(
        &self,
        mut request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse, Error> {
        let begin = monotonic_now();
        let _under_way = self.metrics.requests.begin();
        let id = self.ids.of(request.headers());
        if request.method() == Method::HEAD {
            // The connection remembers that it was HEAD and sends no body.
            request.head_mut().method = Method::GET;
        }
        let listed = self.paths.of(request.path());
        let route = listed.and_then(|listed| listed.route(request.method()));
        let template = listed.map_or(&self.no_template, |listed| &listed.template);
        let method = route.map(|_| request.method().clone());
        let trace = Trace::of_request(
            self.traces.as_deref(),
            trace_headers::of_caller(request.headers()),
            access_log::word(method.as_ref()),
            template,
        );
        let context = RequestContext::new(id, Arc::clone(template), trace.clone());
        let answering = async {
            let mut outcome = self.answer(request, listed, next, id).await;
            let (status, headers) = match &mut outcome {
                Ok(response) => (response.status(), Some(response.headers_mut())),
                Err(finished) => (finished.as_response_error().status_code(), None),
            };
            if let (Some(place), Some(headers)) =
                (trace.and_then(|trace| trace.end(status.as_u16())), headers)
            {
                trace_headers::put(headers, place);
            }
            let took = begin.elapsed();
            route.unwrap_or(&self.no_route).answered(status.as_u16(), took);
            access_log::write(method.as_ref(), status, took);
            outcome
        };
        context.run(answering).await
    }

    async fn answer<B: MessageBody + 'static>(
        &self,
        request: ServiceRequest,
        listed: Option<&ListedPath>,
        next: Next<B>,
        id: RequestId,
    ) -> Result<ServiceResponse, Error> {
        let surface = listed.map_or_else(|| Surface::of_unlisted(request.path()), |listed| listed.surface);
        if let Some(answer) = methods::settle(&self.paths, &request, listed, &self.cors_origins) {
            // `into_response` would lose which problem it was.
            let mut response = ServiceResponse::new(
                request.into_parts().0,
                answer.unwrap_or_else(HttpResponse::from_error),
            );
            self.finish(&mut response, id, surface);
            return Ok(response);
        }
        let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let problem = match outcome {
            Ok(Ok(response)) => {
                let mut response = response.map_into_boxed_body();
                self.finish(&mut response, id, surface);
                return Ok(response);
            }
            Ok(Err(error)) => refusals::of_error(&error),
            Err(_panic) => Problem::Panicked,
        };
        let mut answer = problem.answer(id.as_str(), surface.rules().errors, MediaType::Json);
        self.dress(answer.headers_mut(), id, surface);
        Err(InternalError::from_response("answered", answer).into())
    }

    fn finish(&self, response: &mut ServiceResponse, id: RequestId, surface: Surface) {
        refusals::write(response, id, surface.rules().errors);
        if let Some(budget) = limits::taken_from(response.request()) {
            limits::tell(&budget, response.headers_mut());
        }
        self.dress(response.headers_mut(), id, surface);
    }

    fn dress(&self, headers: &mut HeaderMap, id: RequestId, surface: Surface) {
        request_id::put(headers, id);
        self.headers.put(headers, surface);
    }
}
