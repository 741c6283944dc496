//! Intents: create, look, answer, end (`spec/protocol.md` §2.1, §4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::op::{AnyOp, Op, Route};
use crate::page::Limit;
use crate::{Object, lenient};

pub const OPERATIONS: &[&dyn AnyOp] =
    &[&CREATE, &LIST, &GET, &EVENTS, &RESOLVE, &RESUME, &CONTROLS, &POLICY, &BULK_CANCEL];

pub const ROUTES: &[Route] = &[STREAM];

pub static CREATE: Op<CreateIntent, Created> =
    Op::post("intents.create", "/v1/intents").about("Submit an intent. Durable before the answer.");
pub static LIST: Op<ListIntents, IntentList> =
    Op::get("intents.list", "/v1/intents").about("Intents, newest first; the steps of workflows are not listed.");
pub static GET: Op<GetIntent, IntentAnswer> = Op::get("intents.get", "/v1/intents/{intent_id}")
    .about("One intent. With the receiver's key this acknowledges it.");
pub static EVENTS: Op<ListEvents, EventList> =
    Op::get("intents.events", "/v1/intents/{intent_id}/events").about("What happened to an intent, in order.");
pub static RESOLVE: Op<ResolveIntent, Resolved> = Op::post("intents.resolve", "/v1/intents/{intent_id}/resolve")
    .about("End an intent: COMPLETED, FAILED or CANCELED.");
pub static RESUME: Op<ResumeIntent, Resumed> = Op::post("intents.resume", "/v1/intents/{intent_id}/resume")
    .raw_body()
    .about("Answer an intent: an agent's result, a person's task_result, or a control-plane go-on.");

pub static CONTROLS: Op<UpdateControls, PolicyChanged> =
    Op::post("intents.controls", "/v1/intents/{intent_id}/controls")
        .about("Change how a live intent is driven: time-out, reminders, escalation, delivery attempts.");
pub static POLICY: Op<UpdatePolicy, PolicyChanged> = Op::post("intents.policy", "/v1/intents/{intent_id}/policy")
    .about("Change who else may act on a live intent (grants), and its bounds (envelope).");
pub static BULK_CANCEL: Op<BulkCancel, BulkCanceled> = Op::post("intents.bulk_cancel", "/v1/intents/bulk-cancel")
    .about("Cancel live intents older than a number of hours; says which without doing it unless dry_run is false.");

pub const STREAM: Route = Route::get("/v1/intents/{intent_id}/events/stream")
    .about("Events of an intent as server-sent events: since, wait_seconds, follow.");

