//! The invariants of the store, checked after every step of a simulation.

mod second_thoughts;
pub(crate) mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use axme_intent::lifecycle::{Event, EventBody, Intent, IntentSpec, WaitingReason};
use axme_intent::{IntentId, Status, StepKind, Time, apply};
use axme_store::intents::Head;
use axme_store::simulated::{AskingState, HeadColumns, Snapshot, history};

use uuid::Uuid;

use crate::cluster::Cluster;
use crate::{CheckResult, marks};

/// Compares the store with its content after earlier steps.
#[derive(Default)]
pub(crate) struct Checker {
    pub(crate) intents: BTreeMap<IntentId, ObservedIntent>,
    /// The workspace of the first intent, which all others share.
    pub(crate) workspace: Option<Uuid>,
    /// Notices that arrived at external systems.
    pub(crate) delivered_notices: BTreeSet<Uuid>,
    /// The groups and the rule at the last check, and now.
    asking: [AskingState; 2],
    /// People who have left a group at some time. A group no longer asks them.
    left: BTreeSet<String>,
    /// Answers and votes of people whom only a group asked.
    pub(crate) group_decisions: usize,
}

/// An intent as the last check found it.
pub(crate) struct ObservedIntent {
    pub(crate) head: Head,
    pub(crate) events: Vec<Event>,
    /// The marks of clients that the events contain.
    pub(crate) marks: BTreeSet<String>,
}

impl ObservedIntent {
    /// Returns the intent after its first `count` events.
    pub(crate) fn after(&self, count: usize) -> Intent {
        let head = &self.head.intent;
        let mut folded = Intent::draft(head.id, head.root, head.parent, self.events[0].at);
        self.events[..count].iter().for_each(|event| apply(&mut folded, event));
        folded
    }

    /// Returns the number of reassignments among the first `count` events.
    pub(crate) fn transfers(&self, count: usize) -> usize {
        let is_transfer = |event: &&Event| matches!(event.body, EventBody::Transferred { .. });
        self.events[..count].iter().filter(is_transfer).count()
    }

    pub(crate) fn spec(&self) -> &IntentSpec {
        match &self.events[0].body {
            EventBody::Created(spec) => spec,
            _ => unreachable!("histories are checked to begin with a creation"),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.head.intent.status()
    }
}

macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition { return Err(format!($($what)+)); }
    };
}
pub(crate) use ensure;

