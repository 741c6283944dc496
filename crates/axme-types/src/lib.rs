//! The words that every floor shares: times, ids, and the closed sets that travel from the wire to a row.
//!
//! A closed set is one enum with one writer and one parser ([`text_enum!`]): for the rules, the store and the wire alike.
//! This crate knows nothing of the others, so that the Rust SDK can link it without the server.

#![deny(missing_docs)]

pub mod access_requests;
pub mod approvals;
pub mod billing;
pub mod consumers;
pub mod deliveries;
pub mod delivery_binding;
pub mod error_code;
pub mod event_type;
pub mod grants;
pub mod holder;
pub mod id;
pub mod inbox;
pub mod json;
pub mod language;
pub mod limits;
pub mod members;
pub mod mesh;
pub mod organizations;
pub mod policies;
pub mod principals;
pub mod quiet_hours;
pub mod quotas;
pub mod routing;
pub mod scenarios;
pub mod schemas;
pub mod scopes;
pub mod service_accounts;
pub mod sessions;
pub mod status;
pub mod storage;
pub mod tasks;
pub mod text_enum;
pub mod time;
pub mod timestamp;
pub mod visible;
pub mod webhooks;

pub use delivery_binding::DeliveryBinding;
pub use error_code::{ErrorCode, ErrorKind};
pub use event_type::{AnyEventType, EventType};
pub use holder::Holder;
pub use id::Id;
pub use json::{Json, JsonFields};
pub use language::Language;
pub use status::{EndingStatus, HolderKind, LegacyStatus, OutcomeKind, Status, WaitingReason};
#[doc(hidden)]
pub use text_enum::deserialize_word;
pub use text_enum::unknown_word;
#[cfg(feature = "schema")]
#[doc(hidden)]
pub use text_enum::word_schema;
pub use time::Time;
pub use timestamp::Timestamp;

#[cfg(feature = "schema")]
#[doc(hidden)]
pub use schemars;
#[doc(hidden)]
pub use serde;
