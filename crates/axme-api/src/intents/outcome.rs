//! The outcome of an intent as callers see it (`spec/protocol.md` §4.6).

use axme_types::OutcomeKind;
use serde::{Deserialize, Serialize};

/// How an intent ended. A status says less: an intent is COMPLETED after a person's no as well. No field is present
/// while the intent is live.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeView {
    /// The answer of the last person who decided, such as `rejected`; else `completed`, `failed`, `canceled` or
    /// `timed_out`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The meaning of the outcome for a caller that has to go on or to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_kind: Option<OutcomeKind>,
    /// The people who decided so: several if a quorum said yes; absent if no person decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided_by: Vec<String>,
    /// The outcome for people, such as `Rejected by bob@example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome_text: Option<String>,
}
