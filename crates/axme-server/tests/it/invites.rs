//! Invites (`spec/protocol.md` §2.9).

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Engine, SITE, Server, dump_postgres, each_engine};
use crate::pushes::{Receiver, server_that_may_call_loopback};

each_engine! {
    an_invite_is_made_looked_at_and_accepted,
    subscribers_hear_of_an_accepted_invite,
    an_unknown_or_expired_invite_is_refused,
}

const NICK: &str = "@Invite.Conformance.User";

async fn invite(server: &Server) -> Value {
    let body = json!({ "owner_agent": "worker", "recipient_hint": "ann@example.com", "ttl_seconds": 60 });
    server.post(&server.admin, "/v1/invites/create", body).await
}

fn path(invite: &Value) -> String {
    format!("/v1/invites/{}", invite["token"].as_str().unwrap())
}

async fn an_invite_is_made_looked_at_and_accepted(engine: Engine) {
    let server = Server::start(engine).await;
    let made = invite(&server).await;
    assert_eq!(made["invite_url"], format!("{SITE}{}", path(&made)));
    assert_eq!((&made["status"], &made["owner_agent"]), (&json!("pending"), &json!("agent://local/default/worker")));
    let seen = server.get(&server.admin, &path(&made)).await;
    assert_eq!((&seen["status"], &seen["nick"]), (&json!("pending"), &Value::Null));

    let accept = format!("{}/accept", path(&made));
    let body = json!({ "nick": NICK, "display_name": "Ann" });
    let key = [("idempotency-key", "once")];
    let accepted = server.send_with(&server.admin, "POST", &accept, Some(body.clone()), &key).await.ok();
    assert_eq!((&accepted["nick"], &accepted["status"]), (&json!(NICK), &json!("accepted")));
    assert_eq!(accepted["public_address"], "invite.conformance.user@ax");
    assert_eq!(accepted["registry_bind_status"], "disabled");
    server.clock.advance(Duration::from_secs(90));
    assert_eq!(server.post(&server.admin, &accept, body.clone()).await, accepted, "accepted once");
    let answer = server.send(&server.admin, "POST", &accept, Some(json!({ "nick": "@somebody" }))).await;
    answer.refused(409, "invite_already_accepted");
    let seen = server.get(&server.admin, &path(&made)).await;
    assert_eq!((&seen["status"], &seen["accepted_owner_agent"]), (&json!("accepted"), &accepted["owner_agent"]));
    let profile = format!("/v1/users/profile?owner_agent={}", accepted["owner_agent"].as_str().unwrap());
    assert_eq!(server.get(&server.admin, &profile).await["display_name"], "Ann");

    // The same nick with another invite is the same user.
    let second = invite(&server).await;
    let again = server.post(&server.admin, &format!("{}/accept", path(&second)), body).await;
    assert_eq!(again["user_id"], accepted["user_id"]);

    if engine == Engine::Postgres {
        let text = String::from_utf8_lossy(&dump_postgres().await).into_owned();
        assert!(!text.contains(made["token"].as_str().unwrap()), "only the hash is kept");
    }
}

async fn subscribers_hear_of_an_accepted_invite(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let body = json!({ "callback_url": format!("http://{addr}/intent"), "event_types": ["invite.accepted"] });
    let subscription = server.post(&server.admin, "/v1/webhooks/subscriptions", body).await;
    let made = invite(&server).await;
    server.post(&server.admin, &format!("{}/accept", path(&made)), json!({ "nick": NICK })).await;
    let workspace = server.bootstrap.workspace_id.parse().unwrap();
    let id = subscription["subscription"]["subscription_id"].as_str().unwrap().parse().unwrap();
    workers::webhooks::tick(&server.app, workspace, id).await.unwrap();
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let event: Value = serde_json::from_slice(&got[0].1).unwrap();
    assert_eq!(event["event_type"], "invite.accepted");
    assert_eq!(event["payload"]["nick"], NICK);
    assert!(!event.to_string().contains(made["token"].as_str().unwrap()));
}

async fn an_unknown_or_expired_invite_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let stranger = server.workspace("acme", "prod").await;
    for fields in [
        json!({}),
        json!({ "owner_agent": "" }),
        json!({ "owner_agent": "worker", "ttl_seconds": 59 }),
        json!({ "owner_agent": "worker", "ttl_seconds": 1_209_601 }),
        json!({ "owner_agent": "worker", "recipient_hint": "x".repeat(256) }),
    ] {
        let answer = server.send(&server.admin, "POST", "/v1/invites/create", Some(fields)).await;
        answer.refused(422, "validation_failed");
    }
    let body = json!({ "owner_agent": "somebody" });
    server.send(&worker, "POST", "/v1/invites/create", Some(body)).await.refused(403, "forbidden");

    let made = invite(&server).await;
    let accept = format!("{}/accept", path(&made));
    let body = Some(json!({ "nick": NICK }));
    server.send(&stranger, "GET", &path(&made), None).await.refused(404, "not_found");
    server.send(&stranger, "POST", &accept, body.clone()).await.refused(404, "not_found");
    let wrong = server.send(&server.admin, "POST", &accept, Some(json!({ "nick": "x" }))).await;
    wrong.refused(422, "validation_failed");
    server.post(&server.admin, "/v1/users/register-nick", json!({ "nick": NICK })).await;
    // A registered nick stays with its user.
    server.send(&server.admin, "POST", &accept, body.clone()).await.refused(409, "nick_taken");

    server.clock.advance(Duration::from_secs(60));
    assert_eq!(server.get(&server.admin, &path(&made)).await["status"], "expired");
    server.send(&server.admin, "POST", &accept, body.clone()).await.refused(410, "invite_expired");
    server.clock.advance(Duration::from_secs(31 * 86_400));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    server.send(&server.admin, "GET", &path(&made), None).await.refused(404, "not_found");
}
