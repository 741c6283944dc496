//! A task link in a person's hands. It arrived by mail or was made for a form, and answers one task without a key.

use axme_intent::IntentId;

#[derive(Debug, Clone)]
pub(crate) struct TaskLink {
    pub(crate) intent: IntentId,
    pub(crate) person: String,
    pub(crate) via: &'static str,
    /// The asking that the link is about.
    pub(crate) asking: u32,
    /// How often the task had been reassigned when the link was made.
    pub(crate) transfers: usize,
    pub(crate) token: String,
    pub(crate) page: String,
    /// Every answer by one link carries the same mark, because only one of them may be recorded.
    pub(crate) mark: Option<String>,
    /// The link was tried in the liveness phase, after its asking was over.
    pub(crate) is_tried_late: bool,
}
