//! Intents: create, read, answer, end (`spec/protocol.md` §2.1, §4).

mod answer_body;
mod control;
mod event_details;
mod events;
mod listing;
mod outcome;
mod resume;
mod status_list;

pub use axme_types::Holder;
use axme_types::json::TaggedFields;
use axme_types::limits::{MAX_DELIVERY_ATTEMPTS, MAX_REMINDERS, MAX_SPAN_SECONDS};
use axme_types::status::LegacyStatus;
pub use axme_types::{AnyEventType, EndingStatus, EventType};
use axme_types::{Status, WaitingReason, text_enum, unknown_word};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::op::{AnyOp, Op, Route};
use crate::{ErrorCode, Id, Json, JsonFields, Number, Object, Timestamp, lenient};

pub use answer_body::{
    AnswerBody, CompleteAction, CompletedWork, FailAction, FailedWork, FailureWord, GoOn, HandOver, PendingWord,
    PersonAnswer, ReportedFailure,
};
pub use control::{
    BulkCancel, BulkCancelAnswer, ChangePolicyAnswer, ChangeReason, Controls, Envelope, Grant, UpdateControls,
    UpdatePolicy,
};
pub use event_details::{AnswerClient, EventDetails, StepOutcome};
pub use events::{EventList, EventView, ListEvents};
pub use listing::{IntentList, IntentSummary, ListIntents};
pub use outcome::OutcomeView;
pub use resume::{ResumeAnswer, ResumeIntent};
pub use status_list::StatusList;

/// The operations of this family.
pub const OPERATIONS: &[&dyn AnyOp] =
    &[&CREATE, &LIST, &GET, &EVENTS, &RESOLVE, &RESUME, &CONTROLS, &POLICY, &BULK_CANCEL];

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[STREAM];

/// Submits an intent.
pub static CREATE: Op<CreateIntent, CreateIntentAnswer> = Op::post("intents.create", "/v1/intents")
    .submits()
    .errors(&[ErrorCode::AgentNotFound, ErrorCode::MayNotBeAsked])
    .about("Submit an intent. It is durable before the answer.");
/// Lists intents.
pub static LIST: Op<ListIntents, IntentList> = Op::get("intents.list", "/v1/intents")
    .errors(&[ErrorCode::InvalidAgentAddress])
    .about("List intents, newest first, without the steps of workflows.");
/// Returns an intent.
pub static GET: Op<GetIntent, IntentAnswer> = Op::get("intents.get", "/v1/intents/{intent_id}")
    .about("Get one intent. With the receiver's key this acknowledges it.");
/// Lists the events of an intent.
pub static EVENTS: Op<ListEvents, EventList> =
    Op::get("intents.events", "/v1/intents/{intent_id}/events").about("List the events of an intent, in order.");
/// Ends an intent.
pub static RESOLVE: Op<ResolveIntent, ResolveAnswer> = Op::post("intents.resolve", "/v1/intents/{intent_id}/resolve")
    .errors(&[
        ErrorCode::DeadlinePassed,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::PayloadTooLarge,
        ErrorCode::PersonRequired,
        ErrorCode::TaskIsGuarded,
    ])
    .about("End an intent as COMPLETED, FAILED or CANCELED.");
/// Answers an intent.
pub static RESUME: Op<ResumeIntent, ResumeAnswer> = Op::post("intents.resume", "/v1/intents/{intent_id}/resume")
    .raw_body()
    .errors(&[
        ErrorCode::AlreadyAnswered,
        ErrorCode::AnotherPersonRequired,
        ErrorCode::CommentRequired,
        ErrorCode::Contradiction,
        ErrorCode::DeadlinePassed,
        ErrorCode::EvidenceRequired,
        ErrorCode::FormInvalid,
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::MayNotBeAsked,
        ErrorCode::NotAsked,
        ErrorCode::NotWaitingForHuman,
        ErrorCode::OutcomeNotAllowed,
        ErrorCode::OutcomeRequired,
        ErrorCode::PayloadTooLarge,
        ErrorCode::PersonRequired,
        ErrorCode::RequesterMayNotAnswer,
        ErrorCode::TaskResultRequired,
        ErrorCode::WaitingForAgent,
        ErrorCode::WaitingForTime,
    ])
    .about("Answer an intent with an agent's result or a person's task_result, or let a paused one continue.");

