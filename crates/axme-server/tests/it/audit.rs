//! The audit trail (contract `wire.md` §2.22).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axme_api::Effect;
use serde_json::{Value, json};

use crate::harness::{Server, on_both};
use crate::organizations::{organization, workspace};

/// Calls that leave no line, and why.
const EXCEPTIONS: [(&str, &str); 13] = [
    ("intents.create", "an intent's events are its history"),
    ("intents.get", "an intent's events are its history"),
    ("intents.resolve", "an intent's events are its history"),
    ("intents.resume", "an intent's events are its history"),
    ("scenarios.apply", "the events of its intent are its history; the accounts that it makes have lines"),
    ("tasks.reassign", "an intent's events are its history"),
    ("inbox.approve", "an intent's events are its history"),
    ("inbox.reject", "an intent's events are its history"),
    ("inbox.read", "it is a mark for the reader alone"),
    ("inbox.changes", "it numbers what the reader has not seen"),
    ("sessions.messages.create", "a session's feed is its history"),
    ("media.get", "it makes a link that is good for an hour"),
    ("mesh.heartbeat", "an agent says that it lives"),
];

/// Families that a key does not call: what people do with their own logins leaves lines when they have a home.
const OF_PEOPLE: [&str; 2] = ["auth.", "portal.personal."];

/// A call that changes something; `{name}` stands for what an earlier answer gave.
struct Change {
    op: &'static str,
    /// How its line begins, where that is not the operation's id.
    action: &'static str,
    body: Value,
    /// Names for what the answer gives.
    gives: &'static [(&'static str, &'static str)],
}

fn change(op: &'static str, body: Value) -> Change {
    Change { op, action: op, body, gives: &[] }
}

impl Change {
    fn giving(self, gives: &'static [(&'static str, &'static str)]) -> Change {
        Change { gives, ..self }
    }

    fn told_as(self, action: &'static str) -> Change {
        Change { action, ..self }
    }
}

