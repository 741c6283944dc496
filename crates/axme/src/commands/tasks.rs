//! `axme tasks`: lists, shows, answers and reassigns tasks (`spec/protocol.md` §3.7, §5).

use axme_client::api::deliveries::{self, DeliveryStatus, DeliveryView, ListDeliveries};
use axme_client::api::intents::{self, EventType, EventView, GetIntent, IntentView, ResumeIntent};
use axme_client::api::tasks::{
    self, AskRequester, LinkTask, ListTasks, ReassignTask, ReplyToQuestion, TaskQuestion, WithdrawAnswer,
};
use axme_client::{ClientError, JsonFields, Status, WaitingReason};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::events::all_events;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::lifecycle::outcome_label;
use crate::output::{day_time, line, local, payload_fields, print_list, truncate};
use crate::picker::{self, Choice, MAX_CHOICES};
use crate::session::Session;
use crate::task_hints::hints;

/// List and answer the tasks that wait for a person
#[derive(Debug, Subcommand)]
pub(crate) enum Tasks {
    /// List the tasks that you may answer, oldest first
    #[command(visible_alias = "ls")]
    List,
    /// Show a task and the commands that answer it
    Get {
        /// Intent id of the task [default: a choice at the terminal]
        #[arg(value_name = "INTENT_ID")]
        intent_id: Option<String>,
    },
    /// Answer a task with "approved"
    ///
    /// A task that has one positive outcome under another name records that outcome.
    #[command(after_help = "Example: axme tasks approve 0197… --comment \"looks good\"")]
    Approve(Answer),
    /// Answer a task with "rejected"
    ///
    /// A task that has one negative outcome under another name records that outcome.
    #[command(after_help = "Example: axme tasks reject 0197… --comment \"too expensive\"")]
    Reject(Answer),
    /// Answer a task with "confirmed"
    Confirm(Answer),
    /// Answer a task with "completed"
    #[command(after_help = "Example: axme tasks complete 0197… --data evidence=https://…")]
    Complete(Answer),
    /// Answer a task with "assigned"
    #[command(after_help = "Example: axme tasks assign 0197… --data assignee=kim@example.com")]
    Assign(Answer),
    Submit(Submit),
    /// Reassign a task
    ///
    /// Only the new assignee can answer it. With --from, the new assignee replaces one of several.
    #[command(after_help = "Example: axme tasks reassign 0197… --to kim@example.com --note \"on leave until Monday\"")]
    Reassign {
        /// Intent id of the task
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
        /// New assignee: an email address, a role or a name
        #[arg(long, value_name = "PERSON")]
        to: String,
        /// Assignee to replace, required if several people must answer [default: the whole task]
        #[arg(long, value_name = "PERSON")]
        from: Option<String>,
        /// Reason for the change
        #[arg(long)]
        note: Option<String>,
    },
    /// Ask the requester a question instead of answering
    ///
    /// The requester gets a mail. Everybody who is asked sees question and reply. The deadline does not move.
    #[command(after_help = "Example: axme tasks ask 0197… \"Which cost center?\"")]
    Ask {
        /// Intent id of the task
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
        /// The question, at most 1,000 characters
        #[arg(value_name = "QUESTION")]
        question: String,
    },
    /// Reply to the open question about a task that you requested
    #[command(after_help = "Example: axme tasks reply 0197… \"Cost center 4711\"")]
    Reply {
        /// Intent id of the task
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
        /// The reply, at most 1,000 characters
        #[arg(value_name = "REPLY")]
        reply: String,
    },
    /// Withdraw your yes while others have not decided the task
    ///
    /// Works for a task that needs several people. You can answer again.
    #[command(after_help = "Example: axme tasks withdraw 0197… --comment \"wrong invoice\"")]
    Withdraw {
        /// Intent id of the task
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
        /// Reason, which the history keeps
        #[arg(short, long)]
        comment: Option<String>,
    },
    /// Create a link with which a person answers a task without a key
    ///
    /// The link opens a page with a form. It works once, until the task is due, and for seven days at most.
    #[command(after_help = "Example: axme tasks link 0197… --person kim@example.com")]
    Link {
        /// Intent id of the task
        #[arg(value_name = "INTENT_ID")]
        intent_id: String,
        /// Person whose answer the history records [default: the owner of the key]
        #[arg(long)]
        person: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// Intent id of the task [default: a choice at the terminal]
    #[arg(value_name = "INTENT_ID")]
    intent_id: Option<String>,
    /// Comment on the answer
    #[arg(short, long)]
    comment: Option<String>,
    /// Field of the answer; can be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    data: Vec<String>,
}

/// Answer a task with any outcome and fields
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme tasks submit 0197… --outcome submitted --data-json '{\"approved\": true, \"days\": 7}'"
)]
pub(crate) struct Submit {
    #[command(flatten)]
    answer: Answer,
    /// Outcome, one of those that the task allows
    #[arg(short, long)]
    outcome: String,
    /// Fields of the answer as a JSON object
    #[arg(long, value_name = "JSON")]
    data_json: Option<String>,
}

