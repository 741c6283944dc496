//! Checks who may call what, for every operation of the table, so that none is forgotten.

use axme_api::{Access, Method};
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};

each_engine! {
    only_public_operations_answer_without_a_valid_key,
    an_agents_key_may_not_do_admin_work,
    the_role_of_a_person_decides_what_they_may_call,
    another_workspace_sees_nothing_of_this_one,
    a_key_is_accepted_in_either_header,
    a_caller_learns_who_it_is,
    no_operation_lets_the_requester_of_a_guarded_task_decide_it,
}

/// Returns the method, path and access of everything that can be called.
fn surface() -> Vec<(Method, &'static str, Access)> {
    let ops = axme_api::table();
    let ops = ops
        .iter()
        .map(|op| op.info())
        .flat_map(|info| std::iter::once(&info.path).chain(info.aliases).map(|path| (info.method, *path, info.access)));
    ops.chain(axme_api::routes().iter().map(|route| (route.method, route.path, route.access))).collect()
}

/// Values for the fields of paths, from the workspace of the admin.
pub(crate) struct Things {
    pub(crate) intent: String,
    invite: String,
    upload: String,
    principal: String,
    alias: String,
    route: String,
    account: String,
    key_id: String,
    agent: String,
    org: String,
    workspace: String,
    member: String,
}

impl Things {
    pub(crate) async fn make(server: &Server) -> Things {
        let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
        let account = account["service_account_id"].as_str().unwrap().to_owned();
        let key = server.post(&server.admin, &format!("/v1/service-accounts/{account}/keys"), json!({})).await;
        let members =
            server.get(&server.admin, &format!("/v1/organizations/{}/members", server.bootstrap.org_id)).await;
        let invite = server.post(&server.admin, "/v1/invites/create", json!({ "owner_agent": "worker" })).await;
        let schema = json!({ "semantic_type": "a.b.c.v1", "schema_json": {}, "compatibility_mode": "strict" });
        server.post(&server.admin, "/v1/schemas", schema).await;
        let principal = crate::principals::principal(server).await;
        let alias = crate::principals::alias(server, &principal, "ann").await;
        let file = json!({ "owner_agent": "worker", "filename": "f", "mime_type": "text/plain", "size_bytes": 1 });
        let upload = server.post(&server.admin, "/v1/media/create-upload", file).await;
        Things {
            upload: upload["upload_id"].as_str().unwrap().to_owned(),
            route: crate::routing::route(server, &principal, "https://example.com/", 1).await,
            alias: alias["alias_id"].as_str().unwrap().to_owned(),
            principal,
            invite: invite["token"].as_str().unwrap().to_owned(),
            org: server.bootstrap.org_id.clone(),
            workspace: server.bootstrap.workspace_id.clone(),
            member: members["members"][0]["member_id"].as_str().unwrap().to_owned(),
            intent: server.submit("worker", json!({})).await,
            account,
            key_id: key["key"]["key_id"].as_str().unwrap().to_owned(),
            agent: "local/default/worker".to_owned(),
        }
    }

    pub(crate) fn path(&self, template: &str) -> String {
        template
            .replace("{intent_id}", &self.intent)
            .replace("{token}", &self.invite)
            .replace("{upload_id}", &self.upload)
            .replace("{principal_id}", &self.principal)
            .replace("{alias_id}", &self.alias)
            .replace("{route_id}", &self.route)
            // Not the id of a binding.
            .replace("{binding_id}", &self.intent)
            .replace("{invoice_id}", &self.intent)
            .replace("{semantic_type}", "a.b.c.v1")
            .replace("{service_account_id}", &self.account)
            // A dead letter has the id of its intent.
            .replace("{delivery_id}", &self.intent)
            .replace("{approval_id}", &self.intent)
            .replace("{entry_id}", &self.intent)
            .replace("{access_request_id}", &self.intent)
            .replace("{thread_id}", &self.intent)
            .replace("{subscription_id}", &self.intent)
            .replace("{event_id}", &self.intent)
            .replace("{session_id}", &self.intent)
            .replace("{grant_id}", &self.intent)
            .replace("{name}", "finance")
            // Every workspace has this macro.
            .replace("{macro_id}", "macro.approval.v1")
            .replace("{key_id}", &self.key_id)
            .replace("{org_id}", &self.org)
            .replace("{workspace_id}", &self.workspace)
            .replace("{member_id}", &self.member)
            // A page of the reference.
            .replace("{page}", "intents")
            .replace("{*address_id}", &self.agent)
            .replace("{*address}", &self.agent)
    }
}

