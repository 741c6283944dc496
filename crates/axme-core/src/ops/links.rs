//! Task links: each lets a person answer one task without a key, from a mail or an embedded form.
//!
//! Opening a link changes nothing. An accepted answer consumes the link in the transaction that records it.

use axme_api::{ApiError, ErrorCode};
use axme_intent::human::{Via, is_same_person, person_key};
use axme_intent::lifecycle::{EventBody, IntentSpec};
use axme_intent::receipt::Receipt;
use axme_intent::{HumanTask, Intent, IntentId, JsonFields, Outcome, Status, TaskResult, Time, outcome};
use axme_words::{Language, say};

use serde_json::json;
use uuid::Uuid;

use super::receipts::MAX_RECEIPTS;
use super::resume::answer_as_person;
use super::second_thoughts::{ask_as_person, has_open_vote, withdraw_as_person};
use crate::auth::{Caller, Role, membership};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::policy::askees::{self, asks};
use crate::{auth, engine};
use axme_store::intents::Head;
use axme_store::links::{Link, LinkHome};
use axme_store::{Tx, groups, intents, links as store, receipts};

/// Maximum validity of a link (`spec/protocol.md` §5.7).
pub(crate) const DAYS: u64 = 7;

pub const TOKEN_PREFIX: &str = "axt_";
/// Maximum events read to show a history, or to find out how a task ended.
const MAX_EVENTS: i64 = 1_000;

/// A new link with its token, which is shown only once.
pub struct NewLink {
    pub token: String,
    pub link: Link,
}

/// The person that a link is for, and the channel of its answers.
pub struct LinkRequest<'a> {
    pub person: &'a str,
    pub via: Via,
    /// The caller that requests the link; `None` for the platform.
    pub issued_by: Option<&'a str>,
}

/// Creates a link to the waiting task.
pub fn make(tx: &mut Tx<'_>, workspace: uuid::Uuid, head: &Head, request: &LinkRequest<'_>) -> Result<NewLink> {
    let rng = tx.rng;
    let now = tx.now;
    let waiting = head.intent.waiting().filter(|_| head.intent.open_task().is_some());
    let waiting = waiting.ok_or_else(|| {
        let message =
            format!("the intent is not waiting for a person; its status is {}", head.intent.status().as_str());
        ApiError::new(ErrorCode::NotWaitingForHuman, message)
    })?;
    let token = format!("{TOKEN_PREFIX}{}", rng.hex::<32>());
    let link = Link {
        workspace,
        hash: auth::hash(&token).to_vec(),
        intent: head.intent.id,
        asking: waiting.asking,
        person: request.person.to_owned(),
        via: request.via,
        issued_by: request.issued_by.map(str::to_owned),
        created_at: now,
        expires_at: now.plus_seconds(DAYS * 86_400),
        used_at: None,
        outcome: None,
    };
    store::insert(tx, &link)?;
    Ok(NewLink { token, link })
}

/// Returns when a link ends: the earliest of its own expiry and the deadlines of the task and the intent.
pub fn ends_at(link: &Link, head: &Head, spec: &IntentSpec) -> Time {
    head.intent.due_at(spec.deadline_at).map_or(link.expires_at, |due_at| due_at.min(link.expires_at))
}

/// Returns the URL of the page with the form (`spec/protocol.md` §5.7).
pub fn url(base_url: &str, new: &NewLink) -> String {
    format!("{base_url}/app/tasks/{}?token={}", new.link.intent, new.token)
}

/// The state of a link.
pub enum LinkState {
    /// The link does not exist, or was deleted.
    Unknown,
    /// The task can be answered.
    Open(Box<LinkedTask>),
    /// The link can no longer be used.
    Ended(LinkEnd),
}

/// The task behind a link.
pub struct LinkedTask {
    pub link: Link,
    pub head: Head,
    pub spec: IntentSpec,
    /// The absent people in whose place the person of the link may answer.
    pub stands_in_for: Vec<String>,
}