impl Tasks {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let (answer, outcome) = match self {
            Tasks::List => return list(&Session::open(flags).await?).await,
            Tasks::Get { intent_id } => {
                let session = Session::open(flags).await?;
                return get(&session, &task_id(&session, intent_id).await?).await;
            }
            Tasks::Reassign { intent_id, to, from, note } => {
                return reassign(
                    &Session::open(flags).await?,
                    ReassignTask { intent_id: intent_id.into(), to, from, note },
                )
                .await;
            }
            Tasks::Ask { intent_id, question } => {
                return ask(&Session::open(flags).await?, AskRequester { intent_id: intent_id.into(), question }).await;
            }
            Tasks::Reply { intent_id, reply } => {
                return reply_to(&Session::open(flags).await?, ReplyToQuestion { intent_id: intent_id.into(), reply })
                    .await;
            }
            Tasks::Withdraw { intent_id, comment } => {
                return withdraw(&Session::open(flags).await?, WithdrawAnswer { intent_id: intent_id.into(), comment })
                    .await;
            }
            Tasks::Link { intent_id, person } => {
                return link(&Session::open(flags).await?, LinkTask { intent_id: intent_id.into(), person }).await;
            }
            Tasks::Approve(answer) => (answer, "approved"),
            Tasks::Reject(answer) => (answer, "rejected"),
            Tasks::Confirm(answer) => (answer, "confirmed"),
            Tasks::Complete(answer) => (answer, "completed"),
            Tasks::Assign(answer) => (answer, "assigned"),
            Tasks::Submit(submit) => {
                let result = task_result(&submit.answer, &submit.outcome, submit.data_json.as_deref())?;
                let session = Session::open(flags).await?;
                let intent_id = task_id(&session, submit.answer.intent_id).await?;
                return send(&session, &intent_id, &submit.outcome, result).await;
            }
        };
        let result = task_result(&answer, outcome, None)?;
        let session = Session::open(flags).await?;
        let intent_id = task_id(&session, answer.intent_id).await?;
        send(&session, &intent_id, outcome, result).await
    }
}

/// Returns the given id, or that of the task which a person chooses.
async fn task_id(session: &Session, given: Option<String>) -> Result<String, Failure> {
    if let Some(id) = given {
        return Ok(id);
    }
    if !picker::is_possible(session.output()) {
        return Err(Failure::usage("the id of the task is missing; see `axme tasks list`"));
    }
    let list = session.call(&tasks::LIST, &ListTasks::default()).await?;
    let choice = |task: &tasks::Task| Choice {
        id: task.intent_id.to_string(),
        about: format!(
            "{}  {}",
            task.intent_id,
            truncate(task.human_task["title"].as_str().unwrap_or("(no title)"), 36)
        ),
    };
    picker::pick("task", &list.tasks.iter().take(MAX_CHOICES).map(choice).collect::<Vec<Choice>>())
}

