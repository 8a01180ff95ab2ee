//! The listener for a collector of metrics: `GET /metrics`, on one thread, without anything that the
//! public listener has.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, HttpServer};

use crate::app::App;
use crate::service;

/// Serves the metrics until dropped.
///
/// # Errors
/// The listener cannot be used.
pub fn serve(listener: TcpListener, app: Data<App>) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .route("/metrics", web::get().to(metrics))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}

async fn metrics(app: Data<App>) -> HttpResponse {
    match service::metrics::text(&app).await {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/plain; version=0.0.4")
            .body(text),
        Err(failure) => {
            log::error!(failure:%; "cannot write the metrics");
            HttpResponse::InternalServerError().finish()
        }
    }
}
