//! Files: announced, uploaded to a URL of their own, and finished (`spec/protocol.md` §2.11).

use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::op::{Access, AnyOp, Op, Route};

pub const OPERATIONS: &[&dyn AnyOp] = &[&CREATE_UPLOAD, &FINALIZE_UPLOAD, &GET];

pub const ROUTES: &[Route] = &[UPLOAD, DOWNLOAD, PREVIEW];

pub static CREATE_UPLOAD: Op<CreateUpload, UploadCreated> = Op::post("media.create_upload", "/v1/media/create-upload")
    .secret()
    .about("Announce a file; the answer says where to PUT its bytes.");
pub static FINALIZE_UPLOAD: Op<FinalizeUpload, UploadFinalized> =
    Op::post("media.finalize_upload", "/v1/media/finalize-upload")
        .about("Finish a file: the bytes that were uploaded must have its size and its hash.");
pub static GET: Op<GetUpload, UploadAnswer> = Op::get("media.get", "/v1/media/{upload_id}")
    .writing()
    .secret()
    .about("A file, with URLs that download it for a while.");

pub const UPLOAD: Route = Route::put("/v1/media/upload/{upload_id}")
    .access(Access::Public)
    .about("The bytes of a file. The token of the URL is the credential.");
pub const DOWNLOAD: Route = Route::get("/v1/media/download/{upload_id}")
    .access(Access::Public)
    .about("The bytes of a file, whole or one range. The token of the URL is the credential.");
pub const PREVIEW: Route = Route::get("/v1/media/preview/{upload_id}")
    .access(Access::Public)
    .about("The bytes of a picture, to be shown. The token of the URL is the credential.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateUpload {
    pub owner_agent: String,
    /// 1 to 255 characters.
    pub filename: String,
    /// 3 to 255 characters.
    pub mime_type: String,
    /// At least 1; beyond what the server takes the answer is 413.
    #[serde(deserialize_with = "lenient::number")]
    pub size_bytes: u64,
    /// 64 digits.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// 60 to 604,800: until when the file can be finished; an hour unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FinalizeUpload {
    pub upload_id: String,
    #[serde(deserialize_with = "lenient::number")]
    pub size_bytes: u64,
    /// 64 digits.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetUpload {
    pub upload_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadCreated {
    pub ok: bool,
    pub upload_id: String,
    pub owner_agent: String,
    pub bucket: String,
    pub object_path: String,
    pub upload_url: String,
    /// `pending`.
    pub status: String,
    pub expires_at: String,
    pub max_size_bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadFinalized {
    pub ok: bool,
    pub upload_id: String,
    pub owner_agent: String,
    pub bucket: String,
    pub object_path: String,
    pub mime_type: String,
    pub size_bytes: u64,
    pub sha256: Option<String>,
    /// `ready`.
    pub status: String,
    pub finalized_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadAnswer {
    pub ok: bool,
    pub upload: Upload,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Upload {
    pub upload_id: String,
    pub owner_agent: String,
    pub bucket: String,
    pub object_path: String,
    pub mime_type: String,
    pub filename: String,
    pub size_bytes: u64,
    pub sha256: Option<String>,
    /// `pending`, `ready`, or `expired` when it was not finished in time.
    pub status: String,
    pub created_at: String,
    pub expires_at: String,
    pub finalized_at: Option<String>,
    /// Good for an hour; null while the file is not ready, or has no bytes.
    pub download_url: Option<String>,
    /// The same, for pictures.
    pub preview_url: Option<String>,
}