async fn list(session: &Session) -> Result<(), Failure> {
    let mut list = session.call(&tasks::LIST, &ListTasks::default()).await?;
    while let Some(cursor) = list.next_cursor.take() {
        let input = ListTasks { cursor: Some(cursor), ..ListTasks::default() };
        let page = session.call(&tasks::LIST, &input).await?;
        list.tasks.extend(page.tasks);
        list.next_cursor = page.next_cursor;
    }
    if session.output().is_json() {
        return session.output().print_json(&list);
    }
    let rows = list.tasks.iter().map(|task| {
        vec![
            task.intent_id.to_string(),
            task.intent_type.clone(),
            match task.deputy_for.is_empty() {
                true => task.human_task["title"].as_str().unwrap_or("(no title)").to_owned(),
                false => format!(
                    "{} (in place of {})",
                    task.human_task["title"].as_str().unwrap_or("(no title)"),
                    task.deputy_for.join(", ")
                ),
            },
            task.due_at.map_or_else(|| "-".to_owned(), day_time),
        ]
    });
    print_list("pending tasks", &["INTENT_ID", "TYPE", "TITLE", "DUE"], rows)
}

async fn reassign(session: &Session, input: ReassignTask) -> Result<(), Failure> {
    let answer = session.call(&tasks::REASSIGN, &input).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    line(format!("✓ Task {} reassigned to {}", answer.intent_id, answer.assigned_to))
}

async fn ask(session: &Session, input: AskRequester) -> Result<(), Failure> {
    let answer = session.call(&tasks::ASK, &input).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    line(format!("✓ Asked the requester {} about task {}", answer.task.from_agent, answer.intent_id))
}

async fn reply_to(session: &Session, input: ReplyToQuestion) -> Result<(), Failure> {
    let answer = session.call(&tasks::REPLY, &input).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    let asked_by = answer.task.questions.last().map(|question| question.asked_by.as_str()).unwrap_or_default();
    line(format!("✓ Replied to {asked_by} about task {}", answer.intent_id))
}

async fn withdraw(session: &Session, input: WithdrawAnswer) -> Result<(), Failure> {
    let answer = session.call(&tasks::WITHDRAW, &input).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    line(format!("✓ Withdrew the yes of {} to task {}", answer.withdrawn_by, answer.intent_id))
}

async fn link(session: &Session, input: LinkTask) -> Result<(), Failure> {
    let answer = session.call(&tasks::LINK, &input).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    line(&answer.url)?;
    line(format!("It lets {} answer once, until {}. It is not shown again.", answer.person, local(answer.expires_at)))
}

async fn get(session: &Session, intent_id: &str) -> Result<(), Failure> {
    let answer = session.call(&intents::GET, &GetIntent::new(intent_id)).await?;
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    let counts = answer.intent.human_task.as_ref().is_some_and(|task| task["quorum"].is_u64());
    let is_open = answer.intent.lifecycle_waiting_reason == Some(WaitingReason::WaitingForHuman);
    let events = if counts || !is_open { all_events(session, intent_id, 0).await? } else { Vec::new() };
    let mut intent = answer.intent;
    let answered = if is_open { None } else { last_answer(&events) };
    if let Some((task, _)) = &answered {
        intent.human_task = Some(task.clone());
    }
    let answer = answered.map(|(_, text)| text).unwrap_or_default();
    describe(&intent, &votes(&events), &answer, &session.settings.command).iter().try_for_each(line)?;
    undelivered(session, intent_id).await.iter().try_for_each(line)
}

/// Returns what could not be delivered for an intent: nothing for callers who may not see deliveries.
async fn undelivered(session: &Session, intent_id: &str) -> Vec<String> {
    let input = ListDeliveries { intent_id: Some(intent_id.into()), ..ListDeliveries::default() };
    let Ok(list) = session.client.call(&deliveries::LIST, &input).await else { return Vec::new() };
    let about = |delivery: &DeliveryView| {
        let to = delivery.recipient.as_deref().or(delivery.to_agent.as_deref()).unwrap_or_default();
        let why = delivery.error_detail.as_deref().unwrap_or("no reason is known");
        let state = match delivery.status {
            DeliveryStatus::DeadLettered => "given up",
            _ => "will be tried again",
        };
        format!("{:13}{} to {to}: {why} ({state})", "Undelivered:", delivery.transport_type)
    };
    list.deliveries.iter().map(about).collect()
}

