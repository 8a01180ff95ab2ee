//! Where the data lives: the parsed `DATABASE_URL`. Shown with its password hidden.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx_postgres::PgConnectOptions;

/// A place for the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of this machine.
    SqliteFile(PathBuf),
    /// A database that goes with the process, for trials and tests.
    SqliteMemory,
    /// A PostgreSQL server; the whole URL, password included.
    Postgres(String),
}

impl DatabaseUrl {
    /// Where the root secret is kept if no setting gives it: beside the file.
    #[must_use]
    pub fn secret_file(&self) -> Option<PathBuf> {
        match self {
            Self::SqliteFile(path) => Some(path.with_extension("secret")),
            Self::SqliteMemory | Self::Postgres(_) => None,
        }
    }

    /// Parses `sqlite://FILE`, `sqlite:FILE`, `sqlite::memory:`, `postgres://…` or
    /// `postgresql://…`.
    ///
    /// # Errors
    /// Says which forms there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "sqlite::memory:" || text == "sqlite://:memory:" {
            return Ok(Self::SqliteMemory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match PgConnectOptions::from_str(text) {
                Ok(_) => Ok(Self::Postgres(text.to_owned())),
                Err(_) => Err("is not a valid postgres:// URL".to_owned()),
            };
        }
        match text
            .strip_prefix("sqlite://")
            .or_else(|| text.strip_prefix("sqlite:"))
        {
            Some(path) if !path.is_empty() && !path.contains('?') => {
                Ok(Self::SqliteFile(PathBuf::from(path)))
            }
            _ => Err("must be sqlite://FILE, sqlite::memory: or postgres://USER@HOST/NAME".to_owned()),
        }
    }
}

impl DatabaseUrl {
    /// Whether the URL itself holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if masked_url(url) != *url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteFile(path) => write!(f, "sqlite://{}", path.display()),
            Self::SqliteMemory => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => f.write_str(&masked_url(url)),
        }
    }
}

/// Masks everything between the user name and the `@`, and every password parameter.
fn masked_url(url: &str) -> String {
    let (url, query) = url
        .split_once('?')
        .map_or((url, None), |(url, query)| (url, Some(query)));
    if query.is_some_and(|query| query.contains('@')) {
        // Most likely a password with a bare `?`: its end is unknown.
        return url
            .split_once("://")
            .map_or("***".to_owned(), |(scheme, _)| format!("{scheme}://***"));
    }
    let query = query.map(|query| {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((name @ ("password" | "sslkey" | "passfile"), _)) => format!("{name}=***"),
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("&")
    });
    let masked = match url
        .split_once("://")
        .and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)))
    {
        Some((scheme, (credentials, host))) if credentials.contains(':') => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}")
        }
        _ => url.to_owned(),
    };
    query.map_or(masked.clone(), |query| format!("{masked}?{query}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_panics_and_no_password_is_shown(
            scheme in "postgres(ql)?://", user in "[a-zA-Z0-9%._-]{0,8}", tail in "[!-%'-~]{0,12}", host in "[a-z0-9.,:\\[\\]-]{0,12}", name in "[a-z0-9%_=/.-]{0,12}",
        ) {
            for text in [
                format!("{scheme}{user}:hunter2{tail}@{host}/{name}"),
                format!("{scheme}{user}:{tail}hunter2@{host}/{name}"),
                format!("{scheme}{user}@{host}/{name}?password=hunter2{tail}"),
                format!("{scheme}{user}@{host}?{name}&password={tail}hunter2"),
            ] {
                match DatabaseUrl::parse(&text) {
                    Ok(url) => prop_assert!(!url.to_string().contains("hunter2") && url.has_password(), "{} is shown as {}", text, url),
                    Err(why) => prop_assert!(!why.contains("hunter2")),
                }
            }
        }

        #[test]
        fn a_file_is_shown_as_it_is_given(path in "[!->@-~][ -~]{0,30}") {
            if let Ok(url) = DatabaseUrl::parse(&format!("sqlite://{path}")) {
                prop_assert_eq!(DatabaseUrl::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