impl LinkedTask {
    pub fn task(&self) -> &HumanTask {
        static NONE: std::sync::OnceLock<HumanTask> = std::sync::OnceLock::new();
        self.head.intent.open_task().unwrap_or_else(|| NONE.get_or_init(HumanTask::untitled))
    }
}

/// Why a link can no longer be used.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEnd {
    /// The person is no longer a member.
    Left,
    Expired {
        at: Time,
    },
    /// The task was answered with this link.
    Used {
        workspace: Uuid,
        person: String,
        outcome: String,
        at: Time,
        /// The title of the task.
        title: String,
        /// The intent as it is now.
        intent: Box<Intent>,
        /// The answer is a yes that can still be withdrawn.
        is_open: bool,
        comment: String,
        /// The number of the receipt; `None` for an answer from before there were receipts.
        receipt: Option<Uuid>,
    },
    Answered {
        by: String,
        outcome: String,
        at: Time,
    },
    /// This person has approved already; other approvals are needed.
    Voted,
    /// The deputy of this person has approved in their place; other approvals are needed.
    VotedByDeputy {
        by: String,
    },
    /// The task was reassigned.
    PassedOn,
    /// The intent ended or went on without this answer.
    Ended {
        status: Status,
        outcome: Option<Outcome>,
    },
}

impl LinkEnd {
    /// Returns a sentence for the person.
    pub fn sentence(&self, language: Language) -> String {
        let say = |id: &'static str| say(language, id);
        // The API names an outcome by its word.
        let outcome_of = |word: &str| match language {
            Language::English => word.to_owned(),
            _ => outcome::word(language, word),
        };
        let sentence = match self {
            LinkEnd::Left => say("link-of-former-member"),
            LinkEnd::Expired { at } => say("link-valid-until").with("at", at),
            LinkEnd::Used { outcome, at, title, .. } => {
                say("link-used").with("outcome", outcome_of(outcome)).with("title", title).with("at", at)
            }
            LinkEnd::Answered { by, outcome, at } => {
                say("link-answered-by").with("name", by).with("outcome", outcome_of(outcome)).with("at", at)
            }
            LinkEnd::Voted => say("link-voted"),
            LinkEnd::VotedByDeputy { by } => say("link-voted-by-deputy").with("name", by),
            LinkEnd::PassedOn => say("link-passed-on"),
            LinkEnd::Ended { outcome: Some(outcome), .. } if outcome.kind.is_decision() => {
                say("link-decided").with("outcome", outcome.sentence(language))
            }
            LinkEnd::Ended { status, .. } => match status {
                Status::Completed => say("link-ended-completed"),
                Status::Failed => say("link-ended-failed"),
                Status::Canceled => say("link-ended-canceled"),
                Status::TimedOut => say("link-ended-timed-out"),
                _ => say("link-ended-moved-on"),
            },
        };
        sentence.into()
    }

    fn refuse(&self) -> ApiError {
        let code = match self {
            LinkEnd::Left => ErrorCode::LinkRevoked,
            LinkEnd::Expired { .. } => ErrorCode::LinkExpired,
            LinkEnd::Used { .. } => ErrorCode::LinkUsed,
            LinkEnd::Answered { .. } | LinkEnd::Voted | LinkEnd::VotedByDeputy { .. } => ErrorCode::AlreadyAnswered,
            LinkEnd::PassedOn => ErrorCode::PassedOn,
            LinkEnd::Ended { .. } => ErrorCode::NotWaitingForHuman,
        };
        ApiError::new(code, self.sentence(Language::English))
    }
}

/// Returns the state of the link with this token. Changes nothing.
pub fn look(tx: &mut Tx<'_>, token: &str) -> Result<LinkState> {
    match store::find(tx, &auth::hash(token))? {
        None => Ok(LinkState::Unknown),
        Some((link, _)) => {
            let head = intents::find(tx, link.workspace, link.intent)?;
            stand(tx, link, head)
        }
    }
}

