//! Writes the content of mails about tasks.

use axme_core::auth::membership;
use axme_core::error::Result;
use axme_core::ops::links::{self, LinkRequest};
use axme_core::ops::requester;
use axme_core::policy::askees::{self, asks};
use axme_core::policy::payload_schemas;
use axme_intent::facts::Fact;
use axme_intent::human::Via;
use axme_intent::lifecycle::{EventBody, Occasion};
use axme_intent::{Event, HumanTask, IntentSpec, facts, prospect, sentences, template};
use axme_store::intents::Head;
use axme_store::notices::Notice;
use axme_store::{Tx, intents};
use axme_words::{Language, say};

use crate::deliver::mail_templates::TaskMail;
use crate::http::{description_html, host};

/// Maximum number of events of a task that a mail about it looks at.
const MAX_EVENTS: i64 = 200;

/// Returns the content of a mail about a task, with a new link. Returns `None` if the task has ended, was asked again
/// or reassigned, or if the recipient has left.
pub(super) fn write_letter(
    tx: &mut Tx<'_>,
    base_url: &str,
    notice: &Notice,
    (about, asking): (Occasion, u32),
    language: Language,
) -> Result<Option<TaskMail>> {
    let Some(intent) = notice.intent else { return Ok(None) };
    let Some(head) = intents::find(tx, notice.workspace, intent)? else { return Ok(None) };
    let is_asking = head.intent.waiting().is_some_and(|waiting| waiting.asking == asking);
    let is_theirs = asks(tx, notice.workspace, &head, &notice.recipient)?;
    let Some(task) = head.intent.open_task().filter(|_| is_asking && is_theirs) else { return Ok(None) };
    if membership::has_left(tx, notice.workspace, &notice.recipient)? {
        tracing::warn!(%intent, "a mail about a task was dropped: the recipient is no longer a member");
        return Ok(None);
    }
    let mut spec = intents::spec(tx, notice.workspace, intent)?;
    spec.payload = payload_schemas::mask(tx, notice.workspace, &head, &spec.payload)?;
    let history = intents::list_events(tx, notice.workspace, intent, i64::from(asking) - 1, MAX_EVENTS)?;
    let requester = requester::of(tx, notice.workspace, &spec, language)?;
    let request = LinkRequest { person: &notice.recipient, via: Via::Email, issued_by: None };
    let link = links::make(tx, notice.workspace, &head, &request)?;
    let told = |event: &Event| sentences::of_event(event, language).filter(|_| concerns_answer(event));
    let absent = askees::stands_in_for(tx, notice.workspace, &head, &spec, &notice.recipient)?;
    let deputy_for = head.intent.seat_of_deputy(&absent).map(str::to_owned).unwrap_or_default();
    Ok(Some(TaskMail {
        language,
        about,
        task: task.clone(),
        history: history.iter().filter_map(told).collect(),
        intent_id: intent.to_string(),
        intent_type: head.intent_type.clone(),
        description_html: task.description.as_deref().map(description_html).unwrap_or_default(),
        requester,
        facts: task_facts(task, &head, &spec, language),
        prospects: prospect::of(&head.intent, &spec, language),
        deputy_for,
        deciders: prospect::deciders(&head.intent, language),
        host: host(base_url),
        url: links::url(base_url, &link),
        expires_at: links::ends_at(&link.link, &head, &spec),
    }))
}

/// Returns the facts that the author has chosen, or else every field of the payload, and the deadline.
fn task_facts(task: &HumanTask, head: &Head, spec: &IntentSpec, language: Language) -> Vec<(String, String)> {
    let results = head.intent.cursor.as_ref().map(|cursor| cursor.results.clone()).unwrap_or_default();
    let mut facts = facts::chosen(task, &spec.payload, &results, language);
    if facts.is_empty() {
        facts = facts::every(&spec.payload.fields().unwrap_or_default(), language);
    }
    // The sender of a payload is not trusted: no value becomes a link in the mail program. The page shows where links lead.
    let row = |fact: Fact| (fact.label, template::unlinked(&fact.value.text(language)));
    let mut rows: Vec<(String, String)> = facts.into_iter().map(row).collect();
    let due = head.intent.due_at(spec.deadline_at);
    rows.extend(due.map(|due| (say(language, "task-answer-by").into(), axme_words::time(language, due))));
    rows
}

/// True for an event that a person who is asked has to know: an answer, a question, a reassignment or an escalation.
fn concerns_answer(event: &Event) -> bool {
    matches!(
        event.body,
        EventBody::Voted { .. }
            | EventBody::Withdrawn { .. }
            | EventBody::Questioned { .. }
            | EventBody::Replied { .. }
            | EventBody::Transferred { .. }
            | EventBody::Escalated { .. }
    )
}
