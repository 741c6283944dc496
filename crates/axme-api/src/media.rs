//! Files: announced, uploaded to a URL of their own, and finalized (`spec/protocol.md` §2.11).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::op::{Access, AnyOp, Op, Route};
use crate::{ErrorCode, Id, Number, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE_UPLOAD, &FINALIZE_UPLOAD, &GET];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[UPLOAD, DOWNLOAD, PREVIEW];

/// Announces a file.
pub static CREATE_UPLOAD: Op<CreateUpload, CreateUploadAnswer> =
    Op::post("media.create_upload", "/v1/media/create-upload")
        .secret()
        .errors(&[ErrorCode::InvalidAgentAddress, ErrorCode::MediaTooLarge, ErrorCode::QuotaExceeded])
        .about("Announce a file. The answer has the URL to PUT its bytes to.");
/// Finalizes a file.
pub static FINALIZE_UPLOAD: Op<FinalizeUpload, FinalizeUploadAnswer> =
    Op::post("media.finalize_upload", "/v1/media/finalize-upload")
        .errors(&[ErrorCode::MediaMismatch, ErrorCode::NotFound, ErrorCode::UploadExpired])
        .about("Finalize a file. The uploaded bytes must have the announced size and checksum.");
/// Returns a file with URLs that download it.
pub static GET: Op<GetUpload, UploadAnswer> = Op::get("media.get", "/v1/media/{upload_id}")
    .writing()
    .secret()
    .about("Get a file, with download URLs that are valid for an hour.");

/// Receives the bytes of a file.
pub const UPLOAD: Route = Route::put("media.upload", "/v1/media/upload/{upload_id}")
    .access(Access::Public)
    .about("Upload the bytes of a file. The token of the URL is the credential.");
/// Returns the bytes of a file.
pub const DOWNLOAD: Route = Route::get("media.download", "/v1/media/download/{upload_id}")
    .access(Access::Public)
    .about("Download the bytes of a file, all or one range. The token of the URL is the credential.");
/// Returns the bytes of a picture.
pub const PREVIEW: Route = Route::get("media.preview", "/v1/media/preview/{upload_id}")
    .access(Access::Public)
    .about("Show a picture inline. The token of the URL is the credential.");

/// A new file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateUpload {
    /// The address of the owner. An agent's key may name only its own address.
    pub owner_agent: String,
    /// The name of the file, without control characters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub filename: String,
    /// The media type of the file, such as `image/png`, in ASCII.
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 255)))]
    pub mime_type: String,
    /// The size of the file in bytes. The server refuses more than `max_size_bytes` of its answers.
    #[serde(deserialize_with = "lenient::number")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9_007_199_254_740_992_u64)))]
    pub size_bytes: u64,
    /// SHA-256 of the file: 64 lower-case hexadecimal digits. The uploaded bytes must match it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(equal = 64)))]
    pub sha256: Option<String>,
    /// Seconds until the file must be finalized; 3,600 by default.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<Number<60, 604_800>>,
}

/// Which file to finalize.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinalizeUpload {
    /// The id of the file.
    pub upload_id: Id,
    /// The announced size in bytes.
    #[serde(deserialize_with = "lenient::number")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9_007_199_254_740_992_u64)))]
    pub size_bytes: u64,
    /// SHA-256 of the file: 64 lower-case hexadecimal digits. The uploaded bytes must match it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(equal = 64)))]
    pub sha256: Option<String>,
}

/// Which file to get.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetUpload {
    /// The id of the file.
    pub upload_id: Id,
}

text_enum! {
    /// The status of a file.
    pub enum UploadStatus {
        /// Announced; its bytes can be uploaded.
        Pending = "pending",
        /// Finalized; it never changes again.
        Ready = "ready",
        /// It was not finalized in time.
        Expired = "expired",
    }
}

/// The new file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateUploadAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the file.
    pub upload_id: Id,
    /// The address of the owner.
    pub owner_agent: String,
    /// Always `local`. Clients use the URLs instead.
    pub bucket: String,
    /// The name of the file in the bucket. Clients use the URLs instead.
    pub object_path: String,
    /// The URL to PUT the bytes to. It contains the credential, and is valid until `expires_at`.
    pub upload_url: String,
    /// The status of the file: `pending`.
    pub status: UploadStatus,
    /// When the file must be finalized.
    pub expires_at: Timestamp,
    /// The size in bytes of the largest file that the server accepts.
    pub max_size_bytes: u64,
}

/// The finalized file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinalizeUploadAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the file.
    pub upload_id: Id,
    /// The address of the owner.
    pub owner_agent: String,
    /// Always `local`. Clients use the URLs instead.
    pub bucket: String,
    /// The name of the file in the bucket. Clients use the URLs instead.
    pub object_path: String,
    /// The media type of the file.
    pub mime_type: String,
    /// The size of the file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file in hexadecimal digits; null for a file without bytes that was announced without one.
    pub sha256: Option<String>,
    /// The status of the file: `ready`.
    pub status: UploadStatus,
    /// When the file was finalized.
    pub finalized_at: Timestamp,
}

/// The file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadAnswer {
    /// Always true.
    pub ok: bool,
    /// The file.
    pub upload: UploadView,
}

/// A file as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadView {
    /// The id of the file.
    pub upload_id: Id,
    /// The address of the owner.
    pub owner_agent: String,
    /// Always `local`. Clients use the URLs instead.
    pub bucket: String,
    /// The name of the file in the bucket. Clients use the URLs instead.
    pub object_path: String,
    /// The media type of the file.
    pub mime_type: String,
    /// The name of the file.
    pub filename: String,
    /// The size of the file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file in hexadecimal digits; null while it is not known.
    pub sha256: Option<String>,
    /// The status of the file.
    pub status: UploadStatus,
    /// When the file was announced.
    pub created_at: Timestamp,
    /// When the file had to be finalized.
    pub expires_at: Timestamp,
    /// When the file was finalized; null before.
    pub finalized_at: Option<Timestamp>,
    /// The URL of the bytes, valid for an hour; null while the file is not ready, or if it has no bytes.
    pub download_url: Option<String>,
    /// The URL that shows a PNG, JPEG, GIF or WebP picture, valid for an hour; null for other files.
    pub preview_url: Option<String>,
}
