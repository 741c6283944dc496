//! Deliveries along routes, with a real receiver (contract `wire.md` §2.19).

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Server, on_both};
use crate::principals::{alias, place, principal};
use crate::pushes::{Answer, Receiver, server_that_may_call_loopback};
use crate::routing::route;

fn submission(server: &Server, fields: Value) -> Value {
    let mut body = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "alias": "ann",
        "payload": { "n": 1 },
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn submit(server: &Server) -> String {
    let answer = server.post(&server.admin, "/v1/deliveries", submission(server, json!({}))).await;
    assert_eq!(answer["delivery"]["status"], "submitted");
    answer["delivery"]["delivery_id"].as_str().unwrap().to_owned()
}

async fn see(server: &Server, id: &str) -> Value {
    server.get(&server.admin, &format!("/v1/deliveries/{id}")).await["delivery"].clone()
}

#[test]
fn what_is_submitted_arrives_and_can_be_sent_again() {
    on_both(async |engine| {
        let server = server_that_may_call_loopback(engine).await;
        let (receiver, addr) = Receiver::start().await;
        let ann = principal(&server).await;
        alias(&server, &ann, "ann").await;
        let route = route(&server, &ann, &format!("http://{addr}/intent"), 1).await;
        let id = submit(&server).await;
        assert_eq!(receiver.got().len(), 0, "nothing leaves in the call");
        workers::notices::tick(&server.app).await.unwrap();
        let got: Value = serde_json::from_slice(&receiver.got()[0].1).unwrap();
        assert_eq!((&got["delivery_id"], &got["payload"]), (&json!(id), &json!({ "n": 1 })));
        let seen = see(&server, &id).await;
        assert_eq!(
            (&seen["status"], &seen["route_id"], &seen["alias"]),
            (&json!("delivered"), &json!(route), &json!("ann"))
        );

        let again = server.post(&server.admin, &format!("/v1/deliveries/{id}/replay"), json!({})).await;
        assert_eq!(again["delivery"]["replay_of_delivery_id"], json!(id));
        assert_ne!(again["delivery"]["delivery_id"], json!(id));
        workers::notices::tick(&server.app).await.unwrap();
        assert_eq!(receiver.got().len(), 1);
        let listed = server.get(&server.admin, &format!("/v1/deliveries?{}&principal_id={ann}", place(&server))).await;
        assert_eq!(listed["deliveries"].as_array().unwrap().len(), 2);
        let counts = server.get(&server.admin, &format!("/v1/deliveries-operations?{}", place(&server))).await;
        assert_eq!((&counts["total"], &counts["delivered"]), (&json!(2), &json!(2)));

        let body = submission(&server, json!({ "idempotency_key": "once", "correlation_id": "abc" }));
        let once = server.post(&server.admin, "/v1/deliveries", body.clone()).await;
        assert_eq!(server.post(&server.admin, "/v1/deliveries", body).await, once);
    });
}

#[test]
fn what_fails_is_tried_again_and_then_a_dead_letter() {
    on_both(async |engine| {
        let server = server_that_may_call_loopback(engine).await;
        let (receiver, addr) = Receiver::start().await;
        receiver.will(&vec![Answer::Status(500); 20]);
        let ann = principal(&server).await;
        alias(&server, &ann, "ann").await;
        route(&server, &ann, &format!("http://{addr}/intent"), 1).await;
        let id = submit(&server).await;
        workers::notices::tick(&server.app).await.unwrap();
        let seen = see(&server, &id).await;
        assert_eq!((&seen["status"], &seen["error_detail"]), (&json!("pending"), &json!("answered with status 500")));
        for _ in 0..server.app.limits.push_retry_seconds.len() {
            server.clock.advance(Duration::from_secs(3_600));
            workers::notices::tick(&server.app).await.unwrap();
        }
        assert_eq!(see(&server, &id).await["status"], "dead_lettered");
        for query in ["", "?status=dead_lettered"] {
            let listed = server.get(&server.admin, &format!("/v1/deliveries{query}")).await["deliveries"].clone();
            assert_eq!(listed.as_array().unwrap().len(), 1, "it is there once: {listed}");
            assert_eq!(listed[0]["principal_id"], json!(ann));
        }
        assert_eq!(server.get(&server.admin, "/v1/deliveries?status=pending").await["deliveries"], json!([]));

        let (dead, arrived) = (submit(&server).await, submit(&server).await);
        let reconcile = async |body: Value| server.post(&server.admin, "/v1/deliveries/reconcile", body).await;
        assert_eq!(reconcile(json!({})).await["reconciled"], 0, "they are young");
        let body = json!({ "max_pending_age_seconds": 0, "limit": 1, "reason": "no more" });
        assert_eq!(reconcile(body).await["delivery_ids"], json!([dead]));
        let body = json!({ "max_pending_age_seconds": 0, "target_status": "delivered" });
        assert_eq!(reconcile(body).await["delivery_ids"], json!([arrived]));
        let seen = see(&server, &dead).await;
        assert_eq!((&seen["status"], &seen["error_detail"]), (&json!("dead_lettered"), &json!("no more")));
        assert_eq!(see(&server, &arrived).await["status"], "delivered");
        server.clock.advance(Duration::from_secs(32 * 86_400));
        workers::sweep::tick(&server.app).await.unwrap();
        assert_eq!(server.get(&server.admin, "/v1/deliveries").await["deliveries"], json!([]));
    });
}

#[test]
fn a_delivery_that_cannot_be_is_refused() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let ann = principal(&server).await;
        alias(&server, &ann, "ann").await;
        let send = async |key: &str, fields: Value| {
            server.send(key, "POST", "/v1/deliveries", Some(submission(&server, fields))).await
        };
        send(&server.admin, json!({})).await.refused(404, "route_not_found");
        send(&server.admin, json!({ "alias": "bob" })).await.refused(404, "not_found");
        for fields in [
            json!({ "alias": null }),
            json!({ "payload": [] }),
            json!({ "correlation_id": "x" }),
            json!({ "idempotency_key": "x" }),
        ] {
            send(&server.admin, fields).await.refused(422, "validation_failed");
        }
        for (transport, auth) in [("queue", "none"), ("http", "mtls")] {
            let body = json!({
                "principal_id": ann, "transport_type": transport, "endpoint_url": "https://example.com/", "auth_mode": auth,
                "priority": if transport == "http" { 1 } else { 2 },
            });
            server.post(&server.admin, "/v1/routing/endpoints", body).await;
            send(&server.admin, json!({})).await.refused(422, "not_supported_yet");
        }
        let stranger = server.workspace("acme", "prod").await;
        send(&stranger, json!({})).await.refused(404, "not_found");
        for path in ["deliveries?status=lost", "deliveries-operations?window_hours=0", "deliveries?before=x"] {
            server.send(&server.admin, "GET", &format!("/v1/{path}"), None).await.refused(422, "validation_failed");
        }
        for body in [
            json!({ "max_pending_age_seconds": 86_401 }),
            json!({ "limit": 0 }),
            json!({ "target_status": "pending" }),
            json!({ "reason": "x" }),
        ] {
            let answer = server.send(&server.admin, "POST", "/v1/deliveries/reconcile", Some(body)).await;
            answer.refused(422, "validation_failed");
        }
    });
}