/// Returns the task that was answered last, and the answer as a sentence.
fn last_answer(events: &[EventView]) -> Option<(Value, String)> {
    let is_answer = |event: &EventView| event.details.contains_key("answered_by") && !event.status.is_terminal();
    let at = events.iter().rposition(is_answer)?;
    let task = events[..at].iter().rev().find_map(|event| event.human_task.clone()).unwrap_or(Value::Null);
    let answer = &events[at];
    let plain = || {
        let by = answer.details.string("answered_by").unwrap_or_default();
        let outcome = answer.details.get("task_result").and_then(|result| result.field("outcome")?.string());
        format!("{} by {by}", outcome.unwrap_or_default())
    };
    Some((task, answer.text.clone().unwrap_or_else(plain)))
}

/// Returns the approvals of the open task. A vote is an `intent.waiting` event with its voter.
fn votes(events: &[EventView]) -> Vec<String> {
    let task_start = events.iter().rposition(|event| event.event_type == EventType::HumanTaskAssigned).unwrap_or(0);
    let vote = |event: &EventView| {
        let by = event.details.string("answered_by")?;
        let outcome = event.details.get("task_result")?.field("outcome")?.string()?;
        let behalf = absent_person(event).map(|absent| format!(" on behalf of {absent}")).unwrap_or_default();
        Some((by, format!("{behalf} ({outcome})")))
    };
    let mut votes: Vec<(String, String)> = Vec::new();
    for event in events[task_start..].iter().filter(|event| event.event_type == EventType::Waiting) {
        votes.extend(vote(event));
        let withdrawn_by = event.details.string("withdrawn_by");
        votes.retain(|(by, _)| Some(by) != withdrawn_by.as_ref());
    }
    votes.into_iter().map(|(by, said)| format!("{by}{said}")).collect()
}

/// Returns the absent person in whose place a deputy answered.
fn absent_person(event: &EventView) -> Option<String> {
    let is_deputy = event.details.get("answered_as_deputy")?.value() == Value::Bool(true);
    event.details.get("answered_for").filter(|_| is_deputy)?.value()[0].as_str().map(str::to_owned)
}

fn describe(intent: &IntentView, votes: &[String], answer: &str, program: &str) -> Vec<String> {
    let task = intent.human_task.clone().unwrap_or(Value::Null);
    let quorum = task["quorum"].as_u64().filter(|_| intent.status == Status::Waiting).map(|needed| {
        let who = if votes.is_empty() { String::new() } else { format!(": {}", votes.join(", ")) };
        format!("{} of {needed} have said yes{who}", votes.len())
    });
    let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
    let title = Some(text("title")).filter(|title| !title.is_empty()).unwrap_or("(no title)".to_owned());
    let words = |key: &str| -> String {
        let words = task[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        words.collect::<Vec<&str>>().join(", ")
    };
    let fields = [
        ("Intent ID", intent.intent_id.to_string()),
        ("Type", intent.intent_type.clone()),
        ("Status", crate::lifecycle::status_label(intent.status, intent.lifecycle_waiting_reason)),
        ("Outcome", crate::lifecycle::outcome_label(&intent.outcome).unwrap_or_default()),
        ("From", intent.from_agent.clone()),
        ("Title", title),
        ("Answer", answer.to_owned()),
        ("Description", text("description")),
        ("Task type", text("task_type")),
        ("Outcomes", words("allowed_outcomes")),
        ("Assignees", words("assignees")),
        ("Quorum", quorum.unwrap_or_default()),
        ("Due", intent.due_at.map(local).unwrap_or_default()),
    ];
    let mut lines: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{:13}{value}", format!("{name}:")))
        .collect();
    lines.extend(intent.questions.iter().flat_map(dialogue));
    if intent.payload.fields().is_some_and(|payload| !payload.is_empty()) {
        lines.push("Payload:".to_owned());
        lines.extend(payload_fields(&intent.payload, 2));
    }
    if intent.status == Status::Waiting && !task.is_null() {
        lines.push(String::new());
        lines.extend(hints(&task, program, &intent.intent_id));
    }
    lines
}

/// Returns a question to the requester and its reply, one line each.
fn dialogue(question: &TaskQuestion) -> Vec<String> {
    let reply = match (&question.replied_by, &question.reply) {
        (Some(by), Some(reply)) => format!("{reply} ({by})"),
        _ => "none yet".to_owned(),
    };
    let asked = format!("{} ({})", question.question, question.asked_by);
    [("Question", asked), ("Reply", reply)].map(|(name, value)| format!("{:13}{value}", format!("{name}:"))).to_vec()
}

/// Builds the `task_result` of an answer: outcome, comment and fields on one level.
fn task_result(answer: &Answer, outcome: &str, data_json: Option<&str>) -> Result<JsonFields, Failure> {
    let mut result = JsonFields::from_iter([("outcome".to_owned(), outcome.into())]);
    if let Some(comment) = &answer.comment {
        result.set("comment", comment.as_str());
    }
    for pair in &answer.data {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::usage(format!(
                "--data takes KEY=VALUE here, not \"{pair}\" (a data folder goes before the command: axme --data DIR tasks …)"
            )));
        };
        result.set(key, value);
    }
    if let Some(text) = data_json {
        let fields: JsonFields =
            serde_json::from_str(text).map_err(|e| Failure::usage(format!("--data-json takes a JSON object: {e}")))?;
        result.extend(fields);
    }
    Ok(result)
}

