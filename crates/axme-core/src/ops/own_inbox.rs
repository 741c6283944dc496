//! The inbox of a person: the tasks that wait for them in all their workspaces, links to them, and what they decided.

use axme_api::ApiError;
use axme_intent::human::{Question, Via, person_key, question_address};
use axme_intent::lifecycle::IntentSpec;
use axme_intent::receipt::Receipt;
use axme_intent::{HumanTask, IntentId, Time};
use axme_store::intents::{self, Head};
use axme_store::receipts::{self, StoredReceipt};
use axme_store::tasks::{self as task_rows, TaskPosition};
use axme_store::{Tx, absences, groups, organizations, person_accounts as records};
use axme_words::Language;
use uuid::Uuid;

use super::links::{self, LinkRequest, NewLink};
use super::requester::{self, Requester};
use super::second_thoughts::{has_open_vote, reply_to, withdraw_own};
use super::tasks::{self, Askees, TaskPage};
use crate::auth::{Caller, Role, membership};
use crate::context::CallContext;
use crate::error::Result;
use crate::input::parse_id;
use crate::policy::askees::asks;
use crate::policy::guards::is_barred;
use crate::policy::payload_schemas;

/// Maximum number of tasks, over all workspaces, and of decisions that an inbox shows.
const MAX_TASKS: usize = 200;
const MAX_DECIDED: i64 = 50;
/// Maximum number of questions of one workspace that an inbox shows.
const MAX_QUESTIONS: i64 = 100;

/// A task that waits for the person.
pub struct InboxTask {
    pub workspace: Uuid,
    pub head: Head,
    pub spec: IntentSpec,
    pub requester: Requester,
    /// The absent people in whose place the person may answer.
    pub deputy_for: Vec<String>,
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
            let (groups, absent) = (caller.groups.clone(), caller.deputy_for.clone());
            let askees = Askees { person: email.to_owned(), groups, absent };
            let mut cx = CallContext::new(tx, &caller, Via::Inbox);
            let (open, _) = tasks::waiting(&mut cx, id, Some(&askees), &TaskPage::first(left))?;
            for task in open {
                let Some(head) = intents::find(tx, id, parse_id(&task.intent_id)?)? else { continue };
                let mut spec = intents::spec(tx, id, head.intent.id)?;
                spec.payload = payload_schemas::mask(tx, id, &head, &spec.payload)?;
                let requester = requester::of(tx, id, &spec, language)?;
                found.push(InboxTask { workspace: id, head, spec, requester, deputy_for: task.deputy_for });
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

/// A question that waits for the person's reply.
pub struct InboxQuestion {
    pub workspace: Uuid,
    pub intent: IntentId,
    pub title: String,
    pub question: Question,
    pub due: Option<Time>,
}

/// Lists the open questions about tasks that the person requested.
pub fn questions(tx: &mut Tx<'_>, email: &str) -> Result<Vec<InboxQuestion>> {
    let (memberships, names) = (records::memberships(tx, email)?, [question_address(email)]);
    let mut found = Vec::new();
    for belonging in membership::belongings(tx, &memberships)? {
        for workspace in belonging.workspaces {
            let workspace = workspace.workspace_id;
            for head in task_rows::list_asking(tx, workspace, &names, TaskPosition::START, MAX_QUESTIONS)? {
                let open = head.intent.open_question().filter(|question| question.is_for(email)).cloned();
                let (Some(question), Some(task)) = (open, head.intent.open_task()) else { continue };
                let spec = intents::spec(tx, workspace, head.intent.id)?;
                let due = head.intent.due_at(spec.deadline_at);
                found.push(InboxQuestion {
                    workspace,
                    intent: head.intent.id,
                    title: task.title.clone(),
                    question,
                    due,
                });
            }
        }
    }
    Ok(found)
}

/// Records the person's reply to the open question of an intent.
pub fn reply(tx: &mut Tx<'_>, email: &str, workspace: Uuid, intent: IntentId, text: &str) -> Result<()> {
    let unknown = || ApiError::not_found(format!("task {intent}"));
    let home = organizations::find_workspace(tx, workspace)?.ok_or_else(unknown)?;
    let memberships = records::memberships(tx, email)?;
    membership::role_in(&memberships, home.org_id, workspace).ok_or_else(unknown)?;
    let caller = caller_in(tx, email, &home)?;
    reply_to(&mut CallContext::new(tx, &caller, Via::Inbox), intent, text)?;
    Ok(())
}

/// Withdraws the person's yes to the open task of an intent.
pub fn withdraw(tx: &mut Tx<'_>, email: &str, workspace: Uuid, intent: IntentId) -> Result<()> {
    let unknown = || ApiError::not_found(format!("task {intent}"));
    let home = organizations::find_workspace(tx, workspace)?.ok_or_else(unknown)?;
    let memberships = records::memberships(tx, email)?;
    membership::role_in(&memberships, home.org_id, workspace).ok_or_else(unknown)?;
    let caller = caller_in(tx, email, &home)?;
    withdraw_own(&mut CallContext::new(tx, &caller, Via::Inbox), intent, None)?;
    Ok(())
}

/// A decision of the person.
pub struct OwnDecision {
    pub receipt: StoredReceipt,
    pub body: Receipt,
    /// It is a yes that can still be withdrawn.
    pub is_open: bool,
}

/// Lists what the person decided, newest first.
pub fn decided(tx: &mut Tx<'_>, email: &str) -> Result<Vec<OwnDecision>> {
    let mut found: Vec<OwnDecision> = Vec::new();
    for receipt in receipts::list_of_person(tx, &person_key(email), MAX_DECIDED)? {
        let Ok(body) = serde_json::from_str::<Receipt>(&receipt.body) else { continue };
        // Only the latest decision about an intent may be a yes that waits for others.
        let is_latest = found.iter().all(|later| later.receipt.intent != receipt.intent);
        let is_vote = is_latest && body.meaning == "yes" && body.policy.quorum > 1;
        let head = if is_vote { intents::find(tx, receipt.workspace, receipt.intent)? } else { None };
        let is_open = head.is_some_and(|head| has_open_vote(&head, email));
        found.push(OwnDecision { receipt, body, is_open });
    }
    Ok(found)
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
        deputy_for: absences::absent_people(tx, &person_key(email))?,
        ..Caller::anonymous()
    })
}
