//! Links to tasks: a person answers one task with one, without a key. Made for mail, and for whoever embeds a form.
//!
//! Looking changes nothing. An answer consumes the link in the transaction that records it, and only when it was accepted.

use axme_api::{ApiError, ErrorKind};
use axme_intent::human::{Via, is_same_person};
use axme_intent::lifecycle::{EventBody, IntentSpec};
use axme_intent::{HumanTask, Object, Status, TaskResult, Time};

use serde_json::json;

use super::resume::answer_as_person;
use crate::auth::{Bearer, Caller, Role, membership};
use crate::context::CallContext;
use crate::error::{Result, StoreError};
use crate::policy::guards::is_asked;
use crate::{auth, engine};
use axme_store::intents::Head;
use axme_store::links::{Link, LinkHome};
use axme_store::{Tx, intents, links as store};

/// How long a link is valid at the most (contract `semantics.md` §2.5).
pub(crate) const DAYS: u64 = 7;

const PREFIX: &str = "axt_";
/// Events read to say how a task ended.
const MOST_EVENTS: i64 = 1_000;

/// A link as it is handed out: the token is shown once.
pub struct NewLink {
    pub token: String,
    pub link: Link,
}

/// Whom a link is for, and how its answers come.
pub struct LinkRequest<'a> {
    pub person: &'a str,
    pub via: Via,
    /// Who asks for it, where that is not the platform.
    pub issued_by: Option<&'a str>,
}

/// Makes a link to the task that waits.
pub fn make(tx: &mut Tx<'_>, workspace: uuid::Uuid, head: &Head, request: &LinkRequest<'_>) -> Result<NewLink> {
    let rng = tx.rng;
    let now = tx.now;
    let waiting = head.intent.waiting().filter(|_| head.intent.open_task().is_some());
    let waiting = waiting.ok_or_else(|| {
        let message = format!("the intent waits for no person: it is {}", head.intent.status().as_str());
        ApiError::new(ErrorKind::Conflict, "not_waiting_for_human", message)
    })?;
    let token = format!("{PREFIX}{}", rng.hex::<32>());
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

/// Until when a link is good as things stand: its time, the task's, or the intent's, whichever ends first.
pub fn ends_at(link: &Link, head: &Head, spec: &IntentSpec) -> Time {
    head.intent.due_at(spec.deadline_at).map_or(link.expires_at, |due_at| due_at.min(link.expires_at))
}

/// The page with the form (contract `semantics.md` §2.5).
pub fn url(base_url: &str, new: &NewLink) -> String {
    format!("{base_url}/app/tasks/{}?token={}", new.link.intent, new.token)
}

/// Where a link leads.
pub enum LinkState {
    /// No such link, or one that was forgotten.
    Unknown,
    /// It can be answered.
    Open(Box<LinkedTask>),
    /// It cannot any more.
    Ended(LinkEnd),
}

/// The task behind a link.
pub struct LinkedTask {
    pub link: Link,
    pub head: Head,
    pub spec: IntentSpec,
}

impl LinkedTask {
    pub fn task(&self) -> &HumanTask {
        static NONE: std::sync::OnceLock<HumanTask> = std::sync::OnceLock::new();
        self.head.intent.open_task().unwrap_or_else(|| NONE.get_or_init(HumanTask::untitled))
    }
}

/// Why a link is of no use any more.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEnd {
    /// The person is no member here any more.
    Left,
    Expired {
        at: Time,
    },
    /// With this very link.
    Used {
        outcome: String,
        at: Time,
    },
    Answered {
        by: String,
        outcome: String,
        at: Time,
    },
    /// This person said yes already; others have to as well.
    Voted,
    /// Somebody else has the task now.
    PassedOn,
    /// The intent ended, or went on, without this answer.
    Ended {
        status: Status,
    },
}

impl LinkEnd {
    /// In a sentence for the person.
    pub fn sentence(&self) -> String {
        match self {
            LinkEnd::Left => "This link is for somebody who is no longer a member here.".to_owned(),
            LinkEnd::Expired { at } => format!("This link was valid until {}.", at.in_minutes()),
            LinkEnd::Used { outcome, at } => format!("You answered “{outcome}” with this link at {}.", at.in_minutes()),
            LinkEnd::Answered { by, outcome, at } => format!("{by} answered “{outcome}” at {}.", at.in_minutes()),
            LinkEnd::Voted => "You said yes to this already. Others have to answer as well.".to_owned(),
            LinkEnd::PassedOn => "The task was given to somebody else, who can answer it now.".to_owned(),
            LinkEnd::Ended { status } => {
                format!("Nobody has to answer any more: the intent is {} now.", status.as_str())
            }
        }
    }

