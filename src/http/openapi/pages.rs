//! The document and Swagger UI as they are served: from inside the binary, nothing from elsewhere.

use std::borrow::Cow;
use std::convert::Infallible;

use actix_web::HttpResponse;
use actix_web::body::{MessageBody, SizedStream};
use actix_web::http::header;
use actix_web::http::header::ContentEncoding;
use actix_web::web::{self, Bytes};
use utoipa_swagger_ui::Config;

/// Document that is served: the kept one, from inside the binary. Building it at each start would
/// cost megabytes of memory. A test compares it with [`super::text`].
const KEPT: &str = include_str!("../../../openapi/openapi.json");

/// Serves the document and, if `docs`, Swagger UI from inside the binary.
pub fn serve(service: &mut web::ServiceConfig, docs: bool) {
    let json = || async {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(in_parts(Bytes::from_static(KEPT.as_bytes())))
    };
    service.route("/openapi.json", web::get().to(json));
    if docs {
        let to_index = || async {
            HttpResponse::TemporaryRedirect()
                .insert_header((header::LOCATION, "/docs/"))
                .finish()
        };
        service.route("/docs", web::get().to(to_index));
        let config = Config::from("/openapi.json")
            .try_it_out_enabled(true)
            .persist_authorization(false)
            .validator_url("none");
        service.app_data(web::Data::new(config));
        service.route("/docs/{page:.*}", web::get().to(page));
    }
}

/// A page of Swagger UI, or what it loads.
async fn page(
    page: web::Path<String>,
    config: web::Data<Config<'static>>,
) -> actix_web::Result<HttpResponse> {
    let Some(file) = utoipa_swagger_ui::serve(&page, config.into_inner())? else {
        return Ok(HttpResponse::NotFound().finish());
    };
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut answer = HttpResponse::Ok();
    if file.gzpipped {
        answer.insert_header(ContentEncoding::Gzip);
    }
    Ok(answer.content_type(file.content_type).body(in_parts(bytes)))
}

/// A large answer is copied for a connection over HTTP/1 in parts of so many bytes, and the next
/// only when less than one waits.
const PART: usize = 32 * 1024;

fn in_parts(mut rest: Bytes) -> impl MessageBody {
    let length = rest.len() as u64;
    let parts = std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(rest.len().min(PART))));
    SizedStream::new(length, futures_util::stream::iter(parts.map(Ok::<_, Infallible>)))
}
