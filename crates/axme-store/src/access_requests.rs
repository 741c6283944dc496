//! SQL for access requests: requests for an organization, a membership, a higher role or a higher tier. The members of
//! one organization decide each request.

use axme_intent::Time;
pub use axme_types::access_requests::{RequestState, RequestType};
use axme_types::members::OrgRole;
use axme_types::quotas::HostedTier;
use uuid::Uuid;

use super::{Row, Tx};
use crate::error::StoreError;

#[derive(Debug, Clone)]
pub struct AccessRequest {
    pub access_request_id: Uuid,
    /// The organization whose members decide.
    pub review_org_id: Uuid,
    pub from_workspace_id: Uuid,
    /// The owner of the requester's key.
    pub requested_by: String,
    pub request_type: RequestType,
    pub state: RequestState,
    pub requester_actor_id: String,
    pub org_id: Option<Uuid>,
    pub workspace_id: Option<Uuid>,
    pub requested_role: Option<OrgRole>,
    pub requested_tier: Option<HostedTier>,
    pub company_name: Option<String>,
    pub justification: Option<String>,
    pub reviewer_actor_id: Option<String>,
    pub review_comment: Option<String>,
    pub reviewed_at: Option<Time>,
    pub expires_at: Option<Time>,
    pub created_at: Time,
    pub updated_at: Time,
}

/// A statement that reads whole rows.
macro_rules! request {
    ($rest:literal) => {
        concat!(
            "SELECT access_request_id, review_org_id, from_workspace_id, requested_by, request_type, state, \
             requester_actor_id, org_id, workspace_id, requested_role, requested_tier, company_name, \
             justification, reviewer_actor_id, review_comment, reviewed_at, expires_at, created_at, \
             updated_at FROM access_requests ",
            $rest
        )
    };
}

fn request(row: &Row) -> Result<AccessRequest, StoreError> {
    Ok(AccessRequest {
        access_request_id: row.uuid(0)?,
        review_org_id: row.uuid(1)?,
        from_workspace_id: row.uuid(2)?,
        requested_by: row.string(3)?,
        request_type: row.word(4, RequestType::parse)?,
        state: row.word(5, RequestState::parse)?,
        requester_actor_id: row.string(6)?,
        org_id: row.opt_uuid(7)?,
        workspace_id: row.opt_uuid(8)?,
        requested_role: row.opt_word(9, OrgRole::parse)?,
        requested_tier: row.opt_word(10, HostedTier::parse)?,
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
            r.request_type.as_str().into(),
            r.state.as_str().into(),
            (&r.requester_actor_id).into(),
            r.org_id.into(),
            r.workspace_id.into(),
            r.requested_role.map(OrgRole::as_str).into(),
            r.requested_tier.map(HostedTier::as_str).into(),
            r.company_name.as_ref().into(),
            r.justification.as_ref().into(),
            r.expires_at.into(),
            r.created_at.into(),
            r.updated_at.into(),
        ],
    )
}

pub fn find(tx: &mut Tx<'_>, id: Uuid) -> Result<Option<AccessRequest>, StoreError> {
    let row = tx.row(request!("WHERE access_request_id = $1"), &[id.into()])?;
    row.as_ref().map(request).transpose()
}

/// Locks a request, so that it is decided only once.
pub fn lock(tx: &mut Tx<'_>, id: Uuid) -> Result<(), StoreError> {
    let sql = "SELECT access_request_id FROM access_requests WHERE access_request_id = $1 FOR UPDATE";
    tx.row(sql, &[id.into()]).map(|_| ())
}

/// A filter of requests. Each pair is a range.
pub struct Filter<'a> {
    /// The stored states.
    pub states: &'a [RequestState],
    /// Expiry in microseconds; [`NEVER`] for requests that do not expire.
    pub expires: (i64, i64),
    /// The requested organization; nil for requests without one.
    pub orgs: (Uuid, Uuid),
    /// The requested workspace, or the one that the request comes from.
    pub workspaces: (Uuid, Uuid),
    pub after: Uuid,
    pub limit: i64,
}

pub const NEVER: i64 = i64::MAX;

/// Lists a page of the requests that the members of an organization decide, by id.
pub fn list_for_review(tx: &mut Tx<'_>, org: Uuid, filter: &Filter<'_>) -> Result<Vec<AccessRequest>, StoreError> {
    let sql = request!(
        "WHERE review_org_id = $1 AND state = $2 AND access_request_id > $3 AND COALESCE(expires_at, $4) BETWEEN $5 AND $6 \
         AND COALESCE(org_id, $7) BETWEEN $8 AND $9 \
         AND (workspace_id BETWEEN $10 AND $11 OR from_workspace_id BETWEEN $10 AND $11) ORDER BY access_request_id LIMIT $12"
    );
    page(tx, sql, org, filter)
}

