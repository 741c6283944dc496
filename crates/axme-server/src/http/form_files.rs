//! Reads a form that comes with files, as browsers send it: `multipart/form-data`. The bytes of a file go to the store for
//! media as they arrive. So memory holds parts of a file and never all of it.
//!
//! A file is taken only after the token of an open link and for a field of its form that takes one.

use std::collections::BTreeMap;
use std::time::Duration;

use axme_api::{ApiError, ErrorCode};
use axme_core::error::Result;
use axme_core::ops::form_files::{self, SentFile};
use axme_core::ops::links::{self, LinkState};
use axme_intent::HumanTask;
use axme_intent::form::FileRule;
use axme_store::media::StoredFile;
use axme_store::{Announcement, Shard, Tx, hex};
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use multer::{Field, Multipart};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Gateway;
use super::form::{FormFields, file_field, size};
use super::page_state::PageState;
use crate::files::Files;

/// Maximum number of files in one form.
const MAX_FILES: usize = 10;

const MAX_NAME_CHARS: usize = 255;

/// The texts of a form may be this many times as long as the body of another public call.
const TEXTS: usize = 4;

/// The fields of a form, with the ids of its files, and the errors of files that were refused, by place.
pub(super) struct SentForm {
    pub pairs: Vec<(String, String)>,
    pub wrong: BTreeMap<String, String>,
}

/// The task whose form may come with files.
struct OpenForm {
    workspace: Uuid,
    person: String,
    task: HumanTask,
}

/// Returns true for a form that may come with files.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    boundary(headers).is_some()
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    multer::parse_boundary(headers.get(CONTENT_TYPE)?.to_str().ok()?).ok()
}

/// Reads the form of the task of an intent.
pub(super) async fn read(
    gateway: &Gateway,
    app: &PageState,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<SentForm> {
    let boundary = boundary(headers).ok_or_else(|| ApiError::invalid("the form has no boundary"))?;
    let mut parts = Multipart::new(body.into_data_stream(), boundary);
    let mut form = SentForm { pairs: Vec::new(), wrong: BTreeMap::new() };
    let (mut text_left, mut bytes_left, mut files) = (TEXTS * app.limits.public_body_bytes, app.limits.media_bytes, 0);
    let mut opened: Option<OpenForm> = None;
    while let Some(mut part) = in_time(app, parts.next_field()).await? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(filename) = part.file_name().map(str::to_owned) else {
            let text = text_of(app, part, &mut text_left).await?;
            form.pairs.push((name, text));
            continue;
        };
        if filename.is_empty() {
            continue;
        }
        if opened.is_none() {
            let token = FormFields::new(form.pairs.clone()).get("token").to_owned();
            // The page says why the link is not open. Nothing of the file is read.
            let Some(found) = open(app, id, token).await? else { return Ok(form) };
            opened = Some(found);
        }
        let Some(of) = &opened else { continue };
        let Some((place, rule)) = file_field(&of.task, &FormFields::new(form.pairs.clone()), &name) else { continue };
        files += 1;
        let media_type = part.content_type().map_or_else(|| "application/octet-stream".to_owned(), ToString::to_string);
        let refused: Option<String> = if files > MAX_FILES {
            Some(app.say("wrong-file-count").with("most", MAX_FILES).into())
        } else if !rule.accepts(&media_type) {
            Some(app.say("wrong-file-type").with("types", rule.types.join(", ")).into())
        } else {
            match receive(gateway, app, &mut part, &rule, &mut bytes_left).await? {
                Received::Nothing => Some(app.say("wrong-file-empty").into()),
                Received::TooMuch => Some(app.say("wrong-file-size").with("most", size(rule.max_bytes)).into()),
                Received::File(stored) => {
                    let filename = plain_name(&filename);
                    let file = SentFile { filename: filename.clone(), mime_type: media_type, stored };
                    let id = keep(gateway, app, of, file).await?;
                    form.pairs.push((name.clone(), id.to_string()));
                    form.pairs.push((format!("name.{name}"), filename));
                    None
                }
            }
        };
        form.wrong.extend(refused.map(|why| (place, why)));
    }
    if form.pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(ApiError::invalid("the character \\u0000 cannot be stored").into());
    }
    drop_removed(&mut form.pairs);
    Ok(form)
}

/// Finds the task behind a token; `None` if the link is not open.
async fn open(app: &PageState, id: &str, token: String) -> Result<Option<OpenForm>> {
    let id = id.to_owned();
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        Ok(match links::look(tx, &token)? {
            LinkState::Open(asked) if asked.link.intent.to_string() == id => Some(OpenForm {
                workspace: asked.link.workspace,
                person: asked.link.person.clone(),
                task: asked.task().clone(),
            }),
            _ => None,
        })
    };
    app.store.read(look).await
}

