//! The examples that come with the program: their files, their agents, their people, and how they end.

use std::time::Duration;

use axme_client::Object;
use axme_client::api::intents::IntentView;

use super::rules::{Rules, access, batch, budget, compliance, incident, order, readiness, risk, window};

pub struct Example {
    pub id: &'static str,
    pub about: &'static str,
    pub story: Story,
    /// The agents that the program plays; those of the bundle that are not here do not answer.
    pub agents: &'static [Part],
    pub ends: Ends,
}

/// What is submitted, as the text of its files, and what is done then.
pub enum Story {
    /// A scenario bundle is applied and followed.
    Bundle(&'static str),
    /// An intent is sent and followed.
    Direct(&'static str),
    /// An intent is sent and looked at later.
    Forgotten(&'static str),
    /// An intent is sent; its result is fetched from the inbox that it is to be sent to.
    Inbox(&'static str),
    /// The second intent is sent with what came of the first.
    Chain(&'static str, &'static str),
}

/// An agent that the program plays.
pub struct Part {
    pub address: &'static str,
    pub rules: Rules,
    pub manner: Manner,
}

pub enum Manner {
    Prompt,
    /// Works this long on each intent.
    Slow(Duration),
    /// Refuses everything that is posted to it.
    Broken,
}

pub enum Ends {
    Completed,
    /// FAILED with this code.
    Failed(&'static str),
    /// As a person answers.
    Answered(Person),
}

/// Somebody who is asked.
pub struct Person {
    /// The outcome that means yes.
    pub yes: &'static str,
    /// The others. The intent fails with the one that was given as its code.
    pub no: &'static [&'static str],
    /// What happens without an answer.
    pub patience: Patience,
    /// What `--answer` says beside the outcome, unless told otherwise.
    pub comment: Option<&'static str>,
    pub evidence: Option<&'static str>,
    /// How it fills in the form when it says yes.
    pub form: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy, PartialEq)]
pub enum Patience {
    /// The example waits for a person.
    Waits,
    /// The deadline comes within a minute, and is an ending of the example.
    Ends,
}

/// The text of a file of the examples.
macro_rules! file {
    ($path:literal) => {
        include_str!(concat!("../../../../examples/", $path))
    };
}

const fn part(address: &'static str, rules: Rules) -> Part {
    Part { address, rules, manner: Manner::Prompt }
}

/// Somebody who approves or rejects.
const APPROVER: Person =
    Person { yes: "approved", no: &["rejected"], patience: Patience::Waits, comment: None, evidence: None, form: &[] };

pub static EXAMPLES: [Example; 27] = [
    Example {
        id: "delivery/stream",
        about: "An agent receives an intent on its stream and answers it",
        story: Story::Bundle(file!("delivery-stream/scenario.json")),
        agents: &[part("compliance-checker-agent", compliance)],
        ends: Ends::Completed,
    },
    Example {
        id: "delivery/poll",
        about: "An agent asks now and then, finds an intent and answers it",
        story: Story::Bundle(file!("delivery-poll/scenario.json")),
        agents: &[part("batch-processor-agent", batch)],
        ends: Ends::Completed,
    },
    Example {
        id: "delivery/http",
        about: "An intent is posted to an agent that is a server, signed",
        story: Story::Bundle(file!("delivery-http/scenario.json")),
        agents: &[part("http-order-processor", order)],
        ends: Ends::Completed,
    },
    Example {
        id: "delivery/inbox",
        about: "The sender goes away and finds the result in an inbox",
        story: Story::Inbox(file!("delivery-inbox/intent.json")),
        agents: &[part("fulfillment-service-agent", order)],
        ends: Ends::Completed,
    },
    Example {
        id: "human/cli",
        about: "An agent checks a deployment, then a person approves or rejects it",
        story: Story::Bundle(file!("human-cli/scenario.json")),
        agents: &[part("deploy-readiness-checker", readiness)],
        ends: Ends::Answered(APPROVER),
    },
    Example {
        id: "human/email",
        about: "An agent checks a budget, then a person is asked by mail",
        story: Story::Bundle(file!("human-email/scenario.json")),
        agents: &[part("budget-envelope-validator", budget)],
        ends: Ends::Answered(Person { form: &[("notes", "within the plan of the quarter")], ..APPROVER }),
    },
    Example {
        id: "human/form",
        about: "A person grants access by filling in a form",
        story: Story::Bundle(file!("human-form/scenario.json")),
        agents: &[part("access-policy-checker", access)],
        ends: Ends::Answered(Person {
            form: &[("grant_duration_days", "30"), ("scope_confirmed", "true")],
            ..APPROVER
        }),
    },
    Example {
        id: "human/review",
        about: "A person approves a piece of code, rejects it or wants changes",
        story: Story::Bundle(file!("human-review/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person { no: &["changes_requested", "rejected"], ..APPROVER }),
    },
    Example {
        id: "human/clarification",
        about: "A person is asked what is missing, and says it in a comment",
        story: Story::Bundle(file!("human-clarification/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person {
            yes: "provided",
            no: &["declined"],
            comment: Some("Invoices go to the office in Rotterdam."),
            ..APPROVER
        }),
    },
    Example {
        id: "human/confirmation",
        about: "A person confirms that something has happened",
        story: Story::Bundle(file!("human-confirmation/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person { yes: "confirmed", no: &["denied"], ..APPROVER }),
    },
    Example {
        id: "human/assignment",
        about: "A person says who takes care of an incident",
        story: Story::Bundle(file!("human-assignment/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person {
            yes: "assigned",
            no: &["declined"],
            form: &[("assignee", "kim@example.com"), ("priority", "P1")],
            ..APPROVER
        }),
    },
    Example {
        id: "human/manual-action",
        about: "A person does something by hand and shows that it is done",
        story: Story::Bundle(file!("human-manual-action/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person {
            yes: "completed",
            no: &["failed"],
            evidence: Some("https://photos.example/rack-7"),
            ..APPROVER
        }),
    },
    Example {
        id: "human/override",
        about: "A person overrides a rule, and has to say why",
        story: Story::Bundle(file!("human-override/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person {
            yes: "override_approved",
            no: &["rejected"],
            comment: Some("The fix cannot wait for the end of the freeze."),
            ..APPROVER
        }),
    },
    Example {
        id: "internal/delay",
        about: "An agent has two minutes for its step, and needs less",
        story: Story::Bundle(file!("internal-delay/scenario.json")),
        agents: &[part("change-window-validator", window)],
        ends: Ends::Completed,
    },
    Example {
        id: "internal/timeout",
        about: "Nobody answers a step, and its deadline passes after 15 seconds",
        story: Story::Bundle(file!("internal-timeout/scenario.json")),
        agents: &[],
        ends: Ends::Failed("step_timeout"),
    },
    Example {
        id: "internal/reminder",
        about: "A person is reminded three times, then the time is up",
        story: Story::Bundle(file!("internal-reminder/scenario.json")),
        agents: &[part("change-window-validator", window)],
        ends: Ends::Answered(Person { patience: Patience::Ends, ..APPROVER }),
    },
    Example {
        id: "internal/notification",
        about: "The owner of a service is told of a risk, and acknowledges it",
        story: Story::Bundle(file!("internal-notification/scenario.json")),
        agents: &[part("risk-assessment-agent", risk)],
        ends: Ends::Answered(Person { form: &[("acknowledged", "true"), ("decision", "proceed")], ..APPROVER }),
    },
    Example {
        id: "internal/escalation",
        about: "The one on call is reminded twice, then somebody else is asked",
        story: Story::Bundle(file!("internal-escalation/scenario.json")),
        agents: &[part("incident-classifier-agent", incident)],
        ends: Ends::Answered(Person {
            patience: Patience::Ends,
            form: &[("acknowledged", "true"), ("eta_minutes", "20")],
            ..APPROVER
        }),
    },
    Example {
        id: "internal/human_approval",
        about: "There is no agent at all: a person approves, rejects or defers",
        story: Story::Bundle(file!("internal-human_approval/scenario.json")),
        agents: &[],
        ends: Ends::Answered(Person { no: &["rejected", "deferred"], ..APPROVER }),
    },
    Example {
        id: "durability/retry-failure",
        about: "An agent that is down is tried three times, then given up",
        story: Story::Bundle(file!("durability-retry-failure/scenario.json")),
        agents: &[Part { address: "webhook-receiver-agent", rules: order, manner: Manner::Broken }],
        ends: Ends::Failed("delivery_failed"),
    },
    Example {
        id: "durability/timeout",
        about: "An agent takes longer than the 10 seconds that its step has",
        story: Story::Bundle(file!("durability-timeout/scenario.json")),
        agents: &[Part {
            address: "slow-batch-processor",
            rules: batch,
            manner: Manner::Slow(Duration::from_secs(20)),
        }],
        ends: Ends::Failed("step_timeout"),
    },
    Example {
        id: "durability/reminder-escalation",
        about: "Reminders, then somebody else, then the end: nobody answered",
        story: Story::Bundle(file!("durability-reminder-escalation/scenario.json")),
        agents: &[part("pre-approval-validator", window)],
        ends: Ends::Answered(Person { patience: Patience::Ends, ..APPROVER }),
    },
    Example {
        id: "full/multi-agent",
        about: "Two agents look at a change, one after the other, then a board decides",
        story: Story::Bundle(file!("full-multi-agent/scenario.json")),
        agents: &[part("compliance-checker-agent", compliance), part("risk-assessment-agent", risk)],
        ends: Ends::Answered(APPROVER),
    },
    Example {
        id: "full/multi-binding",
        about: "One agent is reached on its stream, the next by a post",
        story: Story::Bundle(file!("full-multi-binding/scenario.json")),
        agents: &[part("compliance-checker-agent", compliance), part("http-order-processor", order)],
        ends: Ends::Completed,
    },
    Example {
        id: "model-a/simple-request",
        about: "An intent without a scenario: sent to an agent, followed to its end",
        story: Story::Direct(file!("model-a-simple-request/intent.json")),
        agents: &[part("compliance-checker-agent", compliance)],
        ends: Ends::Completed,
    },
    Example {
        id: "model-a/fire-and-forget",
        about: "An intent is sent and forgotten; later its result is there",
        story: Story::Forgotten(file!("model-a-fire-and-forget/intent.json")),
        agents: &[part("compliance-checker-agent", compliance)],
        ends: Ends::Completed,
    },
    Example {
        id: "model-a/manual-multi-step",
        about: "Two intents in a row; the program carries the result from one to the other",
        story: Story::Chain(
            file!("model-a-manual-multi-step/intent.json"),
            file!("model-a-manual-multi-step/second.json"),
        ),
        agents: &[part("compliance-checker-agent", compliance), part("risk-assessment-agent", risk)],
        ends: Ends::Completed,
    },
];

impl Example {
    pub fn find(id: &str) -> Option<&'static Example> {
        EXAMPLES.iter().find(|example| example.id == id)
    }

    pub fn part(&self, address: &str) -> Option<&'static Part> {
        self.agents.iter().find(|part| part.address == address)
    }

    pub fn person(&self) -> Option<&Person> {
        match &self.ends {
            Ends::Answered(person) => Some(person),
            Ends::Completed | Ends::Failed(_) => None,
        }
    }
}

impl Ends {
    /// For people.
    pub fn words(&self) -> String {
        match self {
            Ends::Completed => "COMPLETED".to_owned(),
            Ends::Failed(code) => format!("FAILED with code {code}"),
            Ends::Answered(person) => {
                let late = (person.patience == Patience::Ends).then_some("step_timeout");
                let codes: Vec<&str> = person.no.iter().copied().chain(late).collect();
                format!("COMPLETED, or FAILED with code {}", codes.join(" or "))
            }
        }
    }

    /// Whether this is an ending that the example promises, when `answer` was given to the one who is asked.
    pub fn are_kept(&self, intent: &IntentView, answer: Option<&str>) -> bool {
        let is_completed = intent.status == "COMPLETED";
        let has_failed = |code: &str| intent.status == "FAILED" && intent.error["code"] == code;
        match (self, answer) {
            (Ends::Completed, _) => is_completed,
            (Ends::Failed(code), _) => has_failed(code),
            (Ends::Answered(person), Some(word)) if person.means_yes(word) => is_completed,
            (Ends::Answered(person), Some(_)) => person.no.iter().any(|no| has_failed(no)),
            (Ends::Answered(person), None) => {
                let is_late = person.patience == Patience::Ends && has_failed("step_timeout");
                is_completed || is_late || person.no.iter().any(|no| has_failed(no))
            }
        }
    }
}

impl Person {
    /// Whether the server takes a word for a yes: it has other words for what a task calls its yes.
    pub fn means_yes(&self, word: &str) -> bool {
        word == self.yes || matches!(word, "approve" | "approved" | "confirmed")
    }
}

impl Story {
    /// The bundle, or the first intent.
    pub fn opening(&self) -> Object {
        match self {
            Story::Bundle(text)
            | Story::Direct(text)
            | Story::Forgotten(text)
            | Story::Inbox(text)
            | Story::Chain(text, _) => read(text),
        }
    }
}

/// A file of the examples.
pub fn read(text: &str) -> Object {
    serde_json::from_str(text).expect("the files in this program are JSON objects, which a test checks")
}
