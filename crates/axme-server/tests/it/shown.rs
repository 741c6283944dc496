//! Calls for the reference of the API: what a reader of the examples should see. The recording prefers them to the calls
//! of all other tests (see `examples`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Person, Server, each_engine, id_of};

each_engine! {
    a_deployment_is_approved,
    agents_and_their_keys_are_managed,
    an_inbox_is_read_and_answered,
    an_organization_is_managed,
    people_sign_up_and_are_reached,
    agents_report_and_work_together,
    deliveries_go_along_routes,
    a_workspace_has_rules_and_limits,
}

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

impl Server {
    async fn put(&self, path: &str, body: Value) -> Value {
        self.send(&self.admin, "PUT", path, Some(body)).await.ok()
    }

    async fn patch(&self, path: &str, body: Value) -> Value {
        self.send(&self.admin, "PATCH", path, Some(body)).await.ok()
    }

    async fn delete(&self, path: &str) -> Value {
        self.send(&self.admin, "DELETE", path, None).await.ok()
    }

    fn org(&self) -> String {
        format!("/v1/organizations/{}", self.bootstrap.org_id)
    }

    /// Returns the fields that name the workspace of the first start.
    fn place(&self) -> Value {
        json!({ "org_id": self.bootstrap.org_id, "workspace_id": self.bootstrap.workspace_id })
    }

    /// Returns a body with the fields that name the workspace.
    fn placed(&self, body: Value) -> Value {
        let mut all = self.place();
        all.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        all
    }

    fn placed_query(&self) -> String {
        format!("org_id={}&workspace_id={}", self.bootstrap.org_id, self.bootstrap.workspace_id)
    }
}

fn approval() -> Value {
    json!({
        "intent_type": "intent.deployment.approval.v1", "to_agent": "deployer",
        "payload": { "service": "checkout", "version": "2.4.0", "environment": "production" },
        "human_task": {
            "title": "Deploy checkout 2.4.0 to production?",
            "description": "The release adds two database migrations.",
            "task_type": "approval", "assignees": [ANN, BOB], "notify_email": ANN,
        },
        "remind_after_seconds": 3_600, "max_reminders": 2, "escalate_to": BOB,
    })
}

fn deployment() -> Value {
    json!({
        "intent_type": "intent.deployment.run.v1", "to_agent": "deployer", "reply_to": "agent://local/default/planner",
        "payload": { "service": "checkout", "version": "2.4.0", "environment": "production" },
        "ttl_seconds": 86_400,
    })
}

async fn person(server: &Server, email: &str) -> Person {
    server.give(email, "member", None).await;
    server.sign_in(email).await
}

async fn a_deployment_is_approved(engine: Engine) {
    let server = Server::start(engine).await;
    let deployer = server.agent("deployer").await;
    let ann = person(&server, ANN).await;
    let id = id_of(&server.post(&server.admin, "/v1/intents", approval()).await);
    let intent = format!("/v1/intents/{id}");
    server.as_person(&ann, "GET", "/v1/me/tasks?limit=20", None).await.ok();
    server.as_person(&ann, "GET", "/v1/portal/personal/overview", None).await.ok();
    let link = json!({ "person": ANN });
    server.post(&server.admin, &format!("/v1/tasks/{id}/links"), link).await;
    let patch = json!({ "controls_patch": { "timeout_seconds": 7_200, "remind_interval_seconds": 1_800 } });
    server.post(&server.admin, &format!("{intent}/controls"), patch).await;
    let answer =
        json!({ "task_result": { "outcome": "approved", "comment": "Both migrations were tested on staging." } });
    server.as_person(&ann, "POST", &format!("{intent}/resume"), Some(answer)).await.ok();
    server.get(&server.admin, &format!("{intent}/events?since=4&limit=2")).await;
    server.get(&server.admin, &intent).await;

    let second = id_of(&server.post(&server.admin, "/v1/intents", approval()).await);
    let handed = json!({ "to": "kim@example.com", "from": BOB, "note": "Bob is on leave this week." });
    server.post(&server.admin, &format!("/v1/tasks/{second}/reassign"), handed).await;
    let decision = json!({ "decision": "reject", "comment": "The error budget of this month is used up." });
    server.post(&server.admin, &format!("/v1/approvals/{second}/decision"), decision).await;

    let run = id_of(&server.post(&server.admin, "/v1/intents", deployment()).await);
    let grants =
        json!({ "grants_patch": { "delegate:agent://local/default/planner": { "allow": ["read", "resume"] } } });
    server.post(&server.admin, &format!("/v1/intents/{run}/policy"), grants).await;
    let failure = json!({
        "status": "FAILED",
        "error": { "code": "rollout_failed", "message": "3 of 12 instances did not become healthy" },
    });
    server.post(&deployer, &format!("/v1/intents/{run}/resolve"), failure).await;
    server.get(&server.admin, "/v1/intents?status=FAILED&limit=20").await;
    server.post(&server.admin, "/v1/intents", deployment()).await;
    server.advance(Duration::from_secs(7_200)).await;
    let cleanup = json!({
        "older_than_hours": 1, "dry_run": false, "reason": "The release was withdrawn.", "status_filter": ["DELIVERED"],
    });
    server.post(&server.admin, "/v1/intents/bulk-cancel", cleanup).await;
}