impl Checker {
    /// Returns the numbers of intents and of events.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.intents.len(), self.intents.values().map(|observed| observed.events.len()).sum())
    }

    /// Returns the numbers of questions, replies and withdrawals.
    pub(crate) fn second_thoughts(&self) -> (usize, usize, usize) {
        let counts = self.intents.values().map(second_thoughts::count);
        counts.fold((0, 0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2))
    }

    /// Returns the number of decisions of deputies.
    pub(crate) fn decisions_of_deputies(&self) -> usize {
        let events = self.intents.values().flat_map(|observed| &observed.events);
        events.filter(|event| tasks::absent_decider(event).is_some()).count()
    }

    pub(crate) fn open_tasks(&self) -> Vec<IntentId> {
        let open = self.intents.iter().filter(|(_, observed)| observed.head.intent.open_task().is_some());
        open.map(|(id, _)| *id).collect()
    }

    pub(crate) fn is_live(&self, id: IntentId) -> bool {
        self.intents.get(&id).is_some_and(|observed| !observed.status().is_terminal())
    }

    pub(crate) fn check(&mut self, cluster: &mut Cluster) -> CheckResult {
        let snapshot = cluster.snapshot();
        let present: BTreeSet<IntentId> = snapshot.heads.iter().map(|columns| columns.head.intent.id).collect();
        if let Some(lost) = self.intents.keys().find(|id| !present.contains(id)) {
            return Err(format!("intent {lost} is missing"));
        }
        self.asking = [std::mem::take(&mut self.asking[1]), snapshot.asking.clone()];
        for (group, members) in &self.asking[0].groups {
            let now = self.asking[1].groups.get(group);
            let left = members.iter().filter(|member| now.is_none_or(|now| !now.contains(*member)));
            self.left.extend(left.cloned());
        }
        for columns in &snapshot.heads {
            let intent = &columns.head.intent;
            check_columns(columns)?;
            let workspace = *self.workspace.get_or_insert(columns.workspace);
            ensure!(workspace == columns.workspace, "{}: created in another workspace", intent.id);
            match self.intents.get_mut(&intent.id) {
                Some(observed) if observed.head.intent == *intent => continue,
                Some(observed) if observed.head.intent.position == intent.position => {
                    observed.head = columns.head.clone()
                }
                known => {
                    let (workspace, id) = (columns.workspace, intent.id);
                    let events = cluster.read(move |tx| Ok(history(tx, workspace, id)?));
                    if let Some(known) = known {
                        ensure!(events.starts_with(&known.events), "{id}: history was rewritten");
                        ensure!(!known.status().is_terminal(), "{id}: events follow the end");
                    }
                    let marks = marks::of_events(&events);
                    let seen = self.intents.get(&id).map_or(0, |known| known.events.len());
                    self.group_decisions += tasks::check_deciders(&self.asking, &columns.head, &events, seen)?;
                    self.intents.insert(id, ObservedIntent { head: columns.head.clone(), events, marks });
                }
            }
            check_history(&self.intents[&intent.id])?;
        }
        self.check_families()?;
        self.check_deliveries(&snapshot)?;
        check_claims(&snapshot)?;
        self.check_timers(&snapshot)?;
        self.check_notices(&snapshot)?;
        self.check_links(&snapshot)
    }

    /// A parent waits for an agent exactly while one child is live.
    fn check_families(&self) -> CheckResult {
        let mut live: BTreeMap<IntentId, Vec<IntentId>> = BTreeMap::new();
        for (id, observed) in &self.intents {
            let intent = &observed.head.intent;
            let Some(parent) = intent.parent else {
                ensure!(intent.root == *id, "{id} has no parent and is not its own root");
                continue;
            };
            let Some(elder) = self.intents.get(&parent) else { return Err(format!("{id}: its parent is missing")) };
            ensure!(intent.root == elder.head.intent.root, "{id}: its root differs from its parent's");
            ensure!(id.shard() == intent.root.shard(), "{id}: its shard differs from its root's");
            if !observed.status().is_terminal() {
                live.entry(parent).or_default().push(*id);
            }
        }
        for (id, observed) in &self.intents {
            let waits_for: Vec<IntentId> = observed.head.intent.waiting().and_then(|w| w.child).into_iter().collect();
            let children = live.remove(id).unwrap_or_default();
            ensure!(waits_for == children, "{id}: waits for {waits_for:?} while {children:?} are live");
        }
        Ok(())
    }

    fn check_deliveries(&self, snapshot: &Snapshot) -> CheckResult {
        let mut queued: BTreeMap<IntentId, Vec<&str>> = BTreeMap::new();
        for row in snapshot.queue.iter().filter(|row| row.dead_at.is_none()) {
            let Some(intent) = row.item.intent() else { continue };
            queued.entry(intent).or_default().push(&row.address);
        }
        for (id, observed) in &self.intents {
            let intent = &observed.head.intent;
            let mut expected = Vec::new();
            if !intent.status().is_terminal() && intent.waiting().is_none() {
                expected.push(observed.head.to.as_str());
                if let Some(other) = &intent.tally.escalated_to
                    && other.reference != observed.head.to.as_str()
                {
                    expected.push(&other.reference);
                }
            }
            expected.sort_unstable();
            let queues = queued.remove(id).unwrap_or_default();
            ensure!(
                queues == expected,
                "{id} is {}: it is in the queues {queues:?}, not {expected:?}",
                intent.status().as_str()
            );
        }
        ensure!(queued.is_empty(), "deliveries of unknown intents: {queued:?}");
        Ok(())
    }

    fn check_timers(&self, snapshot: &Snapshot) -> CheckResult {
        let mut set: BTreeMap<(IntentId, &str), Time> = BTreeMap::new();
        for timer in &snapshot.timers {
            let live = self.intents.get(&timer.intent_id).is_some_and(|observed| !observed.status().is_terminal());
            ensure!(live, "a timer ({}) of {}, which has ended or is unknown", timer.kind, timer.intent_id);
            set.insert((timer.intent_id, &timer.kind), timer.due_at);
        }
        for (id, observed) in self.intents.iter().filter(|(_, observed)| !observed.status().is_terminal()) {
            let intent = &observed.head.intent;
            let own = observed.spec().deadline_at.filter(|_| intent.parent.is_none());
            let (expected, found) = (intent.deadline(own), set.get(&(*id, "deadline")).copied());
            ensure!(expected == found, "{id}: its deadline is {expected:?}, but the timer is {found:?}");
            let Some(waiting) = intent.waiting() else { continue };
            let Some(step) = &waiting.step else { continue };
            let found = set.get(&(*id, format!("step:{step}").as_str())).copied();
            ensure!(
                waiting.due_at == found,
                "{id}: step {step} is due at {:?}, the timer at {found:?}",
                waiting.due_at
            );
        }
        Ok(())
    }
}

