//! Why the service does not start, in words for the operator.

use crate::crypto::CryptoError;
use crate::store::{OpenError, StoreError};

/// Why the service cannot start; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database opened and then failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The root secret or a key.
    #[error(transparent)]
    CryptoError(#[from] CryptoError),
    /// The database has no inner keys yet, and the secret fits nothing in it.
    #[error(
        "DOORWARD_SECRET is not the one that this database was made with: it opens no signing key and has not linked the audit record"
    )]
    WrongSecret,
    /// The file with the root secret has gone.
    #[error(
        "{0} is missing, but the database has keys sealed with it; put the file back, or set DOORWARD_SECRET to its content"
    )]
    SecretLost(String),
    /// The operating system gave no thread.
    #[error("cannot start the hashing threads: {0}")]
    Threads(std::io::Error),
    /// A defect of ours.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}
