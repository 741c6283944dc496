//! The exit codes of the command line: one table for every command.
//!
//! A command that watches an intent exits by its outcome, so that `axme scenarios apply … --watch && deploy` deploys
//! only after a yes. `docs/cli.md` shows the table; a test compares the two. With `AXME_COMPAT=1` the codes are those
//! of the official command line.

use axme_client::api::intents::IntentView;
use axme_client::{OutcomeKind, Status};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// The command failed.
    Failed,
    /// The server refused a call.
    Refused,
    /// The command cannot be carried out as it was typed.
    Usage,
    /// The parser of the command line does not accept it.
    CommandLine,
    /// The call needs a person who is signed in.
    NotSignedIn,
    /// The server got no valid key.
    NoCredential,
    /// The intent that the command watched failed or was canceled.
    IntentFailed,
    /// A person said no, to a task or to a prompt of the command.
    No,
    /// The intent that the command watched timed out.
    TimedOut,
    /// A signal ended the command.
    Interrupted,
}

/// Whose exit codes a command uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitRules {
    Ours,
    /// Those of the official command line, which depend on the output format.
    Official {
        json: bool,
    },
}

impl Ending {
    /// Returns the ending of a command that watched an intent to its end.
    pub(crate) fn of_intent(intent: &IntentView) -> Ending {
        match intent.outcome.outcome_kind {
            Some(OutcomeKind::Completed | OutcomeKind::Yes) => Ending::Done,
            Some(OutcomeKind::Failed | OutcomeKind::Canceled) => Ending::IntentFailed,
            Some(OutcomeKind::No) => Ending::No,
            Some(OutcomeKind::TimedOut) => Ending::TimedOut,
            // Other servers send the status only.
            None => match intent.status {
                Status::Completed => Ending::Done,
                Status::TimedOut => Ending::TimedOut,
                _ => Ending::IntentFailed,
            },
        }
    }

    pub(crate) fn code(self, rules: ExitRules) -> u8 {
        match (rules, self) {
            (_, Ending::Interrupted) => 130,
            (_, Ending::Done) => 0,
            (ExitRules::Ours, Ending::Failed | Ending::Refused | Ending::IntentFailed) => 1,
            (ExitRules::Ours, Ending::Usage | Ending::CommandLine | Ending::NotSignedIn | Ending::NoCredential) => 2,
            (ExitRules::Ours, Ending::No) => 3,
            (ExitRules::Ours, Ending::TimedOut) => 4,
            (ExitRules::Official { json: true }, Ending::Refused | Ending::NoCredential) => 0,
            (ExitRules::Official { .. }, Ending::IntentFailed | Ending::No | Ending::TimedOut) => 0,
            (
                ExitRules::Official { .. },
                Ending::Failed | Ending::Refused | Ending::NoCredential | Ending::CommandLine,
            ) => 1,
            (ExitRules::Official { .. }, Ending::Usage | Ending::NotSignedIn) => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table as the documentation has it.
    const TABLE: [(Ending, u8, &str); 5] = [
        (
            Ending::Done,
            0,
            "the intent is completed and no person decided, or a person said yes; any other command: it worked",
        ),
        (
            Ending::Failed,
            1,
            "the intent failed or was canceled; any other command: it failed, or the server refused it",
        ),
        (Ending::Usage, 2, "the command line is wrong, or nobody is signed in"),
        (Ending::No, 3, "a person said no, to a task or to a prompt of the command"),
        (Ending::TimedOut, 4, "the deadline of the intent passed, or of a step that nothing follows"),
    ];

    #[test]
    fn the_exit_codes_are_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<String> = TABLE
            .iter()
            .map(|(ending, code, meaning)| {
                assert_eq!(ending.code(ExitRules::Ours), *code);
                format!("| {code} | {meaning} |")
            })
            .collect();
        assert!(text.contains(&rows.join("\n")), "docs/cli.md lacks\n{}", rows.join("\n"));
    }

    #[test]
    fn the_official_codes_can_be_restored() {
        let official = |json| ExitRules::Official { json };
        assert_eq!((Ending::Refused.code(official(true)), Ending::Refused.code(official(false))), (0, 1));
        assert_eq!((Ending::No.code(official(false)), Ending::CommandLine.code(official(false))), (0, 1));
        assert_eq!(Ending::NotSignedIn.code(official(true)), 2);
    }
}