fn stand(tx: &mut Tx<'_>, link: Link, head: Option<Head>) -> Result<LinkState> {
    let now = tx.now;
    let Some(head) = head else { return Ok(LinkState::Unknown) };
    if membership::has_left(tx, link.workspace, &link.person)? {
        return Ok(LinkState::Ended(LinkEnd::Left));
    }
    if let (Some(at), Some(outcome)) = (link.used_at, link.outcome.clone()) {
        let title = title_of(tx, link.workspace, link.intent, link.asking)?;
        let is_open = has_vote(&link, &head);
        let (receipt, comment) = receipt_of(tx, &link, at)?.unzip();
        return Ok(LinkState::Ended(LinkEnd::Used {
            workspace: link.workspace,
            person: link.person,
            outcome,
            at,
            title,
            intent: Box::new(head.intent),
            is_open,
            comment: comment.unwrap_or_default(),
            receipt,
        }));
    }
    let waiting = head.intent.waiting().filter(|_| head.intent.open_task().is_some());
    let Some(waiting) = waiting.filter(|waiting| waiting.asking == link.asking) else {
        return Ok(LinkState::Ended(how_it_ended(tx, link.workspace, &head, link.asking)?));
    };
    if let Some(vote) = waiting.votes.iter().find(|vote| vote.is_of(&link.person)) {
        let is_own = is_same_person(&vote.by, &link.person);
        let end = if is_own { LinkEnd::Voted } else { LinkEnd::VotedByDeputy { by: vote.by.clone() } };
        return Ok(LinkState::Ended(end));
    }
    // The link was mailed to a person whose part was reassigned since.
    let must_be_asked =
        matches!(link.via, Via::Email | Via::Inbox) || head.intent.open_task().is_some_and(HumanTask::is_guarded);
    if must_be_asked && !asks(tx, link.workspace, &head, &link.person)? {
        return Ok(LinkState::Ended(LinkEnd::PassedOn));
    }
    let spec = intents::spec(tx, link.workspace, link.intent)?;
    let at = ends_at(&link, &head, &spec);
    if now >= at {
        return Ok(LinkState::Ended(LinkEnd::Expired { at }));
    }
    let stands_in_for = askees::stands_in_for(tx, link.workspace, &head, &spec, &link.person)?;
    Ok(LinkState::Open(Box::new(LinkedTask { link, head, spec, stands_in_for })))
}

/// True if the asking of a link has a yes of its person, and waits for others.
fn has_vote(link: &Link, head: &Head) -> bool {
    head.intent.waiting().is_some_and(|waiting| waiting.asking == link.asking) && has_open_vote(head, &link.person)
}

/// Returns the title of the task of an asking.
fn title_of(tx: &mut Tx<'_>, workspace: Uuid, intent: IntentId, asking: u32) -> Result<String, StoreError> {
    // The event after the one that began the asking has the task; a reassignment keeps the task. A person who replaces an
    // agent gets their task with a later escalation.
    let until = asking + 1;
    let (mut title, mut after) = (String::new(), 0);
    loop {
        let events = intents::list_events(tx, workspace, intent, after, MAX_EVENTS)?;
        let Some(last) = events.last().map(|event| event.position) else { return Ok(title) };
        for event in events {
            match event.body {
                EventBody::HumanTaskAssigned { task, .. } if event.position <= until => title = task.title,
                _ if event.position > until && !title.is_empty() => return Ok(title),
                EventBody::Escalated { task: Some(task), .. } if event.position > until => return Ok(task.title),
                _ => {}
            }
        }
        after = last.into();
    }
}

/// A task that no longer needs the answer of a person.
pub struct CalledOff {
    pub title: String,
    pub why: LinkEnd,
    pub spec: IntentSpec,
}

