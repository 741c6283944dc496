//! The exit codes of the command line: one table for every command.
//!
//! A command that watches an intent exits by its outcome, so that `axme scenarios apply … --watch && deploy` deploys
//! only after a yes. `docs/scenarios.md` shows the table; a test compares the two.

use axme_client::api::intents::IntentView;
use axme_client::{OutcomeKind, Status};

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NO: u8 = 3;
pub(crate) const TIMED_OUT: u8 = 4;

/// Returns the exit code for an ended intent.
pub(crate) fn of_intent(intent: &IntentView) -> u8 {
    match intent.outcome.outcome_kind {
        Some(OutcomeKind::Completed | OutcomeKind::Yes) => DONE,
        Some(OutcomeKind::Failed | OutcomeKind::Canceled) => FAILED,
        Some(OutcomeKind::No) => NO,
        Some(OutcomeKind::TimedOut) => TIMED_OUT,
        // Other servers send the status only.
        None => match intent.status {
            Status::Completed => DONE,
            Status::TimedOut => TIMED_OUT,
            _ => FAILED,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as the documentation has it.
    const TABLE: [(u8, &str); 5] = [
        (DONE, "the intent is completed and no person decided, or a person said yes; any other command: it worked"),
        (FAILED, "the intent failed or was canceled; any other command: it failed"),
        (USAGE, "the command line is wrong"),
        (NO, "a person said no"),
        (TIMED_OUT, "the deadline of the intent passed, or of a step that nothing follows"),
    ];

    #[test]
    fn the_exit_codes_are_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<String> = TABLE.iter().map(|(code, meaning)| format!("| {code} | {meaning} |")).collect();
        assert!(text.contains(&rows.join("\n")), "docs/scenarios.md lacks\n{}", rows.join("\n"));
    }
}
