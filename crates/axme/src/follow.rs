//! Following an intent live to its end, and answering it on the way when it waits for a person: at a prompt, by an answer
//! given beforehand, or by somebody in another terminal, whoever is first.

use std::io::{IsTerminal, stdin};

use axme_client::api::intents::{EventView, IntentView};
use axme_client::{ClientError, Object, is_terminal};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::lifecycle::Lifecycle;
use crate::screen::{part, tagged};
use crate::session::Session;

/// Who answers when the intent waits for a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Answerer {
    /// Whoever sits here, if anybody does; otherwise somebody elsewhere.
    Prompt,
    /// A script, with this outcome.
    Given(String),
}

/// Shows the events of an intent until it is over, and returns how it ended.
pub async fn follow(session: &Session, intent_id: &str, answerer: &Answerer) -> Result<IntentView, Failure> {
    let form = session.form();
    let command = &session.setting.command;
    let mut lifecycle = Lifecycle::new();
    let mut events = session.client.observe(intent_id, 0);
    let mut prompt = Prompt::closed();
    loop {
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else { break };
                let event = event.map_err(|error| session.explain(&error))?;
                prompt.close()?;
                if form.is_json() {
                    form.value(&serde_json::to_value(&event)?)?;
                }
                for (kind, text) in lifecycle.tell(&event) {
                    form.say(tagged(kind, &text))?;
                }
                if waits_for_person(&event) {
                    match answerer {
                        Answerer::Given(outcome) => answer(session, intent_id, outcome, None).await?,
                        Answerer::Prompt => {
                            form.say("\n  Waiting for an answer. From another terminal:")?;
                            form.say(format!("    {command} tasks approve {intent_id}"))?;
                            form.say(format!("    {command} tasks reject {intent_id}"))?;
                            if !form.is_json() {
                                prompt.open()?;
                            }
                        }
                    }
                }
            }
            typed = prompt.typed() => {
                if let Some((outcome, comment)) = typed? {
                    answer(session, intent_id, outcome, comment).await?;
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

/// Answers the task. That somebody else has answered meanwhile is no failure: the events say what came of it.
async fn answer(session: &Session, intent_id: &str, outcome: &str, comment: Option<String>) -> Result<(), Failure> {
    let mut result = Object::from_iter([("outcome".to_owned(), Value::from(outcome))]);
    if let Some(comment) = comment {
        result.insert("comment".to_owned(), comment.into());
    }
    let body = Object::from_iter([("task_result".to_owned(), json!(result))]);
    match session.client.resume(intent_id, body).await {
        Ok(_) => session.form().say(tagged("human:answer", outcome)),
        Err(ClientError::Refused(refusal)) if refusal.status == 409 => {
            session.form().say(tagged("system", &format!("your answer came too late: {}", refusal.message)))
        }
        Err(error) => Err(session.explain(&error)),
    }
}

/// A question at the terminal, asked while events go on arriving.
struct Prompt {
    lines: Option<mpsc::Receiver<String>>,
    asking: Asking,
}

#[derive(Clone, Copy, PartialEq)]
enum Asking {
    Nothing,
    Outcome,
    Comment(&'static str),
}

impl Prompt {
    fn closed() -> Prompt {
        Prompt { lines: None, asking: Asking::Nothing }
    }

    /// Asks, if there is somebody to ask.
    fn open(&mut self) -> Result<(), Failure> {
        if !stdin().is_terminal() {
            return Ok(());
        }
        if self.lines.is_none() {
            self.lines = Some(read_lines());
        }
        self.ask(Asking::Outcome)
    }

    /// Takes the question back: it was answered, or the intent has moved on.
    fn close(&mut self) -> Result<(), Failure> {
        if self.asking != Asking::Nothing {
            self.asking = Asking::Nothing;
            part("\n")?;
        }
        Ok(())
    }

    fn ask(&mut self, what: Asking) -> Result<(), Failure> {
        self.asking = what;
        match what {
            Asking::Nothing => Ok(()),
            Asking::Outcome => part("\n  Approve or reject here [a/r]: "),
            Asking::Comment(_) => part("  Comment (optional): "),
        }
    }

    /// The answer when it is complete, `None` after every other line; never while nothing is asked.
    async fn typed(&mut self) -> Result<Option<(&'static str, Option<String>)>, Failure> {
        let (Some(lines), true) = (&mut self.lines, self.asking != Asking::Nothing) else {
            return std::future::pending().await;
        };
        let Some(line) = lines.recv().await else {
            // The end of the input: somebody elsewhere has to answer.
            self.asking = Asking::Nothing;
            return Ok(None);
        };
        match self.asking {
            Asking::Nothing => Ok(None),
            Asking::Outcome => {
                let next = outcome(&line).map_or(Asking::Outcome, Asking::Comment);
                self.ask(next)?;
                Ok(None)
            }
            Asking::Comment(outcome) => {
                self.asking = Asking::Nothing;
                let comment = line.trim();
                Ok(Some((outcome, (!comment.is_empty()).then(|| comment.to_owned()))))
            }
        }
    }
}

fn outcome(line: &str) -> Option<&'static str> {
    match line.trim().to_ascii_lowercase().as_str() {
        "a" | "approve" | "approved" | "y" | "yes" => Some("approved"),
        "r" | "reject" | "rejected" | "n" | "no" => Some("rejected"),
        _ => None,
    }
}

/// Reads stdin on a thread of its own, which nothing waits for: a read cannot be taken back.
fn read_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
