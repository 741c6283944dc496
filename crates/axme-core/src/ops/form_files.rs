//! Files in the forms of tasks. A file belongs to the workspace of the task. A page stores it before the answer that names
//! it; without such an answer it is removed.

use std::collections::BTreeMap;

use axme_api::{ApiError, ErrorCode};
use axme_intent::form::{self, NamedFile};
use axme_intent::{Address, TaskResult};
use axme_store::intents::Head;
use axme_store::media::{self as store, StoredFile, Upload};
use axme_store::{Tx, media};
use serde_json::json;
use uuid::Uuid;

use crate::auth;
use crate::context::CallContext;
use crate::error::Result;
use crate::policy::quota::{self, Dimension};

/// How long a file waits for the answer that names it.
const WAIT_SECONDS: u64 = 86_400;

/// A file that a person has sent with a form.
pub struct SentFile {
    pub filename: String,
    pub mime_type: String,
    pub stored: StoredFile,
}

/// Records a file that a person has sent with a form. Returns its id.
pub fn record(tx: &mut Tx<'_>, workspace: Uuid, person: &str, file: &SentFile) -> Result<Uuid> {
    let (now, rng) = (tx.now, tx.rng);
    let bytes = u64::try_from(file.stored.bytes).unwrap_or(0);
    if let Some(most) = quota::lock(tx, workspace)?.map(|allowance| allowance.dimensions.media_storage_bytes)
        && most > 0
    {
        let used = u64::try_from(media::sum_bytes(tx, workspace, now)?).unwrap_or(0);
        quota::check_total("media_storage_bytes", used, bytes, most)?;
    }
    quota::check(tx, workspace, Dimension::MediaUploadBytes, bytes)?;
    quota::charge(tx, workspace, Dimension::MediaUploadBytes, bytes)?;
    let upload = Upload {
        workspace,
        id: rng.uuid_at(now),
        owner: Address::of_person(person),
        filename: file.filename.clone(),
        mime_type: file.mime_type.clone(),
        size_bytes: file.stored.bytes,
        sha256: Some(file.stored.sha256.clone()),
        created_at: now,
        expires_at: now.plus_seconds(WAIT_SECONDS),
        finalized_at: None,
        stored: None,
    };
    // The token to upload is handed to nobody, because the bytes are stored already.
    store::insert(tx, &upload, &auth::hash(&rng.hex::<32>()))?;
    store::set_stored(tx, workspace, upload.id, Some(&file.stored))?;
    Ok(upload.id)
}

/// Checks the files that an answer names, and keeps those that waited for it.
pub(crate) fn keep(cx: &mut CallContext<'_, '_>, workspace: Uuid, head: &Head, answer: &TaskResult) -> Result<()> {
    let schema = head.intent.open_task().and_then(|task| task.form_schema.as_deref());
    let Some(schema) = schema else { return Ok(()) };
    let mut wrong: BTreeMap<String, String> = BTreeMap::new();
    for file in form::files(schema, &answer.data.values_parsed()) {
        match find(cx, workspace, &file)? {
            Err(why) => {
                wrong.insert(file.place, why);
            }
            Ok(upload) if upload.finalized_at.is_none() => {
                store::finalize(cx.tx, &upload, cx.now)?;
                let line = json!({ "sha256": upload.sha256, "intent_id": head.intent.id });
                cx.audit_in(workspace, "media.finalize_upload", &upload.id.to_string(), &line)?;
            }
            Ok(_) => {}
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = wrong.iter().map(|(place, why)| format!("{place}: {why}")).collect();
    let mut error = ApiError::new(ErrorCode::FormInvalid, lines.join("; "));
    error.details.insert("fields".to_owned(), json!(wrong));
    Err(error.into())
}

/// Finds the file that an answer names. The inner error says why it is not accepted.
fn find(
    cx: &mut CallContext<'_, '_>,
    workspace: Uuid,
    file: &NamedFile,
) -> Result<std::result::Result<Upload, String>> {
    let unknown = || "must be the id of an uploaded file of this workspace".to_owned();
    let Ok(id) = Uuid::parse_str(&file.id) else { return Ok(Err(unknown())) };
    let person = Address::of_person(&cx.caller.owner);
    let now = cx.now;
    // A file that still waits for its answer belongs to the person who has sent it.
    let is_usable = |upload: &Upload| {
        upload.stored.is_some()
            && (upload.finalized_at.is_some() || (upload.owner == person && now < upload.expires_at))
    };
    let found = store::lock(cx.tx, workspace, id)?.filter(is_usable);
    Ok(match found {
        None => Err(unknown()),
        Some(upload) if !file.rule.accepts(&upload.mime_type) => {
            Err(format!("must be a file of type {}, not {}", file.rule.types.join(" or "), upload.mime_type))
        }
        Some(upload) if u64::try_from(upload.size_bytes).unwrap_or(u64::MAX) > file.rule.max_bytes => {
            Err(format!("must have at most {} bytes", file.rule.max_bytes))
        }
        Some(upload) => Ok(upload),
    })
}
