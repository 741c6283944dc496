//! The console of operators: what it counts and looks up beside the operations. It decides nothing, and
//! changes only the saved views of the caller.
//!
//! The numbers of a workspace are for its admins. An intent shows what `intents.get` shows to the same caller, and more of
//! its history.

use std::sync::Arc;

use axme_api::intents::IntentView;
use axme_api::{Access, ApiError};
use axme_intent::human::Via;
use axme_intent::lifecycle::{Event, EventBody, Intent};
use axme_intent::workflow::{Cursor, Plan};
use axme_intent::{HumanTask, IntentId, Time, apply};
use axme_store::console::{Backlog, Numbers};
use axme_store::intents::{self as store, Head};
use axme_store::pushes::{self, Push};
pub use axme_store::saved_views::SavedView;
use axme_store::scenarios::{self as runs, Scenario};
use axme_store::timers::{self, Timer};
use axme_store::{Shard, Tx, console as records, saved_views};

use crate::auth::{Caller, placement};
use crate::call::authorize;
use crate::context::CallContext;
use crate::engine::intent_access::find_readable;
use crate::error::Result;
use crate::input::check_chars;
use crate::policy::askees::asks;
use crate::policy::key_scope::Activity;
use crate::state::AppState;
use crate::views;

/// A look at the numbers of a workspace.
const LOOK: Activity = Activity::reading("console.numbers", Access::Admin);
/// A check of the server's machine.
const CHECK: Activity = Activity::changing("console.server_check", Access::Admin);
/// The saved views of a caller, and changes to them.
const VIEWS: Activity = Activity::reading("console.views", Access::Key);
const CHANGE_VIEWS: Activity = Activity::changing("console.views", Access::Key);
/// The saved views of one owner in a workspace.
const MAX_VIEWS: i64 = 30;
const MAX_VIEW_NAME_CHARS: usize = 60;
const MAX_VIEW_QUERY_CHARS: usize = 4_000;
/// The most events of an intent that one look reads.
const MAX_EVENTS: i64 = 10_000;
/// The most timers of an intent that are shown.
const MAX_TIMERS: i64 = 20;
/// The most addresses whose pushes are shown: the receiver, and those that the intent was escalated to.
const MAX_PUSHES: i64 = 20;

/// Reads the numbers of the caller's workspace. The recent intents begin at `since`.
pub async fn numbers(app: &AppState, caller: &Caller, since: Time) -> Result<Numbers> {
    authorize(LOOK, caller)?;
    let workspace = caller.workspace;
    Ok(app.read_for(&caller.service_account_id, move |tx| records::numbers(tx, workspace, since)).await?)
}

/// Counts the deliveries that wait for each agent of the caller's workspace.
pub async fn backlogs(app: &AppState, caller: &Caller) -> Result<Vec<Backlog>> {
    authorize(LOOK, caller)?;
    let workspace = caller.workspace;
    Ok(app.read_for(&caller.service_account_id, move |tx| records::backlogs(tx, workspace)).await?)
}

/// Returns true if the caller is an operator of the server and works in the operators' organization.
pub async fn is_operator(app: &AppState, caller: &Arc<Caller>) -> Result<bool> {
    if !caller.is_admin() || caller.org_slug != placement::OPERATORS_ORG_SLUG {
        return Ok(false);
    }
    let caller = caller.clone();
    let own = caller.service_account_id.clone();
    let job = move |tx: &mut Tx<'_>| placement::is_operator(&mut CallContext::new(tx, &caller, Via::Api));
    app.read_for(&own, job).await
}

/// Refuses a key whose limits exclude a check of the machine, which writes to the disk and opens connections.
pub fn may_check(caller: &Caller) -> Result<()> {
    authorize(CHECK, caller)
}

/// The scenarios on one page.
pub const MAX_SCENARIOS: usize = 50;

