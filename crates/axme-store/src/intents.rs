//! SQL for intents and their events. Only the engine (`axme-core/engine/`) calls the functions that write. The row of a
//! root intent is the lock of its whole family.

use std::collections::HashSet;

use axme_intent::human::is_same_person;
use axme_intent::lifecycle::{Event, EventBody, Intent, IntentSpec, State, Tally};
use axme_intent::workflow::Cursor;
use axme_intent::{Address, IntentId, OutcomeKind, Policy, Status, Time, WaitingReason};
use uuid::Uuid;

use super::attributes::{self, Attribute};
use super::{Row, Tx};
use crate::error::StoreError;

/// The current state of an intent as stored: the part that the rules read, and the columns that lists show and filter
/// by.
#[derive(Debug, Clone)]
pub struct Head {
    pub intent: Intent,
    pub intent_type: String,
    pub from: Address,
    pub to: Address,
}

/// The most ids of a [`Filter`]: each is one look-up.
pub const MAX_IDS: usize = 100;

/// A filter of intents.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Empty for all.
    pub statuses: Vec<Status>,
    pub to: Option<Address>,
    /// Only intents to or from this address.
    pub party: Option<Address>,
    /// Only intents from this address.
    pub sender: Option<Address>,
    pub intent_type: Option<String>,
    /// Only intents that a bundle of this scenario has started.
    pub scenario: Option<String>,
    /// Only intents with this attribute.
    pub attribute: Option<Attribute>,
    /// Only these intents; empty for all. At most [`MAX_IDS`].
    pub ids: Vec<IntentId>,
    /// Only intents that ended so.
    pub outcome: Option<OutcomeKind>,
    /// Only intents that wait for this reason.
    pub reason: Option<WaitingReason>,
    /// Only intents that wait for an actor whose name, address or contact is this one.
    pub holder: Option<String>,
    /// Only intents that have not changed since this time.
    pub unchanged_since: Option<Time>,
    /// Only ids at or above this one.
    pub from: IntentId,
    /// Only ids below this one.
    pub before: IntentId,
    pub limit: usize,
}

impl Filter {
    /// Returns a filter that admits every intent below an id.
    pub fn before(before: IntentId, limit: usize) -> Filter {
        Filter {
            statuses: Vec::new(),
            to: None,
            party: None,
            sender: None,
            intent_type: None,
            scenario: None,
            attribute: None,
            ids: Vec::new(),
            outcome: None,
            reason: None,
            holder: None,
            unchanged_since: None,
            from: IntentId(Uuid::nil()),
            before,
            limit,
        }
    }
}

pub(super) fn head(row: &Row) -> Result<Head, StoreError> {
    let to = Address::from_stored(row.string(5)?, row.opt_string(15)?);
    Ok(Head {
        intent: Intent {
            id: IntentId(row.uuid(0)?),
            root: IntentId(row.uuid(1)?),
            parent: row.opt_uuid(2)?.map(IntentId),
            to: to.clone(),
            state: row.json::<State>(6)?,
            cursor: row.opt_text(7)?.map(|_| row.json::<Cursor>(7)).transpose()?,
            position: row.count(8)?,
            policy_generation: row.count(9)?,
            created_at: row.time(10)?,
            updated_at: row.time(11)?,
            tally: row.opt_text(12)?.map(|_| row.json::<Tally>(12)).transpose()?.unwrap_or_default(),
            policy: row.opt_text(13)?.map(|_| row.json::<Policy>(13)).transpose()?.unwrap_or_default(),
        },
        intent_type: row.string(3)?,
        from: Address::from_stored(row.string(4)?, row.opt_string(14)?),
        to,
    })
}

/// A statement that reads whole heads.
macro_rules! heads {
    ($rest:literal) => {
        concat!(
            "SELECT intent_id, root_id, parent_id, intent_type, from_agent, to_agent, state, steps, position, \
             policy_generation, created_at, updated_at, tally, policy, from_written, to_written FROM intents ",
            $rest
        )
    };
}
pub(super) use heads;

