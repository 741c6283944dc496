//! The rules of an intent.
//!
//! Everything here is a pure function of its arguments: no clock, no database, no async, no randomness. Times and fresh
//! ids are arguments ([`DecideInput`]). The server loads an [`Intent`], calls [`decide`] with a [`Command`] and carries
//! out the [`Decision`]. Only [`submit`] and [`change_policy`] change an intent otherwise.
//!
//! Read `lifecycle` first: intents, commands and events. Then read `workflow` (intents with steps), `human` (tasks and
//! answers) and `scenario` (the JSON file that declares all of it).

pub mod address;
mod apply;
pub mod button;
mod decide;
pub mod dry_run;
pub mod facts;
pub mod fields;
pub mod form;
pub mod human;
pub mod ids;
pub mod lifecycle;
pub mod outcome;
pub mod policy;
pub mod prospect;
pub mod receipt;
mod refusal;
pub mod reminder_plan;
pub mod resume;
pub mod scenario;
pub mod searchable;
pub mod semantic;
pub mod sensitive;
pub mod sentences;
mod serde_fields;
pub mod task_types;
pub mod template;
pub mod workflow;

pub use address::{Address, Home};
pub use apply::apply;
pub use axme_types::visible;
pub use axme_types::{DeliveryBinding, Holder, HolderKind, Json, JsonFields, Status, Time, WaitingReason};
pub use decide::{PolicyDecision, change_policy, decide, notice_context, submit};
pub use human::{HumanTask, TaskResult};
pub use ids::IntentId;
pub use lifecycle::{
    Answer, Command, DecideInput, Decision, Effect, Ending, Event, EventBody, Fault, Intent, IntentSpec, Refusal,
    State, Tally, TimerKind, Wait,
};
pub use outcome::{Outcome, OutcomeKind};
pub use policy::Policy;
pub use reminder_plan::ReminderPlan;
pub use workflow::{EndTarget, Link, Plan, Retry, Step, StepKind};

/// A JSON object that keeps the order of its keys.
pub type Object = serde_json::Map<String, serde_json::Value>;
