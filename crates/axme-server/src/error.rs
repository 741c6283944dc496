//! Errors inside the server: an answer for the caller, or a fault of the store that `call` turns into one.

use axme_api::{ApiError, ErrorKind};
use axme_intent::{Refusal, RefusalKind};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller gets this; nothing is kept.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The caller gets this, and what the job has written is kept: an audit line of the refusal.
    #[error("{0}")]
    Kept(ApiError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Lost against another transaction: the same job may win when it runs again.
    #[error("transaction conflict: {0}")]
    Conflict(String),
    /// A disk that is full, a database that is away: the same call may work later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The connection broke while a commit was under way.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// A statement or a row that this program got wrong.
    #[error("database error: {0}")]
    Fault(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        let kind = match refusal.kind {
            RefusalKind::Conflict => ErrorKind::Conflict,
            RefusalKind::Invalid => ErrorKind::Invalid,
            RefusalKind::Forbidden => ErrorKind::Forbidden,
        };
        Error::Api(ApiError { kind, code: refusal.code, message: refusal.message, details: refusal.details })
    }
}

impl Error {
    /// What the caller sees. Faults of the store are logged here and shown without their text.
    pub fn into_api(self) -> ApiError {
        match self {
            Error::Api(error) | Error::Kept(error) => error,
            Error::Store(StoreError::Unavailable(why)) => {
                tracing::error!(why, "database unavailable");
                ApiError::unavailable("the database is unavailable: nothing was changed, try again")
            }
            Error::Store(StoreError::Unknown(why)) => {
                tracing::error!(why, "the outcome of a commit is unknown");
                ApiError::new(
                    ErrorKind::Unavailable,
                    "outcome_unknown",
                    "the database broke off while it made the change, which may have been made: look, or repeat the call \
                     under the same Idempotency-Key",
                )
            }
            Error::Store(StoreError::Conflict(why)) => {
                tracing::warn!(why, "transaction lost repeatedly");
                ApiError::unavailable("too much contention: nothing was changed, try again")
            }
            Error::Store(StoreError::Fault(why)) => {
                tracing::error!(why, "database fault");
                ApiError::internal()
            }
        }
    }
}
