//! The scenarios that senders draw: steps of all kinds with branches and loops, and macros.
//!
//! Loops lead back only from failures, so that they end when every actor works correctly.

use serde_json::{Value, json};

use super::WORKERS;
use crate::Simulation;
use crate::outbound::CHAT_URL;

/// People that bundles name by role. The clerk has no email address.
const ROLES: [&str; 3] = ["boss", "chief", "clerk"];

/// The group as an assignee.
pub(crate) const GROUP: &str = "group://board";

/// Further people who get mail about tasks.
pub(crate) const PEOPLE: [&str; 3] = ["ann@example.com", "bob@example.com", "cat@example.com"];

/// Draws a valid bundle.
pub(crate) fn bundle(sim: &mut Simulation, mark: &str) -> Value {
    let workflow = if sim.cluster.chance(15) { by_macro(sim) } else { by_steps(sim) };
    let agents = WORKERS.map(|name| json!({ "role": name, "address": name, "create_if_missing": true }));
    let mut bundle = json!({
        "scenario_id": "sim.v1",
        "agents": agents,
        "humans": [
            { "role": "boss", "contact": "boss@example.com" }, { "role": "chief", "contact": "chief@example.com" },
            { "role": "deputy", "contact": "deputy@example.com" }, { "role": "clerk" },
        ],
        "workflow": workflow,
        "intent": { "type": "intent.work.v1", "payload": { "born": mark } },
    });
    if sim.cluster.chance(8) {
        let seconds = 1 + sim.cluster.below(9_000) as u64;
        bundle["intent"]["deadline_at"] = json!(sim.cluster.now().plus_seconds(seconds).to_string());
    }
    bundle
}

fn by_macro(sim: &mut Simulation) -> Value {
    let (id, mut parameters) = match sim.cluster.below(5) {
        0 => ("macro.approval.v1", json!({ "approver": "chief" })),
        1 => ("macro.two_person_approval.v1", json!({})),
        2 => ("macro.approval_chain.v1", json!({ "approvers": ["chief", "boss", "clerk"] })),
        3 => ("macro.agent_then_approval.v1", json!({ "agent": WORKERS[sim.cluster.below(WORKERS.len())] })),
        _ => ("macro.reminder_and_escalation.v1", json!({ "remind_after_seconds": 300, "escalate_to": "deputy" })),
    };
    if sim.cluster.chance(50) {
        parameters["step_deadline_seconds"] = json!(1 + sim.cluster.below(4_000));
    }
    json!({ "macro_id": id, "parameters": parameters })
}

fn by_steps(sim: &mut Simulation) -> Value {
    let count = 1 + sim.cluster.below(5);
    let steps: Vec<Value> = (0..count).map(|n| step(sim, n, count)).collect();
    json!({ "steps": steps })
}

fn step(sim: &mut Simulation, n: usize, count: usize) -> Value {
    let mut step = match sim.cluster.below(100) {
        0..32 => of_agent(sim),
        32..74 => of_person(sim),
        _ => of_platform(sim),
    };
    step["step_id"] = json!(format!("s{n}"));
    if n + 1 < count && sim.cluster.chance(30) {
        step["on_failure"] = json!(format!("s{}", n + 1 + sim.cluster.below(count - n - 1)));
    } else if sim.cluster.chance(8) {
        step["on_failure"] = json!(format!("s{}", sim.cluster.below(n + 1)));
    }
    if n + 1 < count && sim.cluster.chance(10) {
        step["on_success"] = json!(format!("s{}", n + 1 + sim.cluster.below(count - n - 1)));
    }
    step
}

fn of_agent(sim: &mut Simulation) -> Value {
    let to = WORKERS[sim.cluster.below(WORKERS.len())];
    let mut step = json!({ "tool_id": "tool.agent.task.v1", "assigned_to": to });
    if sim.cluster.chance(30) {
        let (most, delay) = (1 + sim.cluster.below(3), sim.cluster.below(3) * 200);
        step["retry"] = json!({ "max_retries": most, "retry_delay_seconds": delay });
    }
    hurry(sim, &mut step);
    step
}

fn of_person(sim: &mut Simulation) -> Value {
    let mut step = json!({ "assigned_to": ROLES[sim.cluster.below(ROLES.len())], "human_task": task(sim) });
    hurry(sim, &mut step);
    step
}

/// Adds a deadline, reminders and an escalation to some steps.
fn hurry(sim: &mut Simulation, step: &mut Value) {
    if sim.cluster.chance(40) {
        step["step_deadline_seconds"] = json!(1 + sim.cluster.below(3_000));
    }
    if sim.cluster.chance(30) {
        step["remind_after_seconds"] = json!(1 + sim.cluster.below(900));
        step["max_reminders"] = json!(1 + sim.cluster.below(3));
    }
    if sim.cluster.chance(30) {
        step["escalate_to"] = json!("deputy");
    }
}

/// Draws a person's task.
pub(crate) fn task(sim: &mut Simulation) -> Value {
    let mut task = json!({ "title": "Is it right?" });
    if sim.cluster.chance(30) {
        task["notify_email"] = json!(PEOPLE[sim.cluster.below(PEOPLE.len())]);
    }
    if sim.cluster.chance(30) {
        task["assignees"] = match sim.cluster.below(4) {
            0 => json!([GROUP]),
            // A person who is asked in two ways votes once.
            1 => json!([PEOPLE[0], GROUP]),
            _ => json!([PEOPLE[0], PEOPLE[1]]),
        };
        if sim.cluster.chance(50) {
            task["quorum"] = json!(2);
        }
    }
    if sim.cluster.chance(15) {
        task["exclude_requester"] = json!(true);
    }
    if sim.cluster.chance(10) {
        task["allowed_outcomes"] = json!(["approved", "rejected"]);
    }
    task
}

fn of_platform(sim: &mut Simulation) -> Value {
    let seconds = 1 + sim.cluster.below(2_000);
    match sim.cluster.below(8) {
        0 | 1 => json!({ "runtime_type": "delay", "config": { "seconds": seconds } }),
        2 => json!({ "runtime_type": "timeout", "config": { "seconds": seconds } }),
        3 => json!({ "runtime_type": "reminder", "assigned_to": "boss" }),
        4 => json!({ "runtime_type": "escalation", "config": { "escalate_to": "deputy" } }),
        5 => {
            json!({ "runtime_type": "notification", "config": { "to": [PEOPLE[2], "boss"], "channels": ["email", "inbox"] } })
        }
        6 => {
            let channel = ["slack", "webhook"][sim.cluster.below(2)];
            json!({ "runtime_type": "notification", "config": { "channels": [channel], "url": CHAT_URL } })
        }
        _ => json!({ "tool_id": "tool.nothing.v1" }),
    }
}
