//! Rounds of workers on demand (`spec/protocol.md` §2.32).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};
use crate::pushes::{Receiver, server_that_may_call_loopback};

each_engine! {
    a_tick_does_the_due_work_of_its_workspace,
    ticks_need_an_operator_and_valid_limits,
}

async fn tick(server: &Server, key: &str, what: &str, body: Value) -> Answer {
    server.send(key, "POST", &format!("/internal/scheduler/{what}"), Some(body)).await
}

/// Due, done and failed.
fn counts(round: &Value) -> [u64; 3] {
    ["due", "done", "failed"].map(|name| round[name].as_u64().unwrap())
}

async fn a_tick_does_the_due_work_of_its_workspace(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let stranger = server.workspace("other", "default").await;
    let body = json!({ "intent_type": "x", "to_agent": "worker", "payload": {}, "ttl_seconds": 60 });
    let theirs = crate::harness::id_of(&server.post(&stranger, "/v1/intents", body.clone()).await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(crate::harness::id_of(&server.post(&server.admin, "/v1/intents", body.clone()).await));
    }
    let none = tick(&server, &server.admin, "workflow-tick", json!({})).await.ok();
    assert_eq!(counts(&none), [0, 0, 0], "nothing is due");
    server.clock.advance(Duration::from_secs(61));
    let dry = tick(&server, &server.admin, "workflow-tick", json!({ "dry_run": true })).await.ok();
    assert_eq!((counts(&dry), &dry["dry_run"]), ([3, 0, 0], &json!(true)));
    assert_eq!(server.intent(&ids[0]).await["status"], "DELIVERED");
    let some = tick(&server, &server.admin, "workflow-tick", json!({ "limit": 2 })).await.ok();
    assert_eq!(counts(&some), [2, 2, 0]);
    let rest = tick(&server, &server.admin, "workflow-tick", json!({})).await.ok();
    assert_eq!(counts(&rest), [1, 1, 0]);
    for id in &ids {
        assert_eq!(server.intent(id).await["status"], "TIMED_OUT");
    }
    let seen = server.get(&stranger, &format!("/v1/intents/{theirs}")).await;
    assert_eq!(seen["intent"]["status"], "DELIVERED", "another workspace stays untouched");

    let (receiver, addr) = Receiver::start().await;
    let hook = json!({ "callback_url": format!("http://{addr}/intent"), "event_types": ["a.b"] });
    server.post(&server.admin, "/v1/webhooks/subscriptions", hook).await;
    for _ in 0..3 {
        let event = json!({ "event_type": "a.b", "source": "test", "payload": {} });
        server.post(&server.admin, "/v1/webhooks/events", event).await;
    }
    let tick = async |what: &str, body: Value| tick(&server, &server.admin, what, body).await.ok();
    assert_eq!(counts(&tick("webhook-tick", json!({ "dry_run": true, "limit": 2 })).await), [2, 0, 0]);
    assert_eq!(counts(&tick("webhook-tick", json!({ "owner_agent": "nobody" })).await), [0, 0, 0]);
    assert_eq!(receiver.got().len(), 0);
    assert_eq!(counts(&tick("webhook-tick", json!({ "limit": 2 })).await), [2, 2, 0]);
    assert_eq!(receiver.got().len(), 2);
    let both = tick("reconcile-safety", json!({})).await;
    assert_eq!((counts(&both["workflow"]), counts(&both["webhook"])), ([0, 0, 0], [1, 1, 0]));

    let trail = server.get(&server.admin, "/v1/audit/events?action_prefix=scheduler.").await;
    assert_eq!(trail["events"].as_array().unwrap().len(), 6, "a dry run leaves no audit event");
}

async fn ticks_need_an_operator_and_valid_limits(engine: Engine) {
    let server = Server::start(engine).await;
    let plain = server.workspace("other", "default").await;
    for what in ["workflow-tick", "webhook-tick", "reconcile-safety"] {
        tick(&server, &plain, what, json!({})).await.refused(403, "forbidden");
        let limit = if what == "reconcile-safety" { "webhook_limit" } else { "limit" };
        for body in [json!({ limit: 0 }), json!({ limit: 501 }), json!({ limit: "x" }), json!([])] {
            tick(&server, &server.admin, what, body).await.refused(422, "validation_failed");
        }
    }
    let trail = server.get(&server.admin, "/v1/audit/events?action_prefix=scheduler.").await;
    assert_eq!(trail["events"], json!([]));
}
