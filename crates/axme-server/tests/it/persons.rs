//! The rights of people who have signed in: by their roles, and in their workspace.

use std::time::Duration;

use axme_api::roles::{OrgRole, Permission};
use serde_json::{Value, json};

use crate::harness::{Engine, Person, Server, each_engine};

each_engine! {
    a_member_answers_the_tasks_they_are_asked,
    nobody_is_shown_a_task_that_they_may_not_answer,
    every_role_of_a_person_may_do_what_the_matrix_says,
    a_person_works_where_they_choose,
    a_removed_member_loses_access_at_once,
    nobody_makes_keys_that_act_in_anothers_name,
    a_stream_ends_with_the_rights_it_was_opened_with,
    managing_accounts_needs_the_permission,
    the_key_of_a_login_works_only_in_its_workspace,
    access_requests_are_seen_by_those_they_concern,
    a_token_beside_an_agents_key_says_who_answered,
}

const OWNER: &str = "owner@local";

impl Server {
    /// Gives a person a role, in the organization of the first start or in one of its workspaces.
    pub async fn give(&self, email: &str, role: &str, workspace: Option<&str>) -> String {
        let path = format!("/v1/organizations/{}/members", self.bootstrap.org_id);
        let body = json!({ "actor_id": email, "role": role, "workspace_id": workspace });
        self.post(&self.admin, &path, body).await["member"]["member_id"].as_str().unwrap().to_owned()
    }

    /// Returns the key of a second admin of the workspace.
    pub async fn second_admin(&self) -> String {
        self.give("chief@example.com", "workspace_admin", Some(&self.bootstrap.workspace_id)).await;
        self.sign_in("chief@example.com").await.key
    }
}

fn task_for(people: Value) -> Value {
    json!({
        "intent_type": "x", "to_agent": "worker", "payload": { "a": 1 },
        "human_task": { "title": "Ship it?", "assignees": people },
    })
}

