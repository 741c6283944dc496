//! The audit trail (`spec/protocol.md` §2.27).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axme_api::Effect;
use axme_core::state::Site;
use axme_store::Limits;
use axme_store::audit::{self as trail, Filter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine};
use crate::organizations::{organization, workspace};

each_engine! {
    every_change_leaves_a_line,
    every_change_of_a_person_leaves_a_line,
    the_trail_is_newest_first_and_filtered_by_action_and_actor,
    the_trail_is_for_owners_admins_and_auditors,
}

/// Operations that leave no audit event, with the reason.
const EXCEPTIONS: [(&str, &str); 20] = [
    ("intents.create", "an intent's events are its history"),
    ("intents.get", "an intent's events are its history"),
    ("intents.resolve", "an intent's events are its history"),
    ("intents.resume", "an intent's events are its history"),
    ("scenarios.apply", "the events of its intent are its history; the accounts that it creates have audit events"),
    ("tasks.reassign", "an intent's events are its history"),
    ("tasks.ask", "an intent's events are its history"),
    ("tasks.withdraw", "an intent's events are its history"),
    ("tasks.reply", "an intent's events are its history"),
    ("inbox.approve", "an intent's events are its history"),
    ("inbox.reject", "an intent's events are its history"),
    ("inbox.read", "it sets a mark that only the reader sees"),
    ("inbox.changes", "it numbers the changes that the reader has not seen"),
    ("sessions.messages.create", "a session's feed is its history"),
    ("media.get", "it makes a link that is valid for an hour"),
    ("mesh.heartbeat", "it reports that an agent is alive"),
    ("auth.login_intent", "the mail alone signs nobody in"),
    ("auth.cli_grants.create", "a waiting device has no identity yet"),
    ("auth.refresh", "the session continues; its start and its end have audit events"),
    ("alpha.verify_email.resend", "the mail alone changes nothing"),
];

/// The caller: the first key, the last person who signed in, or nobody.
#[derive(Clone, Copy)]
enum Who {
    Key,
    Person,
    Nobody,
}

/// A call that changes something. `{name}` stands for a value of an earlier answer.
struct Change {
    op: &'static str,
    who: Who,
    /// The start of its action, if that is not the operation's id; `None` for an exception that other changes need.
    action: Option<&'static str>,
    body: Value,
    /// Names for values of the answer.
    gives: &'static [(&'static str, &'static str)],
}

fn change(op: &'static str, body: Value) -> Change {
    Change { op, who: Who::Key, action: Some(op), body, gives: &[] }
}

impl Change {
    fn giving(self, gives: &'static [(&'static str, &'static str)]) -> Change {
        Change { gives, ..self }
    }

    fn told_as(self, action: &'static str) -> Change {
        Change { action: Some(action), ..self }
    }

    fn untold(self) -> Change {
        Change { action: None, ..self }
    }

    fn by(self, who: Who) -> Change {
        Change { who, ..self }
    }
}

/// Every change, in an order that works.
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
        change("workspaces.members.include", json!({ "actor_id": "owner@local", "role": "member" }))
            .told_as("organizations.members.add")
            .giving(&[("member_id", "/member/member_id")]),
        change("workspaces.members.exclude", json!({})).told_as("organizations.members.remove"),
        change(
            "access_requests.create",
            json!({ "request_type": "quota_upgrade", "requester_actor_id": "ann", "requested_tier": "corporate" }),
        )
        .giving(&[("access_request_id", "/access_request/access_request_id")]),
        change("access_requests.review", json!({ "decision": "reject" })),
        change("retention.update", json!({ "intents_days": 30 })),
        change("retention.hold", json!({ "reason": "a case" })),
        change("retention.release", json!({ "reason": "it is closed" })),
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
        change("groups.put", json!({ "name": "finance", "members": ["ann@example.com"] }))
            .giving(&[("name", "/group/name")]),
        change("groups.asking_rule.put", json!({ "groups": ["{name}"] })),
        change("groups.delete", json!({})),
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

