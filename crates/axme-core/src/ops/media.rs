//! Files: announced here, uploaded through `http::media`, and finalized here. The upload measures the bytes, so
//! finalizing only compares rows.

use axme_api::media::{
    CreateUpload, CreateUploadAnswer, FinalizeUpload, FinalizeUploadAnswer, GetUpload, UploadAnswer, UploadStatus,
    UploadView,
};
use axme_api::{ApiError, ErrorCode, Number};
use serde_json::json;
use uuid::Uuid;

use crate::auth;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, read_id};
use crate::ops::inbox::owner;
use crate::policy::quota;
use crate::policy::quota::Dimension;
use axme_store::media as store;
use axme_store::media::Upload;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::media::CREATE_UPLOAD, prepare_create, create)),
    Binding::Transaction(&handler(&axme_api::media::FINALIZE_UPLOAD, prepare_finalize, finalize)),
    Binding::Transaction(&handler(&axme_api::media::GET, prepare_get, get)),
];

/// The bucket that clients see, wherever the files are. They use the URLs.
const BUCKET: &str = "local";
const USUAL_SECONDS: u64 = 3_600;
/// How long a download URL is valid.
const LINK_SECONDS: u64 = 3_600;

/// Types that browsers show as a picture and never execute.
pub const PICTURES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

pub struct NewUpload {
    upload: Upload,
    token_hash: Vec<u8>,
    answer: CreateUploadAnswer,
}

pub(crate) fn prepare_create(context: &PrepareContext<'_>, input: CreateUpload) -> Result<NewUpload> {
    let owner = owner(context, Some(&input.owner_agent))?;
    let owner = owner.ok_or_else(|| ApiError::invalid("owner_agent: required"))?;
    check_chars("owner_agent", Some(owner.as_str()), 3, 255)?;
    check_chars("filename", Some(&input.filename), 1, 255)?;
    check_chars("mime_type", Some(&input.mime_type), 3, 255)?;
    if !input.mime_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(ApiError::invalid("mime_type: must be plain ASCII text").into());
    }
    if input.filename.chars().any(char::is_control) {
        return Err(ApiError::invalid("filename: must not have control characters").into());
    }
    check_hash(input.sha256.as_deref())?;
    let most = context.limits.media_bytes;
    if input.size_bytes == 0 {
        return Err(ApiError::invalid("size_bytes: must be at least 1").into());
    }
    if input.size_bytes > most {
        let message = format!("size_bytes: {} is too large; at most {most} are accepted", input.size_bytes);
        return Err(ApiError::new(ErrorCode::MediaTooLarge, message).into());
    }
    let seconds = input.ttl_seconds.map_or(USUAL_SECONDS, Number::get);
    let token = format!("axu_{}", context.rng.hex::<32>());
    let upload = Upload {
        workspace: context.caller.workspace,
        id: context.rng.uuid_at(context.now),
        owner,
        filename: input.filename,
        mime_type: input.mime_type,
        size_bytes: i64::try_from(input.size_bytes).unwrap_or(i64::MAX),
        sha256: input.sha256,
        created_at: context.now,
        expires_at: context.now.plus_seconds(seconds),
        finalized_at: None,
        stored: None,
    };
    let answer = CreateUploadAnswer {
        ok: true,
        upload_id: upload.id.into(),
        owner_agent: upload.owner.spelled().to_owned(),
        bucket: BUCKET.to_owned(),
        object_path: object_path(&upload),
        upload_url: format!("{}/v1/media/upload/{}?token={token}", context.base_url, upload.id),
        status: UploadStatus::Pending,
        expires_at: upload.expires_at.into(),
        max_size_bytes: most,
    };
    Ok(NewUpload { upload, token_hash: auth::hash(&token).to_vec(), answer })
}

fn check_hash(hash: Option<&str>) -> Result<()> {
    let is_hash =
        |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hash.is_none_or(is_hash) {
        return Ok(());
    }
    Err(ApiError::invalid("sha256: must be 64 hexadecimal digits, 0-9 and a-f").into())
}

fn object_path(upload: &Upload) -> String {
    format!("{}/{}", upload.workspace, upload.id)
}

