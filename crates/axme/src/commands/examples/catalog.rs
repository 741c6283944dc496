//! The catalog of the examples that come with the program: their files, agents, people and endings.

use std::time::Duration;

use axme_client::api::intents::IntentView;
use axme_client::{Object, Status};

use super::rules::{self, Rules};

pub(crate) struct Example {
    pub(crate) id: &'static str,
    pub(crate) about: &'static str,
    pub(crate) flow: Flow,
    /// The agents that the program runs. Other agents of the scenario never answer.
    pub(crate) agents: &'static [ExampleAgent],
    pub(crate) ending: Ending,
}

/// The steps of the sender, with the texts of the files that it submits.
pub(crate) enum Flow {
    /// Applies a scenario and follows its intent.
    Scenario(&'static str),
    /// Sends an intent and follows it.
    Intent(&'static str),
    /// Sends an intent and polls it later.
    FireAndForget(&'static str),
    /// Sends an intent and reads its result from an inbox.
    Inbox(&'static str),
    /// Sends the second intent with the result of the first.
    Sequence(&'static str, &'static str),
}

pub(crate) struct ExampleAgent {
    pub(crate) address: &'static str,
    pub(crate) rules: Rules,
    pub(crate) behavior: Behavior,
}

pub(crate) enum Behavior {
    Normal,
    /// Works this long on each intent.
    Slow(Duration),
    /// Answers every push with 503.
    Failing,
}

pub(crate) enum Ending {
    Completed,
    /// FAILED with this code.
    Failed(&'static str),
    /// Decided by the person's answer.
    Answered(Person),
}

/// The person who answers the task of an example.
pub(crate) struct Person {
    /// The outcome that means yes.
    pub(crate) yes: &'static str,
    /// The other outcomes. Each is the error code with which the intent fails.
    pub(crate) no: &'static [&'static str],
    /// Whether the deadline passes within a minute and is an expected ending.
    expires: bool,
    /// Suggested fields of a yes.
    pub(crate) form: Fields,
    /// Suggested fields of any answer.
    pub(crate) fields: Fields,
}

type Fields = &'static [(&'static str, &'static str)];

const APPROVER: Person = Person { yes: "approved", no: &["rejected"], expires: false, form: &[], fields: &[] };

const fn example(
    id: &'static str,
    about: &'static str,
    flow: Flow,
    agents: &'static [ExampleAgent],
    ending: Ending,
) -> Example {
    Example { id, about, flow, agents, ending }
}

const fn agent(address: &'static str, rules: Rules) -> ExampleAgent {
    ExampleAgent { address, rules, behavior: Behavior::Normal }
}

const COMPLIANCE: ExampleAgent = agent("compliance-checker-agent", rules::compliance);
const ORDERS: ExampleAgent = agent("http-order-processor", rules::order);
const RISK: ExampleAgent = agent("risk-assessment-agent", rules::risk);
const WINDOW: ExampleAgent = agent("change-window-validator", rules::window);
const BROKEN: ExampleAgent =
    ExampleAgent { behavior: Behavior::Failing, ..agent("webhook-receiver-agent", rules::order) };
const SLOW: ExampleAgent =
    ExampleAgent { behavior: Behavior::Slow(Duration::from_secs(20)), ..agent("slow-batch-processor", rules::batch) };

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../../../examples/", $path))
    };
}

macro_rules! scenario {
    ($folder:literal) => {
        Scenario(include_str!(concat!("../../../../../examples/", $folder, "/scenario.json")))
    };
}

#[rustfmt::skip]
pub(crate) static EXAMPLES: [Example; 27] = {
    use Ending::{Answered, Completed, Failed};
    use Flow::{FireAndForget, Inbox, Intent, Scenario, Sequence};
    [
        example("delivery/stream", "An agent receives an intent on its stream and answers it",
            scenario!("delivery-stream"), &[COMPLIANCE], Completed),
        example("delivery/poll", "An agent polls, finds an intent and answers it",
            scenario!("delivery-poll"), &[agent("batch-processor-agent", rules::batch)], Completed),
        example("delivery/http", "A signed intent is posted to the callback URL of an agent",
            scenario!("delivery-http"), &[ORDERS], Completed),
        example("delivery/inbox", "The sender does not wait, and finds the result in its inbox",
            Inbox(file!("delivery-inbox/intent.json")), &[agent("fulfillment-service-agent", rules::order)], Completed),
        example("human/cli", "An agent checks a deployment, then a person approves or rejects it",
            scenario!("human-cli"), &[agent("deploy-readiness-checker", rules::readiness)], Answered(APPROVER)),
        example("human/email", "An agent checks a budget, then a person is asked by email",
            scenario!("human-email"), &[agent("budget-envelope-validator", rules::budget)],
            Answered(Person { form: &[("notes", "within the plan of the quarter")], ..APPROVER })),
        example("human/form", "A person grants access by filling in a form",
            scenario!("human-form"), &[agent("access-policy-checker", rules::access)],
            Answered(Person { form: &[("grant_duration_days", "30"), ("scope_confirmed", "true")], ..APPROVER })),
        example("human/review", "A person approves code, rejects it or asks for changes",
            scenario!("human-review"), &[],
            Answered(Person { no: &["changes_requested", "rejected"], ..APPROVER })),
        example("human/clarification", "A person adds missing information in a comment",
            scenario!("human-clarification"), &[], Answered(Person {
                yes: "provided", no: &["declined"], fields: &[("comment", "Invoices go to the office in Rotterdam.")], ..APPROVER
            })),
        example("human/confirmation", "A person confirms that something has happened",
            scenario!("human-confirmation"), &[],
            Answered(Person { yes: "confirmed", no: &["denied"], ..APPROVER })),
        example("human/assignment", "A person says who takes care of an incident",
            scenario!("human-assignment"), &[], Answered(Person {
                yes: "assigned", no: &["declined"], form: &[("assignee", "kim@example.com"), ("priority", "P1")], ..APPROVER
            })),
        example("human/manual-action", "A person does something by hand and gives evidence of it",
            scenario!("human-manual-action"), &[], Answered(Person {
                yes: "completed", no: &["failed"], fields: &[("evidence", "https://photos.example/rack-7")], ..APPROVER
            })),
        example("human/override", "A person overrides a rule and must give a reason",
            scenario!("human-override"), &[], Answered(Person {
                yes: "override_approved", fields: &[("comment", "The fix cannot wait for the end of the freeze.")], ..APPROVER
            })),
        example("internal/delay", "An agent finishes its step within the deadline of two minutes",
            scenario!("internal-delay"), &[WINDOW], Completed),
        example("internal/timeout", "No agent answers a step, and its deadline passes after 15 seconds",
            scenario!("internal-timeout"), &[], Failed("step_timeout")),
        example("internal/reminder", "A person is reminded three times, then the deadline passes",
            scenario!("internal-reminder"), &[WINDOW], Answered(Person { expires: true, ..APPROVER })),
        example("internal/notification", "The owner of a service is notified of a risk and acknowledges it",
            scenario!("internal-notification"), &[RISK],
            Answered(Person { form: &[("acknowledged", "true"), ("decision", "proceed")], ..APPROVER })),
        example("internal/escalation", "The person on call is reminded twice, then the task is escalated",
            scenario!("internal-escalation"), &[agent("incident-classifier-agent", rules::incident)],
            Answered(Person { expires: true, form: &[("acknowledged", "true"), ("eta_minutes", "20")], ..APPROVER })),
        example("internal/human_approval", "Without any agent, a person approves, rejects or defers",
            scenario!("internal-human_approval"), &[],
            Answered(Person { no: &["rejected", "deferred"], ..APPROVER })),
        example("durability/retry-failure", "Delivery to an agent that is down fails after three attempts",
            scenario!("durability-retry-failure"), &[BROKEN], Failed("delivery_failed")),
        example("durability/timeout", "An agent misses the deadline of 10 seconds of its step",
            scenario!("durability-timeout"), &[SLOW], Failed("step_timeout")),
        example("durability/reminder-escalation", "Nobody answers: reminders, an escalation, then the deadline passes",
            scenario!("durability-reminder-escalation"), &[agent("pre-approval-validator", rules::window)],
            Answered(Person { expires: true, ..APPROVER })),
        example("full/multi-agent", "Two agents check a change in turn, then a board decides",
            scenario!("full-multi-agent"), &[COMPLIANCE, RISK], Answered(APPROVER)),
        example("full/multi-binding", "One agent receives on its stream, the next one by a post",
            scenario!("full-multi-binding"), &[COMPLIANCE, ORDERS], Completed),
        example("model-a/simple-request", "An intent without a scenario is sent to an agent and followed to its end",
            Intent(file!("model-a-simple-request/intent.json")), &[COMPLIANCE], Completed),
        example("model-a/fire-and-forget", "The sender submits an intent and gets its result later",
            FireAndForget(file!("model-a-fire-and-forget/intent.json")), &[COMPLIANCE], Completed),
        example("model-a/manual-multi-step", "The sender submits two intents, the second with the result of the first",
            Sequence(file!("model-a-manual-multi-step/intent.json"), file!("model-a-manual-multi-step/second.json")),
            &[COMPLIANCE, RISK], Completed),
    ]
};

impl Example {
    pub(crate) fn find(id: &str) -> Option<&'static Example> {
        EXAMPLES.iter().find(|example| example.id == id)
    }

    pub(crate) fn agent(&self, address: &str) -> Option<&'static ExampleAgent> {
        self.agents.iter().find(|agent| agent.address == address)
    }

