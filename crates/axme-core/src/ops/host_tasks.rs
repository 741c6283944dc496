//! The task that a host of the Model Context Protocol shows to its person as a form (`spec/protocol.md` §7.9).
//!
//! Only a task that asks the person is shown, and only where the person's client may decide it. The transaction that
//! records the answer checks this again, and that the person was shown the asking that still waits.

use axme_api::{ApiError, ErrorCode};
use axme_intent::facts::{self, Fact};
use axme_intent::human::Via;
use axme_intent::lifecycle::IntentSpec;
use axme_intent::{HumanTask, IntentId, TaskResult};
use axme_store::Tx;
use axme_store::intents::{self, Head};
use axme_words::Language;

use super::requester::{self, Requester};
use super::resume::answer_as_person;
use crate::auth::Caller;
use crate::context::CallContext;
use crate::engine::intent_access::{check_is_no_task_elsewhere, find_readable, lock_answerable};
use crate::error::Result;
use crate::policy::guards::{check_answers, check_may_decide_here, is_asked, standing};
use crate::request::Edge;

/// A waiting task with what its form shows.
pub struct HostTask {
    pub task: HumanTask,
    pub head: Head,
    pub spec: IntentSpec,
    pub requester: Requester,
}

impl HostTask {
    /// The number of this asking. An intent that asks again has another one.
    pub fn asking(&self) -> u32 {
        self.head.intent.waiting().map_or(0, |waiting| waiting.asking)
    }

    /// The key facts that the author has chosen, or else the whole payload.
    pub fn facts(&self) -> Vec<Fact> {
        let results = self.head.intent.cursor.as_ref().map(|cursor| cursor.results.clone()).unwrap_or_default();
        let chosen = facts::chosen(&self.task, &self.spec.payload, &results, Language::English);
        match chosen.is_empty() {
            true => facts::every(&self.spec.payload.fields().unwrap_or_default(), Language::English),
            false => chosen,
        }
    }
}

/// Finds the task that an intent asks the caller's person.
///
/// # Errors
/// The intent is unknown to the caller or asks nobody; the task asks other people; or the client may not decide it.
pub fn find(tx: &mut Tx<'_>, caller: &Caller, id: IntentId) -> Result<HostTask> {
    let (owner, head) = find_readable(tx, caller, id)?;
    let Some(task) = head.intent.open_task().cloned() else {
        let message =
            format!("the intent is not waiting for a person; its status is {}", head.intent.status().as_str());
        return Err(ApiError::new(ErrorCode::NotWaitingForHuman, message).into());
    };
    check_is_no_task_elsewhere(caller, owner, &head)?;
    let mut cx = CallContext::new(tx, caller, Via::Assistant).through(Edge::Model);
    check_may_decide_here(&mut cx, owner, &head)?;
    check_answers(caller, &head)?;
    let spec = intents::spec(cx.tx, owner, id)?;
    let standing = standing(&mut cx, owner, &head, &spec)?;
    let is_deputy = !standing.stands_in_for.is_empty();
    if !is_deputy && !caller.person().is_some_and(|person| is_asked(&head, &person.email, &caller.groups)) {
        let message = "this task asks other people: only a person who is asked gets its form at the host";
        return Err(ApiError::new(ErrorCode::NotAsked, message).into());
    }
    if let Some(refusal) = head.intent.bars(&caller.actor(), &standing) {
        return Err(refusal.into());
    }
    let requester = requester::of(tx, owner, &spec, Language::English)?;
    Ok(HostTask { task, head, spec, requester })
}

/// The answer that a person gave in the form of a host.
pub struct HostAnswer {
    pub intent: IntentId,
    /// The number of the asking whose form was shown.
    pub asking: u32,
    /// The program that showed the form, as it names itself.
    pub host: String,
    pub answer: TaskResult,
}

/// Records an answer. Returns the intent as it then is, or `None` if another asking waits now.
///
/// # Errors
/// Fails as [`find`] does, and if the rules of the task refuse the answer.
pub fn answer(tx: &mut Tx<'_>, caller: &Caller, given: &HostAnswer) -> Result<Option<(Head, IntentSpec)>> {
    let cx = CallContext::new(tx, caller, Via::Assistant).through(Edge::Model);
    let mut cx = cx.at_host(Some(given.host.clone()));
    lock_answerable(&mut cx, given.intent)?;
    let task = find(cx.tx, caller, given.intent)?;
    if task.asking() != given.asking {
        return Ok(None);
    }
    let outcome = answer_as_person(&mut cx, task.head, &task.spec, given.answer.clone())?;
    Ok(Some((outcome.head, task.spec)))
}
