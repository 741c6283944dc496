//! Notices that decisions cause: messages to people and chats, which a worker sends after the commit. Messages to an
//! inbox are written at once.

use axme_intent::human::{group_name, is_email, is_same_person, person_key};
use axme_intent::lifecycle::{Event, EventBody, IntentSpec, Occasion, Wait};
use axme_intent::workflow::{Notice as Told, Target};
use axme_intent::{Address, IntentId, Plan, template};
use serde_json::{Value, json};
use uuid::Uuid;

use super::GATEWAY;
use crate::error::StoreError;
use crate::policy::askees::{self, asks};
use crate::policy::payload_schemas;
use axme_store::inbox::{self, Entry, EntryKind};
use axme_store::intents::{self, Head};
use axme_store::notices::{self, Notice};
use axme_store::{Signal, Tx, absences, groups};

/// The queue of mail about intents. All mail goes through one mail server.
pub const MAIL_QUEUE: &str = "mail";

const MAX_SUBJECT_CHARS: usize = 200;

/// Maximum number of notices of one intent, so that a workflow with a loop does not flood people.
const MAX_NOTICES: i64 = 500;

/// Records mail to people about the waiting task.
pub fn mail(tx: &mut Tx<'_>, workspace: Uuid, head: &Head, about: Occasion, to: &[String]) -> Result<(), StoreError> {
    let Some(waiting) = head.intent.waiting() else { return Ok(()) };
    // A requester gets no link: the reply needs a sign-in or a key.
    let content = match about {
        Occasion::Questioned => json!({ "question": waiting.questions.len() }),
        _ => json!({ "about": about, "asking": waiting.asking }),
    };
    let has_voted = |person: &String| waiting.votes.iter().any(|vote| vote.is_of(person));
    let is_mailed = |person: &&String| is_email(person) && (about == Occasion::Questioned || !has_voted(person));
    let mut people = with_members(tx, workspace, to)?;
    if about != Occasion::Questioned {
        add_deputies(tx, workspace, head, about, &mut people)?;
    }
    for person in people.iter().filter(is_mailed) {
        insert(tx, workspace, head.intent.id, &Target::Email(person.clone()), content.clone())?;
    }
    Ok(())
}

/// Records a mail to each person who was mailed about a task and whose answer is no longer needed. People who answered
/// get none, and nobody gets two for one mail. The worker sends it only to people whom the earlier mail reached.
pub(super) fn call_off(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    waited: &Wait,
    decision: (&[Event], &str),
) -> Result<(), StoreError> {
    let (events, actor) = decision;
    let asking = waited.asking;
    let goes_on = head.intent.open_task().is_some() && head.intent.waiting().is_some_and(|now| now.asking == asking);
    let is_same_holder =
        head.intent.waiting().is_some_and(|now| now.holder == waited.holder && now.task == waited.task);
    if goes_on && is_same_holder {
        return Ok(());
    }
    let is_passed_on = events.iter().any(|event| matches!(event.body, EventBody::Transferred { .. }));
    let mails = notices::list_mail(tx, workspace, Some(head.intent.id), Uuid::max(), MAX_NOTICES)?;
    let mut told: Vec<String> = Vec::new();
    // Newest first: a person who was mailed again after they were told is told again.
    for mail in mails {
        let of = |key: &str| mail.content[key].as_u64() == Some(asking.into());
        let is_known = told.iter().any(|known| is_same_person(known, &mail.recipient));
        if is_known || !(of("over") || of("asking")) {
            continue;
        }
        let has_answered = is_same_person(&mail.recipient, actor)
            || waited.votes.iter().any(|vote| is_same_person(&vote.by, &mail.recipient));
        let is_asked = (goes_on || is_passed_on) && asks(tx, workspace, head, &mail.recipient)?;
        if of("asking") && !has_answered && !is_asked {
            let target = Target::Email(mail.recipient.clone());
            insert(tx, workspace, head.intent.id, &target, json!({ "over": asking }))?;
        }
        told.push(mail.recipient);
    }
    Ok(())
}

/// Adds the deputies of absent people. A reminder goes to the deputy alone.
fn add_deputies(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    about: Occasion,
    people: &mut Vec<String>,
) -> Result<(), StoreError> {
    for person in people.clone() {
        let now = tx.now;
        if !absences::find(tx, &person_key(&person))?.is_some_and(|absence| absence.is_at(now)) {
            continue;
        }
        let spec = intents::spec(tx, workspace, head.intent.id)?;
        let Some(deputy) = askees::deputy_of(tx, workspace, head, &spec, &person)? else { continue };
        if about == Occasion::Reminded {
            people.retain(|known| *known != person);
        }
        if !people.contains(&deputy) {
            people.push(deputy);
        }
    }
    Ok(())
}

