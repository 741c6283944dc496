//! The failure of a command: how it ends, and at most one message. `exit` has the codes, and `report` prints it.

use std::fmt::Display;
use std::io;

use axme_client::Refusal;
use axme_client::api::intents::IntentView;
use serde_json::Value;

use crate::exit::Ending;

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) ending: Ending,
    /// Empty if nothing is to be printed.
    pub(crate) message: String,
    /// The server's answer, if it refused a call: its status and its body.
    pub(crate) refusal: Option<(u16, Box<Value>)>,
}

impl Failure {
    /// A failure of the command.
    pub(crate) fn new(message: impl Display) -> Failure {
        Failure::of(Ending::Failed, message)
    }

    /// A usage error.
    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure::of(Ending::Usage, message)
    }

    pub(crate) fn of(ending: Ending, message: impl Display) -> Failure {
        Failure { ending, message: message.to_string(), refusal: None }
    }

    /// A call that the server refused.
    pub(crate) fn refused(refusal: &Refusal, message: impl Display) -> Failure {
        let answer = Some((refusal.status, Box::new(refusal.body.clone())));
        Failure { ending: Ending::Refused, message: message.to_string(), refusal: answer }
    }

    /// Ends a command that watched an intent to its end.
    pub(crate) fn by_outcome(intent: &IntentView) -> Result<(), Failure> {
        match Ending::of_intent(intent) {
            Ending::Done => Ok(()),
            ending => Err(Failure::quiet(ending)),
        }
    }

    /// The failure of a command whose intent did not end as it should have.
    pub(crate) fn unexpected(intent: &IntentView, message: String) -> Failure {
        match Ending::of_intent(intent) {
            Ending::Done => Failure::new(message),
            ending => Failure::of(ending, message),
        }
    }

    /// An ending without a message, because the command has said it all.
    pub(crate) fn quiet(ending: Ending) -> Failure {
        Failure::of(ending, "")
    }
}

/// A closed stdout ends the command without an error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe { Failure::quiet(Ending::Done) } else { Failure::new(error) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::new(error)
    }
}
