//! What must hold in the store after every step (architecture, "Properties").

mod people;

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::lifecycle::{Birth, Event, EventBody, Intent, WaitingReason};
use axme_intent::{IntentId, Status, StepKind, Time, apply};
use axme_server::store::intents::Head;
use axme_server::store::simulated::{HeadColumns, Snapshot, history};

use uuid::Uuid;

use crate::stage::Stage;
use crate::{Checked, marks};

/// What was seen so far.
#[derive(Default)]
pub struct Watch {
    pub seen: BTreeMap<IntentId, Seen>,
    /// The workspace of the first intent, in which all others are.
    pub workspace: Option<Uuid>,
    /// Notices that arrived outside.
    pub arrived: BTreeSet<Uuid>,
}

/// An intent as it was last seen.
pub struct Seen {
    pub head: Head,
    pub events: Vec<Event>,
    /// What clients sent that stands in the events.
    pub marks: BTreeSet<String>,
}

impl Seen {
    /// The intent as it was after so many events.
    pub fn after(&self, count: usize) -> Intent {
        let head = &self.head.intent;
        let mut folded = Intent::unborn(head.id, head.root, head.parent, self.events[0].at);
        self.events[..count].iter().for_each(|event| apply(&mut folded, event));
        folded
    }

    /// How often its tasks were given to somebody else in the first so many events.
    pub fn transfers(&self, count: usize) -> usize {
        let is_transfer = |event: &&Event| matches!(event.body, EventBody::Transferred { .. });
        self.events[..count].iter().filter(is_transfer).count()
    }

    pub fn birth(&self) -> &Birth {
        match &self.events[0].body {
            EventBody::Created(birth) => birth,
            _ => unreachable!("histories are checked to begin with a birth"),
        }
    }

    pub fn status(&self) -> Status {
        self.head.intent.status()
    }
}

macro_rules! hold {
    ($condition:expr, $($what:tt)+) => {
        if !$condition { return Err(format!($($what)+)); }
    };
}
pub(crate) use hold;

impl Watch {
    /// How many intents and events there are.
    pub fn size(&self) -> (usize, usize) {
        (self.seen.len(), self.seen.values().map(|seen| seen.events.len()).sum())
    }

    pub fn is_live(&self, id: IntentId) -> bool {
        self.seen.get(&id).is_some_and(|seen| !seen.status().is_terminal())
    }

    pub fn check(&mut self, stage: &mut Stage) -> Checked {
        let snapshot = stage.snapshot();
        let present: BTreeSet<IntentId> = snapshot.heads.iter().map(|columns| columns.head.intent.id).collect();
        if let Some(lost) = self.seen.keys().find(|id| !present.contains(id)) {
            return Err(format!("intent {lost} is gone"));
        }
        for columns in &snapshot.heads {
            let intent = &columns.head.intent;
            check_columns(columns)?;
            let workspace = *self.workspace.get_or_insert(columns.workspace);
            hold!(workspace == columns.workspace, "{}: made in another workspace", intent.id);
            match self.seen.get_mut(&intent.id) {
                Some(seen) if seen.head.intent == *intent => continue,
                Some(seen) if seen.head.intent.position == intent.position => seen.head = columns.head.clone(),
                known => {
                    let (workspace, id) = (columns.workspace, intent.id);
                    let events = stage.look(move |tx| Ok(history(tx, workspace, id)?));
                    if let Some(known) = known {
                        hold!(events.starts_with(&known.events), "{id}: history was rewritten");
                        hold!(!known.status().is_terminal(), "{id}: something came after the end");
                    }
                    let marks = marks::of_events(&events);
                    self.seen.insert(id, Seen { head: columns.head.clone(), events, marks });
                }
            }
            check_history(&self.seen[&intent.id])?;
        }
        self.check_families()?;
        self.check_deliveries(&snapshot)?;
        self.check_timers(&snapshot)?;
        self.check_notices(&snapshot)?;
        self.check_links(&snapshot)
    }