/// Returns whether a path is part of a sign-in, which takes only its own credentials.
fn signs_in(template: &str) -> bool {
    template.starts_with("/v1/auth/") || template.starts_with("/app/login/")
}

/// Returns the status of a sign-in call without credentials.
fn signs_in_with(method: Method, template: &str) -> u16 {
    match template {
        "/v1/auth/cli-grants" => 200,
        "/app/login/cli" | "/app/login/trial" if method == Method::Get => 200,
        "/app/login/trial" => 403,
        // A redirect to the page, which then asks for more.
        "/v1/auth/login-intent/{intent_id}/callback" => 303,
        "/v1/auth/login-intent" | "/v1/auth/refresh" | "/v1/auth/login" | "/v1/auth/exchange" => 422,
        "/v1/auth/login-intent/{intent_id}/verify" => 422,
        _ => 404,
    }
}

/// A reply to an unknown id starts a thread.
const BEGINS_A_THREAD: &str = "/v1/inbox/{thread_id}/reply";

/// Returns the status for a stranger whose second workspace is in the same organization: it may only read there.
fn of_its_own_organization(org: &str, method: Method, template: &str) -> Option<u16> {
    let is_of_tenant = template.starts_with("/v1/organizations/") || template.starts_with("/v1/workspaces/");
    let is_open = method == Method::Get && !template.contains("members");
    (org == "local" && is_of_tenant).then_some(if is_open { 200 } else { 403 })
}

/// A workspace makes its own group of that name.
const MAKES_A_GROUP: (Method, &str) = (Method::Put, "/v1/groups/{name}");

/// Macros come with the server; every workspace sees them.
const IS_NOBODYS: &str = "/v1/tool-registry/macros/{macro_id}";

/// Makes a call that only its credential can make fail.
pub(crate) async fn call(server: &Server, key: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    // A route has other statuses than an intent.
    let status = if path.starts_with("/v1/routing") { "active" } else { "CANCELED" };
    let body = (method != Method::Get).then(|| {
        let mut body = json!({
            "status": status, "name": "somebody-else", "intent_type": "x", "to_agent": "worker", "scenario_id": "x",
            "intent": { "type": "x" }, "decision": "approve", "message": "m", "delegate_to": "worker",
            "members": [], "callback_url": "https://example.com/hook", "event_types": ["x.y"], "event_type": "x.y", "source": "test",
            "payload": {}, "to": "somebody", "nick": "@somebody", "semantic_type": "d.e.f.v1", "schema_json": {},
            "compatibility_mode": "warn", "owner_agent": "somebody", "max_intents_per_day": 1_000_000,
            "content": "c", "environment": "sandbox", "question": "q", "reply": "r", "actor_id": "a@example.com",
            "role": if path.starts_with("/v1/sessions") { "user" } else { "member" },
            "policy_type": "open", "override_type": "open", "sender_pattern": "*",
            "mode": if path.ends_with("/policies/action") { "open" } else { "self" },
        });
        // A PATCH takes other statuses than the end of an intent.
        if method == Method::Patch && !path.starts_with("/v1/routing") {
            body["status"] = Value::Null;
        }
        body
    });
    // An error comes at once; a stream is read to its end, so its window is the shortest.
    let path = if path.ends_with("/stream") { format!("{path}?since=0&wait_seconds=1") } else { path.to_owned() };
    let answer = server.send_with(key, method.as_str(), &path, body, headers);
    let clock = async {
        loop {
            server.clock.advance(server.until_held().await);
        }
    };
    tokio::select! {
        answer = answer => answer,
        () = clock => unreachable!("the clock does not end"),
    }
}