/// Changes the controls of an intent.
pub static CONTROLS: Op<UpdateControls, ChangePolicyAnswer> =
    Op::post("intents.controls", "/v1/intents/{intent_id}/controls")
        .errors(&[
            ErrorCode::IntentAlreadyTerminal,
            ErrorCode::InvalidControl,
            ErrorCode::MayNotBeAsked,
            ErrorCode::PayloadTooLarge,
            ErrorCode::PersonRequired,
            ErrorCode::PolicyTooLarge,
            ErrorCode::RequesterMayNotAnswer,
        ])
        .about("Change the time-out, reminders, escalation and delivery attempts of a live intent.");
/// Changes the policy of an intent.
pub static POLICY: Op<UpdatePolicy, ChangePolicyAnswer> = Op::post("intents.policy", "/v1/intents/{intent_id}/policy")
    .errors(&[
        ErrorCode::IntentAlreadyTerminal,
        ErrorCode::InvalidControl,
        ErrorCode::InvalidGrant,
        ErrorCode::MayNotBeAsked,
        ErrorCode::PayloadTooLarge,
        ErrorCode::PersonRequired,
        ErrorCode::PolicyTooLarge,
        ErrorCode::RequesterMayNotAnswer,
    ])
    .about("Change the grants of a live intent, which say who else may act on it, and its bounds.");
/// Cancels old intents.
pub static BULK_CANCEL: Op<BulkCancel, BulkCancelAnswer> = Op::post("intents.bulk_cancel", "/v1/intents/bulk-cancel")
    .about("Cancel live intents older than a number of hours. Only lists them unless dry_run is false.");

/// Streams the events of an intent.
pub const STREAM: Route = Route::get("intents.stream", "/v1/intents/{intent_id}/events/stream")
    .about("Stream the events of an intent as server-sent events. Parameters: since, wait_seconds, follow.");

/// The longest payload and result, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 131_072;

/// A new intent.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateIntent {
    /// The type of the intent: letters, digits, `.`, `_` and `-`. Published types look like `intent.ask.v1`.
    pub intent_type: String,
    /// The receiver, as an address in any form; the platform if it is absent. `agent://agent_core`, which is the platform,
    /// and `human` wait for a person. Empty text is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    /// The sender. Used only when the key has no agent address of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_agent: Option<String>,
    /// The address whose inbox gets the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// An id of the caller's own that links related intents. The server makes one when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Id>,
    /// The work to do: at most 131,072 bytes of JSON. When missing, the unknown fields of the request are the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Object>"))]
    pub payload: Option<Json>,
    /// The intent becomes TIMED_OUT at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Timestamp>,
    /// Seconds until the deadline, instead of `deadline_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<Number<60, 604_800>>,
    /// Seconds until the first reminder to the actor that has to act next. The other reminder fields are relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// Seconds between reminders; by default as many as until the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<Number<1, MAX_SPAN_SECONDS>>,
    /// How many reminders are sent at most; 3 by default. One interval after the last, `escalate_to` is asked as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<Number<1, MAX_REMINDERS>>,
    /// The address, contact or role that is asked after the last reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    /// How many pushes to the receiver may fail before the intent fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<Number<1, MAX_DELIVERY_ATTEMPTS>>,
    /// The task for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::tasks::HumanTask>"))]
    pub human_task: Option<Object>,
    /// Every other field of the request.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub rest: JsonFields,
}

