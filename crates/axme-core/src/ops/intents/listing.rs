//! Lists intents: reads the filter of a call, and merges the intents of the workspace with those that an agent has received
//! from other workspaces.

use axme_api::intents::{IntentList, IntentSummary, ListIntents};
use axme_api::{ApiError, Id, Number};
use axme_intent::IntentId;
use axme_intent::address::MAX_ADDRESS_CHARS;
use axme_intent::searchable::{MAX_NAME_CHARS, MAX_VALUE_CHARS};
use uuid::Uuid;

use crate::call::PrepareContext;
use crate::context::CallContext;
use crate::error::Result;
use crate::input::{address, check_chars, parse_id, read_before};
use crate::policy::receivers::Listeners;
use crate::views;
use axme_store::attributes::Attribute;
use axme_store::intents::{self as store, Filter, Head};
use axme_store::received_intents;

pub(crate) fn prepare_list(context: &PrepareContext<'_>, input: ListIntents) -> Result<Filter> {
    let home = context.caller.home();
    let read = |text: &Option<String>, name: &str| text.as_deref().map(|text| address(text, name, home)).transpose();
    check_chars("intent_type", input.intent_type.as_deref(), 1, 255)?;
    check_chars("holder", input.holder.as_deref(), 1, MAX_ADDRESS_CHARS)?;
    check_chars("scenario_id", input.scenario_id.as_deref(), 1, 255)?;
    let youngest = input.created_before.map_or(IntentId(Uuid::max()), |at| IntentId::first_at(at.into()));
    let before = read_before(input.before.as_deref(), youngest, "an intent id")?.min(youngest);
    let unchanged = input.unchanged_seconds.map(Number::get);
    Ok(Filter {
        statuses: input.status.unwrap_or_default().0,
        to: read(&input.to_agent, "to_agent")?,
        party: context.caller.address.clone().filter(|_| !context.caller.is_admin()),
        sender: read(&input.from_agent, "from_agent")?,
        intent_type: input.intent_type,
        scenario: input.scenario_id,
        attribute: input.attribute.as_deref().map(read_attribute).transpose()?,
        ids: input.intent_ids.as_deref().map(read_ids).transpose()?.unwrap_or_default(),
        outcome: input.outcome_kind,
        reason: input.waiting_reason,
        holder: input.holder,
        unchanged_since: unchanged.map(|seconds| context.now.minus_millis(seconds.saturating_mul(1_000))),
        from: input.created_after.map_or(IntentId(Uuid::nil()), |at| IntentId::first_at(at.into())),
        ..Filter::before(before, input.limit.items()? as usize)
    })
}

/// Reads a name and a value with `=` between them.
fn read_attribute(text: &str) -> Result<Attribute> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    let fits = !name.is_empty() && name.len() <= MAX_NAME_CHARS && value.chars().count() <= MAX_VALUE_CHARS;
    if !fits || text.contains('\0') {
        let message = format!(
            "attribute: write a name, '=' and a value of at most {MAX_VALUE_CHARS} characters, such as order_id=4711"
        );
        return Err(ApiError::invalid(message).into());
    }
    Ok(Attribute { name: name.to_owned(), value: value.to_owned() })
}

/// Reads ids with commas between them.
fn read_ids(text: &str) -> Result<Vec<IntentId>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let read =
        |word: &str| parse_id(word).map_err(|_| ApiError::invalid(format!("intent_ids: \"{word}\" is not an id")));
    let ids: Vec<IntentId> = words.map(read).collect::<Result<_, ApiError>>()?;
    match ids.len() {
        1..=store::MAX_IDS => Ok(ids),
        count => Err(ApiError::invalid(format!("intent_ids: {count} ids; send 1 to {}", store::MAX_IDS)).into()),
    }
}

pub fn list(cx: &mut CallContext<'_, '_>, filter: &Filter) -> Result<IntentList> {
    let (mut heads, mut next) = store::list(cx.tx, cx.caller.workspace, filter)?;
    if let Some(own) = &filter.party {
        let received = received_intents::list(cx.tx, cx.caller.workspace, own, filter)?;
        (heads, next) = merge((heads, next), received, filter.limit);
    }
    let next_before = next.map(Id::from);
    let mut listeners = Listeners::default();
    let mut intents = Vec::with_capacity(heads.len());
    for head in &heads {
        let status = head.intent.status();
        intents.push(IntentSummary {
            intent_id: head.intent.id.into(),
            intent_type: head.intent_type.clone(),
            status,
            lifecycle_status: status,
            outcome: views::ended(head.intent.outcome()),
            from_agent: head.from.spelled().to_owned(),
            to_agent: head.to.spelled().to_owned(),
            nobody_listens: listeners.are_missing(cx, head)?,
            pending_with: head.intent.pending_with().cloned(),
            waiting_since: head.intent.waiting().map(|waiting| waiting.since.into()),
            created_at: head.intent.created_at.into(),
            updated_at: head.intent.updated_at.into(),
        });
    }
    Ok(IntentList { ok: true, intents, next_before })
}

/// A page of intents, newest first, and the id at which the next page continues.
type HeadPage = (Vec<Head>, Option<IntentId>);

/// Merges two pages of different intents that begin at the same id.
fn merge(own: HeadPage, received: HeadPage, limit: usize) -> HeadPage {
    // Below this id, one of the pages does not say what there is.
    let mut end = [own.1, received.1].into_iter().flatten().max();
    let mut heads: Vec<Head> = own.0.into_iter().chain(received.0).collect();
    heads.retain(|head| end.is_none_or(|end| head.intent.id >= end));
    heads.sort_unstable_by_key(|head| std::cmp::Reverse(head.intent.id));
    if heads.len() > limit {
        heads.truncate(limit);
        end = heads.last().map(|head| head.intent.id);
    }
    (heads, end)
}
