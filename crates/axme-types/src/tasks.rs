//! Words about tasks.

use crate::text_enum;

text_enum! {
    /// The channel of a person's answer.
    pub enum Via {
        /// An API call.
        Api = "api",
        /// The command line.
        CommandLine = "command_line",
        /// A mailed link.
        Email = "email",
        /// A form behind a link that was created for it.
        Form = "form",
        /// An inbox thread, or the approvals API.
        Inbox = "inbox",
        /// A client that the person has given the right to decide, such as an assistant.
        Assistant = "assistant",
    }
}

impl Default for Via {
    /// Returns the channel of a caller that is not one of our own programs.
    fn default() -> Via {
        Via::Api
    }
}

text_enum! {
    /// The known types of tasks for people. Each has outcomes of its own.
    pub enum TaskTypeName {
        /// `approved` or `rejected`.
        Approval = "approval",
        /// `approved`, `changes_requested` or `rejected`.
        Review = "review",
        /// `submitted` or `cannot_assess`.
        Form = "form",
        /// `confirmed`, `denied` or `rejected`.
        Confirmation = "confirmation",
        /// `assigned` or `declined`.
        Assignment = "assignment",
        /// `provided`, `declined` or `rejected`.
        Clarification = "clarification",
        /// `completed` or `failed`.
        ManualAction = "manual_action",
        /// `override_approved` or `rejected`.
        Override = "override",
        /// `provided`, or any other word for no.
        ProvideData = "provide_data",
        /// `attached`, or any other word for no.
        AttachFile = "attach_file",
        /// `validated`, or any other word for no.
        ValidateRealWorld = "validate_real_world",
        /// `validated`, or any other word for no.
        ValidateOutput = "validate_output",
        /// `delegated`, or any other word for no.
        Delegation = "delegation",
        /// `rerouted`, or any other word for no.
        Reroute = "reroute",
        /// `escalated`, or any other word for no.
        Escalate = "escalate",
    }
}
