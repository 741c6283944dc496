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
