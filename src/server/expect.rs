//! `Expect: 100-continue`, by which a client asks whether it may send a body.
//!
//! actix-http says yes (100) before it calls the application, so a body over every limit would be
//! asked for and then refused. Such a request goes to the application at once: it answers from the
//! head alone, as it reads no body of that length, and the answer takes the place of the 100 (RFC
//! 9110 section 10.1.1).

use std::rc::Rc;

use actix_http::{Request, Response};
use actix_service::{Service, ServiceFactory, fn_factory, fn_service};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{Error, HttpMessage as _};

use crate::http::extract::body::LARGEST;

/// Gives a request back if its body may be sent; the error is the answer of `application` to one
/// whose body may not.
pub fn bodies_within_limits<A, B>(
    application: A,
) -> impl ServiceFactory<Request, Config = (), Response = Request, Error = Response<BoxBody>, InitError = ()>
where
    A: ServiceFactory<Request, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>,
    A::Service: 'static,
    A::Future: 'static,
    B: MessageBody + 'static,
{
    fn_factory(move || {
        let starting = application.new_service(());
        async move {
            let application = Rc::new(starting.await?);
            Ok(fn_service(move |request: Request| {
                let application = Rc::clone(&application);
                async move {
                    if !is_too_large(&request) {
                        return Ok(request);
                    }
                    Err(match application.call(request).await {
                        Ok(answer) => Response::from(answer).map_into_boxed_body(),
                        Err(error) => error.into(),
                    })
                }
            }))
        }
    })
}

fn is_too_large(request: &Request) -> bool {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length > LARGEST)
}
