//! The lifecycle's words: statuses, reasons to wait, and the kinds of actors that an intent waits for
//! (`spec/protocol.md` §4.1).

use crate::text_enum;

text_enum! {
    /// The status of an intent. The last four are terminal.
    pub enum Status {
        /// The server has stored the intent.
        Created = "CREATED",
        /// The server has accepted it. Only events show this status.
        Submitted = "SUBMITTED",
        /// It is in the queue of its receiver.
        Delivered = "DELIVERED",
        /// The receiver has fetched it, or has accepted a push.
        Acknowledged = "ACKNOWLEDGED",
        /// The receiver has handed its part over, or was told to proceed.
        InProgress = "IN_PROGRESS",
        /// It waits, for the reason that `lifecycle_waiting_reason` names.
        Waiting = "WAITING",
        /// It ended with a result, which may be a person's no to a direct task.
        Completed = "COMPLETED",
        /// It ended with an error, or in a workflow with a person's no.
        Failed = "FAILED",
        /// It was canceled.
        Canceled = "CANCELED",
        /// Its deadline passed.
        TimedOut = "TIMED_OUT",
    }
}

impl OutcomeKind {
    /// True if a person decided.
    pub const fn is_decision(self) -> bool {
        matches!(self, OutcomeKind::Yes | OutcomeKind::No)
    }
}

impl Status {
    /// Reads a status in any case; the British spelling `CANCELLED` is accepted.
    pub fn read(text: &str) -> Option<Status> {
        let word = text.trim().to_ascii_uppercase();
        if word == "CANCELLED" { Some(Status::Canceled) } else { Status::parse(&word) }
    }

    /// True for a status that never changes again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Canceled | Status::TimedOut)
    }

    /// Returns the status in the coarser vocabulary of older clients.
    pub const fn legacy(self) -> LegacyStatus {
        match self {
            Status::Created | Status::Submitted | Status::Delivered | Status::Acknowledged => LegacyStatus::Accepted,
            Status::InProgress => LegacyStatus::Running,
            Status::Waiting => LegacyStatus::Blocked,
            Status::Completed => LegacyStatus::Done,
            Status::Failed | Status::Canceled | Status::TimedOut => LegacyStatus::Failed,
        }
    }
}

text_enum! {
    /// The status with which a caller ends an intent.
    pub enum EndingStatus {
        /// It ended as intended.
        Completed = "COMPLETED",
        /// It ended with an error.
        Failed = "FAILED",
        /// It was canceled.
        Canceled = "CANCELED",
    }
}

impl EndingStatus {
    /// Reads a status in any case; the British spelling `CANCELLED` is accepted.
    pub fn read(text: &str) -> Option<EndingStatus> {
        EndingStatus::parse(Status::read(text)?.as_str())
    }
}

text_enum! {
    /// The status of an intent in the coarser vocabulary of older clients.
    pub enum LegacyStatus {
        /// The receiver has not started.
        Accepted = "accepted",
        /// In progress.
        Running = "running",
        /// Waiting.
        Blocked = "blocked",
        /// Completed.
        Done = "done",
        /// Failed, canceled or timed out.
        Failed = "failed",
    }
}

text_enum! {
    /// The kind of an outcome: how an intent ended, seen by a caller that has to go on or to stop.
    pub enum OutcomeKind {
        /// The work was done, and no person decided.
        Completed = "completed",
        /// A person decided, and said yes.
        Yes = "yes",
        /// A person decided, and said no.
        No = "no",
        /// An error ended it.
        Failed = "failed",
        /// It was canceled.
        Canceled = "canceled",
        /// Its deadline passed, or the deadline of a step that nothing follows.
        TimedOut = "timed_out",
    }
}

text_enum! {
    /// The reason why an intent waits.
    pub enum WaitingReason {
        /// A person has to answer.
        WaitingForHuman = "WAITING_FOR_HUMAN",
        /// A tool has to report.
        WaitingForTool = "WAITING_FOR_TOOL",
        /// An agent has to answer.
        WaitingForAgent = "WAITING_FOR_AGENT",
        /// A moment has to come.
        WaitingForTime = "WAITING_FOR_TIME",
    }
}

text_enum! {
    /// The kind of actor that an intent waits for.
    pub enum HolderKind {
        /// A program.
        Agent = "agent",
        /// A person.
        Human = "human",
        /// The platform itself.
        Internal = "internal",
    }
}