/// Returns why a person's answer to an asking is no longer needed; `None` if it is needed, or if the person has answered.
pub fn called_off(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    intent: IntentId,
    asking: u32,
    person: &str,
) -> Result<Option<CalledOff>> {
    let Some(head) = intents::find(tx, workspace, intent)? else { return Ok(None) };
    let is_waiting = head.intent.waiting().is_some_and(|waiting| waiting.asking == asking);
    let why = match is_waiting && head.intent.open_task().is_some() {
        true if asks(tx, workspace, &head, person)? => return Ok(None),
        true => LinkEnd::PassedOn,
        false => how_it_ended(tx, workspace, &head, asking)?,
    };
    if matches!(&why, LinkEnd::Answered { by, .. } if is_same_person(by, person)) {
        return Ok(None);
    }
    let title = title_of(tx, workspace, intent, asking)?;
    Ok(Some(CalledOff { title, why, spec: intents::spec(tx, workspace, intent)? }))
}

/// Finds out how an asking ended, from the first later event that ends one.
fn how_it_ended(tx: &mut Tx<'_>, workspace: Uuid, head: &Head, asking: u32) -> Result<LinkEnd> {
    let events = intents::list_events(tx, workspace, head.intent.id, asking.into(), MAX_EVENTS)?;
    let without = || LinkEnd::Ended { status: head.intent.status(), outcome: head.intent.outcome() };
    let ended = events.iter().find_map(|event| match &event.body {
        EventBody::InProgress { details, .. } => Some(match details.get("task_result") {
            Some(result) => LinkEnd::Answered {
                by: event.actor.clone(),
                outcome: result.field("outcome").and_then(|outcome| outcome.string()).unwrap_or_default(),
                at: event.at,
            },
            None => without(),
        }),
        EventBody::Transferred { is_part: false, .. } => Some(LinkEnd::PassedOn),
        _ => None,
    });
    Ok(ended.unwrap_or_else(without))
}

/// Returns the number of the receipt of an answer that was given with the link, and the comment in it.
fn receipt_of(tx: &mut Tx<'_>, link: &Link, answered_at: Time) -> Result<Option<(Uuid, String)>> {
    let person = person_key(&link.person);
    let receipts = receipts::list(tx, link.workspace, link.intent, MAX_RECEIPTS)?;
    let own = receipts.into_iter().find(|one| one.decided_by == person && one.created_at == answered_at);
    let comment = |body: &str| serde_json::from_str::<Receipt>(body).ok().and_then(|body| body.comment);
    Ok(own.map(|receipt| (receipt.id, comment(&receipt.body).unwrap_or_default())))
}

/// The intent after an answer, and the recorded outcome.
pub struct AnswerOutcome {
    pub head: Head,
    pub outcome: String,
}

/// Answers the task behind a link, under the task's rules. A refused answer leaves the link valid. Repeating the same
/// answer returns the same outcome, because the first reply may have been lost.
pub fn answer(tx: &mut Tx<'_>, token: &str, answer: &TaskResult) -> Result<AnswerOutcome> {
    let now = tx.now;
    let unknown = || ApiError::not_found("link");
    let (link, place) = store::find(tx, &auth::hash(token))?.ok_or_else(unknown)?;
    let mut caller = person(&link, place);
    caller.groups = groups::addresses_of(tx, link.workspace, &link.person)?;
    let mut cx = CallContext::new(tx, &caller, link.via);
    let head = engine::lock(cx.tx, cx.caller.workspace, link.intent)?;
    // Read the link again under the lock: another answer may have used it meanwhile.
    let (link, _) = store::find(cx.tx, &link.hash)?.ok_or_else(unknown)?;
    let asked = match stand(cx.tx, link, head)? {
        LinkState::Unknown => return Err(unknown().into()),
        LinkState::Open(asked) => asked,
        LinkState::Ended(LinkEnd::Used { outcome, .. }) if answer.outcome.as_deref() == Some(&outcome) => {
            let (link, _) = store::find(cx.tx, &auth::hash(token))?.ok_or_else(unknown)?;
            let head = intents::find(cx.tx, link.workspace, link.intent)?.ok_or_else(unknown)?;
            return Ok(AnswerOutcome { head, outcome });
        }
        LinkState::Ended(over) => return Err(over.refuse().into()),
    };
    let LinkedTask { link, head, spec, .. } = *asked;
    // The outcome as the task spells it. `answer_as_person` reports what is wrong with an answer.
    let recorded = head.intent.open_task().and_then(|task| task.check(answer).ok());
    let advanced = answer_as_person(&mut cx, head, &spec, answer.clone())?;
    let outcome = recorded.and_then(|(record, _)| record.string("outcome")).unwrap_or_default();
    if let Some(issuer) = &link.issued_by {
        let line = json!({ "person": link.person, "issued_by": issuer });
        cx.audit("tasks.answered_by_link", &link.intent.to_string(), &line)?;
    }
    store::mark_used(cx.tx, &link, &outcome, now)?;
    Ok(AnswerOutcome { head: advanced.head, outcome })
}

