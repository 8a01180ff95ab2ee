//! Who holds the tokens.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

/// What to keep of a session. The device's ticket outlives it: it lets this device log in while
/// others' failures lock the account.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub device: Option<String>,
}

/// No secret in a log.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("signed_in", &self.access_token.is_some()).finish_non_exhaustive()
    }
}

/// Whose token a request bears, if anyone's.
#[derive(Clone, Default)]
pub struct Bearer(pub(crate) Option<String>);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(…)")
    }
}

impl Bearer {
    pub(crate) fn attach(&self, request: &mut reqwest::Request) {
        let value = self.0.as_ref().and_then(|token| reqwest::header::HeaderValue::try_from(format!("Bearer {token}")).ok());
        if let Some(mut value) = value {
            value.set_sensitive(true);
            request.headers_mut().insert(reqwest::header::AUTHORIZATION, value);
        }
    }
}

type Listener = Box<dyn Fn(&Tokens) + Send + Sync>;

/// Shared by all clones of a client.
#[derive(Default)]
pub struct Holder {
    tokens: RwLock<Tokens>,
    listener: Option<Listener>,
    /// Whoever refreshes holds it; the others wait and find new tokens.
    pub refreshing: tokio::sync::Mutex<()>,
}

impl Holder {
    pub fn new(tokens: Tokens, listener: Option<Listener>) -> Self {
        Self { tokens: RwLock::new(tokens), listener, refreshing: tokio::sync::Mutex::default() }
    }

    pub fn tokens(&self) -> Tokens {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes them and tells whoever stores them.
    pub fn keep(&self, change: impl FnOnce(&mut Tokens)) {
        let now = {
            let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
            change(&mut tokens);
            tokens.clone()
        };
        if let Some(listener) = &self.listener {
            listener(&now);
        }
    }

    pub fn forget(&self) {
        self.keep(|tokens| (tokens.access_token, tokens.refresh_token) = (None, None));
    }
}
