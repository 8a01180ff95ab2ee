//! What every request goes through, whatever it asks for: an id, its place in a trace, its method,
//! a net under the handler, the one error body, the headers that keep browsers from harm, and its
//! line in the log and in the counts.
//!
//! The method is settled *before* routing, from the paths of the document that is kept, so that
//! 404, 405, OPTIONS and HEAD never depend on how a handler was registered or guarded (actix's own
//! macros answer 404 to a wrong method).

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;

use super::limits;
use super::problem::Problem;
use crate::model::clock::monotonic_now;
use crate::telemetry::metrics::{Metrics, Route};
use crate::telemetry::request_context::{RequestContext, RequestId};
use crate::telemetry::traces::{CallerTrace, Trace, Traces};

/// The header by which a request is found in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Swagger UI loads its own scripts and styles and draws with inline SVG. The hash is of the one
/// inline style it has, its logo's; the browser test fails when a new version needs another.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The methods of each path.
pub struct MethodMap {
    paths: HashMap<String, Methods>,
    /// Paths with a parameter in them, few enough to be compared one by one.
    templates: Vec<(String, Methods)>,
    /// Everything under this prefix has the methods of the documentation pages.
    docs: Option<Methods>,
}

struct Methods {
    list: Vec<Method>,
    allow: HeaderValue,
    /// The path as it stands in the document.
    template: Arc<str>,
    /// The counters of each operation.
    routes: Vec<(Method, Route)>,
}

impl Methods {
    fn new(template: &str, mut list: Vec<Method>, metrics: &Metrics) -> Self {
        let routes = list
            .iter()
            .map(|method| (method.clone(), metrics.route(method.as_str(), template)))
            .collect();
        if list.contains(&Method::GET) {
            list.push(Method::HEAD);
        }
        list.push(Method::OPTIONS);
        let allow = list.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        Self {
            allow: HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("OPTIONS")),
            list,
            template: template.into(),
            routes,
        }
    }

    fn route(&self, method: &Method) -> Option<&Route> {
        self.routes
            .iter()
            .find(|(of, _)| of == method)
            .map(|(_, route)| route)
    }
}

impl MethodMap {
    /// From (path, methods); `docs` adds the pages under `/docs`.
    pub fn new(
        paths: impl IntoIterator<Item = (String, Vec<Method>)>,
        docs: bool,
        metrics: &Metrics,
    ) -> Self {
        let methods = |(path, methods): (String, _)| (path.clone(), Methods::new(&path, methods, metrics));
        let (templates, plain): (Vec<_>, Vec<_>) = paths
            .into_iter()
            .map(methods)
            .partition(|(path, _)| path.contains('{'));
        let docs = docs.then(|| Methods::new("/docs/{page}", vec![Method::GET], metrics));
        Self {
            paths: plain.into_iter().collect(),
            templates,
            docs,
        }
    }

    fn of(&self, path: &str) -> Option<&Methods> {
        let template = || {
            self.templates
                .iter()
                .find(|(template, _)| fits(template, path))
                .map(|(_, methods)| methods)
        };
        self.paths
            .get(path)
            .or_else(|| self.docs.as_ref().filter(|_| is_docs(path)))
            .or_else(template)
    }
}

/// Whether a path is of a template's form: the same segments, and something where a parameter
/// stands.
fn fits(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let same = template.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|given| given == wanted || (wanted.starts_with('{') && !given.is_empty()))
    });
    same && segments.next().is_none()
}

fn is_docs(path: &str) -> bool {
    path == "/docs" || path.starts_with("/docs/")
}

/// Paths whose refusals also speak RFC 6749.
#[must_use]
pub fn is_oauth(path: &str) -> bool {
    matches!(path, "/login" | "/refresh") || path.starts_with("/oauth/")
}

/// The outermost middleware.
pub struct Envelope {
    methods: MethodMap,
    cors_origins: Vec<String>,
    /// Whether the public URL is https, so that browsers may be told to stay there (RFC 6797).
    https: bool,
    /// Ids are this process's random number and a count: unique, and cheap on the way of every
    /// request.
    process: u64,
    count: AtomicU64,
    metrics: Arc<Metrics>,
    no_route: Route,
    no_template: Arc<str>,
    traces: Option<Arc<Traces>>,
}

