//! An app whose routes Doorward guards. `DOORWARD_ISSUER=http://127.0.0.1:8000 PORT=9000 cargo run
//! --features actix --example actix_app`
//!
//! Doorward itself with `DOORWARD_JWT_ALGORITHM=EdDSA`, so that there are public keys to verify by.

use actix_web::{App, HttpServer, Responder, get, web};
use doorward_client::verify::{Claims, JwksOptions, JwksVerifier, Verifier};

#[get("/")]
async fn public() -> impl Responder {
    web::Json(serde_json::json!({"greeting": "Hello"}))
}

#[get("/private")]
async fn private(who: Claims) -> impl Responder {
    web::Json(serde_json::json!({"subject": who.subject, "role": who.role}))
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let issuer = std::env::var("DOORWARD_ISSUER").unwrap_or_else(|_| "http://127.0.0.1:8000".to_owned());
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(9000);
    let verifier = web::Data::new(Verifier::Jwks(JwksVerifier::new(JwksOptions::new(&issuer))));
    let app = move || App::new().app_data(verifier.clone()).service(public).service(private);
    HttpServer::new(app).workers(1).bind(("127.0.0.1", port))?.run().await
}
