//! Words about deliveries.

use crate::text_enum;

text_enum! {
    /// The status of a delivery.
    pub enum DeliveryStatus {
        /// Stored, and not tried yet.
        Submitted = "submitted",
        /// Tried, and to be tried again.
        Pending = "pending",
        /// The endpoint has accepted it.
        Delivered = "delivered",
        /// Given up: every attempt failed, or a caller ended it. It can be replayed.
        DeadLettered = "dead_lettered",
    }
}

text_enum! {
    /// The way in which a delivery is sent.
    pub enum DeliveryTransport {
        /// A POST to a route of type `http`, or a push to the callback of an agent.
        Http = "http",
        /// A POST to a route of type `webhook`, to a subscriber, or to the webhook of a contact.
        Webhook = "webhook",
        /// A mail.
        Email = "email",
    }
}