/// Lists the scenarios that were applied in the caller's workspace, by name, each with its newest run.
pub async fn scenarios(app: &AppState, caller: &Caller, after: String) -> Result<Vec<Scenario>> {
    authorize(LOOK, caller)?;
    let workspace = caller.workspace;
    let read = move |tx: &mut Tx<'_>| runs::list(tx, workspace, &after, MAX_SCENARIOS);
    Ok(app.read_for(&caller.service_account_id, read).await?)
}

/// Lists the views that the caller has saved in its workspace, by name.
pub async fn views(app: &AppState, caller: &Caller) -> Result<Vec<SavedView>> {
    authorize(VIEWS, caller)?;
    let (workspace, owner) = (caller.workspace, caller.service_account_id.clone());
    let read = move |tx: &mut Tx<'_>| saved_views::list(tx, workspace, &owner, MAX_VIEWS);
    Ok(app.read_for(&caller.service_account_id, read).await?)
}

/// Saves a view under its name, also in place of an earlier one.
pub async fn save_view(app: &AppState, caller: &Caller, view: SavedView) -> Result<()> {
    authorize(CHANGE_VIEWS, caller)?;
    check_chars("name", Some(&view.name), 1, MAX_VIEW_NAME_CHARS)?;
    check_chars("query", Some(&view.query), 0, MAX_VIEW_QUERY_CHARS)?;
    let (workspace, owner) = (caller.workspace, caller.service_account_id.clone());
    let save = move |tx: &mut Tx<'_>| -> Result<()> {
        let known = saved_views::list(tx, workspace, &owner, MAX_VIEWS)?;
        let is_new = known.iter().all(|known| known.name != view.name);
        if is_new && known.len() as i64 == MAX_VIEWS {
            return Err(ApiError::invalid(format!("you have {MAX_VIEWS} saved views: remove one first")).into());
        }
        Ok(saved_views::put(tx, workspace, &owner, &view)?)
    };
    app.store.write(Shard::CONTROL, save).await
}

/// Removes a saved view of the caller.
pub async fn remove_view(app: &AppState, caller: &Caller, name: String) -> Result<()> {
    authorize(CHANGE_VIEWS, caller)?;
    let (workspace, owner) = (caller.workspace, caller.service_account_id.clone());
    let remove = move |tx: &mut Tx<'_>| -> Result<()> {
        match saved_views::delete(tx, workspace, &owner, &name)? {
            true => Ok(()),
            false => Err(ApiError::not_found("saved view").into()),
        }
    };
    app.store.write(Shard::CONTROL, remove).await
}

/// The step of a workflow in one run of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRun {
    pub step: String,
    pub state: StepState,
}

/// How far a step of a workflow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    Running,
    Done,
    Failed,
}

/// An intent as it was after one of its events, with what the console shows beside it.
pub struct IntentLook {
    pub view: IntentView,
    /// The last event that the look knows, by its number on the wire.
    pub seq: u64,
    /// The number of the last event that there is.
    pub last_seq: u64,
    /// The numbers of all events, in order; at most [`MAX_EVENTS`].
    pub seqs: Vec<u64>,
    pub plan: Option<Plan>,
    /// The task that waits for a person.
    pub task: Option<HumanTask>,
    /// True if the task asks the person who looks.
    pub asks_caller: bool,
    /// The steps that were begun, in the order in which each began first.
    pub steps: Vec<StepRun>,
    /// The intents that carry out steps, with the name of the step.
    pub children: Vec<(String, IntentId)>,
    /// Times at which something happens, if nothing happens before. Empty for an earlier moment.
    pub timers: Vec<Timer>,
    /// The last push to each address that went well. Empty for an earlier moment.
    pub pushes: Vec<Push>,
}

/// Looks at an intent that the caller may read: now, or as it was after the event `at`.
pub async fn look(app: &AppState, caller: &Arc<Caller>, id: IntentId, at: Option<u64>) -> Result<IntentLook> {
    let reader = caller.clone();
    app.read_for(&caller.service_account_id, move |tx| look_in(tx, &reader, id, at)).await
}