/// Who watches the requests.
pub struct Watchers {
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// Follows them, if somebody collects spans.
    pub traces: Option<Arc<Traces>>,
}

impl Envelope {
    /// `process` is a random number of this process.
    #[must_use]
    pub fn new(
        methods: MethodMap,
        cors_origins: Vec<String>,
        https: bool,
        process: u64,
        watchers: Watchers,
    ) -> Self {
        let Watchers { metrics, traces } = watchers;
        let no_route = metrics.no_route();
        Self {
            methods,
            cors_origins,
            https,
            process,
            count: AtomicU64::new(0),
            metrics,
            no_route,
            no_template: "other".into(),
            traces,
        }
    }

    /// Takes a request through.
    ///
    /// # Errors
    /// Only with a finished answer inside: where the handler panicked, the request is gone and no
    /// `ServiceResponse` can be made.
    pub async fn handle<B: MessageBody + 'static>(
        &self,
        mut request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse, Error> {
        let begin = monotonic_now();
        let _under_way = self.metrics.begin();
        let id = self.request_id(&request);
        if request.method() == Method::HEAD {
            // The connection remembers that it was HEAD and sends no body.
            request.head_mut().method = Method::GET;
        }
        let methods = self.methods.of(request.path());
        let route = methods.and_then(|methods| methods.route(request.method()));
        let template = methods.map_or(&self.no_template, |methods| &methods.template);
        let method = route.map(|_| request.method().clone());
        let trace = Trace::of_request(
            self.traces.as_deref(),
            caller_trace(request.headers()),
            word(method.as_ref()),
            template,
        );
        let context = RequestContext::new(id, Arc::clone(template), trace.clone());
        let answering = async {
            let mut outcome = self.answer(request, methods, next, id).await;
            let (status, headers) = match &mut outcome {
                Ok(response) => (response.status(), Some(response.headers_mut())),
                Err(finished) => (finished.as_response_error().status_code(), None),
            };
            if let Some(place) = trace.and_then(|trace| trace.end(status.as_u16()))
                && let (Some(headers), Ok(place)) = (headers, HeaderValue::try_from(place))
            {
                headers.insert(TRACEPARENT, place);
            }
            let took = begin.elapsed();
            route.unwrap_or(&self.no_route).answered(status.as_u16(), took);
            tell(method.as_ref(), status, took);
            outcome
        };
        context.run(answering).await
    }

