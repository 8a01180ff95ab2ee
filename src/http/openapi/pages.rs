//! The document and Swagger UI as they are served: from inside the binary, nothing from elsewhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::body::{MessageBody, SizedStream};
use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding};
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use utoipa_swagger_ui::Config;

/// Document that is served: the kept one, from inside the binary. Building it at each start would
/// cost megabytes of memory. A test compares it with [`super::text`].
const KEPT: &str = include_str!("../../../openapi/openapi.json");

/// Swagger UI, shared by the workers. Its files are kept as gzip, as nearly every client takes
/// them; each is unpacked once, when the first client asks that does not accept gzip.
pub struct Pages {
    config: Arc<Config<'static>>,
    /// By the path below `/docs/`.
    unpacked: Mutex<HashMap<String, Bytes>>,
}

impl Pages {
    /// Swagger UI for `/openapi.json`.
    #[must_use]
    pub fn new() -> web::Data<Self> {
        let config = Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .persist_authorization(false)
            .validator_url("none");
        web::Data::new(Self {
            config: Arc::new(config),
            unpacked: Mutex::default(),
        })
    }

    fn unpack(&self, page: &str, packed: &'static [u8]) -> io::Result<Bytes> {
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = unpacked.get(page) {
            return Ok(known.clone());
        }
        let mut plain = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut plain)?;
        let plain = Bytes::from(plain);
        unpacked.insert(page.to_owned(), plain.clone());
        Ok(plain)
    }
}

/// Serves the document and, if there are `pages`, Swagger UI from inside the binary.
pub fn serve(service: &mut web::ServiceConfig, pages: Option<web::Data<Pages>>) {
    let json = || async {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(in_parts(Bytes::from_static(KEPT.as_bytes())))
    };
    service.route("/openapi.json", web::get().to(json));
    if let Some(pages) = pages {
        let to_index = || async {
            HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, "/docs/"))
                .finish()
        };
        service.route("/docs", web::get().to(to_index));
        service.app_data(pages);
        service.route("/docs/{page:.*}", web::get().to(page));
    }
}

/// A page of Swagger UI, or a file that it loads, as gzip if the client accepts that (RFC 9110
/// section 12.5.3).
async fn page(
    page: web::Path<String>,
    pages: web::Data<Pages>,
    request: HttpRequest,
) -> actix_web::Result<HttpResponse> {
    let Some(file) = utoipa_swagger_ui::serve(&page, Arc::clone(&pages.config))? else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let mut answer = HttpResponse::Ok();
    answer.content_type(file.content_type);
    answer.insert_header((header::VARY, "accept-encoding"));
    let bytes = match file.bytes {
        Cow::Borrowed(packed) if file.gzpipped && !accepts_gzip(&request) => {
            pages.unpack(&page, packed).map_err(ErrorInternalServerError)?
        }
        Cow::Borrowed(bytes) => {
            if file.gzpipped {
                answer.insert_header(ContentEncoding::Gzip);
            }
            Bytes::from_static(bytes)
        }
        // The one file with the settings in it, which is not kept as gzip.
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(answer.body(in_parts(bytes)))
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let known = [Encoding::gzip(), Encoding::identity()];
    request
        .get_header::<AcceptEncoding>()
        .and_then(|accepted| accepted.negotiate(known.iter()))
        == Some(Encoding::gzip())
}

/// Size in bytes of the parts in which a large answer is copied for a connection over HTTP/1; the
/// next only when less than one waits.
const PART: usize = 32 * 1024;

fn in_parts(mut rest: Bytes) -> impl MessageBody {
    let length = rest.len() as u64;
    let parts = std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PART))));
    SizedStream::new(length, futures_util::stream::iter(parts.map(Ok::<_, Infallible>)))
}