async fn agents_and_their_keys_are_managed(engine: Engine) {
    let server = Server::start(engine).await;
    let account = json!({
        "name": "deployer", "display_name": "Deployer", "description": "Rolls releases out", "delivery_mode": "http",
        "callback_url": "https://deployer.example.com/intents", "webhook_secret": "a shared secret of the deployer",
    });
    let made = server.post(&server.admin, "/v1/service-accounts", account).await;
    let account = format!("/v1/service-accounts/{}", made["service_account_id"].as_str().unwrap());
    let keys = format!("{account}/keys");
    let key = server.post(&server.admin, &keys, json!({ "expires_at": "2026-12-31T00:00:00Z" })).await;
    server.patch(&account, json!({ "callback_url": "https://deployer.example.com/v2/intents" })).await;
    server.get(&server.admin, &account).await;
    server.get(&server.admin, &format!("/v1/service-accounts?{}", server.placed_query())).await;
    server.get(&server.admin, "/v1/agents/deployer").await;
    server.get(&server.admin, "/v1/agents").await;

    let policy = "/v1/agents/deployer/policy";
    server.put(policy, json!({ "policy_type": "allowlist" })).await;
    let entry = json!({ "sender_pattern": "agent://local/default/planner" });
    let entry = server.post(&server.admin, &format!("{policy}/entries"), entry).await;
    server.get(&server.admin, policy).await;
    server.delete(&format!("{policy}/entries/{}", entry["entry"]["entry_id"].as_str().unwrap())).await;
    let over = "/v1/agents/deployer/receive-override";
    server.put(over, json!({ "override_type": "allowlist" })).await;
    server.post(&server.admin, &format!("{over}/entries"), json!({ "sender_pattern": "agent://acme/*" })).await;
    server.get(&server.admin, over).await;

    server.post(&server.admin, &format!("{keys}/{}/revoke", key["key"]["key_id"].as_str().unwrap()), json!({})).await;
    server.delete(&account).await;
}

async fn an_inbox_is_read_and_answered(engine: Engine) {
    let server = Server::start(engine).await;
    let question = json!({
        "intent_type": "intent.payment.approval.v1", "to_agent": "accounting",
        "payload": { "invoice": "2026-0117", "payee": "Office Supplies Ltd", "amount_eur": 1_240 },
    });
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(id_of(&server.post(&server.admin, "/v1/intents", question.clone()).await));
        server.advance(Duration::from_secs(60)).await;
    }
    let of = |number: usize, what: &str| format!("/v1/inbox/{}{what}", threads[number]);
    server.get(&server.admin, "/v1/inbox?owner_agent=agent://local/default/accounting&limit=20").await;
    let reply = json!({ "message": "The order number is missing on the invoice. Who ordered this?" });
    server.post(&server.admin, &of(0, "/reply"), reply).await;
    let delegate = json!({ "delegate_to": ANN, "note": "Ann knows this supplier." });
    server.post(&server.admin, &of(0, "/delegate"), delegate).await;
    server.get(&server.admin, &of(0, "?owner_agent=agent://local/default/accounting")).await;
    server.post(&server.admin, &of(0, "/read"), json!({})).await;
    server.get(&server.admin, "/v1/inbox/changes?owner_agent=agent://local/default/accounting").await;
    server.post(&server.admin, &of(1, "/approve"), json!({ "comment": "Matches the order." })).await;
    server.post(&server.admin, &of(2, "/reject"), json!({ "comment": "Paid twice already." })).await;
    server.post(&server.admin, &of(0, "/messages/delete"), json!({ "mode": "self", "limit": 1 })).await;
}

