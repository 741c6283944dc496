//! How intents reach an agent.

crate::text_enum! {
    /// The delivery binding of an agent; `delivery_mode` on the wire.
    pub enum DeliveryBinding {
        /// The agent reads its stream.
        Stream = "stream",
        /// The agent asks for what is new.
        Poll = "poll",
        /// Each intent is posted to the agent's callback.
        Http = "http",
        /// Nobody fetches it: the intent is answered in the inbox.
        Inbox = "inbox",
        /// Nobody fetches it: the platform or a person acts for the agent.
        Internal = "internal",
    }
}

impl DeliveryBinding {
    /// True when intents are sent to a callback, which the agent needs then; otherwise they wait until somebody reads them.
    pub fn is_pushed(self) -> bool {
        match self {
            DeliveryBinding::Http => true,
            DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Inbox | DeliveryBinding::Internal => {
                false
            }
        }
    }

    /// True when no program works on the intents of the agent, so that a person may answer them in its inbox.
    pub fn is_answered_in_inbox(self) -> bool {
        match self {
            DeliveryBinding::Inbox | DeliveryBinding::Internal => true,
            DeliveryBinding::Stream | DeliveryBinding::Poll | DeliveryBinding::Http => false,
        }
    }
}
