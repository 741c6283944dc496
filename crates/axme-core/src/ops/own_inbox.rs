//! The inbox of a person: the tasks that wait for them in all their workspaces, links to them, and what they decided.

use axme_api::ApiError;
use axme_intent::human::{Via, person_key};
use axme_intent::lifecycle::IntentSpec;
use axme_intent::{HumanTask, IntentId};
use axme_store::intents::{self, Head};
use axme_store::receipts::{self, StoredReceipt};
use axme_store::{Tx, groups, organizations, person_accounts as records};
use axme_words::Language;
use uuid::Uuid;

use super::links::{self, LinkRequest, NewLink};
use super::requester::{self, Requester};
use super::tasks::{self, Askees, TaskPage};
use crate::auth::{Caller, Role, membership};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::parse_id;
use crate::policy::asking::asks;
use crate::policy::guards::is_barred;
use crate::policy::payload_schemas;

/// Maximum number of tasks, over all workspaces, and of decisions that an inbox shows.
const MAX_TASKS: usize = 200;
const MAX_DECIDED: i64 = 50;

/// A task that waits for the person.
pub struct InboxTask {
    pub workspace: Uuid,
    pub head: Head,
    pub spec: IntentSpec,
    pub requester: Requester,
}

impl InboxTask {
    pub fn task(&self) -> Option<&HumanTask> {
        self.head.intent.open_task()
    }
}

/// Lists the tasks that the person may answer, in the order of their memberships.
pub fn waiting(tx: &mut Tx<'_>, email: &str, language: Language) -> Result<Vec<InboxTask>> {
    let memberships = records::memberships(tx, email)?;
    let mut found = Vec::new();
    for belonging in membership::belongings(tx, &memberships)? {
        for workspace in belonging.workspaces {
            let left = MAX_TASKS.saturating_sub(found.len());
            if left == 0 {
                return Ok(found);
            }
            let id = workspace.workspace_id;
            let caller = caller_in(tx, email, &workspace)?;
            let askees = Askees { person: email.to_owned(), groups: caller.groups.clone() };
            let mut cx = CallContext::new(tx, &caller, Via::Inbox);
            let (open, _) = tasks::waiting(&mut cx, id, Some(&askees), &TaskPage::first(left))?;
            for task in open {
                let Some(head) = intents::find(tx, id, parse_id(&task.intent_id)?)? else { continue };
                let mut spec = intents::spec(tx, id, head.intent.id)?;
                spec.payload = payload_schemas::mask(tx, id, &head, &spec.payload)?;
                let requester = requester::of(tx, id, &spec, language)?;
                found.push(InboxTask { workspace: id, head, spec, requester });
            }
        }
    }
    Ok(found)
}

/// Creates a link with which the person answers a task of their inbox. A task that does not ask them is not found.
pub fn link(tx: &mut Tx<'_>, email: &str, workspace: Uuid, intent: IntentId) -> Result<NewLink> {
    let unknown = || ApiError::not_found(format!("task {intent}"));
    let home = organizations::find_workspace(tx, workspace)?.ok_or_else(unknown)?;
    let memberships = records::memberships(tx, email)?;
    membership::role_in(&memberships, home.org_id, workspace).ok_or_else(unknown)?;
    let head = intents::find(tx, workspace, intent)?.ok_or_else(unknown)?;
    if head.intent.open_task().is_none() || !asks(tx, workspace, &head, email)? {
        return Err(unknown().into());
    }
    let caller = caller_in(tx, email, &home)?;
    if is_barred(&mut CallContext::new(tx, &caller, Via::Inbox), workspace, &head)? {
        return Err(unknown().into());
    }
    links::make(tx, workspace, &head, &LinkRequest { person: email, via: Via::Inbox, issued_by: None })
}

/// Lists what the person decided, newest first.
pub fn decided(tx: &mut Tx<'_>, email: &str) -> Result<Vec<StoredReceipt>> {
    Ok(receipts::list_of_person(tx, &person_key(email), MAX_DECIDED)?)
}

/// True for a task that can be answered together with others. Its answer needs only the outcome, and the task is not
/// guarded.
pub fn is_simple(task: &HumanTask) -> bool {
    let needs_field = task.form_schema.as_deref().is_some_and(|schema| {
        let has_required = schema["required"].as_array().into_iter().flatten().any(|name| name != "approved");
        let has_box =
            schema["properties"].as_object().into_iter().flatten().any(|(_, field)| field["const"].is_boolean());
        has_required || has_box || schema.get("allOf").is_some() || schema.get("if").is_some()
    });
    !task.is_guarded() && !task.required_comment && !task.evidence_required && !needs_field
}

/// The person as a caller in a workspace, who may answer the tasks that ask them and nothing else.
fn caller_in(tx: &mut Tx<'_>, email: &str, workspace: &organizations::Workspace) -> Result<Caller> {
    let org_slug = organizations::find(tx, workspace.org_id)?.map(|org| org.slug).unwrap_or_default();
    Ok(Caller {
        workspace: workspace.workspace_id,
        workspace_slug: workspace.slug.clone(),
        org: workspace.org_id,
        org_slug,
        role: Role::Agent,
        owner: email.to_owned(),
        is_link: true,
        groups: groups::addresses_of(tx, workspace.workspace_id, email)?,
        ..Caller::anonymous()
    })
}
