//! The failure of a command: an exit code and at most one line on stderr (`spec/protocol.md` §3.1). `exit` has the
//! codes.

use std::fmt::Display;
use std::io;

use axme_client::api::intents::IntentView;

use crate::exit;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    /// Empty if nothing is to be printed.
    pub(crate) message: String,
}

impl Failure {
    /// A failure of the command.
    pub(crate) fn new(message: impl Display) -> Failure {
        Failure { code: exit::FAILED, message: message.to_string() }
    }

    /// A usage error.
    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure { code: exit::USAGE, message: message.to_string() }
    }

    /// Ends a command that watched an intent to its end.
    pub(crate) fn by_outcome(intent: &IntentView) -> Result<(), Failure> {
        match exit::of_intent(intent) {
            exit::DONE => Ok(()),
            code => Err(Failure::quiet(code)),
        }
    }

    /// The failure of a command whose intent did not end as it should have.
    pub(crate) fn unexpected(intent: &IntentView, message: String) -> Failure {
        Failure { code: exit::of_intent(intent).max(exit::FAILED), message }
    }

    /// An exit code without a message.
    pub(crate) fn quiet(code: u8) -> Failure {
        Failure { code, message: String::new() }
    }
}

/// A closed stdout ends the command without an error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe { Failure::quiet(exit::DONE) } else { Failure::new(error) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::new(error)
    }
}
