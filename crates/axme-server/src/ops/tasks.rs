//! Tasks that wait for a person.

use axme_api::ApiError;
use axme_api::tasks::{LinkTask, ListTasks, ReassignTask, Reassigned, Task, TaskLink, TaskList};
use axme_intent::human::{Via, is_email};
use axme_intent::lifecycle::Command;
use axme_intent::{Holder, HolderKind, IntentId};
use serde_json::json;

use super::intents::{lock_visible, parse_id, send};
use super::{COMMON_LANE, links, page_size};
use crate::call::Before;
use crate::cx::Cx;
use crate::error::Result;
use crate::store::intents::{self, Head};

/// The longest name of a person and the longest note, in characters.
const MAX_PERSON_CHARS: usize = 255;
const MAX_NOTE_CHARS: usize = 2_000;

pub fn prepare_list(_: &Before<'_>, input: ListTasks) -> Result<(u16, i64)> {
    Ok((COMMON_LANE, page_size(input.limit, 100, 500)?))
}

/// Every task of the workspace for its admin; none for an agent, which may not answer any.
pub fn list(cx: &mut Cx<'_, '_>, limit: &i64) -> Result<TaskList> {
    if !cx.caller.is_admin() {
        return Ok(TaskList { ok: true, tasks: Vec::new() });
    }
    let heads = intents::list_tasks(cx.tx, cx.caller.workspace, *limit)?;
    Ok(TaskList { ok: true, tasks: heads.iter().filter_map(view).collect() })
}

fn view(head: &Head) -> Option<Task> {
    let waiting = head.intent.waiting()?;
    Some(Task {
        intent_id: head.intent.id.to_string(),
        intent_type: head.intent_type.clone(),
        status: "WAITING".to_owned(),
        from_agent: head.from.to_string(),
        assigned_at: waiting.since.to_string(),
        due_at: waiting.due_at.map(|at| at.to_string()),
        human_task: json!(waiting.task.as_ref()?),
    })
}

/// Somebody as the history names them: an address for mail, a role or a name.
fn person(text: &str, field: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_PERSON_CHARS || text.chars().any(char::is_control) {
        let message = format!("{field}: an address for mail, a role or a name, of 1 to {MAX_PERSON_CHARS} characters");
        return Err(ApiError::invalid(message).into());
    }
    if text.contains('@') && !text.contains("://") && !is_email(text) {
        return Err(ApiError::invalid(format!("{field}: \"{text}\" is no address for mail")).into());
    }
    Ok(text.to_owned())
}

pub struct Reassignment {
    id: IntentId,
    to: String,
    note: Option<String>,
}

pub fn prepare_reassign(_: &Before<'_>, input: ReassignTask) -> Result<(u16, Reassignment)> {
    let id = parse_id(&input.intent_id)?;
    let to = person(&input.to, "to")?;
    if input.note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE_CHARS) {
        return Err(ApiError::invalid(format!("note: at most {MAX_NOTE_CHARS} characters")).into());
    }
    Ok((id.lane(), Reassignment { id, to, note: input.note }))
}

pub fn reassign(cx: &mut Cx<'_, '_>, new: &Reassignment) -> Result<Reassigned> {
    let head = lock_visible(cx, new.id)?;
    let deadline_at = intents::birth(cx.tx, cx.caller.workspace, new.id)?.deadline_at;
    let holder = Holder::named(HolderKind::Human, &new.to);
    let advanced = send(cx, head, deadline_at, Command::Reassign { holder, note: new.note.clone() })?;
    let task = view(&advanced.head).ok_or_else(|| ApiError::not_found("task"))?;
    Ok(Reassigned { ok: true, intent_id: new.id.to_string(), assigned_to: new.to.clone(), task })
}

pub struct NewLink {
    id: IntentId,
    person: String,
    base_url: String,
}

pub fn prepare_link(before: &Before<'_>, input: LinkTask) -> Result<(u16, NewLink)> {
    let id = parse_id(&input.intent_id)?;
    let who = match &input.person {
        Some(text) => person(text, "person")?,
        None => before.caller.owner.clone(),
    };
    Ok((id.lane(), NewLink { id, person: who, base_url: before.base_url.to_owned() }))
}

pub fn link(cx: &mut Cx<'_, '_>, new: &NewLink) -> Result<TaskLink> {
    let head = lock_visible(cx, new.id)?;
    let workspace = cx.caller.workspace;
    let birth = intents::birth(cx.tx, workspace, new.id)?;
    let fresh = links::make(cx.tx, cx.dice, cx.now, workspace, (&head, &birth), &new.person, Via::Form)?;
    cx.audit("tasks.link", &new.id.to_string(), &json!({ "person": new.person }))?;
    Ok(TaskLink {
        ok: true,
        intent_id: new.id.to_string(),
        person: new.person.clone(),
        url: links::url(&new.base_url, &fresh),
        token: fresh.token,
        expires_at: fresh.link.expires_at.to_string(),
    })
}
