//! SQL for files. Their bytes are outside the database, in the folder or the bucket for media. Only hashes of the
//! tokens in upload and download URLs are stored.

use axme_intent::{Address, Time};
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct Upload {
    pub workspace: Uuid,
    pub id: Uuid,
    pub owner: Address,
    pub filename: String,
    pub mime_type: String,
    /// The announced size, which the stored bytes must match.
    pub size_bytes: i64,
    pub sha256: Option<String>,
    pub created_at: Time,
    /// The latest time at which it can be finalized.
    pub expires_at: Time,
    pub finalized_at: Option<Time>,
    pub stored: Option<StoredFile>,
}

/// The bytes that have arrived for an upload.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// The name of the file in the storage.
    pub file: String,
    pub bytes: i64,
    pub sha256: String,
}

pub fn insert(tx: &mut Tx<'_>, upload: &Upload, token_hash: &[u8]) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO media_uploads (workspace_id, upload_id, owner, filename, mime_type, size_bytes, sha256, token_hash, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            upload.workspace.into(),
            upload.id.into(),
            (&upload.owner).into(),
            (&upload.filename).into(),
            (&upload.mime_type).into(),
            upload.size_bytes.into(),
            upload.sha256.as_ref().into(),
            token_hash.into(),
            upload.created_at.into(),
            upload.expires_at.into(),
        ],
    )
}

