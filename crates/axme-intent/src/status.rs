//! The words of the lifecycle: statuses, waiting reasons and holders (`spec/protocol.md` §4.1).

use serde::{Deserialize, Serialize};

/// The status of an intent. The last four are terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Created,
    Submitted,
    Delivered,
    Acknowledged,
    InProgress,
    Waiting,
    Completed,
    Failed,
    Canceled,
    TimedOut,
}

impl Status {
    pub const ALL: [Status; 10] = [
        Status::Created,
        Status::Submitted,
        Status::Delivered,
        Status::Acknowledged,
        Status::InProgress,
        Status::Waiting,
        Status::Completed,
        Status::Failed,
        Status::Canceled,
        Status::TimedOut,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Created => "CREATED",
            Status::Submitted => "SUBMITTED",
            Status::Delivered => "DELIVERED",
            Status::Acknowledged => "ACKNOWLEDGED",
            Status::InProgress => "IN_PROGRESS",
            Status::Waiting => "WAITING",
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Canceled => "CANCELED",
            Status::TimedOut => "TIMED_OUT",
        }
    }

    /// Reads a status in any case, and also the British `CANCELLED`.
    pub fn parse(text: &str) -> Option<Status> {
        let word = text.trim().to_ascii_uppercase();
        if word == "CANCELLED" {
            return Some(Status::Canceled);
        }
        Status::ALL.into_iter().find(|s| s.as_str() == word)
    }

    pub const fn is_terminal(self) -> bool {
        matches!(self, Status::Completed | Status::Failed | Status::Canceled | Status::TimedOut)
    }

    /// The coarser vocabulary of older clients.
    pub const fn legacy(self) -> &'static str {
        match self {
            Status::Created | Status::Submitted | Status::Delivered | Status::Acknowledged => "accepted",
            Status::InProgress => "running",
            Status::Waiting => "blocked",
            Status::Completed => "done",
            Status::Failed | Status::Canceled | Status::TimedOut => "failed",
        }
    }
}

/// Why an intent waits. Always present while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitingReason {
    WaitingForHuman,
    WaitingForTool,
    WaitingForAgent,
    WaitingForTime,
}

impl WaitingReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            WaitingReason::WaitingForHuman => "WAITING_FOR_HUMAN",
            WaitingReason::WaitingForTool => "WAITING_FOR_TOOL",
            WaitingReason::WaitingForAgent => "WAITING_FOR_AGENT",
            WaitingReason::WaitingForTime => "WAITING_FOR_TIME",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    Agent,
    Human,
    Internal,
}

/// The actor who has to act next; `pending_with` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    #[serde(rename = "type")]
    pub kind: HolderKind,
    /// An address, a contact or a role.
    #[serde(rename = "ref")]
    pub reference: String,
    pub name: String,
}

impl Holder {
    /// Returns a holder that is known only by a name or an address.
    pub fn named(kind: HolderKind, reference: &str) -> Holder {
        Holder { kind, reference: reference.to_owned(), name: reference.to_owned() }
    }
}
