//! Several nodes on one PostgreSQL, as real servers that listen.

use std::net::SocketAddr;
use std::time::Duration;

use axme_server::{Bootstrap, Config, Running};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{fresh_schema, planned_rows, poll, postgres_only};

postgres_only! {
    nodes_that_start_together_make_one_organization_and_hear_of_each_others_commits,
    members_of_a_family_take_turns_across_nodes,
    people_sign_in_on_several_nodes_at_once,
    changes_of_one_row_by_two_nodes_are_both_kept,
    nodes_make_a_subscription_once_and_no_more_than_fit,
    a_rule_set_on_one_node_holds_on_the_other_at_once,
    a_database_that_has_grown_gets_statistics,
}

pub async fn start(url: &str) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data: folder.path().to_owned(), database_url: Some(url.to_owned()), ..Config::default() };
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.limits.postgres_writers = 2;
    // The issuer of tokens, one for all nodes.
    config.public_url = Some("https://axme.example.com".to_owned());
    (axme_server::start(config).await.unwrap(), folder)
}

/// Starts two nodes on one database; returns them, and the credentials of the first start.
async fn two() -> ([(Running, tempfile::TempDir); 2], Bootstrap) {
    let url = fresh_schema().await;
    let nodes = [start(&url).await, start(&url).await];
    let bootstrap = std::fs::read_to_string(nodes[0].1.path().join("bootstrap.json")).unwrap();
    (nodes, serde_json::from_str(&bootstrap).unwrap())
}

