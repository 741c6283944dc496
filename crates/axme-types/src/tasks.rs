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
    }
}

impl Default for Via {
    /// Returns the channel of a caller that is not one of our own programs.
    fn default() -> Via {
        Via::Api
    }
}
