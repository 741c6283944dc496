//! Checks our answers against the published schemas of the API, if those are beside the checkout.
//!
//! The schemas know fewer fields than clients read, and forbid the rest. This file lists the differences of our
//! answers, with the reasons. An unlisted difference fails the test, and so does a listed one that is gone. The list
//! may only shrink.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of, published_contract};

each_engine! {
    answers_match_the_published_schemas,
}

/// The differences: the operation, the place, and the kind.
const DIFFERENCES: &[&str] = &[
    // Mirrors at the top level, for programs that read them there (`spec/protocol.md` §9.1).
    "intents.get /intent_id: not in the schema",
    "intents.get /intent_type: not in the schema",
    "intents.get /lifecycle_status: not in the schema",
    "intents.get /payload: not in the schema",
    "intents.get /result: not in the schema",
    "intents.get /status: not in the schema",
    "service_accounts.create /address: not in the schema",
    "service_accounts.create /agent_address: not in the schema",
    "service_accounts.create /service_account_id: not in the schema",
    "service_accounts.get /address: not in the schema",
    "service_accounts.get /agent_address: not in the schema",
    "service_accounts.get /service_account_id: not in the schema",
    "service_accounts.keys.create /api_key: not in the schema",
    // Twins: one fact under two names (`spec/protocol.md` §9.1).
    "routing.endpoints.remove /result: not in the schema",
    "transports.bindings.remove /result: not in the schema",
    "scenarios.bundle /agents_provisioned: not in the schema",
    "scenarios.bundle /compile_id: not in the schema",
    "service_accounts.create /service_account/address: not in the schema",
    "service_accounts.get /service_account/address: not in the schema",
    "service_accounts.get /service_account/agent_address: not in the schema",
    "service_accounts.list /service_accounts/*/address: not in the schema",
    "service_accounts.list /service_accounts/*/agent_address: not in the schema",
    "organizations.members.remove /result: not in the schema",
    // Fields that clients read and `spec/protocol.md` §2.1 shows.
    "intents.create /correlation_id: not in the schema",
    "intents.create /intent: not in the schema",
    "intents.resolve /event/data: not in the schema",
    "intents.resolve /event/result: not in the schema",
    "scenarios.bundle /ok: not in the schema",
    "service_accounts.get /service_account/display_name: not in the schema",
    "service_accounts.list /service_accounts/*/display_name: not in the schema",
    // A terminal status that the schema of the list does not know (`spec/protocol.md` §9.5).
    "intents.events.list /events/*/status: enum \"TIMED_OUT\"",
    // Our own fields.
    "agents.get /agent/delivery_mode: not in the schema",
    "agents.list /agents/*/delivery_mode: not in the schema",
    "agents.list /agents/*/updated_at: not in the schema",
    "intents.resolve /applied: not in the schema",
    "intents.resolve /event/error: not in the schema",
    "intents.resolve /event/outcome: not in the schema",
    "intents.resolve /event/outcome_kind: not in the schema",
    "intents.resolve /event/outcome_text: not in the schema",
    "intents.resolve /event/text: not in the schema",
    "intents.resolve /policy_generation: not in the schema",
    "scenarios.bundle /warnings: not in the schema",
    "service_accounts.get /keys: not in the schema",
    "service_accounts.create /service_account/delivery_mode: not in the schema",
    "service_accounts.get /service_account/delivery_mode: not in the schema",
    "service_accounts.list /service_accounts/*/delivery_mode: not in the schema",
    "access_requests.list /next_after: not in the schema",
    "deliveries.list /next_before: not in the schema",
    "tasks.list /next_cursor: not in the schema",
    "webhooks.subscriptions /subscription/all_owners: not in the schema",
    "webhooks.subscriptions.list /subscriptions/*/all_owners: not in the schema",
    "webhooks.subscriptions /subscription/secret: not in the schema",
    "webhooks.subscriptions /subscription/standard_webhooks_secret: not in the schema",
    "organizations.members.remove /status: not in the schema",
    "service_accounts.create /created: not in the schema",
    "service_accounts.create /warnings: not in the schema",
];

