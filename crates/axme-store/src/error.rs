//! How the store fails, by what the caller does next.

/// A failure of the database. The variants say what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The transaction lost against another one: the same job may win when it runs again.
    #[error("transaction conflict: {0}")]
    Conflict(String),
    /// The disk is full or the database is away: the same call may work later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The connection broke while a commit was under way, so nobody knows whether it happened.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// This program sent a wrong statement or cannot read a row.
    #[error("database error: {0}")]
    Fault(String),
}

/// The error type of a job: a failure of the store, or a refusal of the caller's own.
pub trait JobError: From<StoreError> + Send + 'static {
    /// True for a refusal whose writes are committed all the same, such as the audit event of a failed sign-in.
    fn commits(&self) -> bool {
        false
    }

    /// The failure of the store, if it is one: after a conflict the job runs again.
    fn store_error(&self) -> Option<&StoreError>;
}

impl JobError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