    fn refuse(&self) -> ApiError {
        let (kind, code) = match self {
            LinkEnd::Left => (ErrorKind::Gone, "no_longer_a_member"),
            LinkEnd::Expired { .. } => (ErrorKind::Gone, "link_expired"),
            LinkEnd::Used { .. } => (ErrorKind::Conflict, "link_used"),
            LinkEnd::Answered { .. } | LinkEnd::Voted => (ErrorKind::Conflict, "already_answered"),
            LinkEnd::PassedOn => (ErrorKind::Conflict, "passed_on"),
            LinkEnd::Ended { .. } => (ErrorKind::Conflict, "not_waiting_for_human"),
        };
        ApiError::new(kind, code, self.sentence())
    }
}

/// Says where the link with this token leads. Changes nothing.
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
        return Ok(LinkState::Ended(LinkEnd::Used { outcome, at }));
    }
    let waiting = head.intent.waiting().filter(|_| head.intent.open_task().is_some());
    let Some(waiting) = waiting.filter(|waiting| waiting.asking == link.asking) else {
        return Ok(LinkState::Ended(how_it_ended(tx, &link, &head)?));
    };
    if waiting.votes.iter().any(|vote| is_same_person(&vote.by, &link.person)) {
        return Ok(LinkState::Ended(LinkEnd::Voted));
    }
    // Mailed to somebody whose part was given to another since.
    if link.via == Via::Email && !is_asked(&head, &link.person) {
        return Ok(LinkState::Ended(LinkEnd::PassedOn));
    }
    let spec = intents::spec(tx, link.workspace, link.intent)?;
    let at = ends_at(&link, &head, &spec);
    if now >= at {
        return Ok(LinkState::Ended(LinkEnd::Expired { at }));
    }
    Ok(LinkState::Open(Box::new(LinkedTask { link, head, spec })))
}

/// What became of the asking that the link was made for: the first thing after it that ends an asking.
fn how_it_ended(tx: &mut Tx<'_>, link: &Link, head: &Head) -> Result<LinkEnd> {
    let events = intents::list_events(tx, link.workspace, link.intent, link.asking.into(), MOST_EVENTS)?;
    let ended = events.iter().find_map(|event| match &event.body {
        EventBody::InProgress { details, .. } => Some(match details.get("task_result") {
            Some(result) => LinkEnd::Answered {
                by: event.actor.clone(),
                outcome: result["outcome"].as_str().unwrap_or_default().to_owned(),
                at: event.at,
            },
            None => LinkEnd::Ended { status: head.intent.status() },
        }),
        EventBody::Transferred { is_part: false, .. } => Some(LinkEnd::PassedOn),
        _ => None,
    });
    Ok(ended.unwrap_or(LinkEnd::Ended { status: head.intent.status() }))
}

/// What an answer did.
pub struct AnswerOutcome {
    pub head: Head,
    pub outcome: String,
}

/// Answers the task behind a link, under the task's rules. A refused answer leaves the link as it is. The same answer once
/// more, when the reply to the first was lost, is answered alike.
pub fn answer(tx: &mut Tx<'_>, token: &str, answer: &TaskResult) -> Result<AnswerOutcome> {
    let now = tx.now;
    let unknown = || ApiError::not_found("the link");
    let (link, place) = store::find(tx, &auth::hash(token))?.ok_or_else(unknown)?;
    let caller = person(&link, place);
    let mut cx = CallContext::new(tx, &caller, link.via);
    let head = engine::lock(cx.tx, cx.caller.workspace, link.intent)?;
    // Read again under the lock: two may answer with one link at the same moment.
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
    let LinkedTask { link, head, spec } = *asked;
    // The words of the answer, as the task has them; what is wrong with it is said when it is sent.
    let recorded = head.intent.open_task().and_then(|task| task.check(answer).ok());
    let advanced = answer_as_person(&mut cx, head, &spec, answer.clone())?;
    let outcome = recorded.and_then(|(record, _)| record["outcome"].as_str().map(str::to_owned)).unwrap_or_default();
    if let Some(issuer) = &link.issued_by {
        let line = json!({ "person": link.person, "issued_by": issuer });
        cx.audit("tasks.answered_by_link", &link.intent.to_string(), &line)?;
    }
    store::mark_used(cx.tx, &link, &outcome, now)?;
    Ok(AnswerOutcome { head: advanced.head, outcome })
}

/// Whoever holds a link, as a caller: they may answer its task and nothing else.
fn person(link: &Link, place: LinkHome) -> Caller {
    Caller {
        workspace: link.workspace,
        workspace_slug: place.workspace_slug,
        org: place.org,
        org_slug: place.org_slug,
        service_account_id: String::new(),
        key_id: None,
        role: Role::Agent,
        address: None,
        owner: link.person.clone(),
        bearer: Bearer::None,
        is_login: false,
    }
}

/// What the steps before answered, by step, for whoever decides.
pub fn results(asked: &LinkedTask) -> Object {
    asked.head.intent.cursor.as_ref().map(|cursor| cursor.results.clone()).unwrap_or_default()
}

/// The history of the intent behind a link.
pub fn history(tx: &mut Tx<'_>, link: &Link) -> Result<Vec<axme_intent::Event>, StoreError> {
    intents::list_events(tx, link.workspace, link.intent, 0, MOST_EVENTS)
}