    /// A parent waits for an agent exactly while one child is live.
    fn check_families(&self) -> Checked {
        let mut live: BTreeMap<IntentId, Vec<IntentId>> = BTreeMap::new();
        for (id, seen) in &self.seen {
            let intent = &seen.head.intent;
            let Some(parent) = intent.parent else {
                hold!(intent.root == *id, "{id} has no parent and is not its own root");
                continue;
            };
            let Some(elder) = self.seen.get(&parent) else { return Err(format!("{id}: its parent is missing")) };
            hold!(intent.root == elder.head.intent.root, "{id}: another root than its parent's");
            hold!(id.shard() == intent.root.shard(), "{id}: another lane than its root's");
            if !seen.status().is_terminal() {
                live.entry(parent).or_default().push(*id);
            }
        }
        for (id, seen) in &self.seen {
            let waits_for: Vec<IntentId> = seen.head.intent.waiting().and_then(|w| w.child).into_iter().collect();
            let children = live.remove(id).unwrap_or_default();
            hold!(waits_for == children, "{id}: waits for {waits_for:?} while {children:?} are live");
        }
        Ok(())
    }

    fn check_deliveries(&self, snapshot: &Snapshot) -> Checked {
        let mut queued: BTreeMap<IntentId, Vec<&str>> = BTreeMap::new();
        for row in snapshot.queue.iter().filter(|row| row.dead_at.is_none()) {
            let Some(intent) = row.item.intent() else { continue };
            queued.entry(intent).or_default().push(&row.address);
        }
        for (id, seen) in &self.seen {
            let intent = &seen.head.intent;
            let mut wanted = Vec::new();
            if !intent.status().is_terminal() && intent.waiting().is_none() {
                wanted.push(seen.head.to.as_str());
                if let Some(other) = &intent.tally.escalated_to
                    && other.reference != seen.head.to.as_str()
                {
                    wanted.push(&other.reference);
                }
            }
            wanted.sort_unstable();
            let queues = queued.remove(id).unwrap_or_default();
            hold!(queues == wanted, "{id} is {}: in the queues {queues:?}, not {wanted:?}", intent.status().as_str());
        }
        hold!(queued.is_empty(), "deliveries of unknown intents: {queued:?}");
        Ok(())
    }

    fn check_timers(&self, snapshot: &Snapshot) -> Checked {
        let mut set: BTreeMap<(IntentId, &str), Time> = BTreeMap::new();
        for timer in &snapshot.timers {
            let live = self.seen.get(&timer.intent_id).is_some_and(|seen| !seen.status().is_terminal());
            hold!(live, "a timer ({}) of {}, which is over or unknown", timer.kind, timer.intent_id);
            set.insert((timer.intent_id, &timer.kind), timer.due_at);
        }
        for (id, seen) in self.seen.iter().filter(|(_, seen)| !seen.status().is_terminal()) {
            let intent = &seen.head.intent;
            let own = seen.birth().deadline_at.filter(|_| intent.parent.is_none());
            let (wanted, found) = (intent.deadline(own), set.get(&(*id, "deadline")).copied());
            hold!(wanted == found, "{id}: its deadline is {wanted:?}, the timer {found:?}");
            let Some(waiting) = intent.waiting() else { continue };
            let Some(step) = &waiting.step else { continue };
            let found = set.get(&(*id, format!("step:{step}").as_str())).copied();
            hold!(waiting.due_at == found, "{id}: step {step} is due at {:?}, the timer at {found:?}", waiting.due_at);
        }
        Ok(())
    }
}

/// True when nothing has changed between two looks.
pub fn same(before: &Snapshot, after: &Snapshot) -> bool {
    let heads =
        |snapshot: &Snapshot| snapshot.heads.iter().map(|columns| columns.head.intent.clone()).collect::<Vec<_>>();
    heads(before) == heads(after)
        && before.queue == after.queue
        && before.timers == after.timers
        && before.notices == after.notices
        && before.links == after.links
}