/// The longest payload and result, in bytes of JSON.
pub const MAX_PAYLOAD_BYTES: usize = 131_072;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateIntent {
    /// Letters, digits, `.`, `_` and `-`; published types look like `intent.ask.v1`.
    #[serde(alias = "intentType")]
    pub intent_type: String,
    /// An address in any form. `agent://agent_core` and `human` wait for a person.
    #[serde(default, alias = "toAgent", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    /// Used only when the key has no agent address of its own.
    #[serde(default, alias = "fromAgent", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub from_agent: Option<String>,
    #[serde(default, alias = "replyTo", deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// A UUID; made when missing.
    #[serde(
        default,
        alias = "correlationId",
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub correlation_id: Option<String>,
    /// At most 131,072 bytes of JSON. When missing, the unknown fields of the request are the payload.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub payload: Option<Object>,
    /// RFC 3339; the intent becomes TIMED_OUT then.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<String>,
    /// 60 to 604,800, instead of `deadline_at`.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u64>,
    /// Whoever has to act is reminded after this long, then every `remind_interval_seconds` (as long again unless given), at
    /// most `max_reminders` times (3 unless given); after one more interval `escalate_to` is asked as well.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u64>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<u64>,
    /// What a person is asked: title, description, task_type, allowed_outcomes, required_comment, evidence_required, assignees.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub human_task: Option<Object>,
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub rest: Object,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Created {
    pub ok: bool,
    pub intent_id: String,
    pub status: String,
    pub created_at: String,
    pub correlation_id: String,
    pub intent: CreatedIntent,
    /// Fields that are probably misspelt, and where the payload differs from a schema that lets it pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatedIntent {
    pub intent_id: String,
    pub status: String,
    /// Twin of `status`.
    pub lifecycle_status: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListIntents {
    /// One status, or several with commas.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub to_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<50, 500>,
    /// Only intents older than this id: the last of the previous page.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentList {
    pub ok: bool,
    pub intents: Vec<IntentSummary>,
    /// Give it as `before` for the next page; null on the last.
    pub next_before: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentSummary {
    pub intent_id: String,
    pub intent_type: String,
    pub status: String,
    pub lifecycle_status: String,
    pub from_agent: String,
    pub to_agent: String,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GetIntent {
    pub intent_id: String,
}

/// The intent, and the mirrors that some programs read at the top level.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentAnswer {
    pub ok: bool,
    pub intent: IntentView,
    pub intent_id: String,
    pub status: String,
    pub lifecycle_status: String,
    pub intent_type: String,
    pub payload: Value,
    pub result: Value,
}

/// An intent as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IntentView {
    pub intent_id: String,
    pub intent_type: String,
    pub correlation_id: String,
    pub from_agent: String,
    pub to_agent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_intent_id: Option<String>,
    pub status: String,
    /// Twin of `status`.
    pub lifecycle_status: String,
    /// Null unless WAITING.
    pub lifecycle_waiting_reason: Option<String>,
    /// The coarser word of older clients.
    pub legacy_status: String,
    pub payload: Value,
    pub result: Value,
    /// `{code, message, details?}` of a FAILED intent.
    pub error: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_task: Option<Value>,
    /// Who has to act next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_with: Option<Holder>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<String>,
    /// When the one who has to act next must have acted; the deadline of the step or of the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delivery_attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_after_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_interval_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_reminders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_to: Option<String>,
    /// What was set while it ran; absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Object>,
    /// Reminders since the present waiting began.
    pub remind_count: u32,
    /// Pushes to its receiver that failed.
    pub delivery_attempt: u32,
    pub policy_generation: u32,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Holder {
    /// `agent`, `human` or `internal`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(rename = "ref")]
    pub reference: String,
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListEvents {
    pub intent_id: String,
    /// Only events with a greater `seq`.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<1_000, 1_000>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventList {
    pub ok: bool,
    pub events: Vec<EventView>,
}

/// An event as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventView {
    pub intent_id: String,
    /// 2, 4, 6, …: also right for clients that ask for `last + 1`.
    pub seq: u64,
    pub event_type: String,
    /// The status after the event.
    pub status: String,
    pub waiting_reason: Option<String>,
    pub pending_with: Option<Holder>,
    /// The address that holds the intent, when an agent does.
    pub handler: Option<String>,
    pub actor: String,
    pub at: String,
    pub details: Object,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_task: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Twin of `result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Set when a stream frame left out `result`, `data` and `details` for their size: read the intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResolveIntent {
    pub intent_id: String,
    /// `COMPLETED`, `FAILED` or `CANCELED`.
    pub status: String,
    #[serde(default)]
    pub result: Value,
    #[serde(default)]
    pub error: Value,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Accepted and not recorded: events name the caller that was authenticated.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resolved {
    pub ok: bool,
    pub applied: bool,
    /// `stale_policy_generation` when nothing was done because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub policy_generation: u32,
    pub intent: IntentView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_delivery: Option<CompletionDelivery>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateControls {
    pub intent_id: String,
    /// Merged into the controls; null takes a key away. Acted on are `timeout_seconds` (counted from now),
    /// `remind_after_seconds`, `remind_interval_seconds`, `max_reminders`, `escalate_to` and `max_delivery_attempts`.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub controls_patch: Option<Object>,
    #[serde(flatten)]
    pub why: ChangeReason,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePolicy {
    pub intent_id: String,
    /// `{"delegate:<address>": {"allow": [action, …]}}`; actions are `read`, `resume`, `resolve`, `update_controls` and
    /// `update_policy`. Null takes a grant away.
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub grants_patch: Option<Object>,
    /// Bounds: `max_retry_count`, `retry_backoff_seconds`, `execution_timeout_seconds`, `ttl_seconds` (from the creation).
    #[serde(default, deserialize_with = "lenient::object", skip_serializing_if = "Option::is_none")]
    pub envelope_patch: Option<Object>,
    #[serde(flatten)]
    pub why: ChangeReason,
}

/// What both kinds of change may say beside the change itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeReason {
    /// Kept in the audit trail beside the caller's own identity, as is `reason`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// At most 2,000 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Changes nothing unless the intent is at this generation; the answer then says `applied: false`.
    #[serde(default, deserialize_with = "lenient::whole", skip_serializing_if = "Option::is_none")]
    pub expected_policy_generation: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyChanged {
    pub ok: bool,
    pub applied: bool,
    /// `stale_policy_generation` when nothing was done because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub policy_generation: u32,
    pub intent: IntentView,
    /// Keys that were kept and that the server does not act on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkCancel {
    /// Hours since the creation, at least 0.1; 24 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than_hours: Option<f64>,
    /// DELIVERED, WAITING, IN_PROGRESS and SUBMITTED unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_filter: Option<Vec<String>>,
    /// True unless given: nothing is canceled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Limit::is_unset")]
    pub limit: Limit<500, 5_000>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BulkCanceled {
    pub ok: bool,
    pub dry_run: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_cancel: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled: Option<u64>,
    pub intent_ids: Vec<String>,
    /// True when there may be more beyond the limit.
    pub has_more: bool,
}

/// Whether the result went to the inbox of `reply_to`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompletionDelivery {
    pub delivered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The same however often it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<Completion>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Completion {
    /// Always `intent_completion`.
    #[serde(rename = "type")]
    pub kind: String,
    pub intent_id: String,
    pub status: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResumeIntent {
    pub intent_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// The answer: see the documentation of resume for its shapes.
    #[serde(default)]
    pub body: Object,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resumed {
    pub ok: bool,
    pub applied: bool,
    /// `stale_policy_generation` when nothing was done because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub policy_generation: u32,
    pub intent: IntentView,
    /// The last event that this call caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventView>,
}