/// A named reader that holds anything is known. Otherwise nobody would notice that it has fallen silent.
fn check_claims(snapshot: &Snapshot) -> CheckResult {
    for row in snapshot.queue.iter().filter(|row| row.dead_at.is_none()) {
        let Some(name) = &row.consumer else {
            ensure!(!row.is_held, "{:?} of {} is held by nobody", row.item, row.address);
            continue;
        };
        let is_known = snapshot.consumers.contains(&(row.address.clone(), name.clone()));
        ensure!(is_known, "{:?} of {} is held by {name}, which is unknown", row.item, row.address);
    }
    Ok(())
}

/// True if two snapshots are equal.
pub(crate) fn is_unchanged(before: &Snapshot, after: &Snapshot) -> bool {
    let heads =
        |snapshot: &Snapshot| snapshot.heads.iter().map(|columns| columns.head.intent.clone()).collect::<Vec<_>>();
    heads(before) == heads(after)
        && before.queue == after.queue
        && before.timers == after.timers
        && before.notices == after.notices
        && before.links == after.links
}

/// Checks that the columns that lists filter by agree with the state.
fn check_columns(columns: &HeadColumns) -> CheckResult {
    let intent = &columns.head.intent;
    let (id, status) = (intent.id, intent.status());
    ensure!(
        columns.status == status.as_str(),
        "{id}: the status is {} in the column, but {} in the state",
        columns.status,
        status.as_str()
    );
    ensure!(columns.live != status.is_terminal(), "{id}: live is {} while {}", columns.live, status.as_str());
    let since = intent.open_task().and(intent.waiting()).map(|waiting| waiting.since);
    ensure!(columns.task_since == since, "{id}: task_since is {:?}, not {since:?}", columns.task_since);
    if let Some(waiting) = intent.waiting() {
        ensure!(!waiting.holder.reference.is_empty(), "{id}: waits without a holder");
        let fits = match waiting.reason {
            WaitingReason::WaitingForAgent => waiting.child.is_some(),
            WaitingReason::WaitingForHuman => waiting.task.is_some(),
            WaitingReason::WaitingForTime => waiting.due_at.is_some() && waiting.step.is_some(),
            _ => true,
        };
        ensure!(fits, "{id}: nothing can end its wait: {waiting:?}");
    }
    Ok(())
}

