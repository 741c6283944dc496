//! The ways in which intents reach an agent.

use crate::text_enum;

text_enum! {
    /// The delivery binding of an agent; `delivery_mode` on the wire.
    pub enum DeliveryBinding {
        /// The agent reads its stream.
        Stream = "stream",
        /// The agent polls for new intents.
        Poll = "poll",
        /// Each intent is posted to the agent's callback.
        Http = "http",
        /// No program reads the intents: people answer them in the inbox.
        Inbox = "inbox",
        /// No program reads the intents: the platform or a person acts for the agent.
        Internal = "internal",
    }
}

impl DeliveryBinding {
    /// True if intents are pushed to the agent's callback URL, which is then required. Otherwise they wait until they
    /// are read.
    pub fn is_pushed(self) -> bool {
        match self {
            DeliveryBinding::Http => true,
            DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Inbox | DeliveryBinding::Internal => {
                false
            }
        }
    }

    /// True if no program handles the agent's intents, so that a person may answer them in its inbox.
    pub fn is_answered_in_inbox(self) -> bool {
        match self {
            DeliveryBinding::Inbox | DeliveryBinding::Internal => true,
            DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Http => false,
        }
    }
}