/// Takes out the files that the person wants to remove.
fn drop_removed(pairs: &mut Vec<(String, String)>) {
    let dropped: Vec<String> =
        pairs.iter().filter_map(|(name, _)| name.strip_prefix("drop.").map(str::to_owned)).collect();
    pairs.retain(|(name, _)| {
        let plain = name.strip_prefix("drop.").or_else(|| name.strip_prefix("name.")).unwrap_or(name);
        !dropped.iter().any(|dropped| dropped == plain)
    });
}

async fn in_time<T>(app: &PageState, read: impl Future<Output = multer::Result<T>>) -> Result<T> {
    let patience = Duration::from_secs(app.limits.body_seconds);
    let read = tokio::time::timeout(patience, read).await.map_err(|_| {
        let message = format!("no part of the form arrived for {} s", patience.as_secs());
        ApiError::new(ErrorCode::RequestTimeout, message)
    })?;
    Ok(read.map_err(|_| ApiError::new(ErrorCode::BodyUnreadable, "the form did not arrive completely"))?)
}

async fn text_of(app: &PageState, mut part: Field<'_>, left: &mut usize) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(app, part.chunk()).await? {
        *left = left.checked_sub(chunk.len()).ok_or_else(|| {
            ApiError::new(ErrorCode::BodyTooLarge, "the texts of the form are too long: shorten them")
        })?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(bytes).map_err(|_| ApiError::invalid("the form must be UTF-8"))?)
}

enum Received {
    Nothing,
    TooMuch,
    File(StoredFile),
}

/// Receives a file. One that is too long is read to its end without being kept, so that the browser gets an answer.
async fn receive(
    gateway: &Gateway,
    app: &PageState,
    part: &mut Field<'_>,
    rule: &FileRule,
    left: &mut u64,
) -> Result<Received> {
    let files = gateway.files()?;
    let name = format!("{}-{}", app.system.rng.uuid_at(app.system.clock.now()), app.system.rng.hex::<8>());
    let mut draft = Some(files.begin(&name).await?);
    let (mut bytes, mut hash) = (0_u64, Sha256::new());
    while let Some(chunk) = in_time(app, part.chunk()).await? {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        *left = left.checked_sub(length).ok_or_else(|| {
            ApiError::new(ErrorCode::MediaTooLarge, "the files of the form are too large: send smaller ones")
        })?;
        bytes += length;
        if bytes > rule.max_bytes {
            draft = None;
        }
        if let Some(draft) = &mut draft {
            hash.update(&chunk);
            draft.write(chunk).await?;
        }
    }
    let Some(draft) = draft else { return Ok(Received::TooMuch) };
    if bytes == 0 {
        return Ok(Received::Nothing);
    }
    draft.finish().await?;
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(Received::File(StoredFile { file: name, bytes, sha256: hex(&hash.finalize()) }))
}

/// Records a file. If that fails, its bytes are removed.
async fn keep(gateway: &Gateway, app: &PageState, of: &OpenForm, file: SentFile) -> Result<Uuid> {
    let (workspace, person, stored) = (of.workspace, of.person.clone(), file.stored.file.clone());
    let job = move |tx: &mut Tx<'_>| form_files::record(tx, workspace, &person, &file);
    match app.store.write_announced(Announcement::of(workspace, Shard::CONTROL), job).await {
        Ok(id) => Ok(id),
        Err(error) => {
            remove(gateway.files()?, &stored).await;
            Err(error)
        }
    }
}

/// Removes a file that no upload names. If this fails, the sweep removes it later.
async fn remove(files: &Files, name: &str) {
    if let Err(error) = files.remove(name).await {
        tracing::warn!(name, %error, "could not remove a file");
    }
}

/// Returns the name of a file without folders and control characters.
fn plain_name(sent: &str) -> String {
    let name = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|one| !one.is_control()).take(MAX_NAME_CHARS).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_have_no_folders() {
        for (sent, plain) in
            [("a.pdf", "a.pdf"), ("C:\\x\\a.pdf", "a.pdf"), ("../../a.pdf", "a.pdf"), ("a\u{7}b", "ab"), ("/", "file")]
        {
            assert_eq!(plain_name(sent), plain);
        }
        assert_eq!(plain_name(&"ä".repeat(300)).chars().count(), MAX_NAME_CHARS);
    }

    #[test]
    fn a_removed_file_leaves_the_form() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut pairs = vec![
            pair("field.a", "1"),
            pair("name.field.a", "a.pdf"),
            pair("drop.field.a", "on"),
            pair("field.b", "2"),
            pair("name.field.b", "b.pdf"),
        ];
        drop_removed(&mut pairs);
        assert_eq!(pairs, [pair("field.b", "2"), pair("name.field.b", "b.pdf")]);
    }
}