/// Checks a history by itself: it is in order, ends once, and folds to the state.
fn check_history(observed: &ObservedIntent) -> CheckResult {
    let head = &observed.head.intent;
    let id = head.id;
    ensure!(
        matches!(observed.events.first().map(|e| &e.body), Some(EventBody::Created(_))),
        "{id}: does not begin with a creation"
    );
    let mut folded = Intent::draft(id, head.root, head.parent, observed.events[0].at);
    for (position, event) in (1..).zip(&observed.events) {
        ensure!(event.position == position, "{id}: position {} follows {}", event.position, position - 1);
        ensure!(event.at >= folded.updated_at, "{id}: event {position} is earlier than the event before it");
        ensure!(!folded.status().is_terminal(), "{id}: event {position} follows the end");
        check_time(observed, &folded, event)?;
        tasks::check_event(observed, &folded, event)?;
        second_thoughts::check_event(observed, &folded, event)?;
        apply(&mut folded, event);
        ensure!(
            event.status == folded.status(),
            "{id}: event {position} shows the wrong status {}",
            event.status.as_str()
        );
    }
    tasks::check_waiting(observed)?;
    // Settings are not part of the history.
    ensure!(folded.updated_at <= head.updated_at, "{id}: the head is older than its last event");
    folded.updated_at = head.updated_at;
    folded.policy = head.policy.clone();
    folded.policy_generation = head.policy_generation;
    ensure!(folded == *head, "{id}: the events fold to {folded:?}, but the head is {head:?}");
    Ok(())
}

/// Checks that timers fire in their order and never early. `before` is the intent just before the event. Skips times
/// that settings have moved.
fn check_time(observed: &ObservedIntent, before: &Intent, event: &Event) -> CheckResult {
    let (id, position) = (before.id, event.position);
    match &event.body {
        EventBody::Reminder { count, .. } => {
            ensure!(*count == before.tally.reminded + 1, "{id}: reminder {count} follows {}", before.tally.reminded);
            let plan = observed.spec().plan.as_ref();
            let reminders = before.reminder_plan(&before.policy, plan);
            if !reminders.is_empty() && observed.head.intent.policy_generation == 0 {
                let most = reminders.max_reminders.unwrap_or(axme_intent::reminder_plan::USUAL_REMINDERS);
                ensure!(*count <= most, "{id}: reminder {count} of {most}");
                let since = before.waiting().map_or(before.created_at, |waiting| waiting.since);
                let after = reminders.remind_after_seconds.unwrap_or(0);
                ensure!(event.at >= since.plus_seconds(after), "{id}: reminder {count} is early");
                let is_reminder = |event: &&Event| matches!(event.body, EventBody::Reminder { .. });
                let earlier = observed.events[..position as usize - 1].iter().rev().find(is_reminder);
                if let Some(earlier) = earlier.filter(|_| *count > 1) {
                    let interval = reminders.remind_interval_seconds.unwrap_or(after);
                    ensure!(event.at >= earlier.at.plus_seconds(interval), "{id}: reminder {count} follows too soon");
                }
            }
        }
        EventBody::Timeout { .. } => {
            let due_at = before.waiting().and_then(|waiting| waiting.due_at);
            ensure!(due_at.is_some_and(|due_at| due_at <= event.at), "{id}: event {position}: a step timed out early");
        }
        EventBody::TimedOut if before.parent.is_none() && observed.head.intent.policy_generation == 0 => {
            let due_at = observed.spec().deadline_at;
            ensure!(due_at.is_some_and(|due_at| due_at <= event.at), "{id}: event {position}: timed out early");
        }
        EventBody::Waiting(_) | EventBody::InProgress { .. } => {
            let waiting = before.waiting().filter(|waiting| waiting.reason == WaitingReason::WaitingForTime);
            let Some(waiting) = waiting else { return Ok(()) };
            let step = observed.spec().plan.as_ref().and_then(|plan| plan.step(waiting.step.as_deref()?));
            // A timeout step may be let to proceed at any time.
            let is_timeout = step.is_some_and(|step| step.kind == StepKind::Timeout);
            let is_due = waiting.due_at.is_some_and(|due_at| due_at <= event.at);
            ensure!(is_timeout || is_due, "{id}: event {position}: a pause ended early");
        }
        _ => {}
    }
    Ok(())
}
