//! Uploads and downloads of files on plain routes. The token in the URL is the credential.
//!
//! Bytes are measured and passed on as they arrive, so memory holds parts of a file and never all of it. An
//! incomplete upload leaves nothing behind. A file comes from another person, so browsers run nothing in
//! it, and show only previews.

use std::time::Duration;

use axme_api::{ApiError, ErrorCode, media as api};
use axme_core::auth;
use axme_core::error::Result;
use axme_core::ops::media::PICTURES;
use axme_core::policy::quota::{self, Dimension};
use axme_core::state::AppState;
use axme_store::media::{self as store, StoredFile, Upload};
use axme_store::{Shard, Tx, hex};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, put};
use http_body_util::BodyExt;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::extract::{PathFields, query};
use super::{Gateway, respond};
use crate::files::Files;

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route(api::UPLOAD.path, put(put_file))
        .route(api::DOWNLOAD.path, get(get_file))
        .route(api::PREVIEW.path, get(get_preview))
}

async fn put_file(State(gateway): State<Gateway>, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(upload(&gateway, &path.get("upload_id"), request).await)
}

async fn get_file(State(gateway): State<Gateway>, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(download(&gateway, &path.get("upload_id"), &request.into_parts().0, false).await)
}

async fn get_preview(State(gateway): State<Gateway>, path: PathFields, request: HttpRequest) -> Response<Body> {
    respond(download(&gateway, &path.get("upload_id"), &request.into_parts().0, true).await)
}

fn token(query: &[(String, String)]) -> &str {
    query.iter().find(|(name, _)| name == "token").map_or("", |(_, value)| value)
}

/// Returns the upload of the token, if the id in the URL matches.
fn named(found: Option<Upload>, id: &str) -> Result<Upload> {
    let id = Uuid::parse_str(id).ok();
    Ok(found.filter(|upload| Some(upload.id) == id).ok_or_else(|| ApiError::not_found("file"))?)
}

async fn upload(gateway: &Gateway, id: &str, request: HttpRequest) -> Result<Response<Body>> {
    let hash = auth::hash(token(&query(request.uri().query())));
    let app = &gateway.app;
    let now = app.system.clock.now();
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let found = store::find_by_token(tx, &hash)?;
        if let Some(upload) = &found {
            let announced = u64::try_from(upload.size_bytes).unwrap_or(0);
            quota::check(tx, upload.workspace, Dimension::MediaUploadBytes, announced)?;
        }
        Ok(found)
    };
    let upload = named(app.store.read(look).await?, id)?;
    if upload.finalized_at.is_some() {
        return Err(finished());
    }
    if upload.expires_at <= now {
        return Err(ApiError::new(ErrorCode::UploadExpired, "the upload was not finished in time").into());
    }
    let name = format!("{}-{}", upload.id, app.system.rng.hex::<8>());
    let files = gateway.files()?;
    let stored = receive(app, files, &upload, name.clone(), request.into_body()).await?;
    let answer = json!({ "ok": true, "upload_id": upload.id, "size_bytes": stored.bytes, "sha256": stored.sha256 });
    let (workspace, upload_id) = (upload.workspace, upload.id);
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let before = store::find(tx, workspace, upload_id)?.and_then(|upload| upload.stored);
        let is_new = store::set_stored(tx, workspace, upload_id, Some(&stored))?;
        if is_new {
            let arrived = u64::try_from(stored.bytes).unwrap_or(0);
            quota::charge(tx, workspace, Dimension::MediaUploadBytes, arrived)?;
        }
        Ok((is_new, before))
    };
    match app.store.write(Shard::CONTROL, job).await {
        Ok((true, before)) => {
            if let Some(before) = before {
                remove(files, &before.file).await;
            }
            Ok(super::json(200, answer.to_string().into_bytes()))
        }
        Ok((false, _)) => {
            remove(files, &name).await;
            Err(finished())
        }
        Err(error) => {
            remove(files, &name).await;
            Err(error)
        }
    }
}

fn finished() -> axme_core::error::Error {
    ApiError::new(ErrorCode::UploadFinished, "the file is finished and cannot be changed").into()
}

