//! Intents to agents that nobody has registered: accepted with a warning, shown as unheard, or refused.

use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};

each_engine! {
    a_misspelled_agent_is_accepted_with_a_warning,
    only_agents_are_warned_about,
    an_intent_says_while_nobody_listens,
    a_scenario_warns_about_its_agents,
    a_workspace_refuses_unknown_receivers_if_it_says_so,
    suggestions_name_only_agents_that_the_caller_may_list,
    a_malformed_receiver_is_refused,
}

const GRETER: &str = "agent://local/default/greter";

async fn create(server: &Server, key: &str, to: &str) -> Answer {
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": {} });
    server.send(key, "POST", "/v1/intents", Some(body)).await
}

async fn warnings(server: &Server, key: &str, to: &str) -> Value {
    create(server, key, to).await.ok().get("warnings").cloned().unwrap_or_default()
}

/// Sets the answer of the first workspace to unknown receivers.
async fn set(server: &Server, word: &str) -> Answer {
    let (org, workspace) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    let path = format!("/v1/organizations/{org}/workspaces/{workspace}");
    server.send(&server.admin, "PATCH", &path, Some(json!({ "unknown_receivers": word }))).await
}

async fn a_misspelled_agent_is_accepted_with_a_warning(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let expected = json!([format!("nobody is registered at {GRETER}; did you mean greeter?")]);
    for form in ["greter", "local/default/greter", GRETER] {
        assert_eq!(warnings(&server, &server.admin, form).await, expected, "{form}");
    }
    let unlike = json!(["nobody is registered at agent://local/default/payroll"]);
    assert_eq!(warnings(&server, &server.admin, "payroll").await, unlike);
    assert_eq!(warnings(&server, &server.admin, "greeter").await, Value::Null, "no warnings, no key");
    // Registered now, and then not any more.
    server.agent("greter").await;
    assert_eq!(warnings(&server, &server.admin, "greter").await, Value::Null);
    let account = server.get(&server.admin, "/v1/agents/greter").await["agent"]["service_account_id"].clone();
    let path = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    assert_eq!(warnings(&server, &server.admin, "greter").await, expected);
}

async fn only_agents_are_warned_about(engine: Engine) {
    let server = Server::start(engine).await;
    for to in ["human", "agent_core", "agent://local/default/agent_core", "ann@example.com", "user://ops-lead", "@nick"]
    {
        assert_eq!(warnings(&server, &server.admin, to).await, Value::Null, "{to}");
    }
    let user = "agent://user/00000000-0000-0000-0000-000000000001";
    assert_eq!(warnings(&server, &server.admin, user).await, Value::Null);
    // A task waits for people, whatever its address.
    let task = json!({ "title": "Pay?", "assignees": ["ann@example.com", "bob@example.com"], "quorum": 2 });
    let body = json!({ "intent_type": "x", "to_agent": "nobody", "human_task": task, "payload": {} });
    let created = server.post(&server.admin, "/v1/intents", body).await;
    assert_eq!(created.get("warnings"), None, "{created}");
    assert_eq!(server.intent(&id_of(&created)).await.get("nobody_listens"), None);
    for (to, address) in [
        ("conformance/receiver", "agent://conformance/receiver"),
        ("agent://elsewhere/ws/agent", "agent://elsewhere/ws/agent"),
    ] {
        assert_eq!(warnings(&server, &server.admin, to).await, json!([format!("nobody is registered at {address}")]));
    }
}

async fn an_intent_says_while_nobody_listens(engine: Engine) {
    let server = Server::start(engine).await;
    let greeter = server.agent("greeter").await;
    let (lost, known) = (server.submit("greter", json!({})).await, server.submit("greeter", json!({})).await);
    let unheard = async || {
        let list = server.get(&server.admin, "/v1/intents").await["intents"].clone();
        let unheard = list.as_array().unwrap().iter().filter(|intent| intent["nobody_listens"] == true);
        unheard.map(id_of).collect::<Vec<_>>()
    };
    assert_eq!(unheard().await, std::slice::from_ref(&lost));
    assert_eq!(server.intent(&lost).await["nobody_listens"], true);
    assert_eq!(server.intent(&known).await.get("nobody_listens"), None);
    // Work that the agent has begun waits in vain once the agent is deleted.
    server.get(&greeter, &format!("/v1/intents/{known}")).await;
    let account = server.get(&server.admin, "/v1/agents/greeter").await["agent"]["service_account_id"].clone();
    let path = format!("/v1/service-accounts/{}", account.as_str().unwrap());
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    assert_eq!(unheard().await, [known.clone(), lost.clone()]);
    // An ended intent waits for nobody, and one whose agent was registered in the meantime is heard.
    let end = json!({ "status": "CANCELED" });
    server.post(&server.admin, &format!("/v1/intents/{known}/resolve"), end).await;
    server.agent("greter").await;
    assert!(unheard().await.is_empty());
    assert_eq!(server.intent(&lost).await.get("nobody_listens"), None);
}