async fn an_organization_is_managed(engine: Engine) {
    let server = Server::start(engine).await;
    let org = json!({
        "name": "Example Shop", "legal_name": "Example Shop GmbH", "primary_domain": "example.com",
        "requested_by_actor_id": ANN, "metadata": { "industry": "retail" },
    });
    server.post(&server.admin, "/v1/organizations", org).await;
    let org = server.org();
    server.patch(&org, json!({ "name": "Example Shop" })).await;
    server.get(&server.admin, &org).await;
    let staging = json!({ "name": "Staging", "environment": "staging", "region": "eu-central" });
    let staging = server.post(&server.admin, &format!("{org}/workspaces"), staging).await;
    let workspace = staging["workspace"]["workspace_id"].as_str().unwrap().to_owned();
    server.patch(&format!("{org}/workspaces/{workspace}"), json!({ "name": "Staging EU" })).await;
    server.get(&server.admin, &format!("{org}/workspaces")).await;
    let ann = json!({ "actor_id": ANN, "role": "member", "workspace_id": server.bootstrap.workspace_id });
    let ann = server.post(&server.admin, &format!("{org}/members"), ann).await;
    let member = format!("{org}/members/{}", ann["member"]["member_id"].as_str().unwrap());
    server.patch(&member, json!({ "role": "workspace_admin" })).await;
    server.get(&server.admin, &format!("{org}/members?workspace_id={}", server.bootstrap.workspace_id)).await;
    server.delete(&member).await;

    let policy = format!("{org}/receive-policy");
    server.put(&policy, json!({ "policy_type": "allowlist" })).await;
    server.post(&server.admin, &format!("{policy}/entries"), json!({ "sender_pattern": "agent://acme/*" })).await;
    server.get(&server.admin, &policy).await;
    let request = json!({
        "request_type": "quota_upgrade", "requester_actor_id": ANN, "requested_tier": "corporate",
        "company_name": "Example Shop", "justification": "We expect five times the orders in December.",
    });
    let made = server.post(&server.admin, "/v1/access-requests", request).await;
    let request = format!("/v1/access-requests/{}", made["access_request"]["access_request_id"].as_str().unwrap());
    let queue = format!("/v1/portal/enterprise/request-queue?org_id={}", server.bootstrap.org_id);
    server.get(&server.admin, &queue).await;
    server.get(&server.admin, &request).await;
    let review = json!({
        "decision": "reject", "reviewer_actor_id": BOB, "review_comment": "Please ask again with last year's numbers.",
    });
    server.post(&server.admin, &format!("{request}/review"), review).await;
    server.get(&server.admin, "/v1/access-requests?limit=20").await;
    let portal = format!("/v1/portal/enterprise/access-requests?org_id={}&state=rejected", server.bootstrap.org_id);
    server.get(&server.admin, &portal).await;
}