/// Lists a page of the requests from a workspace, by id.
pub fn list_from(tx: &mut Tx<'_>, workspace: Uuid, filter: &Filter<'_>) -> Result<Vec<AccessRequest>, StoreError> {
    let sql = request!(
        "WHERE from_workspace_id = $1 AND state = $2 AND access_request_id > $3 AND COALESCE(expires_at, $4) BETWEEN $5 AND $6 \
         AND COALESCE(org_id, $7) BETWEEN $8 AND $9 \
         AND (workspace_id BETWEEN $10 AND $11 OR from_workspace_id BETWEEN $10 AND $11) ORDER BY access_request_id LIMIT $12"
    );
    page(tx, sql, workspace, filter)
}

/// Reads a page per state, because the index has the state before the id, and merges the pages.
fn page(tx: &mut Tx<'_>, sql: &'static str, of: Uuid, f: &Filter<'_>) -> Result<Vec<AccessRequest>, StoreError> {
    let mut found = Vec::new();
    for state in f.states {
        let rows = tx.rows(
            sql,
            &[
                of.into(),
                state.as_str().into(),
                f.after.into(),
                NEVER.into(),
                f.expires.0.into(),
                f.expires.1.into(),
                Uuid::nil().into(),
                f.orgs.0.into(),
                f.orgs.1.into(),
                f.workspaces.0.into(),
                f.workspaces.1.into(),
                f.limit.into(),
            ],
        )?;
        for row in &rows {
            found.push(request(row)?);
        }
    }
    found.sort_by_key(|request| request.access_request_id);
    found.truncate(usize::try_from(f.limit).unwrap_or(usize::MAX));
    Ok(found)
}

pub fn update(tx: &mut Tx<'_>, r: &AccessRequest) -> Result<(), StoreError> {
    tx.push(
        "UPDATE access_requests SET state = $1, org_id = $2, reviewer_actor_id = $3, review_comment = $4, reviewed_at = $5, \
         updated_at = $6 WHERE access_request_id = $7",
        &[
            r.state.as_str().into(),
            r.org_id.into(),
            r.reviewer_actor_id.as_ref().into(),
            r.review_comment.as_ref().into(),
            r.reviewed_at.into(),
            r.updated_at.into(),
            r.access_request_id.into(),
        ],
    )
}

/// Counts the undecided requests of a person.
pub fn count_pending_of(tx: &mut Tx<'_>, email: &str) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM access_requests WHERE requested_by = $1 AND state IN ('pending', 'under_review', 'waitlisted')",
        &[email.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Counts the requests from other organizations that an organization can still decide.
pub fn count_from_outside(tx: &mut Tx<'_>, org: Uuid, now: Time) -> Result<i64, StoreError> {
    let row = tx.row(
        "SELECT COUNT(*) FROM access_requests r WHERE r.review_org_id = $1 \
         AND r.state IN ('pending', 'under_review', 'waitlisted') AND (r.expires_at IS NULL OR r.expires_at > $2) \
         AND NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.workspace_id = r.from_workspace_id AND w.org_id = r.review_org_id)",
        &[org.into(), now.into()],
    )?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Deletes requests that were decided or that expired before a time, up to `limit` of each. Returns the larger of the
/// two counts.
pub fn sweep(tx: &mut Tx<'_>, before: Time, limit: i64) -> Result<usize, StoreError> {
    let statements = [
        "DELETE FROM access_requests WHERE access_request_id IN (SELECT access_request_id FROM access_requests \
         WHERE state IN ('approved', 'rejected') AND reviewed_at < $1 \
         AND from_workspace_id NOT IN (SELECT workspace_id FROM retention_rules WHERE held = 1) LIMIT $2)",
        "DELETE FROM access_requests WHERE access_request_id IN (SELECT access_request_id FROM access_requests \
         WHERE expires_at IS NOT NULL AND expires_at < $1 AND state NOT IN ('approved', 'rejected') \
         AND from_workspace_id NOT IN (SELECT workspace_id FROM retention_rules WHERE held = 1) LIMIT $2)",
    ];
    let mut gone = 0;
    for statement in statements {
        gone = tx.run(statement, &[before.into(), limit.into()])?.max(gone);
    }
    Ok(usize::try_from(gone).unwrap_or(usize::MAX))
}
