//! What decisions have people and chats told: notices, which a worker sends after the commit.

use axme_intent::human::is_same_person;
use axme_intent::lifecycle::{Birth, Occasion};
use axme_intent::workflow::{self, Notice as Told, Target};
use axme_intent::{Address, IntentId, Plan, template};
use serde_json::{Value, json};

use super::{Desk, GATEWAY};
use crate::error::StoreError;
use crate::store::inbox::{self, Entry};
use crate::store::intents::Head;
use crate::store::notices::{self, Notice};
use crate::wakeups::Signal;

/// The queue of all mail: there is one server for it.
pub const MAIL_QUEUE: &str = "mail";

const MAX_SUBJECT_CHARS: usize = 200;

/// Notices of one intent, all in all: a workflow that goes in circles must not flood anybody.
const MOST_NOTICES: i64 = 500;

/// Has people mailed about the task that waits.
pub fn mail(desk: &mut Desk<'_, '_>, head: &Head, about: Occasion, to: &[String]) -> Result<(), StoreError> {
    let Some(waiting) = head.intent.waiting() else { return Ok(()) };
    let content = json!({ "about": about, "asking": waiting.asking });
    for person in to {
        insert(desk, head.intent.id, &Target::Email(person.clone()), content.clone())?;
    }
    Ok(())
}

/// Has the targets of a step told.
pub fn notify(desk: &mut Desk<'_, '_>, head: &Head, plan: &Plan, birth: &Birth, step: &str) -> Result<(), StoreError> {
    let notice = plan.step(step).and_then(|step| step.notice());
    let notice = notice.ok_or_else(|| StoreError::Fault(format!("step {step} tells nothing")))?;
    let (subject, body) = write(notice, head, plan, birth, step);
    // Whoever is asked gets a mail of their own, with a link.
    let asked = head.intent.asked();
    let is_mailed = |person: &String| asked.iter().any(|asked| is_same_person(asked, person));
    for target in &notice.targets {
        match target {
            Target::Email(person) if is_mailed(person) => {}
            Target::Inbox(owner) => write_to_inbox(desk, head.intent.id, owner, &subject, &body)?,
            _ => insert(desk, head.intent.id, target, json!({ "subject": subject, "body": body }))?,
        }
    }
    Ok(())
}

/// The subject, in one line, and the body of what a step tells.
fn write(notice: &Told, head: &Head, plan: &Plan, birth: &Birth, step: &str) -> (String, String) {
    let empty = axme_intent::Object::new();
    let results = head.intent.cursor.as_ref().map_or(&empty, |cursor| &cursor.results);
    let context = workflow::notice_context(&head.intent.id.to_string(), birth, plan, step, results);
    let subject = template::render(&notice.subject, &context);
    let words: Vec<&str> = subject.split_whitespace().collect();
    let subject = words.join(" ").chars().take(MAX_SUBJECT_CHARS).collect();
    (subject, template::render(&notice.body, &context))
}

fn insert(desk: &mut Desk<'_, '_>, intent: IntentId, target: &Target, content: Value) -> Result<(), StoreError> {
    if notices::count(desk.tx, desk.workspace, intent)? >= MOST_NOTICES {
        tracing::warn!(%intent, "this intent has told people {MOST_NOTICES} times, which is the most");
        return Ok(());
    }
    let queue = match target {
        Target::Email(_) => MAIL_QUEUE.to_owned(),
        other => reqwest::Url::parse(other.to())
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "nowhere".to_owned()),
    };
    let notice = Notice {
        workspace: desk.workspace,
        id: desk.rng.uuid_at(desk.now),
        intent: Some(intent),
        queue,
        channel: target.channel().to_owned(),
        recipient: target.to().to_owned(),
        content,
        created_at: desk.now,
    };
    notices::insert(desk.tx, &notice)?;
    desk.tx.signal(Signal::notices());
    Ok(())
}

/// A message from the platform in the thread of the intent, which the owner gets.
fn write_to_inbox(
    desk: &mut Desk<'_, '_>,
    intent: IntentId,
    owner: &str,
    subject: &str,
    body: &str,
) -> Result<(), StoreError> {
    let owner = Address::of_person(owner);
    inbox::join(desk.tx, desk.workspace, &owner, intent, false, desk.now)?;
    inbox::touch(desk.tx, desk.workspace, intent)?;
    let entry = Entry {
        id: desk.rng.uuid_at(desk.now),
        kind: "reply".to_owned(),
        actor: GATEWAY.to_owned(),
        at: desk.now,
        details: json!({ "message": format!("{subject}\n\n{body}") }),
    };
    inbox::add(desk.tx, desk.workspace, intent, &entry)?;
    Ok(())
}
