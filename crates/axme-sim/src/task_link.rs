//! A task link that a person has. It arrived by mail or was created for a form, and answers one task without a key.

use axme_intent::IntentId;

#[derive(Debug, Clone)]
pub(crate) struct TaskLink {
    pub(crate) intent: IntentId,
    pub(crate) person: String,
    pub(crate) via: &'static str,
    /// The asking that the link is for.
    pub(crate) asking: u32,
    /// How often the task had been reassigned when the link was created.
    pub(crate) transfers: usize,
    pub(crate) token: String,
    pub(crate) page: String,
    /// All answers through one link carry the same mark, because only one of them may be recorded.
    pub(crate) mark: Option<String>,
    /// True if the liveness phase has tried the link after its asking ended.
    pub(crate) is_tried_late: bool,
}