/// Sends one request on its own connection; returns the body as text.
pub async fn call(node: &Running, key: &str, method: &str, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(node.addr()).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

pub async fn post(node: &Running, key: &str, path: &str, body: Value) -> Value {
    let answer = call(node, key, "POST", path, &body.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

async fn nodes_that_start_together_make_one_organization_and_hear_of_each_others_commits() {
    let url = fresh_schema().await;
    let nodes = join_all((0..3).map(|_| start(&url))).await;
    let bootstraps: Vec<Bootstrap> = nodes
        .iter()
        .filter_map(|(_, folder)| std::fs::read_to_string(folder.path().join("bootstrap.json")).ok())
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect();
    assert_eq!(bootstraps.len(), 1, "only the node that created the organization has its key");
    let admin = &bootstraps[0].api_key;
    let [(a, _a), (b, _b), (c, _c)] = nodes.try_into().unwrap_or_else(|_| panic!("three nodes"));

    let listening = async {
        let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=20";
        tokio::time::timeout(Duration::from_secs(15), call(&b, admin, "GET", path, "")).await.expect("heard in time")
    };
    let sending = async {
        // Long enough for the stream to wait; the test is valid either way.
        tokio::time::sleep(Duration::from_millis(300)).await;
        post(&a, admin, "/v1/intents", json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" })).await
    };
    let (heard, sent) = tokio::join!(listening, sending);
    let id = sent["intent_id"].as_str().unwrap();
    assert!(heard.contains(id), "{heard}");

    let path = format!("/v1/intents/{id}/resume");
    let answers = join_all([&a, &b, &c].map(|node| call(node, admin, "POST", &path, r#"{"x":1}"#))).await;
    let won = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    let lost = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 409")).count();
    assert_eq!((won, lost), (1, 2), "one answer wins: {answers:?}");
    for node in [a, b, c] {
        node.stop().await;
    }
}

async fn members_of_a_family_take_turns_across_nodes() {
    let (nodes, Bootstrap { api_key: admin, .. }) = two().await;
    let [(a, _), (b, _)] = &nodes;
    let step = |id: &str| json!({ "step_id": id, "assigned_to": "w" });
    let bundle = json!({
        "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }], "intent": { "type": "x" },
        "workflow": { "steps": [step("one"), step("two")] },
    });
    let events = async |id: &str| {
        let answer = call(a, &admin, "GET", &format!("/v1/intents/{id}/events"), "").await;
        let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        body["events"].as_array().unwrap().clone()
    };
    for _ in 0..20 {
        let parent = post(a, &admin, "/v1/scenarios/apply", bundle.clone()).await["intent_id"].clone();
        let parent = parent.as_str().unwrap();
        let child = events(parent).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
        let (resume, resolve) = (format!("/v1/intents/{child}/resume"), format!("/v1/intents/{parent}/resolve"));
        let answers = tokio::join!(
            call(a, &admin, "POST", &resume, r#"{"x":1}"#),
            call(b, &admin, "POST", &resume, r#"{"x":2}"#),
            call(b, &admin, "POST", &resolve, r#"{"status":"CANCELED"}"#),
        );
        for answer in [&answers.0, &answers.1] {
            assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 409"), "{answer}");
        }
        assert!(answers.2.starts_with("HTTP/1.1 200"), "{}", answers.2);
        for id in [parent, &child] {
            let events = events(id).await;
            let ends = ["COMPLETED", "CANCELED"];
            let ended = events.iter().filter(|event| ends.contains(&event["status"].as_str().unwrap())).count();
            assert_eq!(ended, 1, "{events:#?}");
            for (n, event) in events.iter().enumerate() {
                assert_eq!(event["seq"], 2 * (n + 1), "{events:#?}");
            }
        }
    }
    for (node, _) in nodes {
        node.stop().await;
    }
}

/// Returns the code of a mail in the outbox of one of the nodes.
async fn code(folders: &[&tempfile::TempDir], address: &str) -> String {
    poll(async || {
        let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder.path().join("outbox")).ok()).flatten();
        for file in files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "eml")) {
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            let code = subject.and_then(|subject| subject.split(' ').next()).unwrap_or_default().to_owned();
            // Other mail, such as an invitation, has no code.
            let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
            if is_code && text.contains(&format!("To: {address}\r\n")) {
                std::fs::remove_file(&file).unwrap();
                return Some(code);
            }
        }
        None
    })
    .await
}

fn is_ok(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200")
}

fn body_of(answer: &str) -> Value {
    assert!(is_ok(answer), "{answer}");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

async fn people_sign_in_on_several_nodes_at_once() {
    let (nodes, Bootstrap { api_key: admin, org_id, .. }) = two().await;
    let [(a, a_folder), (b, b_folder)] = &nodes;
    let folders = [a_folder, b_folder];
    for n in 0..6 {
        let email = format!("person{n}@example.com");
        let member = json!({ "actor_id": email, "role": "workspace_admin" });
        post(a, &admin, &format!("/v1/organizations/{org_id}/members"), member).await;
        // Two mails, each used on both nodes at once, for a person who has never signed in.
        let ask = json!({ "email": email });
        let mut tries = Vec::new();
        for _ in 0..2 {
            let asked = post(a, "", "/v1/auth/login-intent", ask.clone()).await;
            let body = json!({ "code": code(&folders, &email).await }).to_string();
            tries.push((format!("/v1/auth/login-intent/{}/verify", asked["intent_id"].as_str().unwrap()), body));
        }
        let calls = tries.iter().flat_map(|(path, body)| [a, b].map(|node| call(node, "", "POST", path, body)));
        let answers = join_all(calls).await;
        for pair in answers.chunks(2) {
            let entered = pair.iter().filter(|answer| is_ok(answer)).count();
            assert_eq!(entered, 1, "a code works once: {pair:#?}");
            let used = pair.iter().filter(|answer| answer.contains("code_already_used")).count();
            assert_eq!(used, 1, "{pair:#?}");
        }
        let people: Vec<Value> = answers.iter().filter(|answer| is_ok(answer)).map(|answer| body_of(answer)).collect();
        let me =
            async |node: &Running, key: &Value| body_of(&call(node, key.as_str().unwrap(), "GET", "/v1/me", "").await);
        for (node, person) in [(a, &people[0]), (b, &people[0]), (a, &people[1]), (b, &people[1])] {
            assert_eq!(me(node, &person["api_key"]).await["role"], "workspace_admin");
        }
        let accounts = body_of(&call(a, &admin, "GET", "/v1/service-accounts?limit=1000", "").await);
        let name = format!("login of {email}");
        let logins = accounts["service_accounts"].as_array().unwrap().iter().filter(|one| one["name"] == name);
        assert_eq!(logins.count(), 1, "one account for the keys of both");

        // One refresh token on both nodes at once, as from a client that retries: the session survives.
        let refresh = json!({ "refresh_token": people[0]["refresh_token"] }).to_string();
        let answers = join_all([a, b].map(|node| call(node, "", "POST", "/v1/auth/refresh", &refresh))).await;
        for answer in &answers {
            let next = json!({ "refresh_token": body_of(answer)["refresh_token"] });
            let entered = post(b, "", "/v1/auth/refresh", next).await;
            assert_eq!(entered["session_id"], people[0]["session_id"]);
            // A node accepts tokens that the other has signed.
            let token = entered["access_token"].clone();
            let known = post(a, &admin, "/v1/auth/introspect", json!({ "token": token })).await;
            assert_eq!((&known["active"], &known["email"]), (&json!(true), &json!(email)));
        }
    }
    let keys = join_all([a, b].map(|node| call(node, "", "GET", "/.well-known/jwks.json", ""))).await;
    assert_eq!(body_of(&keys[0]), body_of(&keys[1]), "all nodes share the signing keys");
    for (node, _) in nodes {
        node.stop().await;
    }
}

async fn changes_of_one_row_by_two_nodes_are_both_kept() {
    let (nodes, Bootstrap { api_key: admin, org_id, .. }) = two().await;
    let [(a, _), (b, _)] = &nodes;
    for n in 0..20 {
        let agent = post(a, &admin, "/v1/service-accounts", json!({ "name": format!("agent {n}") })).await;
        let path = format!("/v1/mesh/agents/agent-{n}");
        let cost = json!({ "max_intents_per_day": 5 }).to_string();
        let action = json!({ "mode": "allowlist", "intent_types": ["a.b"], "direction": "send" }).to_string();
        let (kill, costs, actions) =
            (format!("{path}/kill"), format!("{path}/policies/cost"), format!("{path}/policies/action"));
        let answers = tokio::join!(
            call(a, &admin, "POST", &kill, "{}"),
            call(b, &admin, "PUT", &costs, &cost),
            call(b, &admin, "PUT", &actions, &action),
        );
        for answer in [&answers.0, &answers.1, &answers.2] {
            body_of(answer);
        }
        let seen = body_of(&call(b, &admin, "GET", &path, "").await);
        assert_eq!(seen["agent"]["health_status"], "killed", "{agent}: {seen}");
        assert_eq!(
            (&seen["cost_policy"]["max_intents_per_day"], &seen["action_policy"]["send"]["mode"]),
            (&json!(5), &json!("allowlist")),
            "{seen}"
        );

        let workspaces = format!("/v1/organizations/{org_id}/workspaces");
        let made = post(a, &admin, &workspaces, json!({ "name": format!("W {n}"), "environment": "staging" })).await;
        let path = format!("{workspaces}/{}", made["workspace"]["workspace_id"].as_str().unwrap());
        let answers = tokio::join!(
            call(a, &admin, "PATCH", &path, r#"{"status":"suspended"}"#),
            call(b, &admin, "PATCH", &path, r#"{"name":"Another name"}"#),
        );
        for answer in [&answers.0, &answers.1] {
            body_of(answer);
        }
        let quota = |dimension: &str| {
            let body = json!({
                "org_id": org_id, "workspace_id": made["workspace"]["workspace_id"], "dimensions": { dimension: 5 },
                "overage_mode": "grace",
            });
            body.to_string()
        };
        let (intents, schemas) = (quota("intents_per_day"), quota("schema_writes_per_day"));
        let answers = tokio::join!(
            call(a, &admin, "PATCH", "/v1/quotas", &intents),
            call(b, &admin, "PATCH", "/v1/quotas", &schemas),
        );
        for answer in [&answers.0, &answers.1] {
            body_of(answer);
        }
        let ws = made["workspace"]["workspace_id"].as_str().unwrap();
        let path = format!("/v1/quotas?org_id={org_id}&workspace_id={ws}");
        let dimensions = body_of(&call(a, &admin, "GET", &path, "").await)["quota_policy"]["dimensions"].clone();
        assert_eq!([&dimensions["intents_per_day"], &dimensions["schema_writes_per_day"]], [5, 5], "{dimensions}");
        let listed = body_of(&call(a, &admin, "GET", &workspaces, "").await);
        let id = &made["workspace"]["workspace_id"];
        let seen = listed["workspaces"].as_array().unwrap().iter().find(|one| one["workspace_id"] == *id).unwrap();
        assert_eq!((&seen["status"], &seen["name"]), (&json!("suspended"), &json!("Another name")));
    }
    for (node, _) in nodes {
        node.stop().await;
    }
}

/// No clock moves and nothing waits: once a node has answered that a rule is set, the other enforces it.
async fn nodes_make_a_subscription_once_and_no_more_than_fit() {
    let (nodes, Bootstrap { api_key: admin, .. }) = two().await;
    let [(a, _), (b, _)] = &nodes;
    let path = "/v1/webhooks/subscriptions";
    let body =
        |n: usize| json!({ "callback_url": format!("https://example.com/{n}"), "event_types": ["a.b"] }).to_string();
    for n in 0..20 {
        let body = body(n);
        let calls = [a, b, a, b].map(|node| call(node, &admin, "POST", path, &body));
        let answers = join_all(calls).await;
        assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{answers:?}");
        let ids = answers.iter().map(|answer| body_of(answer)["subscription"]["subscription_id"].to_string());
        assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 1, "{answers:?}");
    }
    let listed = async || body_of(&call(a, &admin, "GET", path, "").await)["subscriptions"].as_array().unwrap().len();
    assert_eq!(listed().await, 20);
    join_all((20..99).map(|n| post(a, &admin, path, serde_json::from_str(&body(n)).unwrap()))).await;
    let calls = (0..6).map(|n| (if n % 2 == 0 { a } else { b }, body(100 + n)));
    let calls: Vec<_> = calls.collect();
    let answers = join_all(calls.iter().map(|(node, body)| call(node, &admin, "POST", path, body))).await;
    let added = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    assert_eq!((added, listed().await), (1, 100), "{answers:?}");
}

async fn a_rule_set_on_one_node_holds_on_the_other_at_once() {
    let (nodes, Bootstrap { api_key: admin, workspace_id, org_id, .. }) = two().await;
    let [(a, _), (b, _)] = &nodes;
    let ask =
        |to: &str, payload: Value| json!({ "intent_type": "axme.test.ask.v1", "to_agent": to, "payload": payload });
    let submit =
        async |to: &str, payload: Value| call(b, &admin, "POST", "/v1/intents", &ask(to, payload).to_string()).await;
    let accepted = |answer: &str| answer.starts_with("HTTP/1.1 200");
    for name in ["killed", "closed", "free"] {
        post(a, &admin, "/v1/service-accounts", json!({ "name": name })).await;
        // The other node has loaded the old rules.
        let answer = submit(name, json!({ "amount": 1 })).await;
        assert!(accepted(&answer), "{answer}");
    }

    // The kill switch, and its end.
    post(a, &admin, "/v1/mesh/agents/killed/kill", json!({})).await;
    let answer = submit("killed", json!({ "amount": 1 })).await;
    assert!(answer.contains("agent_killed"), "{answer}");
    // The other node remembers the kill from a call that it answered. It must not refuse from memory alone, either.
    let answer = submit("free", json!({ "amount": 1 })).await;
    assert!(accepted(&answer), "{answer}");
    post(a, &admin, "/v1/mesh/agents/killed/resume", json!({})).await;
    let answer = submit("killed", json!({ "amount": 1 })).await;
    assert!(accepted(&answer), "{answer}");

    // A sender policy.
    let body = json!({ "policy_type": "allowlist" }).to_string();
    let answer = call(a, &admin, "PUT", "/v1/agents/closed/policy", &body).await;
    assert!(accepted(&answer), "{answer}");
    let answer = submit("closed", json!({ "amount": 1 })).await;
    assert!(answer.contains("policy_denied"), "{answer}");

    // A schema.
    let schema = json!({ "type": "object", "properties": { "amount": { "type": "integer" } } });
    let body = json!({ "semantic_type": "axme.test.ask.v1", "schema_json": schema, "compatibility_mode": "strict" });
    post(a, &admin, "/v1/schemas", body).await;
    let answer = submit("free", json!({ "amount": "much" })).await;
    assert!(answer.contains("schema_invalid"), "{answer}");

    // A quota.
    let dimensions = json!({ "intents_per_day": 1 });
    let body = json!({
        "org_id": org_id, "workspace_id": workspace_id, "dimensions": dimensions, "hard_enforcement": true,
        "overage_mode": "block",
    });
    let answer = call(a, &admin, "PATCH", "/v1/quotas", &body.to_string()).await;
    assert!(accepted(&answer), "{answer}");
    let answer = submit("free", json!({ "amount": 1 })).await;
    assert!(answer.contains("quota_exceeded"), "{answer}");
    for (node, _) in nodes {
        node.stop().await;
    }
}

/// Without statistics, plans are wrong until the first autovacuum, which comes a minute later at the earliest.
async fn a_database_that_has_grown_gets_statistics() {
    let url = fresh_schema().await;
    let (node, folder) = start(&url).await;
    let bootstrap: Bootstrap =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap()).unwrap();
    let body = json!({ "intent_type": "x", "to_agent": "nobody", "payload": {} });
    for _ in 0..11 {
        join_all((0..100).map(|_| post(&node, &bootstrap.api_key, "/v1/intents", body.clone()))).await;
    }
    poll(async || (planned_rows(&url, "intents").await >= 1_000.0).then_some(())).await;
    node.stop().await;
}
