//! Tasks that wait for a person.

use axme_api::tasks::{ListTasks, Task, TaskList};
use serde_json::json;

use super::{COMMON_LANE, page_size};
use crate::call::Before;
use crate::cx::Cx;
use crate::error::Result;
use crate::store::intents;

pub fn prepare_list(_: &Before<'_>, input: ListTasks) -> Result<(u16, i64)> {
    Ok((COMMON_LANE, page_size(input.limit, 100, 500)?))
}

/// Every task of the workspace for its admin; none for an agent, which may not answer any.
pub fn list(cx: &mut Cx<'_, '_>, limit: &i64) -> Result<TaskList> {
    if !cx.caller.is_admin() {
        return Ok(TaskList { ok: true, tasks: Vec::new() });
    }
    let heads = intents::list_tasks(cx.tx, cx.caller.workspace, *limit)?;
    let tasks = heads.iter().filter_map(|head| {
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
    });
    Ok(TaskList { ok: true, tasks: tasks.collect() })
}
