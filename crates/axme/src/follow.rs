//! Follows an intent live to its end. When the intent waits for a person, a prompt, a prepared answer or another
//! terminal answers, whichever is first.

mod prompt;

use axme_client::api::intents::{EventType, EventView, IntentView};
use axme_client::{ClientError, Json, Object};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::exit::Ending;
use crate::failure::Failure;
use crate::lifecycle::event_line;
use crate::output::tagged;
use crate::session::{Session, report_server};
use crate::task_hints::hints;
use prompt::{Prompt, Question};

/// The source of the answer when the intent waits for a person.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answerer {
    /// The person at this terminal, if any. The object has suggestions for the fields of a form.
    Prompt(Object),
    /// A prepared answer.
    Script(TaskAnswer),
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TaskAnswer {
    pub(crate) outcome: String,
    pub(crate) comment: Option<String>,
    pub(crate) data: Object,
}

/// The server's response to an answer.
enum AnswerOutcome {
    /// Recorded, or too late. The events show the effect.
    Recorded,
    /// Invalid for this task, for this reason.
    Refused(String),
}

/// Prints the events of an intent until it ends, and returns the intent.
pub(crate) async fn follow(session: &Session, intent_id: &str, answerer: &Answerer) -> Result<IntentView, Failure> {
    let output = session.output();
    let mut events = session.client.observe_and_report(intent_id, 0, report_server(session));
    let mut prompt = Prompt::closed();
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                let event = session.check(event)?;
                let keeps_task_open = is_reminder(&event);
                if keeps_task_open { prompt.interrupt()? } else { prompt.close()? }
                if output.is_json() {
                    output.print_text(&Json::of(&event))?;
                }
                if let Some((kind, text)) = event_line(&event) {
                    output.print(tagged(kind, &text))?;
                }
                if waits_for_person(&event) {
                    match answerer {
                        Answerer::Script(reply) => answer_from_script(session, intent_id, reply).await?,
                        Answerer::Prompt(suggestions) => {
                            let task = event.human_task.clone().unwrap_or(Value::Null);
                            output.print("\n  Waiting for an answer. From another terminal:")?;
                            let hints = hints(&task, &session.settings.command, intent_id);
                            hints.iter().try_for_each(|hint| output.print(format!("    {hint}")))?;
                            if !output.is_json() {
                                prompt.open(Question::read(&task, suggestions))?;
                            }
                        }
                    }
                } else if keeps_task_open {
                    prompt.show()?;
                }
            }
            reply = prompt.reply() => {
                if let Some(reply) = reply?
                    && let AnswerOutcome::Refused(why) = answer(session, intent_id, &reply).await?
                {
                    output.print(tagged("system", &format!("answer rejected: {why}")))?;
                    prompt.restart()?;
                }
            }
        }
    }
    let answer = session.check(session.client.get_intent(intent_id).await)?;
    if !answer.status.is_terminal() {
        return Err(Failure::new(format!(
            "the event stream of {intent_id} ended before the intent; follow it again with `axme intents watch`"
        )));
    }
    Ok(answer.intent)
}

/// Watches an intent until Ctrl-C. Then it says how to go on, because the intent does.
pub(crate) async fn unless_interrupted<T>(
    session: &Session,
    intent_id: &str,
    watching: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = watching => done,
        _ = tokio::signal::ctrl_c() => {
            let program = &session.settings.command;
            let message = format!("stopped watching; the intent goes on: {program} intents watch {intent_id}");
            Err(Failure::of(Ending::Interrupted, message))
        }
    }
}

fn waits_for_person(event: &EventView) -> bool {
    event.event_type == EventType::HumanTaskAssigned
}

/// Whether an open task is unchanged after the event.
fn is_reminder(event: &EventView) -> bool {
    matches!(event.event_type.known(), Some(EventType::Reminder | EventType::Escalated))
}

/// Answers the task once; an invalid answer is a failure.
async fn answer_from_script(session: &Session, intent_id: &str, reply: &TaskAnswer) -> Result<(), Failure> {
    match answer(session, intent_id, reply).await? {
        AnswerOutcome::Recorded => Ok(()),
        AnswerOutcome::Refused(why) => {
            Err(Failure::new(format!("the answer \"{}\" was rejected: {why}", reply.outcome)))
        }
    }
}

/// Answers the task. A late answer is not a failure: the events show what happened.
async fn answer(session: &Session, intent_id: &str, reply: &TaskAnswer) -> Result<AnswerOutcome, Failure> {
    let mut result = Object::from_iter([("outcome".to_owned(), Value::from(reply.outcome.as_str()))]);
    if let Some(comment) = &reply.comment {
        result.insert("comment".to_owned(), comment.as_str().into());
    }
    result.extend(reply.data.clone());
    let body = Object::from_iter([("task_result".to_owned(), json!(result))]);
    match session.client.resume(intent_id, body).await {
        // Its event says who answered, and how.
        Ok(_) => {}
        Err(ClientError::Refused(refusal)) if refusal.status == 409 => {
            session.output().print(tagged("system", &format!("your answer came too late: {}", refusal.message)))?;
        }
        Err(ClientError::Refused(refusal)) if refusal.status == 422 => {
            return Ok(AnswerOutcome::Refused(refusal.message.clone()));
        }
        Err(error) => return Err(session.explain(&error)),
    }
    Ok(AnswerOutcome::Recorded)
}
