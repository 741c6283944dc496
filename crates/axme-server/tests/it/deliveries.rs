//! Deliveries along routes, with a real receiver (`spec/protocol.md` §2.17, §12.7).

use std::time::Duration;

use axme_intent::Address;
use axme_server::workers;
use axme_store::queue::{self, QueueItem};
use axme_store::{Shard, Tx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, SITE, Server, each_engine};
use crate::principals::{alias, place, principal};
use crate::pushes::{Answer, Receiver, server_that_may_call_loopback};
use crate::quotas::{limit, used_today};
use crate::routing::route;

each_engine! {
    a_submitted_delivery_arrives_and_can_be_replayed,
    a_failing_delivery_is_retried_and_then_a_dead_letter,
    a_route_with_jwt_gets_a_token_that_the_published_keys_verify,
    invalid_deliveries_are_refused,
    every_dead_letter_is_listed_and_replayed,
    mail_is_listed_until_and_after_it_is_sent,
}

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

async fn a_submitted_delivery_arrives_and_can_be_replayed(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let ann = principal(&server).await;
    alias(&server, &ann, "ann").await;
    let route = route(&server, &ann, &format!("http://{addr}/intent"), 1).await;
    let id = submit(&server).await;
    assert_eq!(receiver.got().len(), 0, "the call itself sends nothing");
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
}

async fn a_failing_delivery_is_retried_and_then_a_dead_letter(engine: Engine) {
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
        assert_eq!(listed.as_array().unwrap().len(), 1, "it is listed once: {listed}");
        assert_eq!(listed[0]["principal_id"], json!(ann));
    }
    assert_eq!(server.get(&server.admin, "/v1/deliveries?status=pending").await["deliveries"], json!([]));

    let (dead, arrived) = (submit(&server).await, submit(&server).await);
    let reconcile = async |body: Value| server.post(&server.admin, "/v1/deliveries/reconcile", body).await;
    assert_eq!(reconcile(json!({})).await["reconciled"], 0, "they are too recent");
    let body = json!({ "max_pending_age_seconds": 0, "limit": 1, "reason": "no more" });
    assert_eq!(reconcile(body).await["delivery_ids"], json!([dead]));
    let body = json!({ "max_pending_age_seconds": 0, "target_status": "delivered" });
    assert_eq!(reconcile(body).await["delivery_ids"], json!([arrived]));
    let seen = see(&server, &dead).await;
    assert_eq!((&seen["status"], &seen["error_detail"]), (&json!("dead_lettered"), &json!("no more")));
    assert_eq!(see(&server, &arrived).await["status"], "delivered");
    server.clock.advance(Duration::from_secs(32 * 86_400));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(server.get(&server.admin, "/v1/deliveries").await["deliveries"], json!([]));
}

async fn a_route_with_jwt_gets_a_token_that_the_published_keys_verify(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let ann = principal(&server).await;
    alias(&server, &ann, "ann").await;
    let body = json!({
        "principal_id": ann, "transport_type": "http", "endpoint_url": format!("http://{addr}/intent"), "auth_mode": "jwt",
    });
    server.post(&server.admin, "/v1/routing/endpoints", body).await;
    let id = submit(&server).await;
    receiver.will(&[Answer::Status(500)]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        workers::notices::tick(&server.app).await.unwrap();
        let (headers, _) = receiver.got().remove(0);
        let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        let keys = server.page("/.well-known/jwks.json").await.body["keys"].clone();
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == json!(kid)).unwrap();
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
        validation.validate_exp = false;
        validation.set_audience(&[format!("http://{addr}")]);
        validation.set_issuer(&[SITE]);
        let key = jsonwebtoken::DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
        let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!((&claims["sub"], &claims["jti"]), (&json!(ann), &json!(id)));
        let now = server.now().millis() / 1_000;
        assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(now), Some(now + 300)));
        // It opens nothing here.
        let bearer = format!("Bearer {token}");
        let answer = server.send_with("", "GET", "/v1/me", None, &[("authorization", &bearer)]).await;
        answer.refused(401, "invalid_actor_token");
        seen.push(token);
        server.advance(Duration::from_secs(30)).await;
    }
    assert_ne!(seen[0], seen[1], "each attempt has its own");
    assert_eq!(see(&server, &id).await["status"], "delivered");
}

async fn invalid_deliveries_are_refused(engine: Engine) {
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
    for (transport, auth) in [("queue", "none"), ("http", "signed_key"), ("http", "mtls")] {
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
}

/// Adds dead letters of events, each for some subscribers. Returns the ids of the events, the newest first.
async fn bury(server: &Server, events: usize, subscribers: usize) -> Vec<String> {
    let (now, rng) = (server.now(), server.app.system.rng.clone());
    let workspace = server.bootstrap.workspace_id.parse().unwrap();
    let bury = move |tx: &mut Tx<'_>| -> axme_core::error::Result<_> {
        let mut ids = Vec::new();
        for n in 0..events {
            let event = QueueItem::webhook_event(rng.uuid_at(now.plus_seconds(n as u64)));
            for subscriber in 0..subscribers {
                let to = Address::from_canonical(format!("webhook://{}", Uuid::from_u128(subscriber as u128)));
                queue::insert(tx, workspace, &to, event, now)?;
                queue::bury(tx, workspace, &to, event, now)?;
            }
            ids.insert(0, event.id.to_string());
        }
        Ok(ids)
    };
    server.app.store.write(Shard::CONTROL, bury).await.unwrap()
}

