//! Errors of the store, by what the caller does next. A job's own error type implements [`JobError`], so that the store
//! can tell a refusal from a failure of the database.

/// A failure of the database. The variants say what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The transaction lost against another one. The same job may succeed when it runs again.
    #[error("transaction conflict: {0}")]
    Conflict(String),
    /// The disk is full or the database is unreachable. The same call may succeed later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// Too many jobs of the workspace wait already. The job has not begun.
    #[error("too many jobs of this workspace wait")]
    Overloaded,
    /// The connection broke during a commit, which may or may not have happened.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// A statement is wrong or a row cannot be read: a defect of this program.
    #[error("database error: {0}")]
    Fault(String),
}

/// The error type of a job: a failure of the store, or the job's own refusal.
pub trait JobError: From<StoreError> + Send + 'static {
    /// Returns true for a refusal whose writes are still committed, such as the audit event of a late answer.
    fn commits(&self) -> bool {
        false
    }

    /// The store's failure, if this is one. After a conflict, the job runs again.
    fn store_error(&self) -> Option<&StoreError>;
}

impl JobError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
