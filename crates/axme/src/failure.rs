//! How a command ends when it does not succeed: an exit code and at most one line on stderr (contract `wire.md` §3.1).
//! 1 is a failure, 2 is wrong use.

use std::fmt::Display;
use std::io;

#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    /// Empty when everything has been said.
    pub message: String,
}

impl Failure {
    /// Something did not work.
    pub fn new(message: impl Display) -> Failure {
        Failure { code: 1, message: message.to_string() }
    }

    /// The command was used wrongly.
    pub fn usage(message: impl Display) -> Failure {
        Failure { code: 2, message: message.to_string() }
    }

    /// The exit code is all there is to say.
    pub fn quiet(code: u8) -> Failure {
        Failure { code, message: String::new() }
    }
}

/// From writing to stdout: when nobody reads any more there is nothing left to do and nobody to tell.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe { Failure::quiet(0) } else { Failure::new(error) }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure::new(error)
    }
}