async fn only_public_operations_answer_without_a_valid_key(engine: Engine) {
    let server = Server::start(engine).await;
    let things = Things::make(&server).await;
    for (method, template, access) in surface() {
        let path = things.path(template);
        assert!(!path.contains('{'), "{path}: the test does not know this field");
        let no_credential =
            [&[][..], &[("authorization", "")], &[("authorization", "Bearer ")], &[("authorization", "Basic eDp5")]];
        for headers in no_credential {
            let answer = call(&server, "", method, &path, headers).await;
            match access {
                // A task page needs the token of a link, and shows nothing without it.
                Access::Public if path.contains("/tasks/") => {
                    let expected = if path.starts_with("/app") { 404 } else { 422 };
                    assert_eq!(answer.status, expected, "{path}");
                    assert!(!answer.body.to_string().contains(&things.intent), "{path}");
                }
                Access::Public if signs_in(template) => {
                    assert_eq!(answer.status, signs_in_with(method, template), "{path}")
                }
                // Trials are off by default.
                Access::Public if path.contains("/alpha/") => {
                    assert!([303, 403, 422].contains(&answer.status.as_u16()), "{path}");
                }
                // Without the cookie of a session, the inbox shows or asks for the sign-in.
                Access::Public if path.starts_with("/inbox") => {
                    assert!([200, 303, 403, 422].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
                    assert!(!answer.body.to_string().contains(&things.intent), "{path}");
                }
                // Without the cookie of a session, the console asks for the sign-in.
                Access::Public if template.starts_with("/app") || ["/", "/auth/exchange"].contains(&template) => {
                    assert!([200, 303, 403, 410, 422].contains(&answer.status.as_u16()), "{path}: {}", answer.status);
                    assert!(!answer.body.to_string().contains(&things.intent), "{path}");
                }
                Access::Public if path.starts_with("/oauth/") => {
                    assert_eq!(answer.status, if path.ends_with("/revoke") { 200 } else { 400 }, "{path}");
                }
                Access::Public if path.contains("/media/") => {
                    answer.refused(404, "not_found");
                }
                Access::Public => assert_eq!(answer.status, 200, "{path}"),
                Access::Person => drop(answer.refused(401, "missing_actor_token")),
                Access::Newcomer => assert_eq!(answer.status, 422, "{path}: {}", answer.body),
                Access::Key | Access::Role | Access::Admin => {
                    assert_eq!(answer.headers["www-authenticate"], "Bearer");
                    answer.refused(401, "missing_platform_api_key");
                }
            }
        }
        if access == Access::Public {
            continue;
        }
        for wrong in [
            "nonsense",
            "axme_sa_x_y",
            &server.admin[..server.admin.len() - 1],
            &server.admin.to_uppercase(),
            &"x".repeat(10_000),
        ] {
            call(&server, wrong, method, &path, &[]).await.refused(401, "invalid_platform_api_key");
            let bearer = format!("Bearer {wrong}");
            let answer = call(&server, "", method, &path, &[("authorization", &bearer)]).await;
            answer.refused(401, "invalid_platform_api_key");
        }
    }
    assert_eq!(server.events(&things.intent).await.len(), 3);
    assert_eq!(
        server.get(&server.admin, "/v1/service-accounts").await["service_accounts"].as_array().unwrap().len(),
        2
    );
}

async fn an_agents_key_may_not_do_admin_work(engine: Engine) {
    let server = Server::start(engine).await;
    let things = Things::make(&server).await;
    let agent = server.agent("somebody").await;
    for (method, template, access) in surface() {
        let path = things.path(template);
        let answer = call(&server, &agent, method, &path, &[]).await;
        match access {
            Access::Admin | Access::Role => drop(answer.refused(403, "forbidden")),
            Access::Person | Access::Newcomer => drop(answer.refused(401, "missing_actor_token")),
            Access::Key | Access::Public => assert_ne!(answer.status, 401, "{path}"),
        }
    }
    assert_eq!(server.events(&things.intent).await.len(), 3, "an agent without a part in it changed nothing");
}

async fn the_role_of_a_person_decides_what_they_may_call(engine: Engine) {
    let server = Server::start(engine).await;
    let things = Things::make(&server).await;
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    for role in axme_api::roles::OrgRole::ALL.iter().copied() {
        let email = format!("{}@example.com", role.as_str());
        let owner = server.sign_in("owner@local").await;
        let given = json!({ "actor_id": email, "role": role.as_str() });
        server.as_person(&owner, "POST", &members, Some(given)).await.ok();
        let person = server.sign_in(&email).await;
        let is_admin = role.gives().contains(&axme_api::roles::OrgRole::WorkspaceAdmin);
        let works = is_admin || role == axme_api::roles::OrgRole::Member;
        for (method, template, access) in surface() {
            let path = things.path(template);
            // Admission is checked with GET only, refusals with every method.
            let is_refused = match access {
                Access::Public => continue,
                // MCP checks the access of each tool when it is called.
                _ if template == "/mcp" => continue,
                // The numbers cover all tenants, so they are for the operators of the server: `metrics.rs`.
                _ if template == "/metrics" => continue,
                Access::Key => !works,
                Access::Admin => !is_admin,
                Access::Role | Access::Person | Access::Newcomer => false,
            };
            if !is_refused && (method != Method::Get || path.ends_with("/stream")) {
                continue;
            }
            let answer = call(&server, "", method, &path, &[("authorization", &person.bearer)]).await;
            match is_refused {
                true => drop(answer.refused(403, "forbidden")),
                false if is_admin && access != Access::Role => {
                    assert!(![401, 403].contains(&answer.status.as_u16()), "{role:?} {path}: {}", answer.body)
                }
                false => assert_ne!(answer.status, 401, "{role:?} {path}: {}", answer.body),
            }
        }
    }
    assert_eq!(server.events(&things.intent).await.len(), 3, "nothing happened to it");
}

async fn another_workspace_sees_nothing_of_this_one(engine: Engine) {
    let server = Server::start(engine).await;
    let things = Things::make(&server).await;
    let mut received = vec![things.intent.clone()];
    for (org, workspace) in [("other", "default"), ("local", "second")] {
        let stranger = server.workspace(org, workspace).await;
        for (method, template, access) in surface() {
            if access == Access::Public || !template.contains('{') {
                continue;
            }
            let path = things.path(template);
            if template == BEGINS_A_THREAD || template == IS_NOBODYS || (method, template) == MAKES_A_GROUP {
                continue;
            }
            let answer = call(&server, &stranger, method, &path, &[]).await;
            // A decision on an unknown id is recorded and has no effect.
            let expected = match template {
                "/v1/approvals/{approval_id}/decision" => 200,
                // Invoices need a permission, even those of the own workspace.
                "/v1/billing/invoices/{invoice_id}" => 403,
                _ => of_its_own_organization(org, method, template).unwrap_or(404),
            };
            assert_eq!(answer.status, expected, "{path}: {}", answer.body);
        }
        let begun = call(&server, &stranger, Method::Post, &things.path(BEGINS_A_THREAD), &[]).await.ok();
        assert_eq!(begun["thread"].get("intent_type"), None, "a thread of the stranger's own");
        let thread = server.get(&server.admin, &format!("/v1/inbox/{}", things.intent)).await;
        assert_eq!(thread["thread"]["messages"], json!([]));
        assert_eq!(server.events(&things.intent).await.len(), 3, "nothing happened to it");
        for list in ["/v1/intents", "/v1/agents", "/v1/service-accounts", "/v1/me/tasks"] {
            let shown = server.get(&stranger, list).await.to_string();
            for thing in [&things.intent, &things.account, &things.agent] {
                assert!(!shown.contains(thing.as_str()), "{list}: {shown}");
            }
        }
        let me = server.get(&stranger, "/v1/me").await;
        assert_eq!((&me["org_slug"], &me["workspace_slug"]), (&json!(org), &json!(workspace)));

        // There, the short name means another agent. Only a workspace of the same organization reaches the agent of this one.
        let full = format!("agent://{}", things.agent);
        for to in ["worker", full.as_str()] {
            let body = json!({ "intent_type": "x", "to_agent": to, "payload": { "from": "the stranger" } });
            let sent = server.send(&stranger, "POST", "/v1/intents", Some(body)).await;
            // By default, an organization accepts no intents from another one.
            match org {
                "other" if to == full => drop(sent.refused(403, "receiver_org_closed")),
                "local" if to == full => received.push(crate::harness::id_of(&sent.ok())),
                _ => drop(sent.ok()),
            }
        }
    }
    let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=2";
    assert_eq!(server.stream(&server.admin, path).await.intent_ids(), received);
    assert_eq!(server.events(&things.intent).await.len(), 3);
}

async fn a_key_is_accepted_in_either_header(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = server.submit("worker", json!({})).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let bearer = format!("{scheme} {worker}");
        let headers = [("authorization", bearer.as_str())];
        let me = server.send_with("", "GET", "/v1/me", None, &headers).await.ok();
        assert_eq!(me["address"], "agent://local/default/worker");
        let stream = call(&server, "", Method::Get, "/v1/agents/worker/intents/stream", &headers).await;
        assert!(stream.body.to_string().contains(&id), "{}", stream.body);
        server.clock.advance(std::time::Duration::from_secs(20));
    }
    // The command line sends a key together with its session token.
    let headers = [("authorization", "Bearer a.b.c")];
    assert_eq!(server.send_with(&worker, "GET", "/v1/me", None, &headers).await.status, 200);
    let blank = [("x-api-key", " "), ("authorization", &*format!("Bearer  {worker} "))];
    assert_eq!(server.send_with("", "GET", "/v1/me", None, &blank).await.status, 200);
}