async fn every_dead_letter_is_listed_and_replayed(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (_receiver, addr) = Receiver::start().await;
    let ann = principal(&server).await;
    alias(&server, &ann, "ann").await;
    route(&server, &ann, &format!("http://{addr}/intent"), 1).await;
    let sent = submit(&server).await;
    server.clock.advance(Duration::from_secs(1));
    let events = bury(&server, 7, 3).await;
    let wanted: Vec<String> =
        events.iter().flat_map(|id| vec![id.clone(); 3]).chain(std::iter::once(sent.clone())).collect();
    for limit in [1, 2, 3, 4, 7, 20, 21, 22, 100] {
        let (mut before, mut found) = (String::new(), Vec::new());
        loop {
            let path = format!("/v1/deliveries?limit={limit}{before}");
            let page = server.get(&server.admin, &path).await;
            let deliveries = page["deliveries"].as_array().unwrap().clone();
            assert!(
                deliveries.len() < limit + 3,
                "a page exceeds the limit only to keep the letters of one id together"
            );
            found.extend(deliveries.iter().map(|one| one["delivery_id"].as_str().unwrap().to_owned()));
            match page["next_before"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => break,
            }
        }
        assert_eq!(found, wanted, "limit {limit}");
    }
    let dead = server.get(&server.admin, "/v1/deliveries?status=dead_lettered&limit=3").await;
    let to: Vec<&Value> = dead["deliveries"].as_array().unwrap().iter().map(|one| &one["to_agent"]).collect();
    let addresses = [0, 1, 2].map(|n| json!(format!("webhook://{}", Uuid::from_u128(n))));
    assert_eq!(to, addresses.iter().collect::<Vec<_>>());

    let path = format!("/v1/deliveries/{}", events[0]);
    assert_eq!(server.get(&server.admin, &path).await["delivery"]["to_agent"], addresses[0]);
    let replay = format!("{path}/replay");
    let (org, ws, day) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id, "webhook_deliveries_per_day");
    limit(&server, org, ws, json!({ day: 2 }), "block").await;
    server.send(&server.admin, "POST", &replay, Some(json!({}))).await.refused(429, "quota_exceeded");
    limit(&server, org, ws, json!({ day: 3 }), "block").await;
    server.post(&server.admin, &replay, json!({})).await;
    assert_eq!(used_today(&server, day).await["used"], 3);
    server.send(&server.admin, "GET", &path, None).await.refused(404, "not_found");
    let left = server.get(&server.admin, "/v1/deliveries?status=dead_lettered").await;
    assert_eq!(left["deliveries"].as_array().unwrap().len(), 18, "all three are due again");
}

async fn mail_is_listed_until_and_after_it_is_sent(engine: Engine) {
    let server = Server::start(engine).await;
    let ask = async |person: &str| {
        let task = json!({ "title": "Ship?", "notify_email": person });
        let body = json!({ "intent_type": "a.b.v1", "human_task": task });
        server.post(&server.admin, "/v1/intents", body).await["intent_id"].as_str().unwrap().to_owned()
    };
    let list = async |query: &str| {
        let path = format!("/v1/deliveries?transport_type=email{query}");
        server.get(&server.admin, &path).await
    };
    let state = async |query: &str| {
        let mails = list(query).await["deliveries"].as_array().unwrap().clone();
        let state =
            |mail: &Value| format!("{} {}", mail["recipient"].as_str().unwrap(), mail["status"].as_str().unwrap());
        mails.iter().map(state).collect::<Vec<String>>()
    };
    let first = ask("ann@example.com").await;
    assert_eq!(state("").await, ["ann@example.com submitted"]);
    assert_eq!(server.mails().await.len(), 1);
    assert_eq!(state("").await, ["ann@example.com delivered"]);
    let second = ask("bob@example.com").await;
    assert_eq!(state("").await, ["bob@example.com submitted", "ann@example.com delivered"], "the newest is first");
    assert_eq!(state(&format!("&intent_id={first}")).await, ["ann@example.com delivered"]);
    assert_eq!(state("&status=submitted").await, ["bob@example.com submitted"]);
    let page = list("&limit=1").await;
    let before = page["next_before"].as_str().unwrap();
    assert_eq!(state(&format!("&limit=1&before={before}")).await, ["ann@example.com delivered"]);
    // Mail about a task that has ended is not sent, and is not said to have been.
    server.post(&server.admin, &format!("/v1/intents/{second}/resolve"), json!({ "status": "CANCELED" })).await;
    let sent = server.mails().await;
    assert!(sent.iter().all(|mail| mail.to != "bob@example.com"), "{sent:?}");
    assert_eq!(state("&status=delivered").await, ["ann@example.com delivered"]);
    // Another workspace has its own mail.
    let neighbor = crate::cross_workspace::Neighbor::start(&server, "elsewhere").await;
    let theirs = server.get(&neighbor.admin, "/v1/deliveries?transport_type=email").await;
    assert_eq!(theirs["deliveries"], json!([]));
}