impl<'de> Deserialize<'de> for CreateIntent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CreateIntent, D::Error> {
        let mut fields = TaggedFields::untagged(deserializer)?;
        let intent_type: Option<String> = fields.parsed("intent_type", Some("intentType"), Deserialize::deserialize)?;
        let intent = CreateIntent {
            intent_type: intent_type.clone().unwrap_or_default(),
            to_agent: fields.parsed("to_agent", Some("toAgent"), Deserialize::deserialize)?,
            from_agent: fields.parsed("from_agent", Some("fromAgent"), lenient::text)?,
            reply_to: fields.parsed("reply_to", Some("replyTo"), lenient::text)?,
            correlation_id: fields.parsed("correlation_id", Some("correlationId"), lenient::opt)?,
            payload: lenient::object_text(fields.take("payload", None)?)?,
            deadline_at: fields.parsed("deadline_at", None, lenient::opt)?,
            ttl_seconds: fields.parsed("ttl_seconds", None, lenient::opt)?,
            remind_after_seconds: fields.parsed("remind_after_seconds", None, lenient::opt)?,
            remind_interval_seconds: fields.parsed("remind_interval_seconds", None, lenient::opt)?,
            max_reminders: fields.parsed("max_reminders", None, lenient::opt)?,
            escalate_to: fields.parsed("escalate_to", None, lenient::text)?,
            max_delivery_attempts: fields.parsed("max_delivery_attempts", None, lenient::opt)?,
            human_task: fields.parsed("human_task", None, lenient::object)?,
            rest: fields.rest(),
        };
        // A wrong field is reported before a missing one, as in the readers that serde derives.
        if intent_type.is_some() { Ok(intent) } else { Err(de::Error::missing_field("intent_type")) }
    }
}

/// The new intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateIntentAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the intent.
    pub intent_id: Id,
    /// The status of the intent.
    pub status: Status,
    /// When the intent was created.
    pub created_at: Timestamp,
    /// The id that links related intents.
    pub correlation_id: Id,
    /// The same id and status, for clients that look for them here.
    pub intent: CreatedIntent,
    /// Fields that are probably misspelled, violations of a schema that only warns, and a receiver that nobody has registered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The id and status of a new intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatedIntent {
    /// The id of the intent.
    pub intent_id: Id,
    /// The status of the intent.
    pub status: Status,
    /// The same as `status`.
    pub lifecycle_status: Status,
}

/// Which intent to get.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetIntent {
    /// The id of the intent.
    pub intent_id: Id,
    /// The consumer that fetches the intent. It must not differ from the header `x-axme-consumer`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 128), regex(pattern = crate::ConsumerName::PATTERN)))]
    pub consumer: Option<String>,
}

impl GetIntent {
    /// Returns the input of a caller that names no consumer.
    pub fn new(intent_id: impl Into<Id>) -> GetIntent {
        GetIntent { intent_id: intent_id.into(), consumer: None }
    }
}

/// The intent, with copies of some fields for clients that read them at the top level.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentAnswer {
    /// Always true.
    pub ok: bool,
    /// The intent.
    pub intent: IntentView,
    /// The same as `intent.intent_id`.
    pub intent_id: Id,
    /// The same as `intent.status`.
    pub status: Status,
    /// The same as `intent.status`.
    pub lifecycle_status: Status,
    /// The same as `intent.intent_type`.
    pub intent_type: String,
    /// The same as `intent.payload`.
    pub payload: Json,
    /// The same as `intent.result`.
    pub result: Json,
}

/// An intent as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentView {
    /// The id of the intent.
    pub intent_id: Id,
    /// The type of the intent.
    pub intent_type: String,
    /// The id that links related intents.
    pub correlation_id: Id,
    /// The address of the sender.
    pub from_agent: String,
    /// The address of the receiver.
    pub to_agent: String,
    /// True while the intent waits for an agent that nobody has registered. Only `intents.get` reports it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nobody_listens: bool,
    /// The address whose inbox gets the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The id of the workflow that this intent is a step of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_intent_id: Option<Id>,
    /// The status of the intent.
    pub status: Status,
    /// The same as `status`.
    pub lifecycle_status: Status,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: OutcomeView,
    /// Why the intent waits; null unless its status is WAITING.
    pub lifecycle_waiting_reason: Option<WaitingReason>,
    /// The status in the coarser vocabulary of older clients.
    pub legacy_status: LegacyStatus,
    /// The work to do, as the sender submitted it.
    pub payload: Json,
    /// The result; null until the intent has one.
    pub result: Json,
    /// The error of a failed, canceled or timed-out intent: `{code, message, details?}`; otherwise null.
    pub error: Json,
    /// The task for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::tasks::HumanTask>"))]
    pub human_task: Option<Value>,
    /// The questions about the open task, oldest first. Our extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<crate::tasks::TaskQuestion>,
    /// The actor that has to act next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_with: Option<Holder>,
    /// The intent becomes TIMED_OUT at this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<Timestamp>,
    /// When the actor that has to act next must have acted: the deadline of the step, or else of the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// How many pushes to the receiver may fail before the intent fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<u32>,
    /// Seconds until the first reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    /// Seconds between reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    /// How many reminders are sent at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u32>,
    /// The address, contact or role that is asked after the last reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    /// The controls that were changed while the intent was live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Controls>"))]
    pub controls: Option<Object>,
    /// The other addresses that may act on the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "control::grants_schema"))]
    pub grants: Option<Object>,
    /// The bounds of the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Envelope>"))]
    pub envelope: Option<Object>,
    /// Reminders since the intent began to wait for its present holder.
    pub remind_count: u32,
    /// Pushes to the receiver that failed.
    pub delivery_attempt: u32,
    /// Counts the changes of controls and policy.
    pub policy_generation: u32,
    /// When the intent was created.
    pub created_at: Timestamp,
    /// When the intent last changed.
    pub updated_at: Timestamp,
}