async fn a_caller_learns_who_it_is(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let admin = server.get(&server.admin, "/v1/me").await;
    let place = (&admin["org_id"], &admin["workspace_id"], &admin["org_slug"], &admin["workspace_slug"]);
    let expected =
        (&json!(server.bootstrap.org_id), &json!(server.bootstrap.workspace_id), &json!("local"), &json!("default"));
    assert_eq!(place, expected);
    assert_eq!((&admin["role"], &admin["address"]), (&json!("workspace_admin"), &Value::Null));
    let me = server.get(&worker, "/v1/me").await;
    assert_eq!((&me["role"], &me["address"]), (&json!("agent"), &json!("agent://local/default/worker")));
    assert_eq!(me["service_account"]["name"], "worker");
    assert_eq!(me["workspace_id"], admin["workspace_id"]);
}

/// Calls everything that changes one intent, with every field by which a caller can answer it or name another person.
async fn try_to_decide(server: &Server, key: &str, bearer: Option<&str>, id: &str) -> Vec<(String, u16)> {
    let of_intent =
        |template: &str| ["{intent_id}", "{thread_id}", "{approval_id}"].iter().any(|field| template.contains(field));
    let sock = "sock@example.com";
    let body = json!({
        "status": "COMPLETED", "result": {}, "decision": "approve", "message": "m", "delegate_to": sock, "to": sock,
        "from": "ann@example.com", "person": "ann@example.com", "question": "q", "task_result": { "outcome": "approved" },
        "controls_patch": { "remind_after_seconds": 1, "remind_interval_seconds": 1, "max_reminders": 1, "escalate_to": sock },
        "grants_patch": { "delegate:worker": { "allow": ["resume", "resolve", "update_controls", "update_policy"] } },
    });
    let headers: Vec<(&str, &str)> = bearer.map(|bearer| ("authorization", bearer)).into_iter().collect();
    let mut answers = Vec::new();
    for (method, template, access) in surface() {
        if method == Method::Get || access == Access::Public || !of_intent(template) {
            continue;
        }
        let path = ["{intent_id}", "{thread_id}", "{approval_id}"]
            .iter()
            .fold(template.to_owned(), |path, field| path.replace(field, id));
        let answer = server.send_with(key, method.as_str(), &path, Some(body.clone()), &headers).await;
        answers.push((path, answer.status.as_u16()));
    }
    answers
}

