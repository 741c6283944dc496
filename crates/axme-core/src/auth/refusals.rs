//! The errors for missing and invalid keys. They are apart from `keys`, because `request` uses them too, and files do
//! not import each other in circles.

use axme_api::{ApiError, ErrorCode};

pub(crate) fn missing_key() -> ApiError {
    ApiError::new(
        ErrorCode::MissingPlatformApiKey,
        "missing platform api key: send x-api-key, or Authorization: Bearer <key>",
    )
}

pub(crate) fn invalid_key() -> ApiError {
    ApiError::new(ErrorCode::InvalidPlatformApiKey, "the api key is unknown, expired or revoked")
}
