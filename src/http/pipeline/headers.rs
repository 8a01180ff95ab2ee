//! The headers that keep browsers from harm, in every answer.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::http::surface::Surface;

/// Writes the headers into answers.
pub struct SecurityHeaders {
    /// Whether the public URL is https, so that browsers may be told to stay there.
    https: bool,
}

impl SecurityHeaders {
    /// Tells whether the public URL is https.
    #[must_use]
    pub const fn new(https: bool) -> Self {
        Self { https }
    }

    /// Puts them into the headers of an answer. A handler's own `Cache-Control` stays.
    pub fn put(&self, headers: &mut HeaderMap, surface: Surface) {
        let rules = surface.rules();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(rules.content_security),
        );
        if self.https {
            headers.insert(
                header::STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static(rules.strict_transport),
            );
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(rules.cache));
        }
    }
}