async fn a_member_answers_the_tasks_they_are_asked(engine: Engine) {
    let server = Server::start(engine).await;
    server.give("Ann@example.com", "member", None).await;
    server.give("bob@example.com", "member", None).await;
    let (ann, bob) = (server.sign_in("ann@example.com").await, server.sign_in("bob@example.com").await);
    let id = server.post(&server.admin, "/v1/intents", task_for(json!(["Ann@Example.com"]))).await["intent_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = server.submit("worker", json!({})).await;
    let tasks = async |person: &Person| {
        let listed = server.as_person(person, "GET", "/v1/me/tasks", None).await.ok();
        listed["tasks"].as_array().unwrap().iter().map(|t| t["intent_id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((tasks(&ann).await, tasks(&bob).await), (vec![json!(id)], vec![]));
    let overview = server.as_person(&ann, "GET", "/v1/portal/personal/overview", None).await.ok();
    assert_eq!((&overview["tasks"][0]["intent_id"], &overview["roles"]), (&json!(id), &json!(["member"])));

    // The intents of other people do not exist for them.
    let intent = format!("/v1/intents/{id}");
    assert_eq!(server.as_person(&ann, "GET", &intent, None).await.ok()["payload"], json!({ "a": 1 }));
    server.as_person(&bob, "GET", &intent, None).await.refused(404, "not_found");
    server.as_person(&ann, "GET", &format!("/v1/intents/{other}"), None).await.refused(404, "not_found");
    let answer = json!({ "task_result": { "outcome": "approved" } });
    let resume = format!("{intent}/resume");
    server.as_person(&bob, "POST", &resume, Some(answer.clone())).await.refused(404, "not_found");
    // The key of a sign-in does not prove that the person is present.
    server.send(&ann.key, "POST", &resume, Some(answer.clone())).await.refused(404, "not_found");
    let answered = server.as_person(&ann, "POST", &resume, Some(answer.clone())).await.ok();
    assert_eq!(answered["intent"]["status"], "COMPLETED");
    let events = server.events(&id).await;
    assert_eq!(events.last().unwrap()["actor"], "user://ann@example.com", "{events:?}");

    // With key and token, as the command line sends them.
    let id = server.post(&server.admin, "/v1/intents", task_for(json!(["bob@example.com"]))).await;
    let resume = format!("/v1/intents/{}/resume", id["intent_id"].as_str().unwrap());
    let both = [("authorization", bob.bearer.as_str())];
    server.send_with(&bob.key, "POST", &resume, Some(answer), &both).await.ok();

    // Members see the intents that they send.
    let sent = json!({ "intent_type": "x", "to_agent": "worker" });
    let sent = server.as_person(&bob, "POST", "/v1/intents", Some(sent)).await.ok();
    let own = format!("/v1/intents/{}", sent["intent_id"].as_str().unwrap());
    assert_eq!(server.as_person(&bob, "GET", &own, None).await.ok()["intent"]["from_agent"], "user://bob@example.com");
    let listed = server.as_person(&bob, "GET", "/v1/intents", None).await.ok();
    assert_eq!(listed["intents"].as_array().unwrap().len(), 1, "{listed}");
    server.as_person(&ann, "GET", &own, None).await.refused(404, "not_found");
}

async fn nobody_is_shown_a_task_that_they_may_not_answer(engine: Engine) {
    let server = Server::start(engine).await;
    for email in ["ann@example.com", "bob@example.com"] {
        server.give(email, "member", None).await;
    }
    let (chief, owner) = (server.second_admin().await, server.sign_in(OWNER).await);
    let (ann, bob) = (server.sign_in("ann@example.com").await, server.sign_in("bob@example.com").await);
    let both = json!(["ann@example.com", "bob@example.com"]);
    let task = |title: &str, guard: (&str, Value)| {
        let mut body = task_for(both.clone());
        body["human_task"]["title"] = json!(title);
        body["human_task"][guard.0] = guard.1;
        body
    };
    let titles = |listed: &Value| -> Vec<String> {
        listed["tasks"].as_array().unwrap().iter().map(|t| t["human_task"]["title"].as_str().unwrap().into()).collect()
    };
    let of = async |person: &Person| {
        let listed = server.as_person(person, "GET", "/v1/me/tasks", None).await.ok();
        let overview = server.as_person(person, "GET", "/v1/portal/personal/overview", None).await.ok();
        assert_eq!(overview["tasks"], listed["tasks"]);
        titles(&listed)
    };
    let by_key = async |key: &String, query: &str| titles(&server.get(key, &format!("/v1/me/tasks{query}")).await);

    // Ann starts one task, and the admin two.
    let own = task("ann's", ("exclude_requester", json!(true)));
    server.as_person(&ann, "POST", "/v1/intents", Some(own)).await.ok();
    server.post(&server.admin, "/v1/intents", task("admin's", ("exclude_requester", json!(true)))).await;
    let voted = server.post(&server.admin, "/v1/intents", task("both's", ("quorum", json!(2)))).await;
    assert_eq!(of(&ann).await, ["admin's", "both's"]);
    assert_eq!(of(&bob).await, ["ann's", "admin's", "both's"]);
    assert_eq!(by_key(&owner.key, "").await, ["ann's"]);
    assert_eq!(by_key(&server.admin, "").await, Vec::<String>::new(), "no person is behind this key");
    assert_eq!(by_key(&chief, "").await, ["ann's", "admin's"], "a quorum task is only for its assignees");
    assert_eq!(by_key(&chief, "?limit=1").await, ["ann's"]);

    let resume = format!("/v1/intents/{}/resume", voted["intent_id"].as_str().unwrap());
    let yes = json!({ "task_result": { "outcome": "approved" } });
    server.as_person(&ann, "POST", &resume, Some(yes)).await.ok();
    assert_eq!((of(&ann).await, of(&bob).await.len()), (vec!["admin's".to_owned()], 3), "she has voted");
}

async fn every_role_of_a_person_may_do_what_the_matrix_says(engine: Engine) {
    let server = Server::start(engine).await;
    let org = server.bootstrap.org_id.clone();
    let pair = format!("?org_id={org}&workspace_id={}", server.bootstrap.workspace_id);
    let reads = [
        (Permission::ViewOrganization, format!("/v1/organizations/{org}")),
        (Permission::ViewMembers, format!("/v1/organizations/{org}/members{pair}")),
        (Permission::ManageAccounts, format!("/v1/service-accounts{pair}")),
        (Permission::ViewPolicies, format!("/v1/organizations/{org}/receive-policy")),
        (Permission::ViewUsage, format!("/v1/usage/summary{pair}")),
        (Permission::ViewBilling, format!("/v1/billing/plan{pair}")),
    ];
    let plan = json!({
        "org_id": org, "workspace_id": server.bootstrap.workspace_id, "plan_code": "team", "currency": "EUR",
        "billing_cycle": "monthly", "monthly_commit_minor": 1, "updated_by_actor_id": "x",
    });
    let owner = server.sign_in(OWNER).await;
    server.as_person(&owner, "PATCH", "/v1/billing/plan", Some(plan)).await.ok();
    for role in OrgRole::ALL.iter().copied() {
        let email = format!("{}@example.com", role.as_str());
        // Roles that span the organization apply everywhere, the others in the workspace.
        let workspace = Some(server.bootstrap.workspace_id.as_str()).filter(|_| !role.spans_organization());
        if role.spans_organization() {
            server
                .as_person(
                    &owner,
                    "POST",
                    &format!("/v1/organizations/{org}/members"),
                    Some(json!({ "actor_id": email, "role": role.as_str() })),
                )
                .await
                .ok();
        } else {
            let body = json!({ "actor_id": email, "role": role.as_str(), "workspace_id": workspace });
            server.as_person(&owner, "POST", &format!("/v1/organizations/{org}/members"), Some(body)).await.ok();
        }
        let person = server.sign_in(&email).await;
        for (permission, path) in &reads {
            let expected = if permission.holders().contains(&role) { 200 } else { 403 };
            for by_key in [false, true] {
                let answer = match by_key {
                    true => server.send(&person.key, "GET", path, None).await,
                    false => server.as_person(&person, "GET", path, None).await,
                };
                assert_eq!(answer.status, expected, "{role:?} {path}: {}", answer.body);
            }
        }
        // Viewers and auditors have no access to intents.
        let expected = if matches!(role, OrgRole::BillingViewer | OrgRole::SecurityAuditor) { 403 } else { 200 };
        assert_eq!(server.as_person(&person, "GET", "/v1/intents", None).await.status, expected, "{role:?}");
        let expected = if role.gives().contains(&OrgRole::WorkspaceAdmin) { 200 } else { 403 };
        assert_eq!(
            server.as_person(&person, "GET", "/v1/mesh/agents", None).await.status,
            if matches!(role, OrgRole::BillingViewer | OrgRole::SecurityAuditor) { 403 } else { 200 }
        );
        let link = server.as_person(&person, "POST", "/v1/auth/introspect", Some(json!({ "token": "x" }))).await;
        assert_eq!(link.status, expected, "{role:?}: {}", link.body);
    }
}

async fn a_person_works_where_they_choose(engine: Engine) {
    let server = Server::start_open(engine).await;
    let owner = server.sign_in(OWNER).await;
    let org = server.bootstrap.org_id.clone();
    let body = json!({ "name": "Second", "environment": "staging" });
    let made = server.as_person(&owner, "POST", &format!("/v1/organizations/{org}/workspaces"), Some(body)).await.ok();
    let second = made["workspace"]["workspace_id"].as_str().unwrap();
    let select = async |person: &Person, org: &str, workspace: &str| {
        let body = json!({ "org_id": org, "workspace_id": workspace });
        server.as_person(person, "POST", "/v1/portal/personal/workspace-selection", Some(body)).await
    };
    let chosen = select(&owner, &org, second).await.ok();
    assert_eq!(
        (&chosen["selected_workspace"]["name"], &chosen["context"]["workspace_id"]),
        (&json!("Second"), &json!(second))
    );
    server.clock.advance(Duration::from_secs(2));
    let me = server.as_person(&owner, "GET", "/v1/me", None).await.ok();
    assert_eq!(me["workspace_slug"], "second");
    // A key fixes the workspace, whatever is selected.
    let both = [("authorization", owner.bearer.as_str())];
    assert_eq!(server.send_with(&owner.key, "GET", "/v1/me", None, &both).await.ok()["workspace_slug"], "default");
    // The next sign-in starts there.
    assert_eq!(server.get(&server.sign_in(OWNER).await.key, "/v1/me").await["workspace_slug"], "second");

    let stranger = server.sign_in("stranger@example.com").await;
    let own = server.get(&stranger.key, "/v1/me").await;
    let (own_org, own_workspace) = (own["org_id"].as_str().unwrap(), own["workspace_id"].as_str().unwrap());
    for (org, workspace) in [(org.as_str(), second), (own_org, second), (&org, own_workspace), ("x", "y"), ("", "")] {
        let refused = select(&stranger, org, workspace).await.refused(403, "forbidden");
        assert!(refused.contains("outside actor membership scope"), "{refused}");
    }
    let overview = format!("/v1/portal/personal/overview?org_id={org}&workspace_id={second}");
    server.as_person(&stranger, "GET", &overview, None).await.refused(403, "forbidden");
    server
        .as_person(&stranger, "GET", "/v1/portal/personal/overview?org_id=x", None)
        .await
        .refused(422, "validation_failed");

    let profile =
        async |body: Value| server.as_person(&stranger, "POST", "/v1/portal/personal/profile", Some(body)).await;
    profile(json!({ "display_name": "S. Tranger", "company": "" })).await.ok();
    let kept = profile(json!({ "company": "Acme" })).await.ok();
    assert_eq!((&kept["account"]["display_name"], &kept["account"]["company"]), (&json!("S. Tranger"), &json!("Acme")));
    profile(json!({ "display_name": "x".repeat(121) })).await.refused(422, "validation_failed");
    profile(json!({ "company": 1 })).await.refused(422, "validation_failed");
}

async fn a_removed_member_loses_access_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let member = server.give("ann@example.com", "workspace_admin", Some(&server.bootstrap.workspace_id)).await;
    let ann = server.sign_in("ann@example.com").await;
    let password = json!({ "password": "Correct horse, battery" });
    server.as_person(&ann, "POST", "/v1/auth/register-password", Some(password)).await.ok();
    server.mails().await;
    let ann = server.sign_in("ann@example.com").await;
    assert_eq!(server.get(&ann.key, "/v1/me").await["role"], "workspace_admin");
    let path = format!("/v1/organizations/{}/members/{member}", server.bootstrap.org_id);
    server.send(&server.admin, "PATCH", &path, Some(json!({ "role": "member" }))).await.ok();
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(server.get(&ann.key, "/v1/me").await["role"], "member");
    server.send(&ann.key, "GET", "/v1/service-accounts", None).await.refused(403, "forbidden");
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    server.clock.advance(Duration::from_secs(2));
    server.send(&ann.key, "GET", "/v1/me", None).await.refused(403, "invalid_actor_scope");
    server.as_person(&ann, "GET", "/v1/intents", None).await.refused(403, "forbidden");
    let shown = server.as_person(&ann, "GET", "/v1/portal/personal/context", None).await.ok();
    assert_eq!((&shown["context"]["org_id"], &shown["organizations"]), (&json!(""), &json!([])));
    let refused = server.as_person(&ann, "GET", "/v1/portal/personal/overview", None).await.refused(404, "not_found");
    assert!(refused.contains("not bound to an organization/workspace context"), "{refused}");
    // The session continues, but no new sign-in is possible, by any method.
    let body = json!({ "nick": "ann@example.com", "password": "Correct horse, battery" });
    server.send("", "POST", "/v1/auth/login", Some(body)).await.refused(403, "sign_up_closed");
    let asked = server.post("", "/v1/auth/login-intent", json!({ "email": "ann@example.com" })).await;
    assert!(asked["ok"] == true && server.mails().await.is_empty());

    // An invited person is a member from the first sign-in on.
    let invited = server.give("bob@example.com", "member", None).await;
    let path = format!("/v1/organizations/{}/members/{invited}", server.bootstrap.org_id);
    server.send(&server.admin, "PATCH", &path, Some(json!({ "status": "invited" }))).await.ok();
    let bob = server.sign_in("bob@example.com").await;
    assert_eq!(server.get(&bob.key, "/v1/me").await["role"], "member");
    let members = server.get(&server.admin, &format!("/v1/organizations/{}/members", server.bootstrap.org_id)).await;
    let bob = members["members"].as_array().unwrap().iter().find(|m| m["member_id"] == json!(invited)).unwrap();
    assert_eq!(bob["status"], "active");
}

async fn nobody_makes_keys_that_act_in_anothers_name(engine: Engine) {
    let server = Server::start(engine).await;
    server.give("ann@example.com", "workspace_admin", Some(&server.bootstrap.workspace_id)).await;
    let (owner, ann) = (server.sign_in(OWNER).await, server.sign_in("ann@example.com").await);
    let accounts = server.get(&server.admin, "/v1/service-accounts").await["service_accounts"].clone();
    let id_of = |name: &str| {
        let account = accounts.as_array().unwrap().iter().find(|account| account["name"] == name).unwrap();
        account["service_account_id"].as_str().unwrap().to_owned()
    };
    let worker = server.agent("worker").await;
    for (person, name, status) in [
        (&ann, "admin", 403),
        (&ann, "login of owner@local", 403),
        (&owner, "admin", 200),
        (&owner, "login of ann@example.com", 403),
    ] {
        let path = format!("/v1/service-accounts/{}/keys", id_of(name));
        let answer = server.as_person(person, "POST", &path, Some(json!({}))).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        // The key of a sign-in reaches less far than the key of an admin.
        server.send(&person.key, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
    }
    // Agents do not act in a person's name.
    let account = server.get(&worker, "/v1/me").await["service_account"]["service_account_id"].clone();
    let path = format!("/v1/service-accounts/{}/keys", account.as_str().unwrap());
    server.as_person(&ann, "POST", &path, Some(json!({}))).await.ok();
}

async fn a_stream_ends_with_the_rights_it_was_opened_with(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in(OWNER).await;
    let member = server.give("ann@example.com", "org_admin", None).await;
    let ann = server.sign_in("ann@example.com").await;
    let worker = server.submit("worker", json!({})).await;
    let events = format!("/v1/intents/{worker}/events/stream?since=6&wait_seconds=60");
    let queue = "/v1/agents/worker/intents/stream?follow=1";
    // A token alone, the key of a sign-in, and a token beside the key of a machine.
    let by_token = [("authorization", ann.bearer.as_str())];
    let beside_key = [("authorization", owner.bearer.as_str())];
    let mut open = Vec::new();
    for (key, path, headers) in [
        ("", events.as_str(), &by_token[..]),
        (&ann.key, &events, &[]),
        (&ann.key, queue, &[]),
        (&server.admin, &events, &beside_key),
    ] {
        open.push(server.open(key, path, headers).await);
    }
    assert_eq!(open[2].frame().await.event, "intent.delivered");
    let mut kept = server.open(&server.admin, &events, &[]).await;
    // A stream at its first look may already have checked its rights.
    server.until_streams_held(5).await;

    let path = format!("/v1/organizations/{}/members/{member}", server.bootstrap.org_id);
    let demoted = json!({ "role": "member" });
    server.send(&server.admin, "PATCH", &path, Some(demoted)).await.ok();
    server.as_person(&owner, "POST", "/v1/auth/logout", None).await.ok();
    server.clock.advance(Duration::from_secs(1));
    server.submit("worker", json!({})).await;
    server.post(&server.admin, &format!("/v1/intents/{worker}/resume"), json!({ "answer": 42 })).await;
    assert_eq!(kept.frame().await.event, "intent.completed", "a stream with unchanged rights continues");
    for (n, stream) in open.iter_mut().enumerate() {
        assert_eq!(stream.frame().await.event, "stream.timeout", "{n}");
        assert_eq!(stream.next().await, None, "{n}");
    }
}

async fn managing_accounts_needs_the_permission(engine: Engine) {
    let server = Server::start(engine).await;
    let workspace = server.bootstrap.workspace_id.clone();
    for role in ["member", "billing_viewer", "workspace_admin"] {
        server.give(&format!("{role}@example.com"), role, Some(&workspace)).await;
    }
    let account = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let id = account["service_account_id"].as_str().unwrap();
    let key = server.post(&server.admin, &format!("/v1/service-accounts/{id}/keys"), json!({})).await;
    let key_id = key["key"]["key_id"].as_str().unwrap();
    let calls = |id: &str| {
        [
            ("GET", format!("/v1/service-accounts/{id}"), None),
            ("PATCH", format!("/v1/service-accounts/{id}"), Some(json!({ "delivery_mode": "poll" }))),
            ("POST", format!("/v1/service-accounts/{id}/keys"), Some(json!({}))),
            ("POST", format!("/v1/service-accounts/{id}/keys/{key_id}/revoke"), None),
            ("DELETE", format!("/v1/service-accounts/{id}"), None),
        ]
    };
    for role in ["member", "billing_viewer"] {
        let person = server.sign_in(&format!("{role}@example.com")).await;
        for (method, path, body) in calls(id) {
            server.as_person(&person, method, &path, body.clone()).await.refused(403, "forbidden");
            server.send(&person.key, method, &path, body).await.refused(403, "forbidden");
        }
        // People manage their own keys.
        let own = server.get(&server.admin, "/v1/service-accounts").await["service_accounts"].clone();
        let own = own.as_array().unwrap().iter().find(|a| a["name"] == format!("login of {role}@example.com").as_str());
        let own = own.unwrap()["service_account_id"].as_str().unwrap().to_owned();
        let shown = server.as_person(&person, "GET", &format!("/v1/service-accounts/{own}"), None).await.ok();
        let key = shown["keys"][0]["key_id"].as_str().unwrap();
        let path = format!("/v1/service-accounts/{own}/keys/{key}/revoke");
        server.as_person(&person, "POST", &path, None).await.ok();
        server.clock.advance(Duration::from_secs(2));
        server.send(&person.key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    }
    let admin = server.sign_in("workspace_admin@example.com").await;
    for (method, path, body) in calls(id) {
        server.as_person(&admin, method, &path, body).await.ok();
    }
}

async fn the_key_of_a_login_works_only_in_its_workspace(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in("ann@example.com").await;
    let own = server.get(&ann.key, "/v1/me").await;
    let own = format!("/v1/organizations/{}", own["org_id"].as_str().unwrap());
    server.give("ann@example.com", "member", None).await;
    let body = json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id });
    server.as_person(&ann, "POST", "/v1/portal/personal/workspace-selection", Some(body)).await.ok();
    let there = server.sign_in("ann@example.com").await;
    assert_eq!(server.get(&there.key, "/v1/me").await["role"], "member");
    // The owner of another organization, but not with a key that anyone may have found.
    server.send(&there.key, "GET", &own, None).await.refused(404, "not_found");
    server.as_person(&there, "GET", &own, None).await.ok();
    let both = [("authorization", there.bearer.as_str())];
    server.send_with(&there.key, "GET", &own, None, &both).await.ok();
    // A member cannot create an organization.
    let body = json!({ "name": "Another" });
    server.send(&there.key, "POST", "/v1/organizations", Some(body.clone())).await.refused(403, "forbidden");
    server.send(&ann.key, "POST", "/v1/organizations", Some(body)).await.ok();
}

async fn access_requests_are_seen_by_those_they_concern(engine: Engine) {
    let server = Server::start(engine).await;
    for name in ["ann", "bob"] {
        server.give(&format!("{name}@example.com"), "member", None).await;
    }
    let (ann, bob) = (server.sign_in("ann@example.com").await, server.sign_in("bob@example.com").await);
    let body = json!({
        "request_type": "elevated_role", "requester_actor_id": "ann@example.com", "requested_role": "org_admin",
        "org_id": server.bootstrap.org_id, "justification": "mine alone",
    });
    let made = server.as_person(&ann, "POST", "/v1/access-requests", Some(body)).await.ok();
    let path = format!("/v1/access-requests/{}", made["access_request"]["access_request_id"].as_str().unwrap());
    for (person, sees) in [(&ann, true), (&bob, false)] {
        let answer = server.as_person(person, "GET", &path, None).await;
        assert_eq!(answer.status, if sees { 200 } else { 404 }, "{}", answer.body);
        let listed = server.as_person(person, "GET", "/v1/access-requests", None).await.ok();
        assert_eq!(listed.to_string().contains("mine alone"), sees, "{listed}");
    }
    server.get(&server.admin, &path).await;
}

async fn a_token_beside_an_agents_key_says_who_answered(engine: Engine) {
    let server = Server::start(engine).await;
    server.give("ann@example.com", "member", None).await;
    let (ann, worker) = (server.sign_in("ann@example.com").await, server.agent("worker").await);
    let asked = server.post(&server.admin, "/v1/intents", task_for(json!(["ann@example.com"]))).await;
    let id = asked["intent_id"].as_str().unwrap();
    let both = [("authorization", ann.bearer.as_str())];
    let answer = json!({ "task_result": { "outcome": "approved" } });
    let resume = format!("/v1/intents/{id}/resume");
    server.send(&worker, "POST", &resume, Some(answer.clone())).await.refused(403, "forbidden");
    server.send_with(&worker, "POST", &resume, Some(answer), &both).await.ok();
    assert_eq!(server.events(id).await.last().unwrap()["actor"], "ann@example.com");
}