    async fn answer<B: MessageBody + 'static>(
        &self,
        request: ServiceRequest,
        methods: Option<&Methods>,
        next: Next<B>,
        id: RequestId,
    ) -> Result<ServiceResponse, Error> {
        let docs = is_docs(request.path());
        let oauth = is_oauth(request.path());
        if let Some(answer) = self.settle_method(&request, methods) {
            // `into_response` would lose which problem it was.
            let mut response = ServiceResponse::new(
                request.into_parts().0,
                answer.unwrap_or_else(HttpResponse::from_error),
            );
            self.finish(&mut response, id, oauth, docs);
            return Ok(response);
        }
        let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
        let problem = match outcome {
            Ok(Ok(response)) => {
                let mut response = response.map_into_boxed_body();
                self.finish(&mut response, id, oauth, docs);
                return Ok(response);
            }
            Ok(Err(error)) => as_problem(&error),
            Err(_panic) => Problem::Panicked,
        };
        let mut answer = problem.answer(id.as_str(), oauth, false);
        self.dress(answer.headers_mut(), id, docs);
        Err(InternalError::from_response("answered", answer).into())
    }

    /// An answer that needs no handler: no such path, no such method, or OPTIONS. A preflight of a
    /// listed origin goes on to CORS.
    fn settle_method(
        &self,
        request: &ServiceRequest,
        methods: Option<&Methods>,
    ) -> Option<Result<HttpResponse, Problem>> {
        if asks_for_websocket(request.headers()) {
            return Some(Err(Problem::Malformed));
        }
        let Some(methods) = methods else {
            return Some(Err(Problem::NotFound));
        };
        if request.method() == Method::OPTIONS {
            let options = || {
                HttpResponse::NoContent()
                    .insert_header((header::ALLOW, methods.allow.clone()))
                    .finish()
            };
            return (!self.is_listed_preflight(request.headers())).then(|| Ok(options()));
        }
        (!methods.list.contains(request.method()))
            .then(|| Err(Problem::MethodNotAllowed(methods.allow.clone())))
    }

    fn is_listed_preflight(&self, headers: &HeaderMap) -> bool {
        let origin = headers
            .get(header::ORIGIN)
            .and_then(|origin| origin.to_str().ok());
        headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && origin.is_some_and(|origin| self.cors_origins.iter().any(|listed| listed == origin))
    }

    /// The caller's id if it is well formed, or one of this process.
    fn request_id(&self, request: &ServiceRequest) -> RequestId {
        let given = request.headers().get(REQUEST_ID);
        given
            .and_then(|id| RequestId::parse(id.as_bytes()))
            .unwrap_or_else(|| RequestId::numbered(self.process, self.count.fetch_add(1, Ordering::Relaxed)))
    }

    /// Writes the one error body where something was refused, then the headers.
    fn finish(&self, response: &mut ServiceResponse, id: RequestId, oauth: bool, docs: bool) {
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            let finished = response.response().error().is_none()
                && response.headers().contains_key(header::CONTENT_TYPE);
            if !finished {
                let text = id.as_str();
                let problem_json = accepts_problem_json(response.request());
                let answer = match response.response().error() {
                    Some(error) => match error.as_error::<Problem>() {
                        Some(problem) => problem.answer(text, oauth, problem_json),
                        None => as_problem(error).answer(text, oauth, problem_json),
                    },
                    None => of_status(status).answer(text, oauth, problem_json),
                };
                *response.response_mut() = answer;
            }
        }
        if let Some(budget) = limits::taken_from(response.request()) {
            limits::tell(&budget, response.headers_mut());
        }
        self.dress(response.headers_mut(), id, docs);
    }

    fn dress(&self, headers: &mut HeaderMap, id: RequestId, docs: bool) {
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(if docs { DOCS_POLICY } else { API_POLICY }),
        );
        if self.https {
            headers.insert(
                header::STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=63072000; includeSubDomains"),
            );
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static(if docs { "public, max-age=600" } else { "no-store" }),
            );
        }
    }
}

/// The method of an operation of ours; any other is the caller's own word, and goes nowhere.
fn word(method: Option<&Method>) -> &str {
    method.map_or("other", Method::as_str)
}

/// The request's line: what changes something is news, what reads is not.
fn tell(method: Option<&Method>, status: StatusCode, took: Duration) {
    let level = if method.is_some_and(|method| !method.is_safe()) {
        log::Level::Info
    } else {
        log::Level::Debug
    };
    let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
    log::log!(level, method = word(method), status = status.as_u16(), duration_us = took; "request answered");
}

/// actix-http takes all that follows such a header for its body, whatever the length says: the next
/// request on a proxy's connection would be swallowed. Refused, and the connection closes for its
/// unread body.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// W3C Trace Context has one `traceparent`: a request with two has none.
fn caller_trace(headers: &HeaderMap) -> CallerTrace<'_> {
    let only = |name: HeaderName| {
        let mut values = headers.get_all(name);
        let (first, second) = (values.next()?, values.next());
        first.to_str().ok().filter(|_| second.is_none())
    };
    let Some(parent) = only(TRACEPARENT) else {
        return CallerTrace::default();
    };
    CallerTrace {
        parent: Some(parent),
        state: only(TRACESTATE),
    }
}

fn accepts_problem_json(request: &HttpRequest) -> bool {
    let accepts = request.headers().get_all(header::ACCEPT);
    accepts
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/problem+json"))
}

/// An error of the framework's, told by its status alone: its text may repeat what the client sent.
fn as_problem(error: &Error) -> Problem {
    of_status(error.as_response_error().status_code())
}

fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::UnsupportedMediaType,
        StatusCode::REQUEST_TIMEOUT => Problem::BodyTimeout,
        status if status.is_client_error() => Problem::Malformed,
        _ => Problem::Panicked,
    }
}
