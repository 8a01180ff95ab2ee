//! Surfaces: the kinds of client that the server speaks to. Each path belongs to one, by its row in
//! the URL map; what differs between surfaces stands in the one table here.
//!
//! A path that is in no row has a surface, too, so that its 404 has the form of its neighbours'.

/// The kind of client that a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// JSON for the app.
    Api,
    /// The same for OAuth libraries.
    OAuth,
    /// Pages of the documentation, for browsers.
    Docs,
}

/// The members of a refusal's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorForm {
    /// RFC 9457 and FastAPI.
    Problem,
    /// RFC 6749 section 5.2 as well.
    OAuth,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The form of refusals.
    pub errors: ErrorForm,
    /// `Content-Security-Policy`.
    pub content_security: &'static str,
    /// `Cache-Control`, where the handler says nothing.
    pub cache: &'static str,
    /// `Strict-Transport-Security` (RFC 6797), where the public URL is https.
    pub strict_transport: &'static str,
}

/// Swagger UI loads its own scripts and styles and draws with inline SVG. The hash is of the one
/// inline style it has, its logo's; the browser test fails when a new version needs another.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
const TWO_YEARS: &str = "max-age=63072000; includeSubDomains";

impl Surface {
    /// The rules of a surface.
    #[must_use]
    pub const fn rules(self) -> Rules {
        match self {
            Self::Api => Rules {
                errors: ErrorForm::Problem,
                content_security: NO_PAGE,
                cache: "no-store",
                strict_transport: TWO_YEARS,
            },
            Self::OAuth => Rules {
                errors: ErrorForm::OAuth,
                content_security: NO_PAGE,
                cache: "no-store",
                strict_transport: TWO_YEARS,
            },
            Self::Docs => Rules {
                errors: ErrorForm::Problem,
                content_security: DOCS_POLICY,
                cache: "public, max-age=600",
                strict_transport: TWO_YEARS,
            },
        }
    }

    /// The surface of a path that is not in the URL map.
    #[must_use]
    pub fn of_unlisted(path: &str) -> Self {
        if path.starts_with("/oauth/") {
            Self::OAuth
        } else if is_docs(path) {
            Self::Docs
        } else {
            Self::Api
        }
    }
}

/// Whether a path is one of the documentation's pages, of which the URL map names none.
#[must_use]
pub fn is_docs(path: &str) -> bool {
    path == "/docs" || path.starts_with("/docs/")
}
