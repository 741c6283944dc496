//! The failure of a command: an exit code and at most one line on stderr (`spec/protocol.md` §3.1). `exit` has the
//! codes.

use std::fmt::Display;
use std::io;

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
