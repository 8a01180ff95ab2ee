//! Failures of a statement: an outage that may pass, or a defect of ours.

use std::sync::Arc;

use sqlx::error::DatabaseError;

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is away, full, locked, damaged or starting; the same call may succeed later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// The statement can never succeed: a defect of ours.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] Arc<sqlx::Error>),
    /// The inner keys were replaced, and this process has not taken up the new ones yet.
    #[error("the keys of the database were replaced; the new ones are taken up within a second")]
    KeysReplaced,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_outage(&error) {
            Self::Unavailable(Arc::new(error))
        } else {
            Self::Refused(Arc::new(error))
        }
    }
}

impl StoreError {
    fn database(&self) -> Option<&dyn DatabaseError> {
        match self {
            Self::Unavailable(cause) | Self::Refused(cause) => cause.as_database_error(),
            Self::KeysReplaced => None,
        }
    }

    /// Whether a unique index refused: another row has the value.
    pub(super) fn is_taken(&self) -> bool {
        self.database().is_some_and(DatabaseError::is_unique_violation)
    }

    /// Whether a foreign key refused: other rows name this one.
    pub(super) fn is_in_use(&self) -> bool {
        self.database()
            .is_some_and(DatabaseError::is_foreign_key_violation)
    }

    /// Whether SQLite has the file open for reading only (result code READONLY).
    pub(super) fn is_read_only(&self) -> bool {
        self.database()
            .and_then(DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| code & 0xff == 8)
    }

    /// Whether PostgreSQL ended the whole transaction in favour of another one, so that the same one
    /// can succeed now: a deadlock (SQLSTATE 40P01) or a serialization failure (40001).
    pub(super) fn is_to_be_tried_again(&self) -> bool {
        self.database()
            .and_then(DatabaseError::code)
            .is_some_and(|code| code == "40P01" || code == "40001")
    }

    /// Whether the statement lost against a concurrent one, or waited in vain for a row that
    /// another one holds (SQLSTATE class 40, and 55P03).
    pub(super) fn is_conflict(&self) -> bool {
        self.database()
            .and_then(DatabaseError::code)
            .is_some_and(|code| code.len() == 5 && (code.starts_with("40") || code == "55P03"))
    }
}

fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| outage_code(&code)),
        _ => false,
    }
}

/// PostgreSQL's SQLSTATE classes 08 connection, 25006 read only, 53 resources, 55 object state, 57
/// operator, 58 system, 40 to try again; SQLite's primary result codes BUSY, LOCKED, NOMEM,
/// READONLY, IOERR, CORRUPT (which also stands for a disk that failed to read), FULL, CANTOPEN and
/// NOTADB.
fn outage_code(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 7 | 8 | 10 | 11 | 13 | 14 | 26),
        _ => {
            code == "25006"
                || ["08", "40", "53", "55", "57", "58"]
                    .iter()
                    .any(|class| code.starts_with(class))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_from_a_defect() {
        for away in [
            "5", "261", "517", "13", "10", "11", "26", "8", "1544", "57P01", "57P03", "53300", "08006",
            "40001", "25006",
        ] {
            assert!(outage_code(away), "{away}");
        }
        for defect in ["1", "19", "2067", "22021", "23505", "42P01"] {
            assert!(!outage_code(defect), "{defect}");
        }
    }
}
