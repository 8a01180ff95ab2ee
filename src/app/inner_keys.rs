//! The inner keys of the database. A new database gets random ones. One of an earlier version gets
//! those that were derived from its root secret.

use super::start_error::StartError;
use crate::crypto::audit_chain::ChainKey;
use crate::crypto::inner_keys::InnerKeys;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::root_secrets::RootSecrets;
use crate::crypto::signing_keys;
use crate::model::clock::Timestamp;
use crate::model::event::{Chain, ChainLinks as _, EventFilter, EventRow};
use crate::store::Store;

/// Newest events that are looked at if the ends of the chain are damaged.
const WITNESSES: i64 = 100;

/// Opens the inner keys. A database that has none gets its first ones.
pub(super) async fn open(
    store: &Store,
    secrets: &RootSecrets,
    now: Timestamp,
) -> Result<InnerKeys, StartError> {
    let mut sealed = store.inner_keys().await?;
    if sealed.is_empty() {
        let first = first_keys(store, secrets).await;
        sealed = store.inner_keys().await?;
        // If another process has stored its keys meanwhile, the database was perhaps in use already
        // when it was looked at: `first` is of no matter then.
        if sealed.is_empty() {
            store.add_inner_keys(&first?.seal(&secrets.current, now)?).await?;
            // Read back: of two processes that began at once, one stored its keys.
            sealed = store.inner_keys().await?;
        }
    }
    Ok(InnerKeys::open(&sealed, secrets)?)
}

/// Random keys for a database in which nothing was issued: a root secret that is stolen and replaced
/// later gives none of them. In any other database they are those of every earlier version, so that
/// nodes of that version, and all that was issued, go on.
async fn first_keys(store: &Store, secrets: &RootSecrets) -> Result<InnerKeys, StartError> {
    if store.is_unused().await? {
        Ok(InnerKeys::generate()?)
    } else {
        Ok(InnerKeys::derive(root_in_use(store, secrets).await?)?)
    }
}

/// The secret that a database without inner keys has been used with. The setting may be changed in
/// the same minute as the program. A secret that fits neither a signing key nor the chain is refused:
/// its keys would be stored, and would accept nothing that was issued.
async fn root_in_use<'a>(store: &Store, secrets: &'a RootSecrets) -> Result<&'a RootSecret, StartError> {
    let (sealed, chain) = (store.signing_keys().await?, store.chain().await?);
    let newest = store.find_events(&EventFilter::default(), WITNESSES).await?;
    for root in secrets.all() {
        let opens = sealed.iter().any(|key| signing_keys::open(key, root).is_ok());
        if opens || has_linked(&ChainKey::of(&InnerKeys::derive(root)?), &chain, &newest) {
            return Ok(root);
        }
    }
    if chain.last_id > 0 || sealed.iter().any(|key| !key.is_wiped()) {
        return Err(StartError::WrongSecret);
    }
    Ok(&secrets.current)
}

/// Whether the chain was made with a key. Its events say so too, because damaged ends must not stop
/// the start.
fn has_linked(key: &ChainKey, chain: &Chain, newest_first: &[EventRow]) -> bool {
    let linked = |pair: &[EventRow]| pair[0].link == key.link(&pair[1].link, &pair[0]);
    key.seal(chain) == chain.seal || newest_first.windows(2).any(linked)
}