/// Changes by sign-ins and trials. Mails give `{code}`, `{link}` and `{mail_token}`.
fn changes_of_people() -> Vec<Change> {
    const TOKEN: (&str, &str) = ("token", "/access_token");
    let asks = || {
        let ask = change("auth.login_intent", json!({ "email": "owner@local" })).by(Who::Nobody).untold();
        ask.giving(&[("intent_id", "/intent_id"), ("grant_id", "/grant_id")])
    };
    let password = "Correct horse, battery";
    vec![
        asks(),
        change("auth.login_intent.verify", json!({ "code": "{code}" }))
            .by(Who::Nobody)
            .told_as("auth.sign_in")
            .giving(&[TOKEN, ("refresh_token", "/refresh_token")]),
        change("auth.refresh", json!({ "refresh_token": "{refresh_token}" })).by(Who::Nobody).untold(),
        change("auth.register_password", json!({ "password": password })).by(Who::Person).told_as("auth.password"),
        change("auth.login", json!({ "nick": "owner@local", "password": password }))
            .by(Who::Nobody)
            .told_as("auth.sign_in")
            .giving(&[("session_id", "/session_id")]),
        change("auth.sessions.revoke", json!({ "session_id": "{session_id}" }))
            .by(Who::Person)
            .told_as("auth.sign_out"),
        change("portal.personal.select_workspace", json!({ "org_id": "{own_org}", "workspace_id": "{own_workspace}" }))
            .by(Who::Person)
            .told_as("portal.select_workspace"),
        change("portal.personal.profile", json!({ "display_name": "Owner" })).by(Who::Person).told_as("portal.profile"),
        change("me.settings.put", json!({ "language": "de" })).by(Who::Person).told_as("me.settings"),
        change("me.absence.put", json!({ "deputy": "bob@example.com", "until": "{tomorrow}" }))
            .by(Who::Person)
            .told_as("me.absence"),
        change("me.absence.end", json!({})).by(Who::Person).told_as("me.absence"),
        change("auth.logout", json!({})).by(Who::Person).told_as("auth.sign_out"),
        change("auth.dashboard_token", json!({})).giving(&[("exchange_token", "/token")]),
        change("auth.exchange", json!({ "token": "{exchange_token}" })).by(Who::Nobody).told_as("auth.sign_in"),
        change("auth.cli_grants.create", json!({})).by(Who::Nobody).untold(),
        asks(),
        change("auth.cli_grants.get", json!({})).by(Who::Nobody).told_as("auth.sign_in").giving(&[TOKEN]),
        change("auth.logout_all", json!({})).by(Who::Person).told_as("auth.sign_out"),
        change("alpha.bootstrap", json!({ "email": "ann@example.com", "use_case": "approvals" }))
            .by(Who::Nobody)
            .giving(&[("trial", "/workspace/workspace_id")]),
        change("alpha.verify_email.resend", json!({ "email": "ann@example.com" })).by(Who::Nobody).untold(),
        change("alpha.verify_email", json!({ "token": "{mail_token}" })).by(Who::Nobody),
    ]
}

/// Replaces names by their values, in a path or a body.
fn fill(text: &str, names: &BTreeMap<String, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value).replace(&format!("{{*{name}}}"), value)
    })
}

/// Returns the events of every audit trail that the changes write to, by id.
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
    // Nobody can read the trail of a trial until its owner signs in.
    if let Some(trial) = names.get("trial") {
        let trail = trial.parse().unwrap();
        let filter = Filter { trail, before: Uuid::max(), actor: None, prefix: None, limit: 20 };
        let list = server.app.store.read(move |tx| trail::list(tx, &filter)).await.unwrap();
        found.extend(list.into_iter().map(|line| (line.id.to_string(), line.action)));
    }
    found
}

/// Makes a change, and checks that it has left its audit event, or none.
async fn make(server: &Server, change: &Change, names: &mut BTreeMap<String, String>) -> Value {
    let table = axme_api::table();
    let op = table.iter().map(|op| op.info()).find(|op| op.id == change.op).expect(change.op);
    let before = lines(server, names).await;
    let path = fill(op.path, names);
    let body = serde_json::from_str(&fill(&change.body.to_string(), names)).unwrap();
    let body = (op.method.as_str() != "GET").then_some(body);
    let bearer = format!("Bearer {}", names.get("token").map_or("", String::as_str));
    let (key, headers) = match change.who {
        Who::Key => (server.admin.as_str(), vec![]),
        Who::Person => ("", vec![("authorization", bearer.as_str())]),
        Who::Nobody => ("", vec![]),
    };
    let answer = server.send_with(key, op.method.as_str(), &path, body, &headers).await;
    assert_eq!(answer.status, 200, "{}: {}", change.op, answer.body);
    for (name, pointer) in change.gives {
        let value = answer.body.pointer(pointer).and_then(Value::as_str);
        names.insert((*name).to_owned(), value.expect(pointer).to_owned());
    }
    let mut fresh = lines(server, names).await;
    fresh.retain(|id, _| !before.contains_key(id));
    match change.action {
        Some(begin) => assert!(fresh.values().any(|action| action.starts_with(begin)), "{}: {fresh:?}", change.op),
        None => assert!(fresh.is_empty(), "{}: {fresh:?}", change.op),
    }
    server.clock.advance(Duration::from_millis(2));
    answer.body
}

