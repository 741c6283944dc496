//! SQL of access requests.

use axme_intent::Time;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct AccessRequest {
    pub access_request_id: Uuid,
    /// The organization whose members decide.
    pub review_org_id: Uuid,
    pub from_workspace_id: Uuid,
    /// The owner of the key that asked.
    pub requested_by: String,
    pub request_type: String,
    pub state: String,
    pub requester_actor_id: String,
    pub org_id: Option<Uuid>,
    pub workspace_id: Option<Uuid>,
    pub requested_role: Option<String>,
    pub requested_tier: Option<String>,
    pub company_name: Option<String>,
    pub justification: Option<String>,
    pub reviewer_actor_id: Option<String>,
    pub review_comment: Option<String>,
    pub reviewed_at: Option<Time>,
    pub expires_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

fn request(row: &Row) -> Result<AccessRequest, StoreError> {
    Ok(AccessRequest {
        access_request_id: row.uuid(0)?,
        review_org_id: row.uuid(1)?,
        from_workspace_id: row.uuid(2)?,
        requested_by: row.string(3)?,
        request_type: row.string(4)?,
        state: row.string(5)?,
        requester_actor_id: row.string(6)?,
        org_id: row.opt_uuid(7)?,
        workspace_id: row.opt_uuid(8)?,
        requested_role: row.opt_string(9)?,
        requested_tier: row.opt_string(10)?,
        company_name: row.opt_string(11)?,
        justification: row.opt_string(12)?,
        reviewer_actor_id: row.opt_string(13)?,
        review_comment: row.opt_string(14)?,
        reviewed_at: row.opt_time(15)?,
        expires_at: row.opt_time(16)?,
        created_at: row.time(17)?,
        updated_at: row.time(18)?,
    })
}

pub fn insert(tx: &mut Tx<'_>, r: &AccessRequest) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO access_requests (access_request_id, review_org_id, from_workspace_id, requested_by, request_type, state, \
         requester_actor_id, org_id, workspace_id, requested_role, requested_tier, company_name, justification, expires_at, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        &[
            r.access_request_id.into(),
            r.review_org_id.into(),
            r.from_workspace_id.into(),
            (&r.requested_by).into(),
            (&r.request_type).into(),
            (&r.state).into(),
            (&r.requester_actor_id).into(),
            r.org_id.into(),
            r.workspace_id.into(),
            r.requested_role.as_ref().into(),
            r.requested_tier.as_ref().into(),
            r.company_name.as_ref().into(),
            r.justification.as_ref().into(),
            r.expires_at.into(),
            r.created_at.into(),
            r.updated_at.into(),
        ],
    )
}

/// One request.
pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<AccessRequest>, StoreError> {
    let row = tx.row(
        "SELECT access_request_id, review_org_id, from_workspace_id, requested_by, request_type, state, requester_actor_id, \
         org_id, workspace_id, requested_role, requested_tier, company_name, justification, reviewer_actor_id, review_comment, \
         reviewed_at, expires_at, created_at, updated_at FROM access_requests WHERE access_request_id = $1",
        &[id.into()],
    )?;
    row.as_ref().map(request).transpose()
}

/// Takes the lock of a request: it is decided once.
pub fn lock(tx: &mut Tx<'_>, id: Uuid) -> Result<(), StoreError> {
    let sql = "SELECT access_request_id FROM access_requests WHERE access_request_id = $1 FOR UPDATE";
    tx.row(sql, &[id.into()]).map(|_| ())
}

/// A page of the requests that the members of an organization decide, by id.
pub fn list_for_review(tx: &mut Tx<'_>, org: Uuid, after: Uuid, limit: i64) -> Result<Vec<AccessRequest>, StoreError> {
    let rows = tx.rows(
        "SELECT access_request_id, review_org_id, from_workspace_id, requested_by, request_type, state, requester_actor_id, \
         org_id, workspace_id, requested_role, requested_tier, company_name, justification, reviewer_actor_id, review_comment, \
         reviewed_at, expires_at, created_at, updated_at FROM access_requests \
         WHERE review_org_id = $1 AND access_request_id > $2 ORDER BY access_request_id LIMIT $3",
        &[org.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(request).collect()
}

/// A page of the requests from a workspace, by id.
pub fn list_from(tx: &mut Tx<'_>, workspace: Uuid, after: Uuid, limit: i64) -> Result<Vec<AccessRequest>, StoreError> {
    let rows = tx.rows(
        "SELECT access_request_id, review_org_id, from_workspace_id, requested_by, request_type, state, requester_actor_id, \
         org_id, workspace_id, requested_role, requested_tier, company_name, justification, reviewer_actor_id, review_comment, \
         reviewed_at, expires_at, created_at, updated_at FROM access_requests \
         WHERE from_workspace_id = $1 AND access_request_id > $2 ORDER BY access_request_id LIMIT $3",
        &[workspace.into(), after.into(), limit.into()],
    )?;
    rows.iter().map(request).collect()
}

pub fn update(tx: &mut Tx<'_>, r: &AccessRequest) -> Result<(), StoreError> {
    tx.push(
        "UPDATE access_requests SET state = $1, org_id = $2, reviewer_actor_id = $3, review_comment = $4, reviewed_at = $5, \
         updated_at = $6 WHERE access_request_id = $7",
        &[
            (&r.state).into(),
            r.org_id.into(),
            r.reviewer_actor_id.as_ref().into(),
            r.review_comment.as_ref().into(),
            r.reviewed_at.into(),
            r.updated_at.into(),
            r.access_request_id.into(),
        ],
    )
}

/// How many requests of somebody nobody has decided.
pub fn count_pending_of(tx: &mut Tx<'_>, email: &str) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM access_requests WHERE requested_by = $1 AND state IN ('pending', 'under_review', 'waitlisted')",
        &[email.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}
