//! The examples that come with the program: their bundles, their agents, and how they end.

use axme_client::Object;
use axme_client::api::intents::IntentView;

use super::agents::{Rules, compliance, readiness};

pub struct Example {
    pub id: &'static str,
    pub about: &'static str,
    /// How it ends, for people.
    pub ends: &'static str,
    pub bundle: &'static str,
    /// The agents that the program plays: by address, what they answer.
    pub agents: &'static [(&'static str, Rules)],
    /// Whether a person is asked.
    pub asks: bool,
    /// Whether this is an ending that the example promises.
    pub promised: fn(&IntentView) -> bool,
}

pub static EXAMPLES: [Example; 3] = [
    Example {
        id: "delivery/stream",
        about: "An agent receives an intent on its stream and answers it",
        ends: "COMPLETED",
        bundle: include_str!("../../../../examples/delivery-stream/scenario.json"),
        agents: &[("compliance-checker-agent", compliance)],
        asks: false,
        promised: |intent| intent.status == "COMPLETED",
    },
    Example {
        id: "human/cli",
        about: "An agent checks a deployment, then a person approves or rejects it",
        ends: "COMPLETED, or FAILED with code rejected",
        bundle: include_str!("../../../../examples/human-cli/scenario.json"),
        agents: &[("deploy-readiness-checker", readiness)],
        asks: true,
        promised: |intent| intent.status == "COMPLETED" || failed_with(intent, "rejected"),
    },
    Example {
        id: "internal/timeout",
        about: "Nobody answers a step, and its deadline passes after 15 seconds",
        ends: "FAILED with code step_timeout",
        bundle: include_str!("../../../../examples/internal-timeout/scenario.json"),
        agents: &[],
        asks: false,
        promised: |intent| failed_with(intent, "step_timeout"),
    },
];

impl Example {
    pub fn find(id: &str) -> Option<&'static Example> {
        EXAMPLES.iter().find(|example| example.id == id)
    }

    pub fn bundle(&self) -> Object {
        serde_json::from_str(self.bundle).expect("the bundles in this program are JSON objects")
    }
}

pub fn failed_with(intent: &IntentView, code: &str) -> bool {
    intent.status == "FAILED" && intent.error["code"] == code
}
