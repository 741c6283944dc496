//! Reads the audit trail. `CallContext::audit` writes an event in the transaction of the change that it describes.

use axme_api::Id;
use axme_api::audit::{AuditEvent, AuditList, ListAudit};
use axme_api::roles::Permission;
use axme_intent::Address;
use uuid::Uuid;

use crate::auth::placement;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{check_chars, read_before};
use axme_store::audit as store;
use axme_store::audit::Filter;

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[Binding::Transaction(&handler(&axme_api::audit::LIST, prepare_list, list))];

const MAX_PREFIX_CHARS: usize = 100;

pub struct AuditQuery {
    input: ListAudit,
    before: Uuid,
    limit: i64,
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListAudit) -> Result<AuditQuery> {
    check_chars("action_prefix", input.action_prefix.as_deref(), 1, MAX_PREFIX_CHARS)?;
    let before = read_before(input.before.as_deref(), Uuid::max(), "an audit_id")?;
    let limit = input.limit.items()?;
    Ok(AuditQuery { input, before, limit })
}

/// Lists audit events, newest first. `org_id` without `workspace_id` selects changes to the organization itself.
pub fn list(cx: &mut CallContext<'_, '_>, asked: &AuditQuery) -> Result<AuditList> {
    let input = &asked.input;
    let (org, workspace) = match (input.org_id.as_deref(), input.workspace_id.as_deref()) {
        (Some(org), None) => (placement::org(cx, org, Permission::ReadAudit)?.0, None),
        (org, workspace) => {
            let place = placement::place(cx, org, workspace, Permission::ReadAudit)?;
            (place.org, Some(place.workspace))
        }
    };
    // The trail names agents by full address, and people as their keys name them: match both.
    let names = |text: &String| [text.trim().to_owned(), Address::resolve(text, cx.caller.home()).to_string()];
    let filter = Filter {
        trail: workspace.unwrap_or(org),
        before: asked.before,
        actor: input.owner_agent.as_ref().map(names),
        prefix: input.action_prefix.as_deref().map(|text| text.trim().to_owned()),
        limit: asked.limit,
    };
    let found = store::list(cx.tx, &filter)?;
    let is_full = usize::try_from(asked.limit).is_ok_and(|limit| found.len() == limit);
    let next_before = found.last().filter(|_| is_full).map(|event| event.id.into());
    let events = found.into_iter().map(|event| view(org, workspace, event)).collect();
    Ok(AuditList { ok: true, events, next_before })
}

fn view(org: Uuid, workspace: Option<Uuid>, event: store::AuditEvent) -> AuditEvent {
    AuditEvent {
        audit_id: event.id.into(),
        org_id: org.into(),
        workspace_id: workspace.map(Id::from),
        at: event.at.into(),
        actor: event.actor,
        action: event.action,
        subject: event.subject,
        details: event.details.as_object().cloned().unwrap_or_default(),
    }
}
