//! Tasks: intents that wait for a person, from that person's side (contract `wire.md` §2.4, §5).
//! They are answered through `intents.resume` with a `task_result`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lenient;
use crate::op::Op;

pub static LIST: Op<ListTasks, TaskList> =
    Op::get("tasks.list", "/v1/me/tasks").about("Tasks that the caller may answer, oldest first.");

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListTasks {
    /// At most this many, 1 to 500; 100 unless given.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TaskList {
    pub ok: bool,
    pub tasks: Vec<Task>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// The id to resume with the answer.
    pub intent_id: String,
    pub intent_type: String,
    /// Always `WAITING`.
    pub status: String,
    pub from_agent: String,
    pub assigned_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    pub human_task: Value,
}
