//! Controls live intents: changes their settings and cancels many at once (`spec/protocol.md` §4.8).

use axme_api::intents::{BulkCancel, BulkCancelAnswer, ChangePolicyAnswer, ChangeReason, UpdateControls, UpdatePolicy};
use axme_api::{ApiError, Id, Number, Object};
use axme_intent::lifecycle::{Command, Ending};
use axme_intent::policy::{Action, Patch};
use axme_intent::{Address, IntentId, Status};
use serde_json::{Value, json};

use crate::auth::Caller;
use crate::call::{Binding, PrepareContext, handler};
use crate::context::CallContext;
use crate::engine::intent_access::{check_granted, lock_visible, stale};
use crate::error::Result;
use crate::input::{check_chars, check_size, parse_id, read_before};
use crate::policy::guards::{Naming, check_names_decider};
use crate::{engine, views};
use axme_store::intents::Filter;
use axme_store::{Shard, intents as store};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(
        &handler(&axme_api::intents::CONTROLS, prepare_controls, change).on(|change| Shard::of_intent(change.id)),
    ),
    Binding::Transaction(
        &handler(&axme_api::intents::POLICY, prepare_policy, change).on(|change| Shard::of_intent(change.id)),
    ),
    Binding::Transaction(&handler(&axme_api::intents::BULK_CANCEL, prepare_bulk_cancel, bulk_cancel)),
];

const MAX_REASON_CHARS: usize = 2_000;

pub struct PolicyChange {
    id: IntentId,
    patch: Patch,
    why: ChangeReason,
    action: Action,
}

pub(crate) fn prepare_controls(context: &PrepareContext<'_>, input: UpdateControls) -> Result<PolicyChange> {
    let patch = Patch { controls: input.controls_patch.unwrap_or_default(), ..Patch::default() };
    prepare(context, &input.intent_id, patch, input.why, Action::UpdateControls)
}

pub(crate) fn prepare_policy(context: &PrepareContext<'_>, input: UpdatePolicy) -> Result<PolicyChange> {
    let grants = canonical(input.grants_patch.unwrap_or_default(), context.caller);
    let patch = Patch { grants, envelope: input.envelope_patch.unwrap_or_default(), controls: Object::new() };
    prepare(context, &input.intent_id, patch, input.why, Action::UpdatePolicy)
}

fn prepare(_: &PrepareContext<'_>, id: &str, patch: Patch, why: ChangeReason, action: Action) -> Result<PolicyChange> {
    let id = parse_id(id)?;
    for part in [&patch.controls, &patch.grants, &patch.envelope] {
        check_size("patch", part)?;
    }
    check_chars("reason", why.reason.as_deref(), 0, MAX_REASON_CHARS)?;
    check_chars("actor", why.actor.as_deref(), 0, 255)?;
    Ok(PolicyChange { id, patch, why, action })
}

/// Resolves the names in delegate grants to full addresses.
fn canonical(grants: Object, caller: &Caller) -> Object {
    let full = |key: String| match key.strip_prefix("delegate:") {
        Some(name) => format!("delegate:{}", Address::resolve(name, caller.home())),
        None => key,
    };
    grants.into_iter().map(|(key, grant)| (full(key), grant)).collect()
}

pub fn change(cx: &mut CallContext<'_, '_>, change: &PolicyChange) -> Result<ChangePolicyAnswer> {
    let head = lock_visible(cx, change.id)?;
    check_may_change(cx.caller, &head, change.action)?;
    let spec = store::spec(cx.tx, cx.caller.workspace, change.id)?;
    if names_deciders(&change.patch) {
        let way = if change.patch.grants.is_empty() { Naming::Escalation } else { Naming::Grant };
        let named = change.patch.controls.get("escalate_to").and_then(Value::as_str);
        check_names_decider(cx, &head, &spec, way, named.as_slice())?;
    }
    let (applied, reason, head, warnings) = match stale(&head, change.why.expected_policy_generation.map(Number::get)) {
        Some(stale) => (false, Some(stale), head, Vec::new()),
        None => {
            let mut patch = change.patch.clone();
            name_in_full(&mut patch.controls, &head, cx.caller);
            let (head, warnings) = engine::change_policy(cx.tx, cx.caller.workspace, head, &patch)?;
            let line = json!({
                "controls": patch.controls,
                "grants": patch.grants,
                "envelope": patch.envelope,
                "actor": change.why.actor,
                "reason": change.why.reason,
                "policy_generation": head.intent.policy_generation,
            });
            let op = if change.action == Action::UpdateControls { "intents.controls" } else { "intents.policy" };
            cx.audit(op, &change.id.to_string(), &line)?;
            (true, None, head, warnings)
        }
    };
    Ok(ChangePolicyAnswer {
        ok: true,
        applied,
        reason,
        policy_generation: head.intent.policy_generation,
        intent: views::intent(&head, &spec),
        warnings,
    })
}