pub fn find(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<Head>, StoreError> {
    let row = tx.row(heads!("WHERE workspace_id = $1 AND intent_id = $2"), &[workspace.into(), id.into()])?;
    row.as_ref().map(head).transpose()
}

/// Loads a root intent and locks its family. `None` if the id is unknown or not a root.
pub fn lock_root(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<Option<Head>, StoreError> {
    let row = tx.row(
        heads!("WHERE workspace_id = $1 AND intent_id = $2 AND root_id = intent_id FOR UPDATE"),
        &[workspace.into(), id.into()],
    )?;
    row.as_ref().map(head).transpose()
}

/// The serialized JSON columns of a head.
pub struct HeadRow {
    state: String,
    steps: Option<String>,
    tally: Option<String>,
    policy: Option<String>,
}

impl HeadRow {
    pub fn of(intent: &Intent) -> Result<HeadRow, StoreError> {
        Ok(HeadRow {
            state: json(&intent.state)?,
            steps: intent.cursor.as_ref().map(json).transpose()?,
            tally: Some(&intent.tally).filter(|tally| **tally != Tally::default()).map(json).transpose()?,
            policy: Some(&intent.policy).filter(|policy| !policy.is_empty()).map(json).transpose()?,
        })
    }
}

/// The serialized events of one decision.
pub struct EventsRow {
    position: u32,
    at: Time,
    events: String,
}

impl EventsRow {
    /// `None` when the decision made no events.
    pub fn of(events: &[Event]) -> Result<Option<EventsRow>, StoreError> {
        let Some(last) = events.last() else { return Ok(None) };
        Ok(Some(EventsRow { position: last.position, at: last.at, events: json(&events)? }))
    }
}

/// Inserts a new intent. `reply_to` is the canonical address that receives its result.
pub fn insert(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    reply_to: Option<&Address>,
    row: &HeadRow,
) -> Result<(), StoreError> {
    let intent = &head.intent;
    tx.push(
        "INSERT INTO intents (workspace_id, intent_id, root_id, parent_id, intent_type, from_agent, to_agent, status, live, \
         task_since, outcome, state, steps, position, policy_generation, created_at, updated_at, tally, policy, reply_to, \
         from_written, to_written) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)",
        &[
            workspace.into(),
            intent.id.into(),
            intent.root.into(),
            intent.parent.into(),
            (&head.intent_type).into(),
            (&head.from).into(),
            (&head.to).into(),
            intent.status().as_str().into(),
            (!intent.status().is_terminal()).into(),
            task_since(intent).into(),
            intent.outcome().map(|outcome| outcome.word).into(),
            (&row.state).into(),
            row.steps.as_ref().into(),
            intent.position.into(),
            intent.policy_generation.into(),
            intent.created_at.into(),
            intent.updated_at.into(),
            row.tally.as_ref().into(),
            row.policy.as_ref().into(),
            reply_to.into(),
            head.from.other_spelling().into(),
            head.to.other_spelling().into(),
        ],
    )
}

/// A statement that writes what a decision may change.
macro_rules! update {
    ($more:literal) => {
        concat!(
            "UPDATE intents SET ",
            $more,
            "status = $1, task_since = $2, outcome = $3, state = $4, steps = $5, position = $6, policy_generation = $7, \
             updated_at = $8, tally = $9, policy = $10 WHERE workspace_id = $11 AND intent_id = $12"
        )
    };
}

pub fn update(tx: &mut Tx<'_>, workspace: Uuid, intent: &Intent) -> Result<(), StoreError> {
    let row = HeadRow::of(intent)?;
    // An intent never lives again, and two indexes have the column `live`. SQLite would write their entries anew at each
    // update that names it, even if the value stays.
    let sql = if intent.status().is_terminal() { update!("live = 0, ") } else { update!("") };
    tx.push(
        sql,
        &[
            intent.status().as_str().into(),
            task_since(intent).into(),
            intent.outcome().map(|outcome| outcome.word).into(),
            row.state.into(),
            row.steps.into(),
            intent.position.into(),
            intent.policy_generation.into(),
            intent.updated_at.into(),
            row.tally.into(),
            row.policy.into(),
            workspace.into(),
            intent.id.into(),
        ],
    )
}

/// Appends the events of one decision.
pub fn insert_events(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, row: &EventsRow) -> Result<(), StoreError> {
    tx.push(
        "INSERT INTO events (workspace_id, intent_id, position, at, events) VALUES ($1, $2, $3, $4, $5)",
        &[workspace.into(), id.into(), row.position.into(), row.at.into(), (&row.events).into()],
    )
}

/// Lists events after a position, in order.
pub fn list_events(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    id: IntentId,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    list_events_within(tx, workspace, id, after, (limit, usize::MAX)).map(|(events, _)| events)
}

/// Lists the events after a position, as [`list_events`], but parses no further decision after so many bytes of JSON.
/// Returns also whether there may be more.
pub fn list_events_within(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    id: IntentId,
    after: i64,
    (limit, bytes): (i64, usize),
) -> Result<(Vec<Event>, bool), StoreError> {
    let rows = tx.rows(
        "SELECT events FROM events WHERE workspace_id = $1 AND intent_id = $2 AND position > $3 ORDER BY position LIMIT $4",
        &[workspace.into(), id.into(), after.into(), limit.into()],
    )?;
    let (mut found, mut parsed, mut rest) = (Vec::new(), 0, rows.iter());
    for row in rest.by_ref() {
        let decision: Vec<Event> = row.json(0)?;
        found.extend(decision.into_iter().filter(|event| i64::from(event.position) > after));
        parsed += row.text(0)?.len();
        if parsed >= bytes {
            break;
        }
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rest.next().is_some() || rows.len() >= limit || found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// Finds the events of the decision whose last event has this position.
pub fn decision(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId, position: i64) -> Result<Vec<Event>, StoreError> {
    let row = tx.row(
        "SELECT events FROM events WHERE workspace_id = $1 AND intent_id = $2 AND position = $3",
        &[workspace.into(), id.into(), position.into()],
    )?;
    row.map_or(Ok(Vec::new()), |row| row.json(0))
}

/// Reads the specification of an intent from its first event.
pub fn spec(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<IntentSpec, StoreError> {
    spec_of(id, &first_decision(tx, workspace, id)?)
}

/// Finds the events of the first decision, as JSON.
pub fn first_decision(tx: &mut Tx<'_>, workspace: Uuid, id: IntentId) -> Result<String, StoreError> {
    let row = tx.row(
        "SELECT events FROM events WHERE workspace_id = $1 AND intent_id = $2 ORDER BY position LIMIT 1",
        &[workspace.into(), id.into()],
    )?;
    row.map_or_else(|| Err(no_first_event(id)), |row| row.string(0))
}

/// Reads the specification of an intent from the events of its first decision. Only the first of them is parsed.
pub fn spec_of(id: IntentId, first_decision: &str) -> Result<IntentSpec, StoreError> {
    let events = first_decision.strip_prefix('[').unwrap_or_default();
    let first = serde_json::Deserializer::from_str(events).into_iter::<Event>().next().transpose();
    match first.map_err(|e| StoreError::Fault(format!("intent {id}: {:?}", e.classify())))?.map(|event| event.body) {
        Some(EventBody::Created(spec)) => Ok(*spec),
        _ => Err(no_first_event(id)),
    }
}

fn no_first_event(id: IntentId) -> StoreError {
    StoreError::Fault(format!("intent {id} has no first event"))
}

/// Lists a page of intents, newest first, and the id at which the next page continues, if there may be one. With a
/// receiver the list includes steps; otherwise it has roots only.
///
/// An index finds the intents with an attribute, those of a scenario, those to a receiver, those that ended early, and those that are live. The rest
/// of the filter, such as the sender, applies to the rows found: an index on senders would make every creation slower. A
/// call reads a bounded number of rows, so a short page may have a next.
pub fn list(tx: &mut Tx<'_>, workspace: Uuid, filter: &Filter) -> Result<(Vec<Head>, Option<IntentId>), StoreError> {
    const BATCH: i64 = 500;
    const MAX_BATCHES: usize = 10;
    let mut found = Vec::new();
    let mut before = filter.before;
    for _ in 0..MAX_BATCHES {
        let batch = if filter.is_open() { filter.limit as i64 } else { BATCH };
        let heads = filter.read(tx, workspace, before, batch)?;
        let runs = filter.runs(tx, workspace, before, batch)?;
        let is_last = (heads.len() as i64) < batch;
        for head in heads {
            if head.intent.id < filter.from {
                return Ok((found, None));
            }
            before = head.intent.id;
            if filter.admits(&head) && runs.as_ref().is_none_or(|runs| runs.contains(&before)) {
                found.push(head);
                if found.len() == filter.limit {
                    return Ok((found, Some(before)));
                }
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, Some(before)))
}

fn roots(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    stages: &[bool],
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let sql = if stages == [true] {
        heads!(
            "WHERE workspace_id = $1 AND intent_id < $2 AND live = 1 AND parent_id IS NULL \
             ORDER BY intent_id DESC LIMIT $3"
        )
    } else {
        heads!("WHERE workspace_id = $1 AND intent_id < $2 AND parent_id IS NULL ORDER BY intent_id DESC LIMIT $3")
    };
    let rows = tx.rows(sql, &[workspace.into(), before.into(), limit.into()])?;
    rows.iter().map(head).collect()
}

/// Lists a page of the roots that ended with one of these statuses, newest first.
fn ended_early(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    statuses: &[Status],
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let mut pages = Vec::new();
    for status in statuses {
        let rows = tx.rows(
            heads!(
                "WHERE workspace_id = $1 AND status = $2 AND live = 0 AND status <> 'COMPLETED' AND parent_id IS NULL \
                 AND intent_id < $3 ORDER BY intent_id DESC LIMIT $4"
            ),
            &[workspace.into(), status.as_str().into(), before.into(), limit.into()],
        )?;
        pages.push(rows);
    }
    newest_of(&pages, limit)
}

/// Lists a page of intents to one receiver, newest first. `stages` selects live intents (`true`), ended ones, or both.
pub(super) fn received(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    to: &Address,
    stages: &[bool],
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let mut pages = Vec::new();
    for is_live in stages {
        let rows = tx.rows(
            heads!(
                "WHERE workspace_id = $1 AND to_agent = $2 AND live = $3 AND intent_id < $4 \
                 ORDER BY intent_id DESC LIMIT $5"
            ),
            &[workspace.into(), to.into(), i64::from(*is_live).into(), before.into(), limit.into()],
        )?;
        pages.push(rows);
    }
    newest_of(&pages, limit)
}

/// Lists a page of the intents that bundles of a scenario have started, newest first.
fn of_scenario(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    scenario: &str,
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    // The limit is inside: the index of the runs bounds the rows that are read.
    let rows = tx.rows(
        heads!(
            "WHERE workspace_id = $1 AND intent_id IN (SELECT r.intent_id FROM scenario_runs r WHERE r.workspace_id = $1 \
             AND r.name = $2 AND r.version = 0 AND r.intent_id < $3 ORDER BY r.intent_id DESC LIMIT $4) \
             ORDER BY intent_id DESC"
        ),
        &[workspace.into(), scenario.into(), before.into(), limit.into()],
    )?;
    rows.iter().map(head).collect()
}

/// Lists a page of the intents with an attribute, newest first.
fn of_attribute(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    attribute: &Attribute,
    before: IntentId,
    limit: i64,
) -> Result<Vec<Head>, StoreError> {
    let rows = tx.rows(
        heads!(
            "WHERE workspace_id = $1 AND intent_id IN (SELECT a.intent_id FROM intent_attributes a \
             WHERE a.workspace_id = $1 AND a.name = $2 AND a.value = $3 AND a.intent_id < $4 \
             ORDER BY a.intent_id DESC LIMIT $5) ORDER BY intent_id DESC"
        ),
        &[workspace.into(), (&attribute.name).into(), (&attribute.value).into(), before.into(), limit.into()],
    )?;
    rows.iter().map(head).collect()
}

/// Finds the intents with these ids, newest first. An unknown id is left out.
fn of_ids(tx: &mut Tx<'_>, workspace: Uuid, ids: &[IntentId], before: IntentId) -> Result<Vec<Head>, StoreError> {
    let mut ids: Vec<IntentId> = ids.iter().copied().filter(|id| *id < before).collect();
    ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    ids.dedup();
    ids.truncate(MAX_IDS);
    let mut heads = Vec::new();
    for id in ids {
        heads.extend(find(tx, workspace, id)?);
    }
    Ok(heads)
}

/// Merges pages that each have at most `limit` rows, newest first.
fn newest_of(pages: &[Vec<Row>], limit: i64) -> Result<Vec<Head>, StoreError> {
    let heads: Result<Vec<Head>, StoreError> = pages.iter().flatten().map(head).collect();
    let mut heads = heads?;
    heads.sort_unstable_by_key(|head| std::cmp::Reverse(head.intent.id.0));
    heads.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(heads)
}

impl Filter {
    /// Returns true if the filter admits everything that [`Filter::read`] finds.
    fn is_open(&self) -> bool {
        let is_by_party = self.to.is_some() || self.party.is_some() || self.sender.is_some() || self.holder.is_some();
        let is_by_state = self.reason.is_some() || self.outcome.is_some() || self.unchanged_since.is_some();
        let is_by_name = self.intent_type.is_some() || !self.ids.is_empty();
        let is_by_both = self.attribute.is_some() && self.scenario.is_some();
        self.statuses.is_empty() && !is_by_both && !is_by_name && !is_by_party && !is_by_state
    }

    /// Reads a page from the index that fits the filter best.
    fn read(&self, tx: &mut Tx<'_>, workspace: Uuid, before: IntentId, limit: i64) -> Result<Vec<Head>, StoreError> {
        if let Some(attribute) = &self.attribute {
            return of_attribute(tx, workspace, attribute, before, limit);
        }
        if let Some(scenario) = &self.scenario {
            return of_scenario(tx, workspace, scenario, before, limit);
        }
        if !self.ids.is_empty() {
            return of_ids(tx, workspace, &self.ids, before);
        }
        if let Some(to) = &self.to {
            return received(tx, workspace, to, self.stages(), before, limit);
        }
        let ends_early = |status: &Status| status.is_terminal() && *status != Status::Completed;
        if !self.statuses.is_empty() && self.statuses.iter().all(ends_early) {
            return ended_early(tx, workspace, &self.statuses, before, limit);
        }
        roots(tx, workspace, self.stages(), before, limit)
    }

    /// Returns which intents of a page belong to the scenario, if [`Filter::read`] found the page by an attribute.
    fn runs(
        &self,
        tx: &mut Tx<'_>,
        workspace: Uuid,
        before: IntentId,
        limit: i64,
    ) -> Result<Option<HashSet<IntentId>>, StoreError> {
        let Some((attribute, scenario)) = self.attribute.as_ref().zip(self.scenario.as_deref()) else {
            return Ok(None);
        };
        attributes::list_runs(tx, workspace, (attribute, scenario), before, limit).map(Some)
    }

    /// Returns which stages the filter can admit: live intents (`true`), ended ones, or both.
    fn stages(&self) -> &'static [bool] {
        let is_ended = |status: &Status| status.is_terminal();
        if self.reason.is_some() || self.holder.is_some() {
            return &[true];
        }
        match (self.statuses.iter().any(|s| !is_ended(s)), self.statuses.iter().any(is_ended)) {
            (true, false) => &[true],
            (false, true) => &[false],
            _ => &[true, false],
        }
    }

    pub(super) fn admits(&self, head: &Head) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&head.intent.status()))
            && self.to.as_ref().is_none_or(|to| *to == head.to)
            && self.sender.as_ref().is_none_or(|sender| *sender == head.from)
            && self.party.as_ref().is_none_or(|party| *party == head.to || *party == head.from)
            && self.intent_type.as_ref().is_none_or(|intent_type| *intent_type == head.intent_type)
            && (self.ids.is_empty() || self.ids.contains(&head.intent.id))
            && self.unchanged_since.is_none_or(|since| head.intent.updated_at <= since)
            && self.outcome.is_none_or(|kind| head.intent.outcome().is_some_and(|outcome| outcome.kind == kind))
            && self.reason.is_none_or(|reason| head.intent.waiting().is_some_and(|waiting| waiting.reason == reason))
            && self.holder.as_ref().is_none_or(|holder| is_held_by(&head.intent, holder))
            && head.intent.id >= self.from
    }
}

/// True if the intent waits for an actor of this name, address or contact.
fn is_held_by(intent: &Intent, holder: &str) -> bool {
    let Some(waiting) = intent.waiting() else { return false };
    let is_named = |name: &str| is_same_person(name, holder);
    let assignees = waiting.task.as_ref().and_then(|task| task.assignees.as_deref()).unwrap_or_default();
    let is_asked = assignees.iter().any(|assignee| is_named(assignee));
    is_asked || is_named(&waiting.holder.reference) || is_named(&waiting.holder.name)
}

fn task_since(intent: &Intent) -> Option<Time> {
    intent.open_task().and(intent.waiting()).map(|waiting| waiting.since)
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Fault(e.to_string()))
}
