//! The rules of an intent.
//!
//! Everything here is a pure function of its arguments: no clock, no database, no async, no randomness. Times and fresh
//! ids come in as values ([`Given`]). The server loads an [`Intent`], asks [`decide`] what a [`Command`] does to it, and
//! carries out the answer; it never changes an intent in any other way.
//!
//! Read `lifecycle` first (what an intent is and what may happen to it), then `workflow` (an intent that is driven through
//! steps), `human` (what a person may answer) and `scenario` (the JSON file that declares all of it).

pub mod address;
mod apply;
mod decide;
pub mod delivery;
pub mod fields;
pub mod form;
pub mod human;
pub mod ids;
pub mod ladder;
pub mod lifecycle;
pub mod policy;
pub mod resume;
pub mod scenario;
pub mod semantic;
mod status;
pub mod template;
mod text_enum;
pub mod time;
pub mod workflow;

pub use address::{Address, Home};
pub use delivery::Binding;
pub use human::{HumanTask, TaskResult};
pub use ids::IntentId;
pub use ladder::Ladder;
pub use lifecycle::{
    Answer, Birth, Command, Decision, Effect, Ending, Event, EventBody, Fault, Given, Holder, HolderKind, Intent,
    Refusal, RefusalKind, State, Status, Tally, TimerKind, Waiting, WaitingReason, apply, decide, submit,
};
pub use policy::Policy;
pub use time::Time;
pub use workflow::{Plan, Retry, Step, StepKind};

/// A JSON object, key order kept.
pub type Object = serde_json::Map<String, serde_json::Value>;