/// Removes a file that no upload names. If this fails, the sweep removes it later.
async fn remove(files: &Files, name: &str) {
    if let Err(error) = files.remove(name).await {
        tracing::warn!(name, %error, "could not remove a file");
    }
}

/// Receives a file: at most the announced number of bytes, with a time limit for each part.
async fn receive(app: &AppState, files: &Files, upload: &Upload, name: String, mut body: Body) -> Result<StoredFile> {
    let mut draft = files.begin(&name).await?;
    let (mut bytes, mut hash) = (0_i64, Sha256::new());
    let patience = Duration::from_secs(app.limits.body_seconds);
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await.map_err(|_| {
            let message = format!("no part of the file arrived for {} s", patience.as_secs());
            ApiError::new(ErrorCode::RequestTimeout, message)
        })?;
        let Some(frame) = frame else { break };
        let unreadable = |_| ApiError::new(ErrorCode::BodyUnreadable, "the file did not arrive completely");
        let Ok(part) = frame.map_err(unreadable)?.into_data() else { continue };
        bytes = bytes.saturating_add(i64::try_from(part.len()).unwrap_or(i64::MAX));
        if bytes > upload.size_bytes {
            let message = format!("the file is longer than the announced {} bytes", upload.size_bytes);
            return Err(ApiError::new(ErrorCode::MediaTooLarge, message).into());
        }
        hash.update(&part);
        draft.write(part).await?;
    }
    draft.finish().await?;
    Ok(StoredFile { file: name, bytes, sha256: hex(&hash.finalize()) })
}

async fn download(gateway: &Gateway, id: &str, request: &Parts, shown: bool) -> Result<Response<Body>> {
    let app = &gateway.app;
    let (hash, now) = (auth::hash(token(&query(request.uri.query()))), app.system.clock.now());
    let upload = named(app.store.read(move |tx| store::find_by_link(tx, &hash, now)).await?, id)?;
    let is_picture = PICTURES.contains(&upload.mime_type.as_str());
    let stored = upload.stored.clone().filter(|_| is_picture || !shown);
    let stored = stored.ok_or_else(|| ApiError::not_found("file"))?;
    let length = u64::try_from(stored.bytes).unwrap_or(0);
    let range = request
        .headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .and_then(|text| read_range(text, length));
    if let Some(Range::Outside) = range {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        set(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
        return Ok(response);
    }
    let (from, to) = match range {
        Some(Range::Part(from, to)) => (from, to),
        _ => (0, length),
    };
    let mut response = Response::new(gateway.files()?.read(&stored.file, from, to).await?);
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {from}-{}/{length}", to.saturating_sub(1)));
    }
    set(&mut response, header::CONTENT_LENGTH, &(to - from).to_string());
    set(&mut response, header::CONTENT_TYPE, &upload.mime_type);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::CACHE_CONTROL, "private, no-store");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    let name = percent_encoding::utf8_percent_encode(&upload.filename, percent_encoding::NON_ALPHANUMERIC);
    let way = if shown { "inline" } else { "attachment" };
    set(&mut response, header::CONTENT_DISPOSITION, &format!("{way}; filename*=UTF-8''{name}"));
    Ok(response)
}

fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The requested range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    /// The bytes `from..to`.
    Part(u64, u64),
    Outside,
}

/// Reads one range of bytes. Any other form is ignored, which HTTP allows.
fn read_range(text: &str, length: u64) -> Option<Range> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.trim(), to.trim()) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(length)),
    };
    Some(if from < to { Range::Part(from, to) } else { Range::Outside })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_clients_write_them() {
        for (text, expected) in [
            ("bytes=0-3", Some(Range::Part(0, 4))),
            ("bytes=4-", Some(Range::Part(4, 10))),
            ("bytes=-3", Some(Range::Part(7, 10))),
            ("bytes=-30", Some(Range::Part(0, 10))),
            ("bytes=8-30", Some(Range::Part(8, 10))),
            ("bytes=10-", Some(Range::Outside)),
            ("bytes=-0", Some(Range::Outside)),
            ("bytes=0-1,4-5", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(read_range(text, 10), expected, "{text}");
        }
    }
}