/// Asks the requester through a link, which stays valid.
pub fn ask(tx: &mut Tx<'_>, token: &str, text: &str) -> Result<Head> {
    let unknown = || ApiError::not_found("link");
    let (link, place) = store::find(tx, &auth::hash(token))?.ok_or_else(unknown)?;
    let mut caller = person(&link, place);
    caller.groups = groups::addresses_of(tx, link.workspace, &link.person)?;
    let mut cx = CallContext::new(tx, &caller, link.via);
    let head = engine::lock(cx.tx, cx.caller.workspace, link.intent)?;
    match stand(cx.tx, link, head)? {
        LinkState::Unknown => Err(unknown().into()),
        LinkState::Ended(over) => Err(over.refuse().into()),
        LinkState::Open(asked) => {
            let LinkedTask { head, spec, .. } = *asked;
            Ok(ask_as_person(&mut cx, head, &spec, text)?.head)
        }
    }
}

/// Withdraws the yes of the link's person. A link that gave it can be used again.
pub fn withdraw(tx: &mut Tx<'_>, token: &str, comment: Option<&str>) -> Result<Head> {
    let unknown = || ApiError::not_found("link");
    let (link, place) = store::find(tx, &auth::hash(token))?.ok_or_else(unknown)?;
    let caller = person(&link, place);
    let mut cx = CallContext::new(tx, &caller, link.via);
    let head = engine::lock(cx.tx, cx.caller.workspace, link.intent)?.ok_or_else(unknown)?;
    // Read the link again under the lock: another call may have used it meanwhile.
    let (link, _) = store::find(cx.tx, &link.hash)?.ok_or_else(unknown)?;
    if membership::has_left(cx.tx, link.workspace, &link.person)? {
        return Err(LinkEnd::Left.refuse().into());
    }
    if !has_vote(&link, &head) && head.intent.open_task().is_some() {
        let message = "this link has no yes that could be withdrawn";
        return Err(ApiError::new(ErrorCode::NothingToWithdraw, message).into());
    }
    let advanced = withdraw_as_person(&mut cx, head, comment)?;
    store::reopen(cx.tx, &link)?;
    Ok(advanced.head)
}

/// The holder of a link as a caller, who may answer its task and nothing else.
fn person(link: &Link, place: LinkHome) -> Caller {
    Caller {
        workspace: link.workspace,
        workspace_slug: place.workspace_slug,
        org: place.org,
        org_slug: place.org_slug,
        role: Role::Agent,
        owner: link.person.clone(),
        is_link: true,
        ..Caller::anonymous()
    }
}

/// Returns the results of earlier steps, by step, for the person who decides.
pub fn results(asked: &LinkedTask) -> JsonFields {
    asked.head.intent.cursor.as_ref().map(|cursor| cursor.results.clone()).unwrap_or_default()
}

/// Returns the history of the intent behind a link.
pub fn history(tx: &mut Tx<'_>, link: &Link) -> Result<Vec<axme_intent::Event>, StoreError> {
    intents::list_events(tx, link.workspace, link.intent, 0, MAX_EVENTS)
}
