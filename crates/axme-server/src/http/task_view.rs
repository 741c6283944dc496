//! Builds the pages of a task: the form, the confirmation, and what was recorded.
//!
//! The order is that of a person's questions: who asks, for what, what follows, who else decides. Then comes the answer.

use std::collections::BTreeMap;

use askama::Template;
use axme_intent::button::{self, Button, Tone};
use axme_intent::facts::{self, Fact, FactValue};
use axme_intent::human::{MAX_QUESTIONS, Question, Reply, person_key};
use axme_intent::lifecycle::EventBody;
use axme_intent::prospect::{self, Prospects};
use axme_intent::{Event, Time, outcome, sentences};
use reqwest::Url;

use super::form::{self, Field, FormFields, Reading, words};
use super::letterhead::Letterhead;
use super::page_state::PageState;
use super::pages::{Page, page};
use super::task_prose;
use axme_core::error::Result;
use axme_core::ops::links::{self, LinkedTask};
use axme_core::ops::requester::Requester;
use axme_words::{Language, inline, say};

/// Maximum number of history entries that a page shows.
const MAX_HISTORY: usize = 50;

/// A task that waits for the person who opened its link, with everything that its pages show.
pub(super) struct Asking {
    pub task: LinkedTask,
    pub history: Vec<Event>,
    pub requester: Requester,
    /// Display names, by `person_key`.
    pub names: BTreeMap<String, String>,
    /// The deputies of the absent people who are asked, by `person_key`.
    pub deputies: BTreeMap<String, String>,
    pub token: String,
    /// The language of the person.
    pub language: Language,
}

/// A person or a group that is asked.
struct Decider {
    name: String,
    /// The address, if it says more than the name.
    address: String,
    is_reader: bool,
    /// The name of the deputy who may answer, if the person is absent; else empty.
    deputy: String,
    /// The vote, if the person or a deputy has said yes.
    vote: Option<Said>,
}

/// A yes that was said already.
struct Said {
    at: Option<Time>,
    /// The name of the deputy who said it; empty if the person did.
    by: String,
    comment: String,
}

/// A question to the requester.
struct QuestionRow {
    by: String,
    at: Time,
    to: String,
    text: String,
    reply: Option<Reply>,
    replied_by: String,
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage<'a> {
    head: Letterhead,
    title: &'a str,
    requester: &'a Requester,
    /// The request, after the name of the requester: `your approval`, `an answer`.
    request: String,
    since: Time,
    waited: String,
    due: Option<Time>,
    reader: String,
    /// A sentence that says in whose place the reader answers; empty if the task asks the reader.
    behalf: String,
    facts: Vec<Fact>,
    description: String,
    /// The other fields of the payload, folded if the author has chosen key facts.
    payload: Vec<Fact>,
    is_folded: bool,
    results: Vec<Fact>,
    prospects: Prospects,
    yes_label: String,
    needed: usize,
    said: usize,
    deciders: Vec<Decider>,
    /// Changes of the people who are asked, as sentences.
    changes: Vec<String>,
    questions: Vec<QuestionRow>,
    can_ask: bool,
    /// A question that was typed and not sent.
    question: &'a str,
    history: Vec<(Time, String)>,
    intent_id: String,
    intent_type: &'a str,
    token: &'a str,
    /// The zone in which the times were typed; empty before that.
    zone: &'a str,
    fields: Vec<Field>,
    buttons: Vec<Button>,
    comment: &'a str,
    comment_error: String,
    is_comment_required: bool,
    evidence: &'a str,
    evidence_error: String,
    has_evidence: bool,
    is_evidence_required: bool,
    /// The error of the whole answer.
    error: String,
    has_errors: bool,
    /// True if some fields appear only when others are filled in.
    has_conditions: bool,
    /// True if some field takes a file.
    has_files: bool,
}

/// The answer for review, before it is recorded.
#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    head: Letterhead,
    title: &'a str,
    requester: &'a Requester,
    reader: String,
    /// As on the form.
    behalf: String,
    button: Button,
    facts: Vec<Fact>,
    rows: Vec<(String, String)>,
    kept: Vec<(String, String)>,
    token: &'a str,
}

/// The recorded answer.
pub(super) struct Done {
    pub person: String,
    pub outcome: String,
    pub title: String,
    pub at: Time,
    pub comment: String,
    /// The number of the receipt; empty for an old answer.
    pub receipt: String,
    /// Where the intent is now, as a sentence.
    pub now: String,
    /// The token of the link, if the answer can be withdrawn with it; else empty.
    pub token: String,
    pub intent: String,
    /// The page that the reader came from, if it may be named.
    pub back: Option<Url>,
}

#[derive(Template)]
#[template(path = "done.html")]
struct DonePage<'a> {
    head: Letterhead,
    done: &'a Done,
    outcome: String,
}

impl Asking {
    fn head(&self, app: &PageState) -> Letterhead {
        Letterhead::of(app).for_organization(&self.requester.organization)
    }

