//! What people who answered by links were told: each link that was said to be taken answers once, as that person, the asking
//! that it was made for, and not after the task went to somebody else.

use std::collections::BTreeMap;

use axme_intent::lifecycle::{Event, EventBody};
use serde_json::Value;

use crate::Checked;
use crate::actors::Letter;
use crate::invariants::{Seen, Watch, hold};
use crate::stage::Answer;

#[derive(Default)]
pub struct Links(BTreeMap<String, Use>);

/// A link that somebody answered by.
struct Use {
    letter: Letter,
    /// What was said to be recorded.
    outcome: Option<String>,
}

impl Links {
    pub fn answered(&mut self, mark: &str, letter: &Letter, answer: &Answer) {
        let link = self.0.entry(mark.to_owned()).or_insert(Use { letter: letter.clone(), outcome: None });
        if answer.status == 200 {
            link.outcome = answer.body["outcome"].as_str().map(str::to_owned);
        }
    }

    pub fn used(&self) -> usize {
        self.0.values().filter(|link| link.outcome.is_some()).count()
    }

    pub fn check(&self, watch: &Watch) -> Checked {
        for (mark, link) in &self.0 {
            let Some(seen) = watch.seen.get(&link.letter.intent) else { continue };
            check_use(mark, link, seen)?;
        }
        Ok(())
    }
}

fn check_use(mark: &str, link: &Use, seen: &Seen) -> Checked {
    let (id, letter) = (link.letter.intent, &link.letter);
    let answers: Vec<(&Event, Given<'_>)> = seen
        .events
        .iter()
        .filter_map(|event| Some((event, given(&event.body)?)))
        .filter(|(_, given)| given.record["comment"] == mark)
        .collect();
    hold!(answers.len() <= 1, "{id}: a link of {} answered {} times", letter.person, answers.len());
    let Some((event, given)) = answers.first() else {
        hold!(link.outcome.is_none(), "{id}: {} was told {:?}, which is not there", letter.person, link.outcome);
        return Ok(());
    };
    let by = (given.by, given.via, event.actor.as_str());
    hold!(by == (&letter.person, letter.via, &letter.person), "{id}: a link of {} answered as {by:?}", letter.person);
    let recorded = given.record["outcome"].as_str();
    let is_told = link.outcome.is_none() || link.outcome.as_deref() == recorded;
    hold!(is_told, "{id}: {} was told {:?}, {recorded:?} was recorded", letter.person, link.outcome);
    let count = event.position as usize - 1;
    let before = seen.after(count);
    let asking = before.waiting().map(|waiting| waiting.asking);
    hold!(asking == Some(letter.asking), "{id}: a link to asking {} answered {asking:?}", letter.asking);
    let is_asked = before.asked().iter().any(|person| person.eq_ignore_ascii_case(&letter.person));
    let is_given_away = seen.transfers(count) > letter.transfers;
    hold!(is_asked || !is_given_away, "{id}: {} answered what somebody else has by now", letter.person);
    Ok(())
}

/// A person's answer, as an event says it.
struct Given<'a> {
    by: &'a str,
    via: &'a str,
    record: &'a Value,
}

fn given(body: &EventBody) -> Option<Given<'_>> {
    match body {
        EventBody::Voted { vote, .. } => Some(Given { by: &vote.by, via: vote.via.as_str(), record: &vote.result }),
        EventBody::InProgress { details, .. } => {
            let text = |name: &str| details.get(name).and_then(Value::as_str).unwrap_or_default();
            let record = details.get("task_result")?;
            Some(Given { by: text("answered_by"), via: text("answered_via"), record })
        }
        _ => None,
    }
}