async fn no_operation_lets_the_requester_of_a_guarded_task_decide_it(engine: Engine) {
    let server = Server::start_open(engine).await;
    let (robot, worker) = (server.agent("robot").await, server.agent("worker").await);
    let stranger = server.sign_in("stranger@example.com").await;
    let owner = server.sign_in("owner@local").await;
    for guard in [("quorum", json!(2)), ("exclude_requester", json!(true))] {
        let mut task = json!({ "title": "Pay?", "assignees": ["ann@example.com", "bob@example.com"] });
        task[guard.0] = guard.1.clone();
        let body = json!({ "intent_type": "x", "human_task": task });
        // Started by the requester's own key, by the key of the requester's agent, and by their token.
        for starter in [server.admin.clone(), robot.clone(), owner.key.clone()] {
            let id = crate::harness::id_of(&server.post(&starter, "/v1/intents", body.clone()).await);
            assert_eq!(server.mails().await.len(), 2);
            let (before, events) = (server.intent(&id).await, server.events(&id).await);
            let mut tried = 0;
            for (key, bearer) in [
                (&server.admin, None),
                (&robot, None),
                (&worker, None),
                (&owner.key, None),
                (&server.admin, Some(owner.bearer.as_str())),
                (&server.admin, Some(stranger.bearer.as_str())),
                (&worker, Some(stranger.bearer.as_str())),
                (&robot, Some(owner.bearer.as_str())),
            ] {
                for (path, status) in try_to_decide(&server, key, bearer, &id).await {
                    // Messages to the thread decide nothing.
                    let is_message =
                        ["/reply", "/read", "/messages", "/messages/delete"].iter().any(|end| path.ends_with(end));
                    // The requester has no vote to withdraw.
                    let is_without_vote = path.ends_with("/withdraw") && status == 409;
                    let is_refused = is_without_vote || [403, 404, 405, 422].contains(&status);
                    assert!(is_message || is_refused, "{path}: {status}");
                    tried += 1;
                }
            }
            assert!(tried > 60, "{tried}: the table names the operations");
            assert_eq!(server.events(&id).await, events, "{guard:?}");
            let after = server.intent(&id).await;
            for field in ["status", "human_task", "pending_with", "escalate_to", "grants", "controls"] {
                assert_eq!(after.get(field), before.get(field), "{guard:?} {field}");
            }
            server.advance(std::time::Duration::from_secs(3_600)).await;
            assert!(server.mails().await.is_empty(), "nobody else was asked");
        }
    }
}