    /// Returns the name of a person or a group, and the address if it says more.
    fn called(&self, person: &str, language: Language) -> (String, String) {
        let address = prospect::shown(person, language);
        match self.names.get(&person_key(person)) {
            Some(name) => (name.clone(), address),
            None => (address, String::new()),
        }
    }

    fn reader(&self, language: Language) -> String {
        let (name, address) = self.called(&self.task.link.person, language);
        if address.is_empty() { name } else { format!("{name} ({address})") }
    }

    /// Returns the sentence that says in whose place the reader answers; empty if the task asks the reader.
    fn behalf(&self, language: Language) -> String {
        let absent = self.task.head.intent.seat_of_deputy(&self.task.stands_in_for);
        let sentence = absent.map(|absent| say(language, "task-deputy").with("names", self.called(absent, language).0));
        sentence.map(String::from).unwrap_or_default()
    }

    pub(super) fn form_page(
        &self,
        app: &PageState,
        filled: &FormFields,
        reading: &Reading,
        wrong: &BTreeMap<String, String>,
        status: u16,
    ) -> Result<Page> {
        let task = self.task.task();
        let intent = &self.task.head.intent;
        let language = app.language;
        let fields = form::fields(task, filled, &reading.data(), wrong, language);
        let waiting = intent.waiting();
        let error_of = |name: &str| wrong.get(name).cloned().unwrap_or_default();
        let since = waiting.map_or(intent.created_at, |waiting| waiting.since);
        let facts = self.facts(language);
        let buttons = button::buttons(task, language);
        let template = TaskPage {
            head: self.head(app),
            title: &task.title,
            requester: &self.requester,
            request: prospect::request(task.task_type.as_deref(), language),
            since,
            waited: span(app, since),
            due: intent.due_at(self.task.spec.deadline_at),
            reader: self.reader(language),
            behalf: self.behalf(language),
            is_folded: !facts.is_empty(),
            facts,
            description: task.description.as_deref().map(task_prose::html).unwrap_or_default(),
            payload: facts::every(&self.task.spec.payload.fields().unwrap_or_default(), language),
            results: facts::every(&links::results(&self.task), language),
            prospects: prospect::of(intent, &self.task.spec, language),
            yes_label: yes_label(&buttons, language),
            needed: task.needed(),
            said: waiting.map_or(0, |waiting| waiting.votes.len()),
            deciders: self.deciders(language),
            changes: self.changes(language),
            questions: self.questions(language),
            can_ask: intent.open_question().is_none()
                && waiting.is_some_and(|waiting| waiting.questions.len() < MAX_QUESTIONS),
            question: filled.get("question"),
            history: told(&self.history, language),
            intent_id: intent.id.to_string(),
            intent_type: &self.task.head.intent_type,
            token: &self.token,
            zone: filled.get("zone"),
            buttons,
            comment: filled.get("comment"),
            comment_error: error_of("comment"),
            is_comment_required: task.required_comment,
            evidence: filled.get("evidence"),
            evidence_error: error_of("evidence"),
            has_evidence: task.evidence_required || form::has(task, "evidence") || wrong.contains_key("evidence"),
            is_evidence_required: task.evidence_required,
            error: unshown(&fields, wrong),
            has_errors: !wrong.is_empty(),
            has_conditions: form::has_conditions(task),
            has_files: form::has_files(&fields),
            fields,
        };
        page(status, &template)
    }

    pub(super) fn confirm_page(&self, app: &PageState, filled: &FormFields, reading: &Reading) -> Result<Page> {
        let (task, answer, language) = (self.task.task(), &reading.answer, app.language);
        let fields = form::fields(task, filled, &reading.data(), &BTreeMap::new(), language);
        let leaves = fields.iter().flat_map(Field::leaves);
        let mut rows: Vec<(String, String)> = leaves.map(|(label, field)| (label, field.shown.clone())).collect();
        rows.extend(
            answer.data.get("evidence").map(|it| (app.say("task-evidence").into(), facts::readable(it, language))),
        );
        rows.extend(answer.comment.clone().map(|comment| (app.say("task-comment").into(), comment)));
        rows.retain(|(_, value)| !value.is_empty());
        let mut facts = self.facts(language);
        if facts.is_empty() {
            let all = facts::every(&self.task.spec.payload.fields().unwrap_or_default(), language);
            facts = all.into_iter().filter(|fact| matches!(fact.value, FactValue::Amount(_))).collect();
        }
        let template = ConfirmPage {
            head: self.head(app),
            title: &task.title,
            requester: &self.requester,
            reader: self.reader(language),
            behalf: self.behalf(language),
            button: button::of(task, answer.outcome.as_deref().unwrap_or_default(), language),
            facts,
            rows,
            kept: filled.kept().cloned().collect(),
            token: &self.token,
        };
        page(200, &template)
    }

