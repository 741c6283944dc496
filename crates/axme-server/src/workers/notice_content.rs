//! The stored content of a notice.

use axme_intent::lifecycle::Occasion;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// The content of a notice.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Task {
        about: Occasion,
        asking: u32,
    },
    /// The answer to a task is no longer needed. `over` is the number of its asking.
    Over {
        over: u32,
    },
    /// A person became a member of an organization.
    Invitation {
        org: Uuid,
        invited: Uuid,
    },
    Text {
        subject: String,
        body: String,
    },
    /// A question to the requester: its number among those about the task.
    Question {
        question: usize,
    },
    /// The receipt of a decision.
    Receipt {
        receipt: Uuid,
    },
    /// The mail of a sign-in.
    Login {
        login: Uuid,
    },
    /// The mail of a trial.
    Trial {
        trial: Uuid,
    },
    /// Another mail of the latest trial of an address.
    TrialAgain {
        trial_of: String,
    },
    /// A notification in a browser.
    Push {
        /// The subscription of the browser.
        push: Uuid,
        /// The number of the asking that it tells of; absent if it goes with the mail of a day.
        #[serde(default)]
        task: Option<u32>,
    },
    /// A routed delivery, as it is sent.
    Delivery {
        delivery: Value,
        /// The principal for whom each attempt gets a signed token, if the route asks for one.
        #[serde(default)]
        signed_for: Option<Uuid>,
    },
}