/// Replaces each group by its members. Each person is listed once.
pub(super) fn with_members(tx: &mut Tx<'_>, workspace: Uuid, asked: &[String]) -> Result<Vec<String>, StoreError> {
    let mut people: Vec<String> = Vec::new();
    for name in asked {
        let named = match group_name(name) {
            Some(group) => groups::members(tx, workspace, &group)?,
            None => vec![name.clone()],
        };
        for person in named {
            if !people.iter().any(|known| is_same_person(known, &person)) {
                people.push(person);
            }
        }
    }
    Ok(people)
}

/// Records the notices of a step, one per target.
pub fn notify(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    head: &Head,
    plan: &Plan,
    spec: &IntentSpec,
    step: &str,
) -> Result<(), StoreError> {
    let notice = plan.step(step).and_then(|step| step.notice());
    let notice = notice.ok_or_else(|| StoreError::Fault(format!("step {step} has no notice")))?;
    // A notice leaves the server.
    let payload = payload_schemas::mask(tx, workspace, head, &spec.payload)?;
    let (subject, body) = write(notice, head, plan, &IntentSpec { payload, ..spec.clone() }, step);
    // Assignees of the task get a mail of their own, with a link.
    let asked = head.intent.asked();
    let is_mailed = |person: &String| asked.iter().any(|asked| is_same_person(asked, person));
    let to_sender = if notice.targets.is_empty() { sender(spec) } else { Vec::new() };
    for target in notice.targets.iter().chain(&to_sender) {
        match target {
            Target::Email(person) if is_mailed(person) => {}
            Target::Inbox(owner) => write_to_inbox(tx, workspace, head.intent.id, owner, &subject, &body)?,
            _ => insert(tx, workspace, head.intent.id, target, json!({ "subject": subject, "body": body }))?,
        }
    }
    Ok(())
}

/// Returns the recipients of a notice that names none: the inbox of the sender, and the sender's mail.
fn sender(spec: &IntentSpec) -> Vec<Target> {
    let from = spec.from.as_str();
    let person = from.strip_prefix("user://").unwrap_or(from);
    let mail = is_email(person).then(|| Target::Email(person.to_owned()));
    mail.into_iter().chain([Target::Inbox(from.to_owned())]).collect()
}

/// Renders the subject (one line) and the body of a step's notice.
fn write(notice: &Told, head: &Head, plan: &Plan, spec: &IntentSpec, step: &str) -> (String, String) {
    let empty = axme_intent::JsonFields::new();
    let results = head.intent.cursor.as_ref().map_or(&empty, |cursor| &cursor.results);
    let context = axme_intent::notice_context(&head.intent.id.to_string(), spec, plan, step, results);
    let subject = template::render(&notice.subject, &context);
    let words: Vec<&str> = subject.split_whitespace().collect();
    let subject = words.join(" ").chars().take(MAX_SUBJECT_CHARS).collect();
    (subject, template::render(&notice.body, &context))
}

fn insert(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    intent: IntentId,
    target: &Target,
    content: Value,
) -> Result<(), StoreError> {
    let now = tx.now;
    if notices::count(tx, workspace, intent)? >= MAX_NOTICES {
        tracing::warn!(%intent, "this intent has {MAX_NOTICES} notices, the maximum; dropped another one");
        return Ok(());
    }
    let queue = match target {
        Target::Email(_) => MAIL_QUEUE.to_owned(),
        other => url::Url::parse(other.to())
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "nowhere".to_owned()),
    };
    let notice = Notice {
        workspace,
        id: tx.rng.uuid_at(now),
        intent: Some(intent),
        queue,
        channel: target.channel().to_owned(),
        recipient: target.to().to_owned(),
        content,
        created_at: now,
    };
    notices::insert(tx, &notice)?;
    tx.signal(Signal::notices());
    Ok(())
}

/// Writes a message from the platform into the intent's thread, and gives the thread to the owner.
fn write_to_inbox(
    tx: &mut Tx<'_>,
    workspace: Uuid,
    intent: IntentId,
    owner: &str,
    subject: &str,
    body: &str,
) -> Result<(), StoreError> {
    let now = tx.now;
    let owner = Address::of_person(owner);
    inbox::join(tx, workspace, &owner, intent, false, now)?;
    inbox::touch(tx, workspace, intent)?;
    let entry = Entry {
        id: tx.rng.uuid_at(now),
        kind: EntryKind::Reply,
        actor: GATEWAY.to_owned(),
        at: now,
        details: json!({ "message": format!("{subject}\n\n{body}") }),
    };
    inbox::add(tx, workspace, intent, &entry)?;
    Ok(())
}
