//! Words about scenarios.

use crate::text_enum;

text_enum! {
    /// The work of the platform in a step.
    pub enum RuntimeType {
        /// A person is asked.
        HumanApproval = "human_approval",
        /// It waits at most `seconds` for a resume; then the step fails.
        Timeout = "timeout",
        /// A person is reminded, and the workflow continues.
        Reminder = "reminder",
        /// `seconds` pass.
        Delay = "delay",
        /// `escalate_to` is asked about the task of an earlier step.
        Escalation = "escalation",
        /// People and chats are notified, and the workflow continues.
        Notification = "notification",
    }
}
