//! The inner keys of the database; the first start with them stores those that were derived before.

use super::start_error::StartError;
use crate::crypto::CryptoError;
use crate::crypto::audit_chain::ChainKey;
use crate::crypto::inner_keys::InnerKeys;
use crate::crypto::root_secret::RootSecret;
use crate::crypto::root_secrets::RootSecrets;
use crate::crypto::signing_keys;
use crate::model::clock::Timestamp;
use crate::model::event::ChainLinks as _;
use crate::store::Store;

/// Opens the inner keys. In a database that has none they are those of every earlier version, so
/// that nodes of that version, and all that was issued, go on.
pub(super) async fn open(
    store: &Store,
    secrets: &RootSecrets,
    now: Timestamp,
) -> Result<InnerKeys, StartError> {
    let mut sealed = store.inner_keys().await?;
    if sealed.is_empty() {
        let keys = InnerKeys::derive(root_in_use(store, secrets).await?)?;
        store.add_inner_keys(&keys.seal(&secrets.current, now)?).await?;
        // Read back: of two processes that began at once, one stored its keys.
        sealed = store.inner_keys().await?;
    }
    Ok(InnerKeys::open(&sealed, secrets)?)
}

/// The secret that a database without inner keys has been used with. The setting may be changed in
/// the same minute as the program.
async fn root_in_use<'a>(store: &Store, secrets: &'a RootSecrets) -> Result<&'a RootSecret, StartError> {
    let Some(previous) = &secrets.previous else {
        return Ok(&secrets.current);
    };
    let (sealed, chain) = (store.signing_keys().await?, store.chain().await?);
    for root in [&secrets.current, previous] {
        let opens = sealed.iter().any(|key| signing_keys::open(key, root).is_ok());
        if opens || ChainKey::of(&InnerKeys::derive(root)?).seal(&chain) == chain.seal {
            return Ok(root);
        }
    }
    if sealed.is_empty() {
        return Ok(&secrets.current);
    }
    Err(CryptoError::WrongSecrets.into())
}
