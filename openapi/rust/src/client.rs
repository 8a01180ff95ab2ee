//! The client: one session, any number of tasks; clones share it.

use std::sync::Arc;

use crate::error::{Error, Kind};
use crate::generated::types::{
    Deletion, EmailChange, LoginForm, LogoutScope, Me, NewAccount, PasswordChange, Problem, RefreshForm, Session, TokenResponse,
};
use crate::generated::{self, ResponseValue};
use crate::tokens::{Bearer, Holder, Tokens};

/// A client of one session.
#[derive(Clone)]
pub struct Doorward {
    base: String,
    http: reqwest::Client,
    holder: Arc<Holder>,
}

impl Doorward {
    /// A client that nobody is logged in with.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self::with(base_url, reqwest::Client::new(), Tokens::default(), |_| {})
    }

    /// A client with an HTTP client of yours, tokens that were stored, and whom to tell of every
    /// change of them.
    pub fn with(base_url: &str, http: reqwest::Client, tokens: Tokens, on_tokens: impl Fn(&Tokens) + Send + Sync + 'static) -> Self {
        Self { base: base_url.trim_end_matches('/').to_owned(), http, holder: Arc::new(Holder::new(tokens, Some(Box::new(on_tokens)))) }
    }

    /// What to store, if the session is to outlive the process.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        self.holder.tokens()
    }

    /// The generated operations, without a token.
    #[must_use]
    pub fn operations(&self) -> generated::Client {
        self.operations_as(None)
    }

    fn operations_as(&self, token: Option<String>) -> generated::Client {
        generated::Client::new_with_client(&self.base, self.http.clone(), Bearer(token))
    }

    /// Any generated operation with this client's tokens: `client.call(|api| async move {
    /// api.list_roles().await })`. A call whose token has ended refreshes and goes again; what is
    /// called may thus run twice.
    ///
    /// # Errors
    /// Its own refusal, or the refresh's.
    pub async fn call<T, F, R>(&self, operation: F) -> Result<T, Error>
    where
        F: Fn(generated::Client) -> R,
        R: Future<Output = Result<ResponseValue<T>, generated::Error<Problem>>>,
    {
        let used = self.tokens().access_token;
        let refused = match operation(self.operations_as(used.clone())).await.map_err(Error::from) {
            Err(error) if used.is_some() && error.kind() == Some(Kind::NotAuthenticated) => error,
            done => return done.map(ResponseValue::into_inner),
        };
        self.refresh_unless_newer(used.as_deref()).await?;
        let next = self.tokens().access_token;
        if next.is_none() || next == used {
            return Err(refused);
        }
        Ok(operation(self.operations_as(next)).await?.into_inner())
    }

    async fn refresh_unless_newer(&self, used: Option<&str>) -> Result<(), Error> {
        let _only_one = self.holder.refreshing.lock().await;
        if self.tokens().access_token.as_deref() == used { self.refresh_alone().await } else { Ok(()) }
    }

    /// Refreshes; the caller holds the lock.
    async fn refresh_alone(&self) -> Result<(), Error> {
        let tokens = self.tokens();
        let Some(refresh_token) = tokens.refresh_token else { return Err(Error::no_session()) };
        match self.operations().refresh(&RefreshForm { grant_type: None, refresh_token }).await.map_err(Error::from) {
            Ok(answer) => {
                self.took(&answer);
                Ok(())
            }
            Err(error) => {
                if error.kind() == Some(Kind::SessionEnded) {
                    self.holder.forget();
                }
                Err(error)
            }
        }
    }

    fn took(&self, answer: &ResponseValue<TokenResponse>) {
        let ticket = answer.headers().get("doorward-device").and_then(|ticket| ticket.to_str().ok());
        self.holder.keep(|tokens| {
            tokens.access_token = Some(answer.access_token.clone());
            tokens.refresh_token = Some(answer.refresh_token.clone());
            if let Some(ticket) = ticket {
                tokens.device = Some(ticket.to_owned());
            }
        });
    }

    /// Makes an account; it does not log in.
    ///
    /// # Errors
    /// [`Kind::EmailTaken`], [`Kind::InvalidInput`].
    pub async fn register(&self, email: &str, password: &str) -> Result<Me, Error> {
        let account = NewAccount { email: email.to_owned(), password: password.to_owned() };
        Ok(self.operations().register(&account).await?.into_inner())
    }

    /// Opens a session and holds its tokens.
    ///
    /// # Errors
    /// [`Kind::BadCredentials`], [`Kind::Throttled`], [`Kind::PasswordChangeRequired`].
    pub async fn login(&self, email: &str, password: &str) -> Result<TokenResponse, Error> {
        self.login_with(email, password, None).await
    }

    /// The same with a one-time password, and the lasting one that replaces it.
    ///
    /// # Errors
    /// As at [`Self::login`].
    pub async fn login_with(&self, email: &str, password: &str, new_password: Option<&str>) -> Result<TokenResponse, Error> {
        let form = LoginForm {
            username: email.to_owned(),
            password: password.to_owned(),
            new_password: new_password.map(ToOwned::to_owned),
            grant_type: None,
            scope: None,
            client_id: None,
            client_secret: None,
        };
        let device = self.tokens().device;
        let answer = self.operations().login(device.as_deref(), &form).await?;
        self.took(&answer);
        Ok(answer.into_inner())
    }

    /// Takes the next tokens now; calls do it by themselves when theirs have ended.
    ///
    /// # Errors
    /// [`Kind::SessionEnded`].
    pub async fn refresh(&self) -> Result<(), Error> {
        self.refresh_unless_newer(self.tokens().access_token.as_deref()).await
    }

    /// Ends this session, the others, or all.
    ///
    /// # Errors
    /// [`Kind::NotAuthenticated`].
    pub async fn logout(&self, scope: LogoutScope) -> Result<(), Error> {
        self.call(|api| async move { api.logout(Some(scope)).await }).await?;
        if scope != LogoutScope::Others {
            self.holder.forget();
        }
        Ok(())
    }

    /// The account, as it stands now.
    ///
    /// # Errors
    /// [`Kind::NotAuthenticated`].
    pub async fn me(&self) -> Result<Me, Error> {
        self.call(|api| async move { api.me().await }).await
    }

    /// The account's live sessions.
    ///
    /// # Errors
    /// [`Kind::NotAuthenticated`].
    pub async fn sessions(&self) -> Result<Vec<Session>, Error> {
        self.call(|api| async move { api.sessions().await }).await
    }

    /// Ends one of them.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub async fn end_session(&self, id: uuid::Uuid) -> Result<(), Error> {
        self.call(|api| async move { api.end_session(&id).await }).await
    }

    /// Another address for the account.
    ///
    /// # Errors
    /// [`Kind::WrongPassword`], [`Kind::EmailTaken`].
    pub async fn change_email(&self, email: &str, current_password: &str) -> Result<Me, Error> {
        let change = &EmailChange { email: email.to_owned(), current_password: current_password.to_owned() };
        self.call(|api| async move { api.change_email(change).await }).await
    }

    /// Another password; every other session ends, and this one goes on with new tokens. No other call
    /// refreshes meanwhile with the older ones.
    ///
    /// # Errors
    /// [`Kind::WrongPassword`], [`Kind::InvalidInput`].
    pub async fn change_password(&self, current_password: &str, new_password: &str) -> Result<(), Error> {
        let change = &PasswordChange { current_password: current_password.to_owned(), new_password: new_password.to_owned() };
        let _only_one = self.holder.refreshing.lock().await;
        let change_now = || async { self.operations_as(self.tokens().access_token).change_password(change).await.map_err(Error::from) };
        let answer = match change_now().await {
            Err(error) if error.kind() == Some(Kind::NotAuthenticated) => {
                self.refresh_alone().await?;
                change_now().await?
            }
            done => done?,
        };
        self.took(&answer);
        Ok(())
    }

    /// Ends the account.
    ///
    /// # Errors
    /// [`Kind::WrongPassword`].
    pub async fn delete_me(&self, current_password: &str) -> Result<(), Error> {
        let deletion = &Deletion { current_password: current_password.to_owned() };
        self.call(|api| async move { api.delete_me(deletion).await }).await?;
        self.holder.forget();
        Ok(())
    }
}