    fn facts(&self, language: Language) -> Vec<Fact> {
        facts::chosen(self.task.task(), &self.task.spec.payload, &links::results(&self.task), language)
    }

    fn deciders(&self, language: Language) -> Vec<Decider> {
        let intent = &self.task.head.intent;
        let votes = intent.waiting().map(|waiting| waiting.votes.as_slice()).unwrap_or_default();
        let key = |person: &str| person_key(person);
        let reader = key(&self.task.link.person);
        let voted_at = |person: &str| {
            let is_theirs = |event: &&Event| matches!(&event.body, EventBody::Voted { vote, .. } if vote.is_of(person));
            self.history.iter().rev().find(is_theirs).map(|event| event.at)
        };
        // A member of a group votes under a name of their own.
        let asked = intent.asked();
        let others = votes.iter().filter(|vote| !asked.iter().any(|person| vote.is_of(person)));
        let others = others.map(|vote| vote.by.as_str());
        let decider = |person: &str| {
            let vote = votes.iter().find(|vote| vote.is_of(person));
            let deputy = self.deputies.get(&key(person));
            let (name, address) = self.called(person, language);
            Decider {
                name,
                address,
                is_reader: key(person) == reader,
                deputy: deputy.map(|deputy| self.called(deputy, language).0).unwrap_or_default(),
                vote: vote.map(|vote| Said {
                    at: voted_at(person),
                    by: match key(&vote.by) == key(person) {
                        true => String::new(),
                        false => self.called(&vote.by, language).0,
                    },
                    comment: vote.result.field("comment").and_then(|comment| comment.string()).unwrap_or_default(),
                }),
            }
        };
        asked.iter().copied().chain(others).map(decider).collect()
    }

    fn questions(&self, language: Language) -> Vec<QuestionRow> {
        let questions = self.task.head.intent.waiting().map(|waiting| waiting.questions.as_slice()).unwrap_or_default();
        let called = |person: &str| self.called(person, language).0;
        let row = |question: &Question| QuestionRow {
            by: called(&question.by),
            at: question.at,
            to: called(&question.to.reference),
            text: question.text.clone(),
            replied_by: question.reply.as_ref().map(|reply| called(&reply.by)).unwrap_or_default(),
            reply: question.reply.clone(),
        };
        questions.iter().map(row).collect()
    }

    /// Returns who else was asked before, and how that changed.
    fn changes(&self, language: Language) -> Vec<String> {
        let is_change =
            |event: &&Event| matches!(event.body, EventBody::Transferred { .. } | EventBody::Escalated { .. });
        let asking = self.task.head.intent.waiting().map_or(0, |waiting| waiting.asking);
        let of_this = |event: &&Event| event.position >= asking;
        let changes = self.history.iter().filter(of_this).filter(is_change);
        changes.filter_map(|event| sentences::of_event(event, language)).collect()
    }
}

pub(super) fn done(app: &PageState, organization: &str, done: &Done) -> Result<Page> {
    let head = Letterhead::of(app).for_organization(organization);
    page(200, &DonePage { head, done, outcome: outcome::word(app.language, &done.outcome) })
}

/// Returns the errors that no field of the page can show, as one text.
fn unshown(fields: &[Field], wrong: &BTreeMap<String, String>) -> String {
    let places: Vec<&str> = fields.iter().flat_map(Field::places).collect();
    let is_shown = |name: &str| name == "comment" || name == "evidence" || places.contains(&name);
    let errors = wrong.iter().filter(|(name, _)| !is_shown(name));
    let errors =
        errors.map(|(name, why)| if name.is_empty() { why.clone() } else { format!("{}: {why}", words(name)) });
    errors.collect::<Vec<String>>().join(" ")
}

/// Returns the verb of a yes as it goes on in a sentence.
fn yes_label(buttons: &[Button], language: Language) -> String {
    let yes = buttons.iter().find(|button| button.tone == Tone::Yes);
    let label = yes.map_or_else(|| say(language, "task-say-yes").into(), |button| button.label.clone());
    inline(language, &label)
}

/// Returns the latest entries of the history: the time and the sentence of each event.
fn told(history: &[Event], language: Language) -> Vec<(Time, String)> {
    let line = |event: &Event| Some((event.at, sentences::of_event(event, language)?));
    let lines: Vec<_> = history.iter().filter_map(line).collect();
    lines[lines.len().saturating_sub(MAX_HISTORY)..].to_vec()
}

/// Returns how long a person has been asked, in the two largest units.
fn span(app: &PageState, since: Time) -> String {
    let minutes = app.system.clock.now().since(since).as_secs() / 60;
    let words = match (minutes / 1_440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => app.say("waited-moment"),
        (0, 0, minutes) => app.say("waited-minutes").with("minutes", minutes),
        (0, hours, minutes) => app.say("waited-hours").with("hours", hours).with("minutes", minutes),
        (days, hours, _) => app.say("waited-days").with("days", days).with("hours", hours),
    };
    words.into()
}
