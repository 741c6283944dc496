//! Errors inside the server: a refusal for the caller, or a failure of the store. [`Error::into_api`] turns both into
//! the caller's answer and logs the failures.

use axme_api::{ApiError, ErrorCode, ErrorKind};
use axme_intent::Refusal;
use axme_store::JobError;
pub use axme_store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal. The writes of the job are rolled back.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A refusal that keeps the writes of the job, such as an audit event about it.
    #[error("{0}")]
    Kept(Box<ApiError>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Api(ApiError { code: refusal.code, message: refusal.message, details: refusal.details })
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
    /// Creates a refusal that keeps the writes of the job.
    pub fn kept(error: ApiError) -> Error {
        Error::Kept(Box::new(error))
    }

    /// The kind of a refusal; `None` for a failure of the store.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Error::Api(error) => Some(error.kind()),
            Error::Kept(error) => Some(error.kind()),
            Error::Store(_) => None,
        }
    }

    /// Converts to the error that the caller gets. Logs failures of the store, whose text the caller does not see.
    pub fn into_api(self) -> ApiError {
        match self {
            Error::Api(error) => error,
            Error::Kept(error) => *error,
            Error::Store(StoreError::Unavailable(why)) => {
                tracing::error!(why, "database unavailable");
                ApiError::unavailable("the database is unavailable: nothing was changed, try again")
            }
            // The metrics count it: a line for each would make the overload worse.
            Error::Store(StoreError::Overloaded) => {
                ApiError::unavailable("too many calls of this workspace wait: nothing was changed, try again later")
            }
            Error::Store(StoreError::Unknown(why)) => {
                tracing::error!(why, "the outcome of a commit is unknown");
                ApiError::new(
                    ErrorCode::OutcomeUnknown,
                    "the database connection was lost during the commit, so the change may have been made. Check it, or \
                     repeat the call with the same Idempotency-Key",
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