async fn a_scenario_warns_about_its_agents(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let bundle = |made: bool| {
        json!({
            "scenario_id": "s.v1",
            "agents": [{ "role": "first", "address": "maker", "create_if_missing": made }, { "role": "then", "address": "greter" }],
            "workflow": { "steps": [
                { "step_id": "a", "assigned_to": "first" }, { "step_id": "b", "assigned_to": "then" },
                { "step_id": "c", "assigned_to": "then" }, { "step_id": "d", "tool_id": "tool.human_task.v1", "assigned_to": "human" },
            ] },
            "intent": { "type": "intent.ask.v1", "payload": {} },
        })
    };
    let misspelled = format!("nobody is registered at {GRETER}; did you mean greeter?");
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle(false)).await;
    let expected = json!(["nobody is registered at agent://local/default/maker", misspelled]);
    assert_eq!(applied["warnings"], expected);
    let id = id_of(&applied);
    assert_eq!(server.intent(&id).await["nobody_listens"], true, "its first step waits");
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle(true)).await;
    assert_eq!(applied["warnings"], json!([misspelled]), "the bundle has registered the other");
    assert_eq!(server.intent(&id).await.get("nobody_listens"), None);
    set(&server, "refuse").await.ok();
    let refused = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(bundle(true))).await;
    assert_eq!(refused.refused(404, "agent_not_found"), misspelled);
}

async fn a_workspace_refuses_unknown_receivers_if_it_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    let greeter = server.agent("greeter").await;
    let elsewhere = server.workspace("local", "other").await;
    let changed = set(&server, "refuse").await.ok();
    assert_eq!(changed["workspace"]["unknown_receivers"], "refuse");
    let listed = format!("/v1/organizations/{}/workspaces", server.bootstrap.org_id);
    let listed = server.get(&server.admin, &listed).await["workspaces"].clone();
    let word = |name: &str| {
        listed.as_array().unwrap().iter().find(|one| one["name"] == name).and_then(|one| one.get("unknown_receivers"))
    };
    assert_eq!(word("other"), None, "absent while it is accept");
    let text = create(&server, &greeter, "greter").await.refused(404, "agent_not_found");
    assert_eq!(text, format!("nobody is registered at {GRETER}; did you mean greeter?"));
    create(&server, &greeter, "conformance/receiver").await.refused(404, "agent_not_found");
    for to in ["greeter", "human", "ann@example.com"] {
        create(&server, &greeter, to).await.ok();
    }
    let list = server.get(&server.admin, "/v1/intents").await;
    assert_eq!(list["intents"].as_array().unwrap().len(), 3, "a refused create leaves nothing");
    create(&server, &elsewhere, "greter").await.ok();
    set(&server, "sometimes").await.refused(422, "validation_failed");
    set(&server, "accept").await.ok();
    create(&server, &greeter, "greter").await.ok();
}

async fn suggestions_name_only_agents_that_the_caller_may_list(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let other = server.workspace("local", "other").await;
    server.post(&other, "/v1/service-accounts", json!({ "name": "greeter" })).await;
    let address = "agent://local/other/greter";
    let silent = json!([format!("nobody is registered at {address}")]);
    assert_eq!(warnings(&server, &worker, address).await, silent, "an agent lists the agents of its workspace only");
    let open = json!([format!("nobody is registered at {address}; did you mean agent://local/other/greeter?")]);
    assert_eq!(warnings(&server, &server.admin, address).await, open, "the owner of the organization lists all");
    server.post(&server.admin, "/v1/service-accounts", json!({ "name": "greeter" })).await;
    let own = json!([format!("nobody is registered at {GRETER}; did you mean greeter?")]);
    assert_eq!(warnings(&server, &worker, "greter").await, own);
}

async fn a_malformed_receiver_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let long = "z".repeat(384);
    for wrong in ["not an address!", "two\twords", "a\u{7}b", "a\u{a0}b", "", "  ", "agent://", &long] {
        create(&server, &server.admin, wrong).await.refused(422, "invalid_agent_address");
    }
    // Other fields that name agents are read as before.
    let body = json!({
        "intent_type": "x", "to_agent": "worker", "from_agent": "not an address!", "reply_to": "the boss",
        "remind_after_seconds": 60, "escalate_to": "a b", "payload": {},
    });
    server.post(&server.admin, "/v1/intents", body).await;
}
