//! Clients: services that authenticate themselves by a name and a secret.
//!
//! Their secrets are checked by HMAC and not hashed: they are random and long, so that guesses fail
//! without a slow hash. The row is read at each request, so that a deleted client is refused at once.

use std::time::Duration;

use uuid::Uuid;

use super::Failure;
use crate::app::App;
use crate::model::client::{RegisteredClient, check_name, parse_permissions};
use crate::model::event::{Context, EventType};
use crate::model::ids::Subject;

/// A secret that was issued.
pub struct IssuedClientSecret {
    /// Name of the client.
    pub client_id: String,
    /// The secret, shown once.
    pub client_secret: String,
}

/// Every client, in the order of names.
///
/// # Errors
/// An infrastructure failure.
pub async fn list(app: &App) -> Result<Vec<RegisteredClient>, Failure> {
    Ok(app.store.clients().await?)
}

/// Makes a client; none if the name is taken.
///
/// # Errors
/// [`Failure::Invalid`], or an infrastructure failure.
pub async fn create(
    app: &App,
    name: &str,
    permissions: &[String],
    context: &Context,
) -> Result<Option<IssuedClientSecret>, Failure> {
    check_name(name).map_err(|why| Failure::Invalid(vec![why]))?;
    let permissions = parse_permissions(permissions).map_err(|why| Failure::Invalid(vec![why]))?;
    let subject = Subject::from(Uuid::new_v4());
    let event = app.event(EventType::ClientCreated, context);
    let added = app.store.add_client(name, subject, &permissions, &event).await?;
    Ok(added.map(|generation| issue(app, name, subject, generation)))
}

/// Gives a client another secret; the one before is accepted for `overlap` longer. None if there is no
/// such client.
///
/// # Errors
/// An infrastructure failure.
pub async fn rotate(
    app: &App,
    name: &str,
    overlap: Duration,
    context: &Context,
) -> Result<Option<IssuedClientSecret>, Failure> {
    let event = app.event(EventType::ClientRotated, context);
    let rotated = app
        .store
        .rotate_client(name, event.at.plus(overlap), &event)
        .await?;
    Ok(rotated.map(|(subject, generation)| issue(app, name, subject, generation)))
}

/// Deletes a client. Says whether there was one.
///
/// # Errors
/// An infrastructure failure.
pub async fn delete(app: &App, name: &str, context: &Context) -> Result<bool, Failure> {
    let event = app.event(EventType::ClientDeleted, context);
    Ok(app.store.delete_client(name, &event).await?)
}

/// Finds a client by its name and secret; none if it does not exist or the secret is wrong.
///
/// # Errors
/// An infrastructure failure: while the database is away, nobody is refused as unknown.
pub async fn authenticate(app: &App, name: &str, secret: &str) -> Result<Option<RegisteredClient>, Failure> {
    let Some(presented) = app.crypto.keyed().client_secrets.verify(secret) else {
        return Ok(None);
    };
    let client = app.store.client(presented.subject).await?;
    let now = app.clock.now();
    Ok(client.filter(|client| client.name == name && client.accepts(presented.generation, now)))
}

fn issue(app: &App, name: &str, subject: Subject, generation: i64) -> IssuedClientSecret {
    IssuedClientSecret {
        client_id: name.to_owned(),
        client_secret: app.crypto.keyed().client_secrets.issue(subject, generation),
    }
}
