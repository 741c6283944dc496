//! Two nodes whose clocks differ by half a minute, in either direction.

use std::time::Duration;

use axme_intent::Time;
use axme_server::workers;
use axme_store::clock::ManualClock;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, id_of, postgres_only};

postgres_only! {
    events_keep_their_order,
    a_deadline_passes_at_most_the_difference_early_or_late,
    deliveries_arrive_at_most_the_difference_late,
    a_claim_holds_on_the_other_node,
}

const SKEW: u64 = 30;

/// Two nodes, the second one with a clock that is [`SKEW`] seconds behind, and the key of an agent `worker`.
struct Pair {
    ahead: Server,
    behind: Server,
    worker: String,
}

impl Pair {
    async fn start() -> Pair {
        let ahead = Server::start(Engine::Postgres).await;
        let behind = ahead.another_node_at(ManualClock::at(ahead.now())).await;
        ahead.clock.advance(Duration::from_secs(SKEW));
        let worker = ahead.agent("worker").await;
        Pair { ahead, behind, worker }
    }

    /// Both nodes, in either order.
    fn orders(&self) -> [(&Server, &Server); 2] {
        [(&self.ahead, &self.behind), (&self.behind, &self.ahead)]
    }

    fn pass(&self, seconds: u64) {
        for node in [&self.ahead, &self.behind] {
            node.clock.advance(Duration::from_secs(seconds));
        }
    }
}

async fn events_keep_their_order() {
    let pair = Pair::start().await;
    for (one, other) in pair.orders() {
        let id = one.submit("worker", json!({})).await;
        let path = format!("/v1/intents/{id}");
        other.get(&pair.worker, &path).await;
        one.post(&pair.worker, &format!("{path}/resume"), json!({ "status": "pending_payment" })).await;
        other.post(&pair.worker, &format!("{path}/resolve"), json!({ "status": "COMPLETED", "result": 1 })).await;
        let events = one.events(&id).await;
        assert_eq!(events, other.events(&id).await);
        let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=events.len() as u64).map(|nth| 2 * nth).collect::<Vec<_>>());
        let times: Vec<Time> = events.iter().map(|event| Time::parse(event["at"].as_str().unwrap()).unwrap()).collect();
        assert!(times.is_sorted(), "{events:?}");
        assert_eq!(events.last().unwrap()["status"], "COMPLETED");
    }
}

async fn a_deadline_passes_at_most_the_difference_early_or_late() {
    let pair = Pair::start().await;
    for (one, other) in pair.orders() {
        let deadline = one.now().plus_seconds(100);
        let body = json!({
            "intent_type": "x", "to_agent": "worker", "payload": {}, "deadline_at": deadline.to_string(),
        });
        let id = id_of(&one.post(&one.admin, "/v1/intents", body).await);
        let status = async || one.intent(&id).await["status"].clone();
        let fire = async || {
            for node in [one, other] {
                workers::timers::tick(&node.app).await.unwrap();
            }
        };
        let left = |node: &Server| deadline.since(node.now()).as_secs();
        // Until the node whose clock is ahead reaches it, nothing happens.
        pair.pass(left(one).min(left(other)) - 1);
        fire().await;
        assert_eq!(status().await, "DELIVERED");
        pair.pass(1);
        fire().await;
        assert_eq!(status().await, "TIMED_OUT", "the node ahead ends it");
        let late = json!({ "status": "COMPLETED" });
        let path = format!("/v1/intents/{id}/resolve");
        let refused = pair.behind.send(&pair.worker, "POST", &path, Some(late)).await;
        refused.refused(409, "intent_already_terminal");
        pair.pass(2 * SKEW);
        fire().await;
        let ends: Vec<Value> =
            one.events(&id).await.into_iter().filter(|event| event["status"] == "TIMED_OUT").collect();
        assert_eq!(ends.len(), 1, "it ends once");
    }
}

async fn deliveries_arrive_at_most_the_difference_late() {
    let pair = Pair::start().await;
    let stream = "/v1/agents/worker/intents/stream?since=0&wait_seconds=1";
    for (one, other) in pair.orders() {
        let id = one.submit("worker", json!({})).await;
        let mut window = other.stream(&pair.worker, stream).await;
        if window.intent_ids().is_empty() {
            assert!(one.now() > other.now(), "only a node behind is late");
            pair.pass(SKEW);
            window = other.stream(&pair.worker, stream).await;
        }
        assert_eq!(window.intent_ids(), [id.as_str()]);
        let answer = json!({ "status": "COMPLETED" });
        other.post(&pair.worker, &format!("/v1/intents/{id}/resolve"), answer).await;
    }
}

async fn a_claim_holds_on_the_other_node() {
    let pair = Pair::start().await;
    for (one, other) in pair.orders() {
        let id = one.submit("worker", json!({})).await;
        let read = |name: &str| format!("/v1/agents/worker/intents/stream?since=2&wait_seconds=1&consumer={name}");
        assert_eq!(one.stream(&pair.worker, &read("first")).await.intent_ids(), [id.as_str()]);
        assert!(other.stream(&pair.worker, &read("second")).await.intent_ids().is_empty(), "first is alive");
        pair.pass(125 + SKEW);
        let heir = other.stream(&pair.worker, &read("second")).await;
        assert_eq!(heir.intent_ids(), [id.as_str()], "the claim of a silent name lapses");
        let answer = json!({ "status": "COMPLETED" });
        other.post(&pair.worker, &format!("/v1/intents/{id}/resolve"), answer).await;
    }
}