/// Returns true if a change decides who is asked, or when another person is asked.
fn names_deciders(patch: &Patch) -> bool {
    let keys = ["remind_after_seconds", "remind_interval_seconds", "max_reminders", "escalate_to"];
    !patch.grants.is_empty() || keys.iter().any(|key| patch.controls.contains_key(*key))
}

/// Refuses the receiver: an intent's settings belong to its sender's side.
fn check_may_change(caller: &Caller, head: &store::Head, action: Action) -> Result<()> {
    let is_sender = caller.address.as_ref() == Some(&head.from);
    let is_delegate = |own: &Address| head.intent.policy.grants(own.as_str(), action);
    if caller.is_admin() || is_sender || caller.address.as_ref().is_some_and(is_delegate) {
        return check_granted(caller, head, action);
    }
    Err(ApiError::forbidden("only the sender, a workspace admin or a delegate can change the settings of an intent")
        .into())
}

/// Resolves `escalate_to` to a full agent address, unless the intent is waiting: a person may be named then.
fn name_in_full(controls: &mut Object, head: &store::Head, caller: &Caller) {
    if head.intent.waiting().is_some() {
        return;
    }
    if let Some(Value::String(to)) = controls.get_mut("escalate_to").filter(|to| to.as_str() != Some("")) {
        *to = Address::resolve(to, caller.home()).spelled().to_owned();
    }
}

pub struct Cleanup {
    filter: Filter,
    is_dry: bool,
    reason: String,
}

pub(crate) fn prepare_bulk_cancel(context: &PrepareContext<'_>, input: BulkCancel) -> Result<Cleanup> {
    let hours = input.older_than_hours.unwrap_or(24.0);
    // Ten years: this server has no older intents.
    if !(0.1..=87_600.0).contains(&hours) {
        return Err(ApiError::invalid("older_than_hours: must be a number from 0.1 to 87600").into());
    }
    let mut statuses = input.status_filter.unwrap_or_default().0;
    if let Some(status) = statuses.iter().find(|status| status.is_terminal()) {
        let message = format!("status_filter: {status} is a terminal status; name live ones");
        return Err(ApiError::invalid(message).into());
    }
    if statuses.is_empty() {
        statuses = vec![Status::Delivered, Status::Waiting, Status::InProgress, Status::Submitted];
    }
    let reason = input.reason.unwrap_or_else(|| "bulk cancel".to_owned());
    check_chars("reason", Some(&reason), 0, MAX_REASON_CHARS)?;
    let sender = context.caller.address.clone().filter(|_| !context.caller.is_admin());
    let youngest = IntentId::first_at(context.now.minus_millis((hours * 3_600_000.0) as u64));
    let before = read_before(input.before.as_deref(), youngest, "an intent id")?.min(youngest);
    let filter = Filter { statuses, sender, ..Filter::before(before, input.limit.items()? as usize) };
    Ok(Cleanup { filter, is_dry: input.dry_run.unwrap_or(true), reason })
}

/// Cancels the matching intents in the order of their ids, because all transactions lock families in that order.
pub fn bulk_cancel(cx: &mut CallContext<'_, '_>, cleanup: &Cleanup) -> Result<BulkCancelAnswer> {
    let (heads, next) = store::list(cx.tx, cx.caller.workspace, &cleanup.filter)?;
    let mut ids: Vec<IntentId> = heads.iter().map(|head| head.intent.id).collect();
    ids.sort_unstable();
    if !cleanup.is_dry {
        let mut canceled = Vec::with_capacity(ids.len());
        for id in ids {
            if cancel(cx, id, &cleanup.reason)? {
                canceled.push(id);
            }
        }
        ids = canceled;
        let line = json!({ "canceled": ids.len(), "reason": cleanup.reason });
        cx.audit("intents.bulk_cancel", "workspace", &line)?;
    }
    let count = Some(ids.len() as u64);
    Ok(BulkCancelAnswer {
        ok: true,
        dry_run: cleanup.is_dry,
        would_cancel: count.filter(|_| cleanup.is_dry),
        canceled: count.filter(|_| !cleanup.is_dry),
        intent_ids: ids.iter().map(|id| (*id).into()).collect(),
        has_more: next.is_some(),
        next_before: next.map(Id::from),
    })
}

/// Cancels one intent; false if it has ended in the meantime.
fn cancel(cx: &mut CallContext<'_, '_>, id: IntentId, reason: &str) -> Result<bool> {
    let Some(head) = engine::lock(cx.tx, cx.caller.workspace, id)? else { return Ok(false) };
    if head.intent.status().is_terminal() {
        return Ok(false);
    }
    let actor = cx.caller.actor();
    let command = Command::Resolve(Ending::Canceled(reason.to_owned()));
    engine::advance(cx.tx, cx.caller.workspace, head, command, &actor).map(|_| true)
}
