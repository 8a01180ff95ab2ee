//! Paths and methods, settled before routing from the URL map, so that 404, 405, OPTIONS and HEAD
//! never depend on how a handler was registered or guarded (actix's own macros answer 404 to a wrong
//! method).

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, Accept, HeaderMap, HeaderValue, Quality};
use actix_web::{HttpMessage as _, HttpResponse};

use crate::http::problem::Problem;
use crate::http::routes::Endpoint;
use crate::http::surface::{Surface, is_docs};
use crate::telemetry::metrics::{Metrics, Route};

/// Methods and surface of each path.
pub struct MethodMap {
    paths: HashMap<String, ListedPath>,
    /// Paths with a parameter in them, few enough to be compared one by one.
    templates: Vec<(String, ListedPath)>,
    /// All pages of the documentation, if they are served.
    docs: Option<ListedPath>,
}

/// A path that is served.
pub struct ListedPath {
    /// Path as the document writes it.
    pub template: Arc<str>,
    /// The kind of client that it is for.
    pub surface: Surface,
    methods: Vec<Method>,
    allow: HeaderValue,
    /// The counters of each operation.
    routes: Vec<(Method, Route)>,
}

impl ListedPath {
    fn new(endpoint: Endpoint, metrics: &Metrics) -> Self {
        let Endpoint {
            path,
            mut methods,
            surface,
        } = endpoint;
        let routes = methods
            .iter()
            .map(|method| (method.clone(), metrics.requests.route(method.as_str(), &path)))
            .collect();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        methods.push(Method::OPTIONS);
        let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        Self {
            template: path.into(),
            surface,
            allow: HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("OPTIONS")),
            methods,
            routes,
        }
    }

    /// The counters of the operation that a method names.
    pub fn route(&self, method: &Method) -> Option<&Route> {
        self.routes
            .iter()
            .find(|(of, _)| of == method)
            .map(|(_, route)| route)
    }
}

impl MethodMap {
    /// From the URL map.
    #[must_use]
    pub fn new(endpoints: Vec<Endpoint>, metrics: &Metrics) -> Self {
        let listed = |endpoint: Endpoint| (endpoint.path.clone(), ListedPath::new(endpoint, metrics));
        let (templates, plain): (Vec<_>, Vec<_>) = endpoints
            .into_iter()
            .map(listed)
            .partition(|(path, _)| path.contains('{'));
        Self {
            paths: plain.into_iter().collect(),
            templates,
            docs: None,
        }
    }

    /// The same with the pages under `/docs`.
    #[must_use]
    pub fn with_docs(mut self, metrics: &Metrics) -> Self {
        let pages = Endpoint {
            path: "/docs/{page}".to_owned(),
            methods: vec![Method::GET],
            surface: Surface::Docs,
        };
        self.docs = Some(ListedPath::new(pages, metrics));
        self
    }

    /// Finds the entry of a path.
    pub fn of(&self, path: &str) -> Option<&ListedPath> {
        let template = || {
            self.templates
                .iter()
                .find(|(template, _)| fits(template, path))
                .map(|(_, listed)| listed)
        };
        self.paths
            .get(path)
            .or_else(|| self.docs.as_ref().filter(|_| is_docs(path)))
            .or_else(template)
    }

    /// Answers a path that is not served: 404, except that a browser at `/` is sent to the
    /// documentation where that is served.
    fn unlisted(&self, request: &ServiceRequest) -> Result<HttpResponse, Problem> {
        let at_root = request.path() == "/" && request.method() == Method::GET;
        if at_root && self.docs.is_some() && accepts_html(request) {
            Ok(HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, "/docs/"))
                .insert_header((header::VARY, "accept"))
                .finish())
        } else {
            Err(Problem::NotFound)
        }
    }
}

/// Whether `Accept` contains `text/html`. Browsers send this; `*/*` does not count.
fn accepts_html(request: &ServiceRequest) -> bool {
    request.get_header::<Accept>().is_some_and(|accept| {
        accept
            .iter()
            .any(|range| range.item.essence_str() == "text/html" && range.quality > Quality::MIN)
    })
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

/// Answers without a handler in three cases: the path is not served, the method is not served, or
/// the method is OPTIONS. A preflight of an origin in `cors_origins` goes on to CORS.
pub fn settle(
    paths: &MethodMap,
    request: &ServiceRequest,
    listed: Option<&ListedPath>,
    cors_origins: &[String],
) -> Option<Result<HttpResponse, Problem>> {
    if asks_for_websocket(request.headers()) {
        return Some(Err(Problem::Malformed));
    }
    let Some(listed) = listed else {
        return Some(paths.unlisted(request));
    };
    if request.method() == Method::OPTIONS {
        let options = || {
            HttpResponse::NoContent()
                .insert_header((header::ALLOW, listed.allow.clone()))
                .finish()
        };
        return (!is_listed_preflight(request.headers(), cors_origins)).then(|| Ok(options()));
    }
    (!listed.methods.contains(request.method())).then(|| Err(Problem::MethodNotAllowed(listed.allow.clone())))
}

fn is_listed_preflight(headers: &HeaderMap, cors_origins: &[String]) -> bool {
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && origin.is_some_and(|origin| cors_origins.iter().any(|listed| listed == origin))
}

/// Whether the request asks for a WebSocket. actix-http takes everything after such a header for its
/// body and ignores the length, so the next request on a proxy's connection would be lost. The
/// request is refused and the connection is closed.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::UPGRADE)
        .any(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket"))
}
