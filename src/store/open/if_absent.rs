//! Opening a place that holds no database yet.

/// Choice for a place without a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    /// Make a new one.
    Create,
    /// Fail with [`OpenError::Absent`](super::OpenError::Absent).
    Refuse,
}
