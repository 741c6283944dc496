//! Errors inside the server: an answer for the caller, or a fault of the store that `call` turns into one.

use axme_api::{ApiError, ErrorKind};
use axme_intent::{Refusal, RefusalKind};
use axme_store::JobError;
pub use axme_store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller gets this; nothing is kept.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The caller gets this, and what the job has written is kept: an audit line of the refusal.
    #[error("{0}")]
    Kept(Box<ApiError>),
    #[error(transparent)]
    Store(#[from] StoreError),
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

impl JobError for Error {
    fn commits(&self) -> bool {
        matches!(self, Error::Kept(_))
    }

    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Error::Store(error) => Some(error),
            Error::Api(_) | Error::Kept(_) => None,
        }
    }
}

impl Error {
    /// Refuses, and keeps what the job has written.
    pub fn kept(error: ApiError) -> Error {
        Error::Kept(Box::new(error))
    }

    /// The kind of a refusal; `None` for a fault of the store.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Error::Api(error) => Some(error.kind),
            Error::Kept(error) => Some(error.kind),
            Error::Store(_) => None,
        }
    }

    /// What the caller sees. Faults of the store are logged here and shown without their text.
    pub fn into_api(self) -> ApiError {
        match self {
            Error::Api(error) => error,
            Error::Kept(error) => *error,
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