async fn people_sign_up_and_are_reached(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = person(&server, ANN).await;
    server.as_person(&ann, "GET", "/v1/portal/personal/context", None).await.ok();
    let profile = json!({ "display_name": "Ann Lee", "company": "Example Shop" });
    server.as_person(&ann, "POST", "/v1/portal/personal/profile", Some(profile)).await.ok();
    let password = json!({ "password": "correct horse battery staple", "nick": "ann.lee" });
    server.as_person(&ann, "POST", "/v1/auth/register-password", Some(password)).await.ok();
    let login =
        json!({ "nick": "ann.lee", "password": "correct horse battery staple", "device_label": "Ann's laptop" });
    server.post("", "/v1/auth/login", login).await;
    server.as_person(&ann, "GET", "/v1/auth/sessions?include_revoked=false", None).await.ok();

    let user = json!({ "nick": "@bob", "display_name": "Bob Ray", "phone": "+49 30 1234567", "email": BOB });
    let user = server.post(&server.admin, "/v1/users/register-nick", user).await;
    let owner = user["owner_agent"].as_str().unwrap();
    server.get(&server.admin, "/v1/users/check-nick?nick=@bob.ray").await;
    server.get(&server.admin, "/v1/users/resolve-nick?nick=@bob").await;
    server.get(&server.admin, &format!("/v1/users/profile?owner_agent={owner}")).await;
    let change = json!({ "owner_agent": owner, "display_name": "Bob Ray", "phone": "+49 30 7654321" });
    server.post(&server.admin, "/v1/users/profile/update", change).await;
    let rename = json!({ "owner_agent": owner, "nick": "@bob.ray" });
    server.post(&server.admin, "/v1/users/rename-nick", rename).await;
    server.agent("deployer").await;
    let invite = json!({ "owner_agent": "deployer", "recipient_hint": "kim@example.com", "ttl_seconds": 604_800 });
    let invite = server.post(&server.admin, "/v1/invites/create", invite).await;
    let path = format!("/v1/invites/{}", invite["token"].as_str().unwrap());
    server.get(&server.admin, &path).await;
    server.post(&server.admin, &format!("{path}/accept"), json!({ "nick": "@kim", "display_name": "Kim Park" })).await;
}

async fn agents_report_and_work_together(engine: Engine) {
    let server = Server::start(engine).await;
    let deployer = server.agent("deployer").await;
    let metrics = json!({
        "intents_total": 42, "intents_succeeded": 40, "intents_failed": 2, "avg_latency_ms": 812.5, "cost_usd": 0.64,
    });
    server.post(&deployer, "/v1/mesh/heartbeat", json!({ "metrics": metrics })).await;
    server.get(&server.admin, "/v1/mesh/agents?health=healthy&limit=20").await;
    server.get(&server.admin, "/v1/mesh/agents/deployer").await;
    let agent = "/v1/mesh/agents/deployer";
    let action = json!({ "mode": "denylist", "intent_types": ["intent.payment.*"], "direction": "receive" });
    server.put(&format!("{agent}/policies/action"), action).await;
    server.get(&server.admin, &format!("{agent}/policies/action")).await;
    let cost = json!({ "max_intents_per_hour": 100, "max_intents_per_day": 1_000 });
    server.put(&format!("{agent}/policies/cost"), cost).await;
    server.get(&server.admin, &format!("{agent}/policies/cost")).await;

    let session = json!({ "type": "release", "metadata": { "service": "checkout", "version": "2.4.0" } });
    let session = server.post(&deployer, "/v1/sessions", session).await;
    let session = format!("/v1/sessions/{}", session["session_id"].as_str().unwrap());
    for content in ["Rollout to 12 instances has begun.", "All instances are healthy."] {
        let message = json!({ "role": "agent", "content": content });
        server.post(&deployer, &format!("{session}/messages"), message).await;
    }
    server.get(&deployer, &format!("{session}/messages?since=0&limit=20")).await;
    server.get(&deployer, &session).await;
    server.get(&deployer, "/v1/sessions?limit=20").await;
    let result = json!({ "result": { "version": "2.4.0", "instances": 12 } });
    server.post(&deployer, &format!("{session}/complete"), result).await;

    let subscription = json!({
        "callback_url": "https://alerts.example.com/axme", "event_types": ["intent.failed", "intent.timed_out"],
        "description": "Alerts of the team on call",
    });
    server.post(&server.admin, "/v1/webhooks/subscriptions", subscription).await;
    server.get(&server.admin, "/v1/webhooks/subscriptions").await;
    let event = json!({
        "event_type": "release.finished", "source": "deployer", "payload": { "service": "checkout", "version": "2.4.0" },
    });
    server.post(&server.admin, "/v1/webhooks/events", event).await;
}

