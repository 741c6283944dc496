//! Following an intent live to its end, and answering it on the way when it waits for a person: at a prompt, by an answer
//! given beforehand, or by somebody in another terminal, whoever is first.

mod prompt;

use axme_client::api::intents::{EventView, IntentView};
use axme_client::{ClientError, Object, is_terminal};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::lifecycle::Lifecycle;
use crate::screen::tagged;
use crate::session::Session;
use crate::tasks;
use prompt::{Prompt, Question};

/// Who answers when the intent waits for a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Answerer {
    /// Whoever sits here, if anybody does; otherwise somebody elsewhere. These values are offered for the fields of a form.
    Prompt(Object),
    /// A script, with this answer.
    Given(Reply),
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    pub outcome: String,
    pub comment: Option<String>,
    pub data: Object,
}

/// What became of an answer.
enum Fate {
    /// Taken, or too late: the events say what comes of it.
    Settled,
    /// The task wants another one, for this reason.
    Refused(String),
}

/// Shows the events of an intent until it is over, and returns how it ended.
pub async fn follow(session: &Session, intent_id: &str, answerer: &Answerer) -> Result<IntentView, Failure> {
    let form = session.form();
    let mut lifecycle = Lifecycle::new();
    let mut events = session.client.observe(intent_id, 0);
    let mut prompt = Prompt::closed();
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                let event = event.map_err(|error| session.explain(&error))?;
                let still_asks = is_nudge(&event);
                if still_asks { prompt.step_aside()? } else { prompt.close()? }
                if form.is_json() {
                    form.value(&serde_json::to_value(&event)?)?;
                }
                for (kind, text) in lifecycle.tell(&event) {
                    form.say(tagged(kind, &text))?;
                }
                if waits_for_person(&event) {
                    match answerer {
                        Answerer::Given(reply) => give(session, intent_id, reply).await?,
                        Answerer::Prompt(suggestions) => {
                            let task = event.human_task.clone().unwrap_or(Value::Null);
                            form.say("\n  Waiting for an answer. From another terminal:")?;
                            let hints = tasks::hints(&task, &session.setting.command, intent_id);
                            hints.iter().try_for_each(|hint| form.say(format!("    {hint}")))?;
                            if !form.is_json() {
                                prompt.open(Question::read(&task, suggestions))?;
                            }
                        }
                    }
                } else if still_asks {
                    prompt.again()?;
                }
            }
            reply = prompt.reply() => {
                if let Some(reply) = reply?
                    && let Fate::Refused(why) = answer(session, intent_id, &reply).await?
                {
                    form.say(tagged("system", &format!("not taken: {why}")))?;
                    prompt.restart()?;
                }
            }
        }
    }
    let answer = session.client.get_intent(intent_id).await.map_err(|error| session.explain(&error))?;
    if !is_terminal(&answer.status) {
        return Err(Failure::new(format!("the events of {intent_id} ended before the intent did")));
    }
    Ok(answer.intent)
}

fn waits_for_person(event: &EventView) -> bool {
    event.event_type == "intent.human_task_assigned"
}

/// Whether an event leaves an open question as it is.
fn is_nudge(event: &EventView) -> bool {
    matches!(event.event_type.as_str(), "intent.reminder" | "intent.escalated")
}

/// Gives an answer that nobody can correct.
async fn give(session: &Session, intent_id: &str, reply: &Reply) -> Result<(), Failure> {
    match answer(session, intent_id, reply).await? {
        Fate::Settled => Ok(()),
        Fate::Refused(why) => Err(Failure::new(format!("the answer \"{}\" was not taken: {why}", reply.outcome))),
    }
}

/// Answers the task. That somebody else has answered meanwhile is no failure: the events say what came of it.
async fn answer(session: &Session, intent_id: &str, reply: &Reply) -> Result<Fate, Failure> {
    let mut result = Object::from_iter([("outcome".to_owned(), Value::from(reply.outcome.as_str()))]);
    if let Some(comment) = &reply.comment {
        result.insert("comment".to_owned(), comment.as_str().into());
    }
    result.extend(reply.data.clone());
    let body = Object::from_iter([("task_result".to_owned(), json!(result))]);
    match session.client.resume(intent_id, body).await {
        Ok(_) => session.form().say(tagged("human:answer", &reply.outcome))?,
        Err(ClientError::Refused(refusal)) if refusal.status == 409 => {
            session.form().say(tagged("system", &format!("your answer came too late: {}", refusal.message)))?;
        }
        Err(ClientError::Refused(refusal)) if refusal.status == 422 => {
            return Ok(Fate::Refused(refusal.message.clone()));
        }
        Err(error) => return Err(session.explain(&error)),
    }
    Ok(Fate::Settled)
}