#[test]
fn every_change_is_known_to_leave_a_line_or_none() {
    let (changes, of_people) = (changes(), changes_of_people());
    let told = changes.iter().chain(&of_people).filter(|change| change.action.is_some()).map(|change| change.op);
    let told: BTreeSet<&str> = told.collect();
    let untold: BTreeSet<&str> = EXCEPTIONS.iter().map(|(op, _)| *op).collect();
    let table = axme_api::table();
    for op in table.iter().map(|op| op.info()).filter(|op| op.effect == Effect::Write) {
        assert!(told.contains(op.id) != untold.contains(op.id), "{}: its audit event is not tested", op.id);
    }
}

async fn every_change_leaves_a_line(engine: Engine) {
    let server = Server::start(engine).await;
    let mut names = BTreeMap::from([
        ("own_org".to_owned(), server.bootstrap.org_id.clone()),
        ("own_workspace".to_owned(), server.bootstrap.workspace_id.clone()),
        ("address".to_owned(), "local/default/worker".to_owned()),
        ("address_id".to_owned(), "local/default/worker".to_owned()),
        ("semantic_type".to_owned(), "a.b.c.v1".to_owned()),
        ("name".to_owned(), "finance".to_owned()),
    ]);
    let id = server.submit("worker", json!({})).await;
    let body = json!({
        "intent_type": "x", "to_agent": "worker", "payload": {}, "human_task": { "title": "t" },
    });
    let task = crate::harness::id_of(&server.post(&server.admin, "/v1/intents", body).await);
    names.extend(["intent_id", "thread_id"].map(|name| (name.to_owned(), id.clone())));
    // Not an intent's id: a decision about an intent is in the intent's history.
    names.insert("approval_id".to_owned(), server.bootstrap.org_id.clone());
    for change in changes() {
        if change.op == "tasks.link" {
            names.insert("intent_id".to_owned(), task.clone());
        }
        let answer = make(&server, &change, &mut names).await;
        if change.op == "inbox.reply" {
            let id = answer.pointer("/thread/messages/0/message_id").and_then(Value::as_str);
            names.insert("message_id".to_owned(), id.expect("a message").to_owned());
        }
    }
}

async fn every_change_of_a_person_leaves_a_line(engine: Engine) {
    let site = Site { trials: true, ..Site::default() };
    let server = Server::start_at(engine, Limits::default(), site).await;
    server.give("bob@example.com", "member", None).await;
    let mut names = BTreeMap::from([
        ("tomorrow".to_owned(), server.now().plus_seconds(86_400).to_string()),
        ("own_org".to_owned(), server.bootstrap.org_id.clone()),
        ("own_workspace".to_owned(), server.bootstrap.workspace_id.clone()),
    ]);
    for change in changes_of_people() {
        if change.op == "auth.cli_grants.get" {
            assert_eq!(server.submit_form(&names["link"], &[]).await.status, 200);
        }
        make(&server, &change, &mut names).await;
        for mail in server.mails().await {
            names.insert("code".to_owned(), mail.subject.split(' ').next().unwrap().to_owned());
            let Some(link) = mail.link else { continue };
            names.insert("mail_token".to_owned(), link.split_once("?token=").unwrap().1.to_owned());
            names.insert("link".to_owned(), link);
        }
    }
}

/// Returns the actions of a listing.
fn actions(list: &Value) -> Vec<&str> {
    list["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect()
}

async fn the_trail_is_newest_first_and_filtered_by_action_and_actor(engine: Engine) {
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
    assert_eq!(actions(&audit("action_prefix=users%25").await), [""; 0], "a prefix is matched literally");
    for name in ["worker", "agent://local/default/worker"] {
        assert_eq!(actions(&audit(&format!("owner_agent={name}")).await), [nick], "{name}");
    }
    assert_eq!(actions(&audit("owner_agent=owner@local&action_prefix=users.").await), [nick; 2]);
    assert_eq!(actions(&audit("owner_agent=worker&action_prefix=service_accounts.").await), [""; 0]);
    assert_eq!(audit("action_prefix=").await, all, "an empty prefix is ignored");
    for query in ["limit=0", "before=x", &format!("action_prefix={}", "x".repeat(101))] {
        let answer = server.send(&server.admin, "GET", &format!("/v1/audit/events?{query}"), None).await;
        answer.refused(422, "validation_failed");
    }
}

async fn the_trail_is_for_owners_admins_and_auditors(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, id) = organization(&server, "Acme").await;
    let main = workspace(&server, &path, "Main").await;
    let of_org = format!("/v1/audit/events?org_id={id}");
    let of_workspace = format!("/v1/audit/events?workspace_id={main}");
    let list = server.get(&server.admin, &of_org).await;
    assert_eq!(actions(&list), ["organizations.create"]);
    assert_eq!((&list["events"][0]["org_id"], &list["events"][0]["workspace_id"]), (&json!(id), &Value::Null));
    assert_eq!(actions(&server.get(&server.admin, &of_workspace).await), ["organizations.workspaces.create"]);

    // A key whose owner has no role reads nothing, not even in its own workspace.
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
}