/// The columns that lists filter by agree with the state.
fn check_columns(columns: &HeadColumns) -> Checked {
    let intent = &columns.head.intent;
    let (id, status) = (intent.id, intent.status());
    hold!(
        columns.status == status.as_str(),
        "{id}: status {} in the column, {} in the state",
        columns.status,
        status.as_str()
    );
    hold!(columns.live != status.is_terminal(), "{id}: live is {} while {}", columns.live, status.as_str());
    let since = intent.open_task().and(intent.waiting()).map(|waiting| waiting.since);
    hold!(columns.task_since == since, "{id}: task_since is {:?}, not {since:?}", columns.task_since);
    if let Some(waiting) = intent.waiting() {
        hold!(!waiting.holder.reference.is_empty(), "{id}: waits for nobody");
        let fits = match waiting.reason {
            WaitingReason::WaitingForAgent => waiting.child.is_some(),
            WaitingReason::WaitingForHuman => waiting.task.is_some(),
            WaitingReason::WaitingForTime => waiting.due_at.is_some() && waiting.step.is_some(),
            _ => true,
        };
        hold!(fits, "{id}: waits for nothing that could come: {waiting:?}");
    }
    Ok(())
}

/// The history alone: in order, ending once, and nothing but the state.
fn check_history(seen: &Seen) -> Checked {
    let head = &seen.head.intent;
    let id = head.id;
    hold!(matches!(seen.events.first().map(|e| &e.body), Some(EventBody::Created(_))), "{id}: begins without a birth");
    let mut folded = Intent::unborn(id, head.root, head.parent, seen.events[0].at);
    for (position, event) in (1..).zip(&seen.events) {
        hold!(event.position == position, "{id}: position {} after {}", event.position, position - 1);
        hold!(event.at >= folded.updated_at, "{id}: event {position} lies before the one ahead of it");
        hold!(!folded.status().is_terminal(), "{id}: event {position} comes after the end");
        check_time(seen, &folded, event)?;
        people::check_event(seen, &folded, event)?;
        apply(&mut folded, event);
        hold!(event.status == folded.status(), "{id}: event {position} says {}", event.status.as_str());
    }
    people::check_waiting(seen)?;
    // Settings are not history.
    hold!(folded.updated_at <= head.updated_at, "{id}: the head is older than its last event");
    folded.updated_at = head.updated_at;
    folded.policy = head.policy.clone();
    folded.policy_generation = head.policy_generation;
    hold!(folded == *head, "{id}: the events make {folded:?}, the head is {head:?}");
    Ok(())
}

/// Timers fire in their order and never early. `before` is the intent just before the event. What settings moved is not
/// looked at.
fn check_time(seen: &Seen, before: &Intent, event: &Event) -> Checked {
    let (id, position) = (before.id, event.position);
    match &event.body {
        EventBody::Reminder { count, .. } => {
            hold!(*count == before.tally.reminded + 1, "{id}: reminder {count} after {}", before.tally.reminded);
            let plan = seen.birth().plan.as_ref();
            let ladder = before.ladder(&before.policy, plan);
            if !ladder.is_empty() && seen.head.intent.policy_generation == 0 {
                let most = ladder.max_reminders.unwrap_or(axme_intent::ladder::USUAL_REMINDERS);
                hold!(*count <= most, "{id}: reminder {count} of {most}");
                let since = before.waiting().map_or(before.created_at, |waiting| waiting.since);
                let after = ladder.remind_after_seconds.unwrap_or(0);
                hold!(event.at >= since.plus_seconds(after), "{id}: reminder {count} is early");
            }
        }
        EventBody::Timeout { .. } => {
            let due_at = before.waiting().and_then(|waiting| waiting.due_at);
            hold!(due_at.is_some_and(|due_at| due_at <= event.at), "{id}: event {position}: a step timed out early");
        }
        EventBody::TimedOut if before.parent.is_none() && seen.head.intent.policy_generation == 0 => {
            let due_at = seen.birth().deadline_at;
            hold!(due_at.is_some_and(|due_at| due_at <= event.at), "{id}: event {position}: timed out early");
        }
        EventBody::Waiting(_) | EventBody::InProgress { .. } => {
            let waiting = before.waiting().filter(|waiting| waiting.reason == WaitingReason::WaitingForTime);
            let Some(waiting) = waiting else { return Ok(()) };
            let step = seen.birth().plan.as_ref().and_then(|plan| plan.step(waiting.step.as_deref()?));
            // A timeout waits for a go-on, which may come at any time.
            let is_timeout = step.is_some_and(|step| step.kind == StepKind::Timeout);
            let is_due = waiting.due_at.is_some_and(|due_at| due_at <= event.at);
            hold!(is_timeout || is_due, "{id}: event {position}: a pause was over early");
        }
        _ => {}
    }
    Ok(())
}
