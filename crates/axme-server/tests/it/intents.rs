//! Intents: create, look, answer, end.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Server, id_of, on_both};

#[test]
fn an_intent_goes_to_its_agent_and_back() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": { "question": 6 } });
        let created = server.post(&server.admin, "/v1/intents", body).await;
        assert_eq!(created["status"], "DELIVERED");
        assert_eq!(created["intent"]["lifecycle_status"], "DELIVERED");
        let id = id_of(&created);
        assert_eq!(server.event_types(&id).await, ["created", "submitted", "delivered"]);

        let window =
            server.stream(&worker, "/v1/agents/local/default/worker/intents/stream?since=0&wait_seconds=5").await;
        assert_eq!(window.intent_ids(), [id.as_str()]);
        let frame = &window.content()[0];
        assert_eq!((frame.event.as_str(), frame.id), ("intent.delivered", Some(2)));
        assert_eq!(frame.data["payload"], json!({ "question": 6 }));
        assert_eq!(window.next_seq(), 2);

        let resumed = server
            .post(&worker, &format!("/v1/intents/{id}/resume"), json!({ "action": "complete", "answer": 42 }))
            .await;
        assert_eq!(resumed["intent"]["status"], "COMPLETED");
        assert_eq!(resumed["event"]["event_type"], "intent.completed");
        let got = server.get(&server.admin, &format!("/v1/intents/{id}")).await;
        assert_eq!(got["result"], json!({ "answer": 42 }));
        assert_eq!(got["intent"]["result"], json!({ "answer": 42 }));

        let late = server.send(&worker, "POST", &format!("/v1/intents/{id}/resume"), Some(json!({ "x": 1 }))).await;
        late.refused(409, "intent_already_terminal");
        let window = server.stream(&worker, "/v1/agents/worker/intents/stream?since=0&wait_seconds=2").await;
        assert!(window.content().is_empty(), "a finished intent is offered no more");
    });
}

#[test]
fn a_deadline_ends_an_intent() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let at = server.now().plus_seconds(10).to_string();
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "nobody", "deadline_at": at });
        let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
        server.pass(Duration::from_secs(9)).await;
        assert_eq!(server.intent(&id).await["status"], "DELIVERED");
        server.pass(Duration::from_secs(1)).await;
        assert_eq!(server.intent(&id).await["status"], "TIMED_OUT");
        assert_eq!(server.event_types(&id).await.last().unwrap(), "timed_out");
    });
}