async fn send(session: &Session, intent_id: &str, outcome: &str, result: JsonFields) -> Result<(), Failure> {
    let body = JsonFields::from_iter([("task_result".to_owned(), result.into())]);
    let input = ResumeIntent { intent_id: intent_id.into(), body: Some(body), ..ResumeIntent::default() };
    let key = axme_client::fresh_key();
    let answer = match session.client.call_with_key(&intents::RESUME, &input, &key).await {
        Ok(answer) => answer,
        Err(error) => {
            let failure = session.explain(&error);
            let ended = match &error {
                ClientError::Refused(refusal) if refusal.code == "intent_already_terminal" => {
                    ending(session, intent_id).await
                }
                _ => None,
            };
            let message = ended.unwrap_or(failure.message);
            return Err(Failure { message: format!("failed to submit task result: {message}"), ..failure });
        }
    };
    if session.output().is_json() {
        return session.output().print_json(&answer);
    }
    line(format!("✓ Task submitted: {intent_id} (outcome={outcome})"))
}

/// Says how a task ended that cannot be answered any more; `None` if the caller may not read it.
async fn ending(session: &Session, intent_id: &str) -> Option<String> {
    let intent = session.client.call(&intents::GET, &GetIntent::new(intent_id)).await.ok()?.intent;
    let outcome = outcome_label(&intent.outcome)?;
    Some(format!("the task has ended already ({outcome}); see `{} tasks get {intent_id}`", crate::program()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(data: &[&str]) -> Answer {
        let data = data.iter().map(|&pair| pair.to_owned()).collect();
        Answer { intent_id: Some("i".to_owned()), comment: Some("ok".to_owned()), data }
    }

    #[test]
    fn a_withdrawn_yes_is_no_vote() {
        let event = |details: Value| -> EventView {
            serde_json::from_value(json!({
                "intent_id": "0197b0a0-0000-7000-8000-000000000000", "seq": 2, "event_type": "intent.waiting",
                "status": "WAITING", "actor": "a", "at": "2026-01-01T00:00:00Z", "details": details,
            }))
            .unwrap()
        };
        let yes = |by: &str| event(json!({ "answered_by": by, "task_result": { "outcome": "approved" } }));
        let events = [yes("ann"), yes("bob"), event(json!({ "withdrawn_by": "ann" }))];
        assert_eq!(votes(&events), ["bob (approved)"]);
        assert_eq!(votes(&events[..2]), ["ann (approved)", "bob (approved)"]);
    }

    #[test]
    fn fields_stand_beside_the_outcome() {
        let result = task_result(&answer(&["a=1=2"]), "submitted", Some(r#"{"days": 7}"#)).unwrap();
        assert_eq!(result, json!({"outcome": "submitted", "comment": "ok", "a": "1=2", "days": 7}));
        assert_eq!(
            task_result(&answer(&["/some/folder"]), "approved", None).unwrap_err().ending,
            crate::exit::Ending::Usage
        );
        assert_eq!(task_result(&answer(&[]), "approved", Some("[]")).unwrap_err().ending, crate::exit::Ending::Usage);
    }
}