/// Every change there is, in an order in which they can be made.
fn changes() -> Vec<Change> {
    let place = |fields: Value| {
        let mut body = json!({ "org_id": "{org_id}", "workspace_id": "{workspace_id}" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let mut all = vec![
        change("organizations.create", json!({ "name": "Acme" })).giving(&[("org_id", "/organization/org_id")]),
        change("organizations.update", json!({ "name": "Acme 2" })),
        change("organizations.workspaces.create", json!({ "name": "Main", "environment": "sandbox" }))
            .giving(&[("workspace_id", "/workspace/workspace_id")]),
        change("organizations.workspaces.update", json!({ "name": "Main 2" })),
        change("organizations.members.add", json!({ "actor_id": "ann", "role": "member" }))
            .giving(&[("member_id", "/member/member_id")]),
        change("organizations.members.update", json!({ "role": "org_admin" })),
        change("organizations.members.remove", json!({})),
        change("workspaces.members.include", json!({ "actor_id": "bob", "role": "member" }))
            .told_as("organizations.members.add")
            .giving(&[("member_id", "/member/member_id")]),
        change("workspaces.members.exclude", json!({})).told_as("organizations.members.remove"),
        change(
            "access_requests.create",
            json!({ "request_type": "quota_upgrade", "requester_actor_id": "ann", "requested_tier": "corporate" }),
        )
        .giving(&[("access_request_id", "/access_request/access_request_id")]),
        change("access_requests.review", json!({ "decision": "reject" })),
        change("quotas.update", place(json!({ "dimensions": {}, "overage_mode": "grace" }))),
        change(
            "billing.plan.update",
            place(json!({ "plan_code": "p1", "currency": "EUR", "monthly_commit_minor": 1 })),
        ),
        change("organizations.receive_policy.put", json!({ "policy_type": "allowlist" })),
        change("organizations.receive_policy.entries.add", json!({ "sender_pattern": "*" }))
            .giving(&[("entry_id", "/entry/entry_id")]),
        change("organizations.receive_policy.entries.remove", json!({})),
    ];
    all.extend([
        change("service_accounts.create", json!({ "name": "worker" }))
            .giving(&[("service_account_id", "/service_account_id")]),
        change("service_accounts.update", json!({ "delivery_mode": "poll" })),
        change("service_accounts.keys.create", json!({})).giving(&[("key_id", "/key/key_id")]),
        change("service_accounts.keys.revoke", json!({})),
        change("agents.receive_override.put", json!({ "override_type": "allowlist" })),
        change("agents.receive_override.entries.add", json!({ "sender_pattern": "*" }))
            .giving(&[("entry_id", "/entry/entry_id")]),
        change("agents.receive_override.entries.remove", json!({})),
        change("agents.policy.put", json!({ "policy_type": "denylist" })),
        change("agents.policy.entries.add", json!({ "sender_pattern": "x" }))
            .giving(&[("entry_id", "/entry/entry_id")]),
        change("agents.policy.entries.remove", json!({})),
        change("mesh.agents.kill", json!({})),
        change("mesh.agents.resume", json!({})),
        change("mesh.policies.cost.put", json!({ "max_intents_per_day": 10 })),
        change("mesh.policies.cost.delete", json!({})),
        change("mesh.policies.action.put", json!({ "direction": "send", "mode": "open" })),
        change("mesh.policies.action.delete", json!({})),
        change(
            "principals.create",
            json!({
                "org_id": "{own_org}", "workspace_id": "{own_workspace}", "principal_type": "user",
            }),
        )
        .giving(&[("principal_id", "/principal/principal_id")]),
        change("aliases.bind", json!({ "principal_id": "{principal_id}", "alias": "ann", "alias_type": "service" }))
            .giving(&[("alias_id", "/alias/alias_id")]),
        change(
            "routing.endpoints.register",
            json!({
                "principal_id": "{principal_id}", "transport_type": "http", "endpoint_url": "https://example.com/",
                "auth_mode": "none",
            }),
        )
        .giving(&[("route_id", "/route/route_id")]),
        change("routing.endpoints.update", json!({ "priority": 5 })),
        change(
            "deliveries.submit",
            json!({
                "org_id": "{own_org}", "workspace_id": "{own_workspace}", "alias": "ann", "payload": {},
            }),
        )
        .giving(&[("delivery_id", "/delivery/delivery_id")]),
        change("deliveries.replay", json!({})).told_as("deliveries.submit"),
        change("deliveries.reconcile", json!({})),
        change(
            "transports.bindings.upsert",
            json!({
                "principal_id": "{principal_id}", "transport_type": "http", "transport_handle": "ann",
            }),
        )
        .giving(&[("binding_id", "/binding/binding_id")]),
        change("transports.bindings.remove", json!({})),
        change("routing.endpoints.remove", json!({})),
        change("aliases.revoke", json!({})),
    ]);
    all.extend([
        change("sessions.create", json!({})).giving(&[("session_id", "/session_id")]),
        change("sessions.complete", json!({})),
        change(
            "schemas.upsert",
            json!({
                "semantic_type": "a.b.c.v1", "schema_json": {}, "compatibility_mode": "warn",
            }),
        ),
        change(
            "media.create_upload",
            json!({
                "owner_agent": "worker", "filename": "f", "mime_type": "text/plain", "size_bytes": 1,
            }),
        )
        .giving(&[("upload_id", "/upload_id")]),
        change("media.finalize_upload", json!({ "upload_id": "{upload_id}", "size_bytes": 1 })),
        change(
            "webhooks.subscriptions.upsert",
            json!({
                "callback_url": "https://example.com/hook", "event_types": ["a.b"],
            }),
        )
        .giving(&[("subscription_id", "/subscription/subscription_id")]),
        change("webhooks.events.publish", json!({ "event_type": "a.b", "source": "test", "payload": {} }))
            .giving(&[("event_id", "/event_id")]),
        change("webhooks.events.replay", json!({})),
        change("webhooks.subscriptions.delete", json!({})),
        change("users.register_nick", json!({ "nick": "@ann" })).giving(&[("user", "/owner_agent")]),
        change("users.rename_nick", json!({ "owner_agent": "{user}", "nick": "@anna" })),
        change("users.profile.update", json!({ "owner_agent": "{user}", "display_name": "Anna" })),
        change("invites.create", json!({ "owner_agent": "worker" })).giving(&[("token", "/token")]),
        change("invites.accept", json!({ "nick": "@bob" })),
        change("intents.controls", json!({ "controls_patch": { "timeout_seconds": 600 } })),
        change("intents.policy", json!({ "envelope_patch": { "ttl_seconds": 600 } })),
        change("tasks.link", json!({})),
        change("approvals.decide", json!({ "decision": "approve" })),
        change("inbox.reply", json!({ "message": "m", "owner_agent": "worker" })),
        change("inbox.delegate", json!({ "delegate_to": "somebody", "owner_agent": "worker" })),
        change("inbox.messages.delete", json!({ "owner_agent": "worker", "message_ids": ["{message_id}"] })),
        change("inbox.reply", json!({ "message": "m", "owner_agent": "worker" })),
        change("inbox.messages.delete_all", json!({ "owner_agent": "worker" })).told_as("inbox.messages.delete"),
        change("intents.bulk_cancel", json!({ "dry_run": false })),
        change("service_accounts.delete", json!({})),
    ]);
    all
}

/// Puts names in for their values, in a path or a body.
fn fill(text: &str, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value).replace(&format!("{{*{name}}}"), value)
    })
}

