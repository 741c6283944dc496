//! The types of the events of intents (`spec/protocol.md` §4.2).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text_enum;

text_enum! {
    /// The type of an event of an intent.
    pub enum EventType {
        /// The intent was stored.
        Created = "intent.created",
        /// It was queued for its receiver.
        Submitted = "intent.submitted",
        /// The receiver got it.
        Delivered = "intent.delivered",
        /// The receiver confirmed it.
        Acknowledged = "intent.acknowledged",
        /// A step ended or is retried, a person answered, or an agent handed over.
        InProgress = "intent.in_progress",
        /// It began to wait, or a person voted and the quorum is not reached.
        Waiting = "intent.waiting",
        /// A person was asked.
        HumanTaskAssigned = "intent.human_task_assigned",
        /// The task was passed on to another person.
        Transfer = "intent.transfer",
        /// The actor that has to act next was reminded.
        Reminder = "intent.reminder",
        /// The actor of `escalate_to` was asked.
        Escalated = "intent.escalated",
        /// A push to the receiver failed.
        DeliveryFailed = "intent.delivery_failed",
        /// The deadline of a step passed.
        Timeout = "intent.timeout",
        /// It ended as intended.
        Completed = "intent.completed",
        /// It ended with an error, or with a person's no.
        Failed = "intent.failed",
        /// It was canceled.
        Canceled = "intent.canceled",
        /// Its deadline passed.
        TimedOut = "intent.timed_out",
    }
}

/// The type of an event as a client reads it. A newer server may send types that this version does not know; a client
/// uses only the status of such an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyEventType {
    /// A type that this version knows.
    Known(EventType),
    /// The word of another type.
    Unknown(String),
}

impl AnyEventType {
    /// Returns the type, or `None` if this version does not know it.
    pub fn known(&self) -> Option<EventType> {
        match self {
            AnyEventType::Known(known) => Some(*known),
            AnyEventType::Unknown(_) => None,
        }
    }

    /// Returns the word of the type.
    pub fn as_str(&self) -> &str {
        match self {
            AnyEventType::Known(known) => known.as_str(),
            AnyEventType::Unknown(word) => word,
        }
    }
}

impl From<EventType> for AnyEventType {
    fn from(known: EventType) -> AnyEventType {
        AnyEventType::Known(known)
    }
}

impl PartialEq<EventType> for AnyEventType {
    fn eq(&self, other: &EventType) -> bool {
        self.known() == Some(*other)
    }
}

impl fmt::Display for AnyEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for AnyEventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AnyEventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyEventType, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(EventType::parse(&word).map_or(AnyEventType::Unknown(word), AnyEventType::Known))
    }
}

/// This server sends known types only.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for AnyEventType {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        EventType::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        EventType::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::{AnyEventType, EventType};

    #[test]
    fn a_type_that_is_not_known_keeps_its_word() {
        for (word, known) in [("intent.completed", Some(EventType::Completed)), ("intent.paused", None)] {
            let read: AnyEventType = serde_json::from_value(word.into()).unwrap();
            assert_eq!((read.known(), read.as_str()), (known, word));
            assert_eq!(serde_json::to_value(&read).unwrap(), word);
        }
    }
}