    pub(crate) fn person(&self) -> Option<&Person> {
        match &self.ending {
            Ending::Answered(person) => Some(person),
            Ending::Completed | Ending::Failed(_) => None,
        }
    }

    /// Returns the first submission of the sender.
    pub(crate) fn submission(&self) -> Object {
        match self.flow {
            Flow::Scenario(text)
            | Flow::Intent(text)
            | Flow::FireAndForget(text)
            | Flow::Inbox(text)
            | Flow::Sequence(text, _) => parse(text),
        }
    }
}

/// Parses a file of the examples.
pub(crate) fn parse(text: &str) -> Object {
    serde_json::from_str(text).expect("a test checks that the files of the examples are JSON objects")
}

impl Ending {
    /// Describes the ending for people.
    pub(crate) fn text(&self) -> String {
        match self {
            Ending::Completed => "COMPLETED".to_owned(),
            Ending::Failed(code) => format!("FAILED with code {code}"),
            Ending::Answered(person) => format!("COMPLETED, or FAILED with code {}", person.codes().join(" or ")),
        }
    }

    /// Whether the intent ended as expected after this answer of the person.
    pub(crate) fn is_met(&self, intent: &IntentView, answer: Option<&str>) -> bool {
        let is_completed = intent.status == Status::Completed;
        let has_failed = |code: &&str| {
            intent.status == Status::Failed && intent.error.field("code").is_some_and(|known| known == **code)
        };
        match (self, answer) {
            (Ending::Completed, _) => is_completed,
            (Ending::Failed(code), _) => has_failed(code),
            (Ending::Answered(person), Some(outcome)) if person.is_yes(outcome) => is_completed,
            (Ending::Answered(person), Some(_)) => person.no.iter().any(has_failed),
            (Ending::Answered(person), None) => is_completed || person.codes().iter().any(has_failed),
        }
    }
}

impl Person {
    /// Returns the error codes with which the example may fail.
    fn codes(&self) -> Vec<&'static str> {
        self.no.iter().copied().chain(self.expires.then_some("step_timeout")).collect()
    }

    /// Whether the server accepts an outcome as the yes of the task. Some words mean yes to every task.
    pub(crate) fn is_yes(&self, outcome: &str) -> bool {
        outcome == self.yes || matches!(outcome, "approve" | "approved" | "confirmed")
    }

    /// Returns the suggested fields of an answer, including the comment. Only a yes needs the form.
    pub(crate) fn suggestions(&self, outcome: &str) -> Object {
        let form = if self.is_yes(outcome) { self.form } else { &[] };
        form.iter().chain(self.fields).map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
    }
}