/// The lines of every trail that the changes are made in, by id.
async fn lines(server: &Server, names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut trails = vec![String::new()];
    trails.extend(names.get("org_id").map(|org| format!("org_id={org}")));
    trails.extend(names.get("workspace_id").map(|workspace| format!("workspace_id={workspace}")));
    let mut found = BTreeMap::new();
    for trail in trails {
        let list = server.get(&server.admin, &format!("/v1/audit/events?limit=20&{trail}")).await;
        for event in list["events"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            found.insert(text("audit_id"), text("action"));
        }
    }
    found
}

#[test]
fn every_change_leaves_a_line() {
    let changes = changes();
    let known: BTreeSet<&str> = changes.iter().map(|change| change.op).chain(EXCEPTIONS.map(|(op, _)| op)).collect();
    let table = axme_api::table();
    let is_of_people = |id: &str| OF_PEOPLE.iter().any(|family| id.starts_with(family));
    let writes = table.iter().map(|op| op.info()).filter(|op| op.effect == Effect::Write && !is_of_people(op.id));
    for op in writes {
        assert!(known.contains(op.id), "{}: its line in the audit trail is not tested", op.id);
    }
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let mut names = BTreeMap::from([
            ("own_org".to_owned(), server.bootstrap.org_id.clone()),
            ("own_workspace".to_owned(), server.bootstrap.workspace_id.clone()),
            ("address".to_owned(), "local/default/worker".to_owned()),
            ("address_id".to_owned(), "local/default/worker".to_owned()),
            ("semantic_type".to_owned(), "a.b.c.v1".to_owned()),
        ]);
        let id = server.submit("worker", json!({})).await;
        let body = json!({
            "intent_type": "x", "to_agent": "worker", "payload": {}, "human_task": { "title": "t" },
        });
        let task = crate::harness::id_of(&server.post(&server.admin, "/v1/intents", body).await);
        names.extend(["intent_id", "thread_id"].map(|name| (name.to_owned(), id.clone())));
        // Nobody's here: a decision about an intent is in the intent's history.
        names.insert("approval_id".to_owned(), server.bootstrap.org_id.clone());
        for change in &changes {
            let op = table.iter().map(|op| op.info()).find(|op| op.id == change.op).expect(change.op);
            if change.op == "tasks.link" {
                names.insert("intent_id".to_owned(), task.clone());
            }
            let before = lines(&server, &names).await;
            let path = fill(op.path, &names);
            let body = serde_json::from_str(&fill(&change.body.to_string(), &names)).unwrap();
            let answer = server.send(&server.admin, op.method.as_str(), &path, Some(body)).await;
            assert_eq!(answer.status, 200, "{}: {}", change.op, answer.body);
            for (name, pointer) in change.gives {
                let value = answer.body.pointer(pointer).and_then(Value::as_str);
                names.insert((*name).to_owned(), value.expect(pointer).to_owned());
            }
            if change.op == "inbox.reply" {
                let id = answer.body.pointer("/thread/messages/0/message_id").and_then(Value::as_str);
                names.insert("message_id".to_owned(), id.expect("a message").to_owned());
            }
            let mut fresh = lines(&server, &names).await;
            fresh.retain(|id, _| !before.contains_key(id));
            assert!(fresh.values().any(|action| action.starts_with(change.action)), "{}: {fresh:?}", change.op);
            server.clock.advance(Duration::from_millis(2));
        }
    });
}