/// Answers, each with the operation whose schema it must match.
struct Answers(Vec<(&'static str, Value)>);

impl Answers {
    fn add(&mut self, operation: &'static str, answer: &Value) {
        assert_eq!(answer["ok"], true, "{operation}: {answer}");
        self.0.push((operation, answer.clone()));
    }
}

async fn answers_match_the_published_schemas(engine: Engine) {
    let Some(folder) = published_contract("schemas/public_api") else { return };
    let server = Server::start(engine).await;
    let mut answers = Answers(Vec::new());
    accounts(&server, &mut answers).await;
    tenants(&server, &mut answers).await;
    intents(&server, &mut answers).await;
    workflows(&server, &mut answers).await;
    threads(&server, &mut answers).await;
    webhooks(&server, &mut answers).await;
    people(&server, &mut answers).await;
    directory(&server, &mut answers).await;
    invoices(&server, &mut answers).await;
    let found = differences(&folder, &answers);
    let known: BTreeSet<String> = DIFFERENCES.iter().map(|text| (*text).to_owned()).collect();
    let new: Vec<&String> = found.keys().filter(|key| !known.contains(*key)).collect();
    let gone: Vec<&String> = known.iter().filter(|key| !found.contains_key(*key)).collect();
    assert!(new.is_empty(), "new differences: {new:#?}\nfor example: {:#}", found[new[0]]);
    assert!(gone.is_empty(), "remove from the list: {gone:#?}");
}

async fn accounts(server: &Server, answers: &mut Answers) {
    let path = "/v1/service-accounts";
    let full = json!({ "name": "Full Name", "display_name": "d", "description": "d", "delivery_mode": "poll" });
    for body in [json!({ "name": "worker" }), full] {
        let account = server.post(&server.admin, path, body).await;
        answers.add("service_accounts.create", &account);
        let path = format!("{path}/{}", account["service_account_id"].as_str().unwrap());
        answers.add("service_accounts.get", &server.get(&server.admin, &path).await);
        for body in [json!({}), json!({ "expires_at": "2027-01-01T00:00:00Z" })] {
            let key = server.post(&server.admin, &format!("{path}/keys"), body).await;
            answers.add("service_accounts.keys.create", &key);
            let path = format!("{path}/keys/{}/revoke", key["key"]["key_id"].as_str().unwrap());
            answers.add("service_accounts.keys.revoke", &server.post(&server.admin, &path, json!({})).await);
        }
        answers.add("agents.get", &server.get(&server.admin, "/v1/agents/worker").await);
    }
    answers.add("service_accounts.list", &server.get(&server.admin, path).await);
    answers.add("agents.list", &server.get(&server.admin, "/v1/agents").await);
    answers.add("capabilities.get", &server.get(&server.admin, "/v1/capabilities").await);
}

/// Adds a draft and an issued invoice of the plan that `tenants` has set.
async fn invoices(server: &Server, answers: &mut Answers) {
    for days in [366, 1] {
        server.clock.advance(std::time::Duration::from_secs(days * 86_400));
        axme_server::workers::billing::tick(&server.app).await.unwrap();
        let list = server.get(&server.admin, "/v1/billing/invoices").await;
        let path = format!("/v1/billing/invoices/{}", list["invoices"][0]["invoice_id"].as_str().unwrap());
        answers.add("billing.invoices.list", &list);
        answers.add("billing.invoices.get", &server.get(&server.admin, &path).await);
    }
}

/// Adds the answers that show an intent.
async fn look(server: &Server, answers: &mut Answers, id: &str) {
    answers.add("intents.get", &server.get(&server.admin, &format!("/v1/intents/{id}")).await);
    answers.add("intents.events.list", &server.get(&server.admin, &format!("/v1/intents/{id}/events")).await);
    answers.add("tasks.list", &server.get(&server.admin, "/v1/me/tasks").await);
}

async fn tenants(server: &Server, answers: &mut Answers) {
    let admin = &server.admin;
    for fields in [json!({}), json!({ "legal_name": "Acme GmbH", "primary_domain": "a.example", "metadata": {} })] {
        let mut body = json!({ "name": "Acme", "requested_by_actor_id": "a" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let made = server.post(admin, "/v1/organizations", body).await;
        answers.add("organizations.create", &made);
        let org = format!("/v1/organizations/{}", made["organization"]["org_id"].as_str().unwrap());
        answers.add("organizations.get", &server.get(admin, &org).await);
        let change = Some(json!({ "name": "Acme 2" }));
        answers.add("organizations.update", &server.send(admin, "PATCH", &org, change).await.ok());
        let body = json!({ "name": "Main", "environment": "sandbox" });
        let made = server.post(admin, &format!("{org}/workspaces"), body).await;
        answers.add("organizations.workspaces.create", &made);
        answers.add("organizations.workspaces.list", &server.get(admin, &format!("{org}/workspaces")).await);
        let path = format!("{org}/workspaces/{}", made["workspace"]["workspace_id"].as_str().unwrap());
        let changed = server.send(admin, "PATCH", &path, Some(json!({ "region": "eu" }))).await.ok();
        answers.add("organizations.workspaces.update", &changed);
        let members = format!("{org}/members");
        let added = server.post(admin, &members, json!({ "actor_id": "b", "role": "member" })).await;
        answers.add("organizations.members.add", &added);
        answers.add("organizations.members.list", &server.get(admin, &members).await);
        let path = format!("{members}/{}", added["member"]["member_id"].as_str().unwrap());
        let changed = server.send(admin, "PATCH", &path, Some(json!({ "role": "org_admin" }))).await.ok();
        answers.add("organizations.members.update", &changed);
        answers.add("organizations.members.remove", &server.send(admin, "DELETE", &path, None).await.ok());
    }
    let pair = json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id });
    for path in ["/v1/quotas", "/v1/billing/plan"] {
        let mut body = pair.clone();
        let fields = json!({
            "dimensions": { "schema_writes_per_day": 7 }, "overage_mode": "block", "updated_by_actor_id": "a",
            "plan_code": "p1", "currency": "EUR", "billing_cycle": "annual", "monthly_commit_minor": 1,
            "overage_unit_price_minor": 2,
        });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (update, get) = match path {
            "/v1/quotas" => ("quotas.update", "quotas.get"),
            _ => ("billing.plan.update", "billing.plan.get"),
        };
        answers.add(update, &server.send(admin, "PATCH", path, Some(body)).await.ok());
        answers.add(get, &server.get(admin, path).await);
    }
    answers.add("usage.summary.get", &server.get(admin, "/v1/usage/summary").await);
    answers.add("usage.timeseries.get", &server.get(admin, "/v1/usage/timeseries").await);
    let requests = "/v1/access-requests";
    for fields in [
        json!({ "request_type": "create_organization", "company_name": "New Inc" }),
        json!({ "request_type": "elevated_role", "requested_role": "org_admin", "justification": "j" }),
    ] {
        let mut body = json!({ "requester_actor_id": "c@example.com" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let made = server.post(admin, requests, body).await;
        answers.add("access_requests.create", &made);
        let path = format!("{requests}/{}", made["access_request"]["access_request_id"].as_str().unwrap());
        answers.add("access_requests.get", &server.get(admin, &path).await);
        let review = json!({ "decision": "approve", "reviewer_actor_id": "r", "review_comment": "yes" });
        answers.add("access_requests.review", &server.post(admin, &format!("{path}/review"), review).await);
    }
    answers.add("access_requests.list", &server.get(admin, requests).await);
}

async fn intents(server: &Server, answers: &mut Answers) {
    let at = server.now().plus_seconds(60).to_string();
    let task = json!({
        "title": "t", "description": "d", "task_type": "review", "allowed_outcomes": ["approved", "rejected"],
        "assignees": ["a@example.com"], "required_comment": true,
    });
    for (fields, ends) in [
        (
            json!({ "to_agent": "worker" }),
            vec![
                ("resolve", json!({ "status": "COMPLETED", "result": { "a": 1 } })),
                ("resolve", json!({ "status": "FAILED", "error": { "code": "c", "message": "m" } })),
                ("resolve", json!({ "status": "CANCELED", "reason": "r" })),
                ("resume", json!({ "approve_current_step": true })),
                ("resume", json!({ "action": "complete", "a": 1 })),
                ("resume", json!({ "action": "fail" })),
            ],
        ),
        (
            json!({ "to_agent": "human", "human_task": task, "deadline_at": at, "max_delivery_attempts": 2 }),
            vec![
                ("resume", json!({ "task_result": { "outcome": "approved", "comment": "c" } })),
                ("resume", json!({ "task_result": { "outcome": "rejected", "comment": "c" } })),
                ("resolve", json!({ "status": "CANCELED" })),
            ],
        ),
    ] {
        for (call, end) in ends {
            let mut body = json!({ "intent_type": "intent.ask.v1", "payload": { "p": 1 } });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let created = server.post(&server.admin, "/v1/intents", body).await;
            answers.add("intents.create", &created);
            let id = id_of(&created);
            look(server, answers, &id).await;
            let ended = server.post(&server.admin, &format!("/v1/intents/{id}/{call}"), end).await;
            if call == "resolve" {
                answers.add("intents.resolve", &ended);
            }
            look(server, answers, &id).await;
        }
    }
    let replied =
        json!({ "intent_type": "x.y.v1", "to_agent": "worker", "reply_to": "agent://a/b", "deadline_at": at });
    let replied = server.post(&server.admin, "/v1/intents", replied).await;
    look(server, answers, &id_of(&replied)).await;
    server.advance(std::time::Duration::from_secs(60)).await;
    look(server, answers, &id_of(&replied)).await;
}

async fn workflows(server: &Server, answers: &mut Answers) {
    let mut bundle = json!({
        "scenario_id": "s.v1", "idempotency_key": "once",
        "agents": [
            { "role": "w", "address": "worker" }, { "role": "new", "address": "new", "create_if_missing": true },
        ],
        "humans": [{ "role": "h", "contact": "h@example.com" }],
        "workflow": { "steps": [
            { "step_id": "one", "assigned_to": "w", "step_deadline_seconds": 60 },
            { "step_id": "two", "assigned_to": "h", "requires_approval": true, "step_deadline_seconds": 60 },
        ] },
        "intent": { "type": "intent.work.v1", "deadline_at": "2027-01-01T00:00:00Z" },
    });
    for _ in 0..2 {
        answers.add("scenarios.bundle", &server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await);
    }
    bundle["idempotency_key"] = Value::Null;
    for end in ["answers", "time"] {
        let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await;
        answers.add("scenarios.bundle", &applied);
        let id = id_of(&applied);
        look(server, answers, &id).await;
        let child = server.events(&id).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
        look(server, answers, &child).await;
        server.post(&server.admin, &format!("/v1/intents/{child}/resume"), json!({ "a": 1 })).await;
        look(server, answers, &id).await;
        if end == "answers" {
            let answer = json!({ "task_result": { "outcome": "approved" } });
            server.post(&server.admin, &format!("/v1/intents/{id}/resume"), answer).await;
        } else {
            server.advance(std::time::Duration::from_secs(60)).await;
        }
        look(server, answers, &id).await;
    }
    for rest in [json!({ "human_task": { "title": "t" } }), json!({})] {
        let mut bundle = json!({ "scenario_id": "s.v1", "intent": { "type": "intent.ask.v1" } });
        bundle["intent"].as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        answers.add("scenarios.bundle", &server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    }
}

/// Adds answers about inbox threads and approvals.
async fn threads(server: &Server, answers: &mut Answers) {
    let body = json!({ "intent_type": "x.y.v1", "to_agent": "nobody", "reply_to": "sink", "payload": {} });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let unknown = "9f0c2f6e-3a35-4a4e-9c3e-2d1f0f5a7b11";
    for (id, act, body) in [
        (id.as_str(), "reply", json!({ "message": "m" })),
        (unknown, "reply", json!({ "message": "m" })),
        (&id, "delegate", json!({ "delegate_to": "worker", "note": "n" })),
        (&id, "read", json!({})),
        (&id, "approve", json!({ "comment": "c" })),
    ] {
        let answer = server.post(&server.admin, &format!("/v1/inbox/{id}/{act}"), body).await;
        answers.add("inbox.thread", &answer);
        answers.add("inbox.thread", &server.get(&server.admin, &format!("/v1/inbox/{id}")).await);
    }
    let path = format!("/v1/inbox/{id}/messages/delete");
    let deleted = server.post(&server.admin, &path, json!({ "mode": "both", "limit": 1 })).await;
    answers.add("inbox.messages.delete", &deleted);
    for owner in ["nobody", "sink", "worker", "somebody"] {
        answers.add("inbox.list", &server.get(&server.admin, &format!("/v1/inbox?owner_agent={owner}")).await);
        let path = format!("/v1/inbox/changes?owner_agent={owner}");
        answers.add("inbox.changes", &server.get(&server.admin, &path).await);
    }
    let path = format!("/v1/approvals/{unknown}/decision");
    let decided = server.post(&server.admin, &path, json!({ "decision": "approve" })).await;
    answers.add("approvals.decision", &decided);
}

async fn webhooks(server: &Server, answers: &mut Answers) {
    let path = "/v1/webhooks/subscriptions";
    for fields in [json!({}), json!({ "secret": "0123456789abcdef", "description": "d", "active": false })] {
        let mut body = json!({ "callback_url": "https://example.com/hook", "event_types": ["inbox.reply_received"] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        answers.add("webhooks.subscriptions", &server.post(&server.admin, path, body).await);
    }
    let listed = server.get(&server.admin, &format!("{path}?include_inactive=true")).await;
    answers.add("webhooks.subscriptions.list", &listed);
    let event = json!({ "event_type": "inbox.reply_received", "source": "test", "payload": {} });
    let event = server.post(&server.admin, "/v1/webhooks/events", event).await;
    answers.add("webhooks.events", &event);
    let replay = format!("/v1/webhooks/events/{}/replay", event["event_id"].as_str().unwrap());
    answers.add("webhooks.events.replay", &server.post(&server.admin, &replay, json!({})).await);
    let id = listed["subscriptions"][0]["subscription_id"].as_str().unwrap();
    let ended = server.send(&server.admin, "DELETE", &format!("{path}/{id}"), None).await.ok();
    answers.add("webhooks.subscriptions.delete", &ended);
}

async fn people(server: &Server, answers: &mut Answers) {
    let full = json!({ "nick": "@full", "display_name": "d", "phone": "+49 1", "email": "a@example.com" });
    for body in [json!({ "nick": "@Bare.Nick" }), full] {
        let nick = body["nick"].as_str().unwrap().to_owned();
        answers.add("users.check_nick", &server.get(&server.admin, &format!("/v1/users/check-nick?nick={nick}")).await);
        let user = server.post(&server.admin, "/v1/users/register-nick", body).await;
        answers.add("users.register_nick", &user);
        let owner = user["owner_agent"].as_str().unwrap();
        let body = json!({ "owner_agent": owner, "nick": format!("{nick}_2") });
        answers.add("users.rename_nick", &server.post(&server.admin, "/v1/users/rename-nick", body.clone()).await);
        let path = format!("/v1/users/profile?owner_agent={owner}");
        answers.add("users.profile.get", &server.get(&server.admin, &path).await);
        answers.add("users.profile.update", &server.post(&server.admin, "/v1/users/profile/update", body).await);
    }
    for fields in [json!({ "owner_agent": "worker" }), json!({ "owner_agent": "worker", "recipient_hint": "Ann" })] {
        let invite = server.post(&server.admin, "/v1/invites/create", fields).await;
        answers.add("invites.create", &invite);
        let path = format!("/v1/invites/{}", invite["token"].as_str().unwrap());
        answers.add("invites.get", &server.get(&server.admin, &path).await);
        let accepted = server.post(&server.admin, &format!("{path}/accept"), json!({ "nick": "@invited" })).await;
        answers.add("invites.accept", &accepted);
        answers.add("invites.get", &server.get(&server.admin, &path).await);
    }
    for fields in [json!({}), json!({ "sha256": "0".repeat(64), "mime_type": "image/png" })] {
        let mut body =
            json!({ "owner_agent": "worker", "filename": "f.txt", "mime_type": "text/plain", "size_bytes": 3 });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let upload = server.post(&server.admin, "/v1/media/create-upload", body).await;
        answers.add("media.create_upload", &upload);
        let path = format!("/v1/media/{}", upload["upload_id"].as_str().unwrap());
        answers.add("media.get", &server.get(&server.admin, &path).await);
        if fields == json!({}) {
            let url = upload["upload_url"].as_str().unwrap().strip_prefix(crate::harness::SITE).unwrap();
            server.send_raw("", "PUT", url, b"abc".to_vec(), &[]).await.ok();
        }
        let body = json!({ "upload_id": upload["upload_id"], "size_bytes": 3 });
        let finished = server.post(&server.admin, "/v1/media/finalize-upload", body).await;
        answers.add("media.finalize_upload", &finished);
        answers.add("media.get", &server.get(&server.admin, &path).await);
    }
    for owner in [Value::Null, json!("worker")] {
        let body = json!({
            "semantic_type": "axme.calendar.schedule.v1", "schema_json": { "type": "object" },
            "compatibility_mode": "warn", "owner_agent": owner,
        });
        answers.add("schemas.upsert", &server.post(&server.admin, "/v1/schemas", body).await);
        let path = "/v1/schemas/axme.calendar.schedule.v1?owner_agent=worker";
        answers.add("schemas.get", &server.get(&server.admin, path).await);
    }
}

async fn directory(server: &Server, answers: &mut Answers) {
    use crate::principals::{alias, principal};
    let place = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "principal_type": "user",
    });
    answers.add("principals.create", &server.post(&server.admin, "/v1/principals", place.clone()).await);
    let ann = principal(server).await;
    answers.add("principals.get", &server.get(&server.admin, &format!("/v1/principals/{ann}")).await);
    let body = json!({ "principal_id": ann, "alias": "other", "alias_type": "external" });
    answers.add("aliases.bind", &server.post(&server.admin, "/v1/aliases", body).await);
    let id = alias(server, &ann, "ann").await["alias_id"].as_str().unwrap().to_owned();
    answers.add("aliases.list", &server.get(&server.admin, "/v1/aliases").await);
    answers.add("aliases.resolve", &server.get(&server.admin, "/v1/aliases/resolve?alias=ann").await);
    let endpoints = "/v1/routing/endpoints";
    let body = json!({
        "principal_id": ann, "transport_type": "http", "endpoint_url": "https://example.com/", "auth_mode": "none",
    });
    let route = server.post(&server.admin, endpoints, body).await;
    answers.add("routing.endpoints.register", &route);
    let path = format!("{endpoints}/{}", route["route"]["route_id"].as_str().unwrap());
    let changed = server.send(&server.admin, "PATCH", &path, Some(json!({ "region": "eu" }))).await.ok();
    answers.add("routing.endpoints.update", &changed);
    answers.add("routing.endpoints.list", &server.get(&server.admin, endpoints).await);
    for target in [json!({ "alias": "ann" }), json!({ "principal_id": ann })] {
        let mut body = place.clone();
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        body["payload"] = json!({ "n": 1 });
        answers.add("routing.resolve", &server.post(&server.admin, "/v1/routing/resolve", body.clone()).await);
        let delivery = server.post(&server.admin, "/v1/deliveries", body).await;
        answers.add("deliveries.submit", &delivery);
        let path = format!("/v1/deliveries/{}", delivery["delivery"]["delivery_id"].as_str().unwrap());
        answers.add("deliveries.get", &server.get(&server.admin, &path).await);
        let replay = server.post(&server.admin, &format!("{path}/replay"), json!({})).await;
        answers.add("deliveries.replay", &replay);
    }
    answers.add("deliveries.list", &server.get(&server.admin, "/v1/deliveries").await);
    answers.add("routing.endpoints.remove", &server.send(&server.admin, "DELETE", &path, None).await.ok());
    let revoked = server.post(&server.admin, &format!("/v1/aliases/{id}/revoke"), json!({})).await;
    answers.add("aliases.revoke", &revoked);
    let body = json!({ "principal_id": ann, "transport_type": "queue", "transport_handle": "q1" });
    let binding = server.post(&server.admin, "/v1/transports/bindings", body).await;
    answers.add("transports.bindings.upsert", &binding);
    answers.add("transports.bindings.list", &server.get(&server.admin, "/v1/transports/bindings").await);
    let path = format!("/v1/transports/bindings/{}", binding["binding"]["binding_id"].as_str().unwrap());
    let removed = server.send(&server.admin, "DELETE", &path, None).await.ok();
    answers.add("transports.bindings.remove", &removed);
}

fn differences(folder: &Path, answers: &Answers) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (operation, answer) in &answers.0 {
        let file = folder.join(format!("api.{operation}.response.v1.json"));
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        for error in validator.iter_errors(answer) {
            let path = error.instance_path().to_string();
            let place: Vec<&str> =
                path.split('/').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part }).collect();
            let place = place.join("/");
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    for field in unexpected {
                        found.insert(format!("{operation} {place}/{field}: not in the schema"), answer.clone());
                    }
                }
                kind => {
                    let value = error.instance();
                    found.insert(format!("{operation} {place}: {} {value}", kind.keyword()), answer.clone());
                }
            }
        }
    }
    found
}