async fn deliveries_go_along_routes(engine: Engine) {
    let server = Server::start(engine).await;
    let body = server.placed(json!({
        "principal_type": "service_agent", "display_name": "Payments", "metadata": { "team": "finance" },
    }));
    let made = server.post(&server.admin, "/v1/principals", body).await;
    let principal = made["principal"]["principal_id"].as_str().unwrap().to_owned();
    let of_principal = |body: Value| {
        let mut body = server.placed(body);
        body["principal_id"] = json!(principal);
        body
    };
    let alias = of_principal(json!({ "alias": "payments", "alias_type": "service" }));
    server.post(&server.admin, "/v1/aliases", alias).await;
    let query = server.placed_query();
    server.get(&server.admin, &format!("/v1/aliases/resolve?{query}&alias=payments")).await;
    server.get(&server.admin, &format!("/v1/aliases?{query}&limit=20")).await;
    let route = of_principal(json!({
        "transport_type": "http", "endpoint_url": "https://payments.example.com/intents", "auth_mode": "none",
    }));
    server.post(&server.admin, "/v1/routing/endpoints", route).await;
    let binding = of_principal(json!({ "transport_type": "http", "transport_handle": "payments" }));
    server.post(&server.admin, "/v1/transports/bindings", binding).await;
    server.post(&server.admin, "/v1/routing/resolve", server.placed(json!({ "alias": "payments" }))).await;
    let delivery = server.placed(json!({
        "alias": "payments", "payload": { "invoice": "2026-0117", "amount_eur": 1_240 },
        "idempotency_key": "invoice-2026-0117", "correlation_id": "invoice-2026-0117",
    }));
    let delivery = server.post(&server.admin, "/v1/deliveries", delivery).await;
    let id = delivery["delivery"]["delivery_id"].as_str().unwrap();
    server.get(&server.admin, &format!("/v1/deliveries/{id}")).await;
    server.get(&server.admin, "/v1/deliveries?limit=20").await;
}

async fn a_workspace_has_rules_and_limits(engine: Engine) {
    let server = Server::start(engine).await;
    let group = json!({ "title": "Finance", "members": [ANN, BOB] });
    server.put("/v1/groups/finance", group).await;
    server.get(&server.admin, "/v1/groups").await;
    server.put("/v1/asking-rule", json!({ "groups": ["finance"], "mail_domains": ["example.com"] })).await;
    server.get(&server.admin, "/v1/asking-rule").await;
    let quota = server.placed(json!({
        "overage_mode": "block", "dimensions": { "intents_per_day": 5_000, "requests_per_minute": 600 },
    }));
    server.patch("/v1/quotas", quota).await;
    let plan = server.placed(json!({
        "plan_code": "team", "currency": "EUR", "billing_cycle": "monthly", "monthly_commit_minor": 4_900,
        "seats_included": 10, "overage_unit_price_minor": 2, "updated_by_actor_id": ANN,
        "metadata": { "purchase_order": "PO-2026-031" },
    }));
    server.patch("/v1/billing/plan", plan).await;
    server.get(&server.admin, "/v1/billing/plan").await;
    let schema = json!({
        "semantic_type": "example.payment.approval.v1", "compatibility_mode": "strict",
        "schema_json": {
            "type": "object", "required": ["invoice", "amount_eur"],
            "properties": { "invoice": { "type": "string" }, "amount_eur": { "type": "number", "minimum": 0 } },
        },
    });
    server.post(&server.admin, "/v1/schemas", schema).await;
    server.get(&server.admin, "/v1/schemas/example.payment.approval.v1").await;
    server.agent("accounting").await;
    let file = json!({
        "owner_agent": "accounting", "filename": "invoice-2026-0117.pdf", "mime_type": "application/pdf",
        "size_bytes": 48_213, "ttl_seconds": 3_600,
    });
    server.post(&server.admin, "/v1/media/create-upload", file).await;
    server
        .get(&server.admin, &format!("/v1/audit/events?limit=20&workspace_id={}", server.bootstrap.workspace_id))
        .await;
}