fn look_in(tx: &mut Tx<'_>, caller: &Caller, id: IntentId, at: Option<u64>) -> Result<IntentLook> {
    let (owner, head) = find_readable(tx, caller, id)?;
    let spec = store::spec(tx, owner, id)?;
    let mut events = store::list_events(tx, owner, id, 0, MAX_EVENTS)?;
    let seqs = events.iter().map(|event| views::wire_number(event.position.into())).collect();
    let last_seq = views::wire_number(head.intent.position.into());
    let is_past = at.is_some_and(|at| at < last_seq);
    let shown = match at.filter(|_| is_past) {
        Some(at) => {
            let position = views::position_seen(at);
            events.retain(|event| i64::from(event.position) <= position);
            if events.is_empty() {
                return Err(ApiError::not_found(format!("event {at} of intent {id}")).into());
            }
            Head { intent: replayed(&head.intent, &events), ..head }
        }
        None => head,
    };
    let task = shown.intent.open_task().cloned();
    let asks_caller = match caller.person().filter(|_| !is_past && task.is_some()) {
        Some(person) => asks(tx, owner, &shown, &person.email)?,
        None => false,
    };
    let view = views::intent(&shown, &spec);
    let timers = if is_past { Vec::new() } else { timers::list_of_intent(tx, owner, id, MAX_TIMERS)? };
    let pushes = if is_past { Vec::new() } else { pushes::list(tx, owner, id, MAX_PUSHES)? };
    Ok(IntentLook {
        seq: views::wire_number(shown.intent.position.into()),
        last_seq,
        seqs,
        steps: steps(&events, shown.intent.cursor.as_ref()),
        children: children(&events),
        task,
        asks_caller,
        timers,
        pushes,
        view,
        plan: spec.plan,
    })
}

/// Folds events into the intent as it was after the last of them. Its controls are those of today: they are not history.
fn replayed(now: &Intent, events: &[Event]) -> Intent {
    let mut intent = Intent::draft(now.id, now.root, now.parent, now.created_at);
    intent.policy = now.policy.clone();
    intent.policy_generation = now.policy_generation;
    for event in events {
        apply(&mut intent, event);
    }
    intent
}

/// Returns the steps that were begun, each with the state of its last run.
fn steps(events: &[Event], cursor: Option<&Cursor>) -> Vec<StepRun> {
    let mut found: Vec<StepRun> = Vec::new();
    for event in events {
        match &event.body {
            EventBody::Waiting(waiting) => {
                if let Some(step) = &waiting.step {
                    set(&mut found, step, StepState::Running);
                }
            }
            EventBody::InProgress { step: Some(step), result, details, .. } => {
                let failed = details.string("step_outcome").is_some_and(|outcome| outcome == "failed");
                let state = match (result, failed) {
                    (None, _) | (Some(_), true) => StepState::Failed,
                    (Some(_), false) => StepState::Done,
                };
                set(&mut found, step, state);
            }
            EventBody::Timeout { step } => set(&mut found, step, StepState::Failed),
            EventBody::Completed { .. } => end_last(&mut found, StepState::Done),
            EventBody::Failed { .. } | EventBody::Canceled { .. } | EventBody::TimedOut => {
                end_last(&mut found, StepState::Failed);
            }
            _ => {}
        }
    }
    found.retain(|_| cursor.is_some());
    found
}

fn set(steps: &mut Vec<StepRun>, step: &str, state: StepState) {
    match steps.iter_mut().find(|run| run.step == step) {
        Some(run) => run.state = state,
        None => steps.push(StepRun { step: step.to_owned(), state }),
    }
}

/// Ends the step that was running when the intent ended.
fn end_last(steps: &mut [StepRun], state: StepState) {
    for run in steps.iter_mut().filter(|run| run.state == StepState::Running) {
        run.state = state;
    }
}

fn children(events: &[Event]) -> Vec<(String, IntentId)> {
    let mut found = Vec::new();
    for event in events {
        if let EventBody::Waiting(waiting) = &event.body
            && let (Some(step), Some(child)) = (&waiting.step, waiting.child)
            && !found.iter().any(|(_, known)| *known == child)
        {
            found.push((step.clone(), child));
        }
    }
    found
}