/// The actions of a listing.
fn actions(list: &Value) -> Vec<&str> {
    list["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect()
}

#[test]
fn the_trail_is_read_newest_first_and_by_what_and_whom() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let worker = server.agent("worker").await;
        for n in 0..3 {
            server.clock.advance(Duration::from_secs(1));
            let nick = json!({ "nick": format!("@ann{n}") });
            let key = if n == 1 { &worker } else { &server.admin };
            server.post(key, "/v1/users/register-nick", nick).await;
        }
        let audit = async |query: &str| server.get(&server.admin, &format!("/v1/audit/events?{query}")).await;
        let all = audit("").await;
        let nick = "users.register_nick";
        let expected = [nick, nick, nick, "service_accounts.keys.create", "service_accounts.create"];
        assert_eq!(actions(&all)[..5], expected);
        let newest = &all["events"][0];
        assert_eq!((&newest["actor"], &newest["at"]), (&json!("owner@local"), &json!(server.now().to_string())));
        assert_eq!(newest["details"], json!({ "nick": "@ann2" }));
        assert_eq!(newest["workspace_id"], json!(server.bootstrap.workspace_id));

        let page = audit("limit=2").await;
        assert_eq!(page["events"].as_array().unwrap()[..], all["events"].as_array().unwrap()[..2]);
        let next = page["next_before"].as_str().unwrap();
        let page = audit(&format!("limit=2&before={next}")).await;
        assert_eq!(page["events"].as_array().unwrap()[..], all["events"].as_array().unwrap()[2..4]);
        assert_eq!(actions(&audit("action_prefix=service_accounts.k").await), expected[3..4]);
        assert_eq!(actions(&audit("action_prefix=users.").await), expected[..3]);
        assert_eq!(actions(&audit("action_prefix=users%25").await), [""; 0], "a prefix is taken as it is");
        for name in ["worker", "agent://local/default/worker"] {
            assert_eq!(actions(&audit(&format!("owner_agent={name}")).await), [nick], "{name}");
        }
        assert_eq!(actions(&audit("owner_agent=owner@local&action_prefix=users.").await), [nick; 2]);
        assert_eq!(actions(&audit("owner_agent=worker&action_prefix=service_accounts.").await), [""; 0]);
        assert_eq!(audit("action_prefix=").await, all, "nothing given is nothing asked for");
        for query in ["limit=0", "before=x", &format!("action_prefix={}", "x".repeat(101))] {
            let answer = server.send(&server.admin, "GET", &format!("/v1/audit/events?{query}"), None).await;
            answer.refused(422, "validation_failed");
        }
    });
}

#[test]
fn the_trail_is_for_owners_admins_and_auditors() {
    on_both(async |engine| {
        let server = Server::start(engine).await;
        let (path, id) = organization(&server, "Acme").await;
        let main = workspace(&server, &path, "Main").await;
        let of_org = format!("/v1/audit/events?org_id={id}");
        let of_workspace = format!("/v1/audit/events?workspace_id={main}");
        let list = server.get(&server.admin, &of_org).await;
        assert_eq!(actions(&list), ["organizations.create"]);
        assert_eq!((&list["events"][0]["org_id"], &list["events"][0]["workspace_id"]), (&json!(id), &Value::Null));
        assert_eq!(actions(&server.get(&server.admin, &of_workspace).await), ["organizations.workspaces.create"]);

        // A key that is nobody's with a role reads nothing, not even of its own workspace.
        let plain = server.workspace("elsewhere", "plain").await;
        server.send(&plain, "GET", "/v1/audit/events", None).await.refused(403, "forbidden");
        for path in [&of_org, &of_workspace] {
            server.send(&plain, "GET", path, None).await.refused(404, "not_found");
        }
        let member = json!({ "actor_id": "owner@elsewhere.plain", "role": "security_auditor", "workspace_id": main });
        server.post(&server.admin, &format!("{path}/members"), member).await;
        let seen = server.get(&plain, &of_workspace).await;
        assert_eq!(actions(&seen), ["organizations.members.add", "organizations.workspaces.create"]);
        server.send(&plain, "GET", &of_org, None).await.refused(403, "forbidden");
    });
}