/// The end of an intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveIntent {
    /// The id of the intent.
    pub intent_id: Id,
    /// The status with which the intent ends. It is read in any case.
    #[serde(deserialize_with = "ending_in_any_case")]
    pub status: EndingStatus,
    /// The result, of any shape.
    #[serde(default)]
    pub result: Json,
    /// The error of a failed intent.
    #[serde(default)]
    pub error: Json,
    /// Why the intent ends so.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Accepted and ignored: events name the caller that was authenticated.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The address that the caller acts for, if the key may act for several.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Changes nothing unless the intent is at this generation; the answer then has `applied: false`.
    #[serde(default, deserialize_with = "lenient::opt", skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<Number<0, { u32::MAX as u64 }>>,
}

impl ResolveIntent {
    /// Returns the end of an intent without a result, an error or a reason.
    pub fn new(intent_id: impl Into<Id>, status: EndingStatus) -> ResolveIntent {
        ResolveIntent {
            intent_id: intent_id.into(),
            status,
            result: Json::default(),
            error: Json::default(),
            reason: None,
            actor: None,
            owner_agent: None,
            expected_policy_generation: None,
        }
    }
}

fn ending_in_any_case<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EndingStatus, D::Error> {
    let word = String::deserialize(deserializer)?;
    EndingStatus::read(&word).ok_or_else(|| de::Error::custom(unknown_word(&word, EndingStatus::WORDS)))
}

text_enum! {
    /// Why a call changed nothing.
    pub enum NotAppliedReason {
        /// The intent is not at the expected generation.
        StalePolicyGeneration = "stale_policy_generation",
        /// The answer does not let the intent proceed.
        NotApproved = "not_approved",
    }
}

/// The effect of the call on the intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveAnswer {
    /// Always true.
    pub ok: bool,
    /// False when the call changed nothing, for the reason in `reason`.
    pub applied: bool,
    /// Why the call changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotAppliedReason>,
    /// The generation of the intent after the call.
    pub policy_generation: u32,
    /// The intent after the call.
    pub intent: IntentView,
    /// The last event that the call caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    /// Whether the result went to the inbox of `reply_to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_delivery: Option<CompletionDelivery>,
}

text_enum! {
    /// Why a result is not in an inbox.
    pub enum NotDeliveredReason {
        /// The intent has no `reply_to`.
        ReplyToNotSet = "reply_to_not_set",
        /// The intent is older than the inboxes of this server.
        CreatedBeforeInboxes = "created_before_inboxes",
    }
}

/// Whether the result went to the inbox of `reply_to`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompletionDelivery {
    /// True when the result is in the inbox.
    pub delivered: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotDeliveredReason>,
    /// The address of the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The thread in the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<Id>,
    /// The message in the thread; the same in every answer about this intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Id>,
    /// The message itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
}

text_enum! {
    /// The type of a message in a thread that is about an intent.
    pub enum MessageType {
        /// The intent has ended.
        IntentCompletion = "intent_completion",
    }
}

/// The message about the end of an intent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Completion {
    /// The type of the message.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The id of the intent.
    pub intent_id: Id,
    /// The status with which it ended.
    pub status: Status,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: OutcomeView,
}
