//! Sender policies: the agents and organizations that accept an intent.

use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};

each_engine! {
    another_organization_sends_only_where_a_policy_allows_it,
    a_send_policy_is_for_every_sender,
    invalid_policies_are_refused,
}

const WORKER: &str = "agent://local/default/worker";

async fn send(server: &Server, key: &str, to: &str) -> Answer {
    server
        .send(key, "POST", "/v1/intents", Some(json!({ "intent_type": "x.y.v1", "to_agent": to, "payload": {} })))
        .await
}

async fn put(server: &Server, path: &str, body: Value) -> Value {
    server.send(&server.admin, "PUT", path, Some(body)).await.ok()
}

/// Adds an entry; returns its path.
async fn entry(server: &Server, path: &str, pattern: &str) -> String {
    let path = format!("{path}/entries");
    let added = server.post(&server.admin, &path, json!({ "sender_pattern": pattern })).await;
    format!("{path}/{}", added["entry"]["entry_id"].as_str().unwrap())
}

async fn another_organization_sends_only_where_a_policy_allows_it(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let stranger = server.workspace("other", "default").await;
    let org = format!("/v1/organizations/{}/receive-policy", server.bootstrap.org_id);
    let agent = format!("/v1/agents/{WORKER}/receive-override");
    assert_eq!(server.get(&server.admin, &org).await["policy"]["policy_type"], "closed");
    send(&server, &stranger, WORKER).await.refused(403, "receiver_org_closed");
    put(&server, &org, json!({ "policy_type": "open" })).await;
    send(&server, &stranger, WORKER).await.ok();

    let set = put(&server, &org, json!({ "policy_type": "allowlist" })).await["policy"].clone();
    assert_eq!((&set["policy_type"], &set["org_id"]), (&json!("allowlist"), &json!(server.bootstrap.org_id)));
    send(&server, &stranger, WORKER).await.refused(403, "sender_not_in_receive_allowlist");
    let listed = entry(&server, &org, "user://owner@other*").await;
    send(&server, &stranger, WORKER).await.ok();
    entry(&server, &org, "agent://other/*").await;
    entry(&server, &org, "agent://partner/*").await;
    for (from, is_own) in
        [("agent://other/default/a", true), ("agent://partner/default/a", false), ("user://owner@other.org", false)]
    {
        let body = json!({ "intent_type": "x.y.v1", "to_agent": WORKER, "from_agent": from, "payload": {} });
        let answer = server.send(&stranger, "POST", "/v1/intents", Some(body)).await;
        if is_own { drop(answer.ok()) } else { drop(answer.refused(403, "forbidden")) }
    }
    let shown = server.get(&server.admin, &org).await["policy"]["entries"].clone();
    assert_eq!(shown[0]["sender_pattern"], "user://owner@other*");

    let unset = server.get(&server.admin, &agent).await["override"].clone();
    assert_eq!((&unset["override_type"], &unset["address"]), (&json!("use_org_default"), &json!(WORKER)));
    put(&server, &agent, json!({ "override_type": "closed" })).await;
    send(&server, &stranger, WORKER).await.refused(403, "receiver_agent_closed");
    put(&server, &agent, json!({ "override_type": "allowlist" })).await;
    send(&server, &stranger, WORKER).await.refused(403, "sender_not_in_receive_allowlist");
    let own = entry(&server, &agent, "user://owner@other.default").await;
    send(&server, &stranger, WORKER).await.ok();
    for path in [&own, &listed] {
        server.send(&server.admin, "DELETE", path, None).await.ok();
        server.send(&server.admin, "DELETE", path, None).await.refused(404, "not_found");
    }
    send(&server, &stranger, WORKER).await.refused(403, "sender_not_in_receive_allowlist");
    put(&server, &agent, json!({ "override_type": "open" })).await;
    send(&server, &stranger, WORKER).await.ok();
    let ended = put(&server, &agent, json!({ "override_type": "use_org_default" })).await;
    assert_eq!(ended["override"]["override_type"], "use_org_default");
    put(&server, &org, json!({ "policy_type": "closed" })).await;
    send(&server, &stranger, WORKER).await.refused(403, "receiver_org_closed");
    // The own organization is admitted, and an address without an agent is a valid target.
    send(&server, &server.admin, WORKER).await.ok();
    let second = server.workspace("local", "second").await;
    send(&server, &second, WORKER).await.ok();
    send(&server, &stranger, "agent://nobody/default/worker").await.ok();
}

async fn a_send_policy_is_for_every_sender(engine: Engine) {
    let server = Server::start(engine).await;
    let (a, b) = (server.agent("anna").await, server.agent("bert").await);
    server.agent("worker").await;
    // The short form of the address.
    let path = "/v1/agents/worker/policy";
    assert_eq!(server.get(&server.admin, path).await["policy"]["policy_type"], "open");
    put(&server, path, json!({ "policy_type": "allowlist" })).await;
    send(&server, &a, "worker").await.refused(403, "policy_denied");
    let listed = entry(&server, path, "anna").await;
    send(&server, &a, "worker").await.ok();
    send(&server, &b, WORKER).await.refused(403, "policy_denied");
    send(&server, &b, "anna").await.ok();
    let set = put(&server, path, json!({ "policy_type": "denylist" })).await["policy"].clone();
    assert_eq!(set["address"], WORKER);
    assert_eq!(set["entries"][0]["sender_pattern"], "agent://local/default/anna");
    send(&server, &a, "worker").await.refused(403, "policy_denied");
    send(&server, &b, "worker").await.ok();
    let long = format!("/v1/agents/{WORKER}/policy");
    assert_eq!(server.get(&server.admin, &long).await["policy"], set);
    server.send(&server.admin, "DELETE", &listed, None).await.ok();
    send(&server, &a, "worker").await.ok();
}

async fn invalid_policies_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("worker").await;
    let org = format!("/v1/organizations/{}/receive-policy", server.bootstrap.org_id);
    for (path, body) in [
        (org.as_str(), json!({})),
        (org.as_str(), json!({ "policy_type": "denylist" })),
        ("/v1/agents/worker/policy", json!({ "policy_type": "closed" })),
        ("/v1/agents/worker/receive-override", json!({ "override_type": "denylist" })),
    ] {
        server.send(&server.admin, "PUT", path, Some(body)).await.refused(422, "validation_failed");
        let entries = format!("{path}/entries");
        for pattern in ["", " ", "a*b", "**", &"x".repeat(400)] {
            let body = Some(json!({ "sender_pattern": pattern }));
            server.send(&server.admin, "POST", &entries, body).await.refused(422, "validation_failed");
        }
        server.send(&server.admin, "DELETE", &format!("{entries}/x"), None).await.refused(404, "not_found");
    }
    let nobody = "/v1/agents/agent://nobody/default/x/policy";
    server.send(&server.admin, "GET", nobody, None).await.refused(404, "agent_not_found");
    let wrong = server.send(&server.admin, "PUT", "/v1/agents/worker", Some(json!({}))).await;
    wrong.refused(405, "method_not_allowed");
}