macro_rules! upload {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, upload_id, owner, filename, mime_type, size_bytes, sha256, created_at, expires_at, \
             finalized_at, stored_file, stored_bytes, stored_sha256 FROM media_uploads ",
            $rest
        )
    };
}

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Upload>, StoreError> {
    let row = tx.row(upload!("WHERE workspace_id = $1 AND upload_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(upload).transpose()
}

/// Finds and locks an upload before it is finalized, so that its bytes cannot be replaced meanwhile.
pub fn lock(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid) -> Result<Option<Upload>, StoreError> {
    let row =
        tx.row(upload!("WHERE workspace_id = $1 AND upload_id = $2 FOR UPDATE"), &[workspace.into(), id.into()])?;
    row.as_ref().map(upload).transpose()
}

/// Finds the upload for a token in an upload URL.
pub fn find_by_token(tx: &mut Tx<'_>, token_hash: &[u8]) -> Result<Option<Upload>, StoreError> {
    let row = tx.row(upload!("WHERE token_hash = $1"), &[token_hash.into()])?;
    row.as_ref().map(upload).transpose()
}

/// Finds the file for a token in a download URL.
pub fn find_by_link(tx: &mut Tx<'_>, hash: &[u8], now: Time) -> Result<Option<Upload>, StoreError> {
    let row = tx.row(
        "SELECT u.workspace_id, u.upload_id, u.owner, u.filename, u.mime_type, u.size_bytes, u.sha256, u.created_at, \
         u.expires_at, u.finalized_at, u.stored_file, u.stored_bytes, u.stored_sha256 FROM media_links l \
         JOIN media_uploads u ON u.workspace_id = l.workspace_id AND u.upload_id = l.upload_id \
         WHERE l.hash = $1 AND l.expires_at > $2",
        &[hash.into(), now.into()],
    )?;
    row.as_ref().map(upload).transpose()
}

fn upload(row: &Row) -> Result<Upload, StoreError> {
    let stored = match row.opt_string(10)? {
        Some(file) => Some(StoredFile { file, bytes: row.int(11)?, sha256: row.string(12)? }),
        None => None,
    };
    Ok(Upload {
        workspace: row.uuid(0)?,
        id: row.uuid(1)?,
        owner: Address::from_canonical(row.string(2)?),
        filename: row.string(3)?,
        mime_type: row.string(4)?,
        size_bytes: row.int(5)?,
        sha256: row.opt_string(6)?,
        created_at: row.time(7)?,
        expires_at: row.time(8)?,
        finalized_at: row.opt_time(9)?,
        stored,
    })
}

pub fn insert_link(tx: &mut Tx<'_>, hash: &[u8], upload: &Upload, expires_at: Time) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO media_links (hash, workspace_id, upload_id, expires_at) VALUES ($1, $2, $3, $4)",
        &[hash.into(), upload.workspace.into(), upload.id.into(), expires_at.into()],
    )
}

/// Sums the sizes of a workspace's files: of stored ones, and of announced ones that can still be uploaded.
pub fn sum_bytes(tx: &mut Tx<'_>, workspace: Uuid, now: Time) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM media_uploads \
         WHERE workspace_id = $1 AND (stored_file IS NOT NULL OR (finalized_at IS NULL AND expires_at > $2))",
        &[workspace.into(), now.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Records the stored bytes of an upload, or their removal. Returns false if the upload was finalized meanwhile.
pub fn set_stored(tx: &mut Tx<'_>, workspace: Uuid, id: Uuid, stored: Option<&StoredFile>) -> Result<bool, StoreError> {
    let changed = tx.run(
        "UPDATE media_uploads SET stored_file = $1, stored_bytes = $2, stored_sha256 = $3 \
         WHERE workspace_id = $4 AND upload_id = $5 AND finalized_at IS NULL",
        &[
            stored.map(|stored| &stored.file).into(),
            stored.map(|stored| stored.bytes).into(),
            stored.map(|stored| &stored.sha256).into(),
            workspace.into(),
            id.into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Finalizes an upload with its hash and its size.
pub fn finalize(tx: &mut Tx<'_>, upload: &Upload, now: Time) -> Result<(), StoreError> {
    tx.push(
        "UPDATE media_uploads SET finalized_at = $1, sha256 = $2, size_bytes = $3 WHERE workspace_id = $4 AND upload_id = $5",
        &[
            now.into(),
            upload.sha256.as_ref().into(),
            upload.size_bytes.into(),
            upload.workspace.into(),
            upload.id.into(),
        ],
    )
}

/// Lists expired uploads that were not finalized and still have stored bytes.
pub fn list_expired(tx: &mut Tx<'_>, now: Time, limit: i64) -> Result<Vec<Upload>, StoreError> {
    let rows = tx.rows(
        upload!(
            "WHERE expires_at < $1 AND finalized_at IS NULL AND stored_file IS NOT NULL ORDER BY expires_at LIMIT $2"
        ),
        &[now.into(), limit.into()],
    )?;
    rows.iter().map(upload).collect()
}

/// Returns true if an upload has its bytes in the file with this name.
pub fn is_known(tx: &mut Tx<'_>, file: &str) -> Result<bool, StoreError> {
    Ok(tx.row("SELECT 1 FROM media_uploads WHERE stored_file = $1", &[file.into()])?.is_some())
}

/// Deletes download links, and uploads without bytes that were not finalized, up to `limit` of each, if they expired
/// before a time. Returns the larger of the two counts.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let links = tx.rows(
        "SELECT hash FROM media_links WHERE expires_at < $1 ORDER BY expires_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &links {
        tx.push("DELETE FROM media_links WHERE hash = $1", &[row.bytes(0)?.into()])?;
    }
    let uploads = tx.rows(
        "SELECT workspace_id, upload_id FROM media_uploads \
         WHERE expires_at < $1 AND finalized_at IS NULL AND stored_file IS NULL AND workspace_id NOT IN \
         (SELECT workspace_id FROM retention_rules WHERE held = 1) ORDER BY expires_at LIMIT $2",
        &[before.into(), limit.into()],
    )?;
    for row in &uploads {
        tx.push(
            "DELETE FROM media_uploads WHERE workspace_id = $1 AND upload_id = $2",
            &[row.uuid(0)?.into(), row.uuid(1)?.into()],
        )?;
    }
    Ok(links.len().max(uploads.len()))
}