fn count(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

pub fn create(cx: &mut CallContext<'_, '_>, new: &NewUpload) -> Result<CreateUploadAnswer> {
    if let Some(most) =
        quota::lock(cx.tx, cx.caller.workspace)?.map(|allowance| allowance.dimensions.media_storage_bytes)
        && most > 0
    {
        let used = count(store::sum_bytes(cx.tx, cx.caller.workspace, cx.now)?);
        quota::check_total("media_storage_bytes", used, count(new.upload.size_bytes), most)?;
    }
    // The bytes are charged when they arrive. An upload that would exceed the quota now is refused here.
    let workspace = cx.caller.workspace;
    quota::check(cx.tx, workspace, Dimension::MediaUploadBytes, count(new.upload.size_bytes))?;
    store::insert(cx.tx, &new.upload, &new.token_hash)?;
    let line = json!({ "owner": new.upload.owner, "size_bytes": new.upload.size_bytes });
    cx.audit("media.create_upload", &new.upload.id.to_string(), &line)?;
    Ok(new.answer.clone())
}

pub struct Finish {
    id: Uuid,
    size_bytes: i64,
    sha256: Option<String>,
}

pub(crate) fn prepare_finalize(_: &PrepareContext<'_>, input: FinalizeUpload) -> Result<Finish> {
    check_hash(input.sha256.as_deref())?;
    let size_bytes = i64::try_from(input.size_bytes).unwrap_or(i64::MAX);
    let id = read_id("upload", &input.upload_id)?;
    Ok(Finish { id, size_bytes, sha256: input.sha256 })
}

/// Finalizes an upload. Without bytes, it is finalized as announced, as the conformance suite requires, but it can
/// never be downloaded.
pub fn finalize(cx: &mut CallContext<'_, '_>, asked: &Finish) -> Result<FinalizeUploadAnswer> {
    let found = store::lock(cx.tx, cx.caller.workspace, asked.id)?;
    let mut upload = found.ok_or_else(|| ApiError::not_found(format!("upload {}", asked.id)))?;
    if !cx.caller.is_admin() && cx.caller.address.as_ref() != Some(&upload.owner) {
        return Err(ApiError::not_found(format!("upload {}", asked.id)).into());
    }
    if upload.finalized_at.is_none() && upload.expires_at <= cx.now {
        return Err(
            ApiError::new(ErrorCode::UploadExpired, "the upload was not finished in time; start a new one").into()
        );
    }
    check_same("size_bytes", &upload.size_bytes, &asked.size_bytes)?;
    if let (Some(announced), Some(given)) = (&upload.sha256, &asked.sha256) {
        check_same("sha256", announced, given)?;
    }
    if let Some(stored) = &upload.stored {
        check_same("size_bytes", &stored.bytes, &asked.size_bytes)?;
        if let Some(hash) = asked.sha256.as_ref().or(upload.sha256.as_ref()) {
            check_same("sha256", &stored.sha256, hash)?;
        }
    }
    let finalized_at = upload.finalized_at.unwrap_or(cx.now);
    if upload.finalized_at.is_none() {
        let arrived = upload.stored.as_ref().map(|stored| stored.sha256.clone());
        upload.sha256 = arrived.or_else(|| asked.sha256.clone()).or(upload.sha256);
        store::finalize(cx.tx, &upload, cx.now)?;
        cx.audit("media.finalize_upload", &upload.id.to_string(), &json!({ "sha256": upload.sha256 }))?;
    }
    Ok(FinalizeUploadAnswer {
        ok: true,
        upload_id: upload.id.into(),
        owner_agent: upload.owner.spelled().to_owned(),
        bucket: BUCKET.to_owned(),
        object_path: object_path(&upload),
        mime_type: upload.mime_type,
        size_bytes: count(upload.size_bytes),
        sha256: upload.sha256,
        status: UploadStatus::Ready,
        finalized_at: finalized_at.into(),
    })
}

fn check_same<T: PartialEq + std::fmt::Display>(field: &str, is: &T, given: &T) -> Result<()> {
    if is == given {
        return Ok(());
    }
    let message = format!("{field}: {given} does not match the upload, which has {is}");
    Err(ApiError::new(ErrorCode::MediaMismatch, message).into())
}

fn find(cx: &mut CallContext<'_, '_>, id: Uuid) -> Result<Upload> {
    let found = store::find(cx.tx, cx.caller.workspace, id)?;
    Ok(found.ok_or_else(|| ApiError::not_found(format!("upload {id}")))?)
}

pub struct GetUploadQuery {
    id: Uuid,
    token: String,
    base_url: String,
}

pub(crate) fn prepare_get(context: &PrepareContext<'_>, input: GetUpload) -> Result<GetUploadQuery> {
    let token = format!("axd_{}", context.rng.hex::<32>());
    let id = read_id("upload", &input.upload_id)?;
    Ok(GetUploadQuery { id, token, base_url: context.base_url.to_owned() })
}

/// Returns a file to any caller in the workspace who knows its id, because ids travel in payloads.
pub fn get(cx: &mut CallContext<'_, '_>, look: &GetUploadQuery) -> Result<UploadAnswer> {
    let upload = find(cx, look.id)?;
    let mut shown = view(&upload, cx.now);
    if upload.finalized_at.is_some() && upload.stored.is_some() {
        store::insert_link(cx.tx, &auth::hash(&look.token), &upload, cx.now.plus_seconds(LINK_SECONDS))?;
        let url = |way: &str| format!("{}/v1/media/{way}/{}?token={}", look.base_url, upload.id, look.token);
        shown.download_url = Some(url("download"));
        shown.preview_url = PICTURES.contains(&upload.mime_type.as_str()).then(|| url("preview"));
    }
    Ok(UploadAnswer { ok: true, upload: shown })
}

fn view(upload: &Upload, now: axme_intent::Time) -> UploadView {
    let status = match upload.finalized_at {
        Some(_) => UploadStatus::Ready,
        None if upload.expires_at <= now => UploadStatus::Expired,
        None => UploadStatus::Pending,
    };
    UploadView {
        upload_id: upload.id.into(),
        owner_agent: upload.owner.spelled().to_owned(),
        bucket: BUCKET.to_owned(),
        object_path: object_path(upload),
        mime_type: upload.mime_type.clone(),
        filename: upload.filename.clone(),
        size_bytes: count(upload.size_bytes),
        sha256: upload.sha256.clone(),
        status,
        created_at: upload.created_at.into(),
        expires_at: upload.expires_at.into(),
        finalized_at: upload.finalized_at.map(Into::into),
        download_url: None,
        preview_url: None,
    }
}
