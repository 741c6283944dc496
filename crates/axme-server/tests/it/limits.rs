//! Rate limits, and the limits of the tiers of hosted servers.

use std::net::SocketAddr;
use std::time::Duration;

use axme_store::Limits;
use axme_store::Tier;
use axme_store::Tx;
use axme_store::access_requests::{self as requests, AccessRequest, RequestState};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::organizations::{organization, workspace};
use crate::quotas::limit;
use axme_store::Shard;

each_engine! {
    a_self_hosted_server_has_no_limits,
    calls_per_minute_are_limited_by_key_and_operation,
    a_tier_applies_where_no_quota_is_set,
    operators_of_a_hosted_server_set_the_quotas_of_tenants,
    a_tier_limits_agents_people_files_and_streams,
    tool_calls_per_minute_are_limited,
    calls_without_a_key_are_limited_by_client_address,
    the_tier_limits_the_size_of_a_payload,
    a_removed_member_returns_only_within_the_limit,
    organization_wide_members_use_a_place_in_each_of_its_workspaces,
}

async fn hosted(engine: Engine, tier: Tier) -> Server {
    Server::start_with(engine, Limits { tier, ..Limits::default() }).await
}

fn header(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

/// Reads the rate headers: the limit, the calls that are left, and the reset.
fn told(headers: &HeaderMap) -> Option<[u64; 3]> {
    let number = |name: &str| header(headers, name);
    Some([number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?, number("x-ratelimit-reset")?])
}

async fn me(server: &Server, key: &str) -> Answer {
    server.send(key, "GET", "/v1/me", None).await
}

fn exceeded(answer: Answer, dimension: &str, used: u64, limit: u64) {
    let expected = json!({ "dimension": dimension, "used": used, "limit": limit, "reset_at": null });
    assert_eq!(answer.body["error"]["details"], expected, "{}", answer.body);
    answer.refused(429, "quota_exceeded");
}

async fn a_self_hosted_server_has_no_limits(engine: Engine) {
    let server = Server::start(engine).await;
    for _ in 0..200 {
        let answer = me(&server, &server.admin).await;
        assert_eq!(told(&answer.headers), None);
        answer.ok();
    }
    assert_eq!(server.get(&server.admin, "/v1/quotas").await["quota_policy"]["dimensions"]["intents_per_day"], 0);
}

async fn calls_per_minute_are_limited_by_key_and_operation(engine: Engine) {
    let limits = Limits { rate_limit_per_minute: Some(3), ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let worker = server.agent("worker").await;
    for left in [2, 1, 0] {
        let answer = me(&server, &worker).await;
        assert_eq!(told(&answer.headers), Some([3, left, 60 - 20 * left]));
        answer.ok();
    }
    let refused = me(&server, &worker).await;
    assert_eq!(header(&refused.headers, "retry-after"), Some(20));
    assert_eq!(told(&refused.headers), Some([3, 0, 60]));
    refused.refused(429, "rate_limit_exceeded");
    // Other keys and other operations have their own allowances. A call that is refused for
    // another reason uses one, too.
    me(&server, &server.admin).await.ok();
    let wrong = server.send(&worker, "POST", "/v1/intents", Some(json!({}))).await;
    assert_eq!(told(&wrong.headers), Some([3, 2, 20]));
    wrong.refused(422, "validation_failed");
    server.send("wrong", "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");

    server.clock.advance(Duration::from_secs(19));
    assert_eq!(header(&me(&server, &worker).await.headers, "retry-after"), Some(1));
    server.clock.advance(Duration::from_secs(1));
    me(&server, &worker).await.ok();
    me(&server, &worker).await.refused(429, "rate_limit_exceeded");
}

async fn a_tier_applies_where_no_quota_is_set(engine: Engine) {
    let server = hosted(engine, Tier::EmailVerified).await;
    let admin = &server.admin;
    assert_eq!(told(&me(&server, admin).await.headers).unwrap()[..2], [120, 119]);
    let dimensions = server.get(admin, "/v1/quotas").await["quota_policy"]["dimensions"].clone();
    assert_eq!((&dimensions["intents_per_day"], &dimensions["inbox_writes_per_day"]), (&json!(500), &json!(200)));
    let policy = |dimensions: Value| {
        json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "dimensions": dimensions,
                "overage_mode": "block", "updated_by_actor_id": "me" })
    };
    // A policy replaces the limits of the tier one by one, and takes effect within seconds.
    let said = json!({ "requests_per_minute": 2, "intents_per_day": 1 });
    let said = server.send(admin, "PATCH", "/v1/quotas", Some(policy(said))).await.ok();
    assert_eq!(said["quota_policy"]["dimensions"]["inbox_writes_per_day"], 200);
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(told(&me(&server, admin).await.headers).unwrap()[..2], [2, 1]);
    let create = async || {
        let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": {} });
        server.send(admin, "POST", "/v1/intents", Some(body)).await
    };
    create().await.ok();
    create().await.refused(429, "quota_exceeded");
    create().await.refused(429, "rate_limit_exceeded");
    // An upgrade gives the limits of its tier.
    let body = json!({ "request_type": "quota_upgrade", "requester_actor_id": "me", "requested_tier": "corporate",
            "company_name": "Local", "justification": "more of it" });
    let asked = server.post(admin, "/v1/access-requests", body).await;
    let id = asked["access_request"]["access_request_id"].as_str().unwrap().to_owned();
    let review = json!({ "decision": "approve", "reviewer_actor_id": "me" });
    server.post(admin, &format!("/v1/access-requests/{id}/review"), review).await;
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(told(&me(&server, admin).await.headers).unwrap()[0], 600);
    create().await.ok();
}

async fn operators_of_a_hosted_server_set_the_quotas_of_tenants(engine: Engine) {
    let server = hosted(engine, Tier::EmailVerified).await;
    let operator = &server.admin;
    let tenant = server.workspace("acme", "prod").await;
    let me = server.get(&tenant, "/v1/me").await;
    let (org, ws) = (me["org_id"].as_str().unwrap(), me["workspace_id"].as_str().unwrap());
    let place = format!("org_id={org}&workspace_id={ws}");
    let quota = json!({
        "org_id": org, "workspace_id": ws, "dimensions": { "intents_per_day": 7 }, "overage_mode": "block",
    });
    let plan = json!({
        "org_id": org, "workspace_id": ws, "plan_code": "p1", "currency": "EUR", "monthly_commit_minor": 5,
    });
    let of_tenant = |path: &'static str| format!("{path}?{place}");
    for (path, body) in [("/v1/quotas", &quota), ("/v1/billing/plan", &plan)] {
        server.send(&tenant, "PATCH", path, Some(body.clone())).await.refused(403, "forbidden");
        server.send(operator, "PATCH", path, Some(body.clone())).await.ok();
        server.get(operator, &of_tenant(path)).await;
    }
    let seen = |answer: Value| answer["quota_policy"]["dimensions"]["intents_per_day"].clone();
    assert_eq!(seen(server.get(&tenant, "/v1/quotas").await), 7);
    assert_eq!(seen(server.get(operator, &of_tenant("/v1/quotas")).await), 7);
    server.get(operator, &of_tenant("/v1/usage/summary")).await;
    // They may see nothing else.
    server.send(operator, "GET", &format!("/v1/organizations/{org}"), None).await.refused(404, "not_found");
    let mixed = format!("/v1/quotas?org_id={}&workspace_id={ws}", server.bootstrap.org_id);
    server.send(operator, "GET", &mixed, None).await.refused(403, "forbidden");
    let unknown = format!("/v1/quotas?workspace_id={}", uuid::Uuid::from_u128(5));
    server.send(operator, "GET", &unknown, None).await.refused(404, "not_found");

    let body = json!({ "request_type": "quota_upgrade", "requester_actor_id": "me", "requested_tier": "corporate",
            "company_name": "Acme", "justification": "more of it" });
    let asked = server.post(&tenant, "/v1/access-requests", body).await["access_request"].clone();
    let path = format!("/v1/access-requests/{}", asked["access_request_id"].as_str().unwrap());
    let review = json!({ "decision": "approve", "reviewer_actor_id": "me" });
    let refused = server.send(&tenant, "POST", &format!("{path}/review"), Some(review.clone())).await;
    refused.refused(403, "forbidden");
    let path_of_queue = format!("/v1/portal/enterprise/request-queue?org_id={}", server.bootstrap.org_id);
    let queue = server.get(operator, &path_of_queue).await;
    assert_eq!(queue["requests"][0]["access_request_id"], asked["access_request_id"]);
    server.post(operator, &format!("{path}/review"), review).await;
    assert_eq!(seen(server.get(&tenant, "/v1/quotas").await), 5_000);
    assert_eq!(server.get(&tenant, &path).await["access_request"]["state"], "approved");

    // A request from before the server was hosted, which its own organization was to decide.
    let (old, id) = (asked["access_request_id"].as_str().unwrap().parse().unwrap(), uuid::Uuid::from_u128(7));
    let own: uuid::Uuid = org.parse().unwrap();
    let keep = move |tx: &mut Tx<'_>| -> axme_core::error::Result<_> {
        let request = requests::find(tx, old)?.unwrap();
        let pending =
            AccessRequest { access_request_id: id, review_org_id: own, state: RequestState::Pending, ..request };
        Ok(requests::insert(tx, &pending)?)
    };
    server.app.store.write(Shard::CONTROL, keep).await.unwrap();
    let review = json!({ "decision": "approve", "reviewer_actor_id": "me" });
    let path = format!("/v1/access-requests/{id}/review");
    server.send(&tenant, "POST", &path, Some(review)).await.refused(403, "forbidden");

    let navigation = server.get(&tenant, "/v1/portal/enterprise/navigation").await["navigation"].clone();
    let sections = navigation["sections"].as_array().unwrap();
    let can_change = |name: &str| sections.iter().find(|one| one["section"] == name).unwrap()["can_change"].clone();
    let operators = server.get(operator, "/v1/portal/enterprise/navigation").await["navigation"].clone();
    let of_operator = operators["sections"].as_array().unwrap().iter().find(|one| one["section"] == "quotas").unwrap();
    assert_eq!([&can_change("quotas"), &of_operator["can_change"]], [&json!(false), &json!(true)]);
    assert_eq!(can_change("members"), true);
    let own = format!("/v1/quotas?org_id={}&workspace_id=default", server.bootstrap.org_id);
    server.get(operator, &own).await;
}

async fn a_tier_limits_agents_people_files_and_streams(engine: Engine) {
    let server = hosted(engine, Tier::EmailVerified).await;
    let admin = &server.admin;
    let register = async |n: u32| {
        let body = json!({ "name": format!("agent-{n}") });
        server.send(admin, "POST", "/v1/service-accounts", Some(body)).await
    };
    let first = register(0).await.ok()["service_account_id"].as_str().unwrap().to_owned();
    for n in 1..20 {
        register(n).await.ok();
    }
    exceeded(register(20).await, "service_accounts_per_workspace", 20, 20);
    register(7).await.ok();
    server.send(admin, "DELETE", &format!("/v1/service-accounts/{first}"), None).await.ok();
    register(21).await.ok();
    exceeded(register(0).await, "service_accounts_per_workspace", 20, 20);

    let org = &server.bootstrap.org_id;
    let add = async |n: u32| {
        let body = json!({ "actor_id": format!("p{n}@example.com"), "role": "member",
                "workspace_id": server.bootstrap.workspace_id });
        server.send(admin, "POST", &format!("/v1/organizations/{org}/members"), Some(body)).await
    };
    for n in 1..20 {
        add(n).await.ok();
    }
    exceeded(add(20).await, "actors_total", 20, 20);
    add(1).await.refused(409, "member_exists");

    let announce = async |bytes: u64| {
        let body = json!({ "owner_agent": "agent-1", "filename": "f", "mime_type": "a/b", "size_bytes": bytes });
        server.send(admin, "POST", "/v1/media/create-upload", Some(body)).await
    };
    let hundred = 100 << 20;
    for _ in 0..10 {
        announce(hundred).await.ok();
    }
    exceeded(announce(hundred).await, "media_storage_bytes", 10 * hundred, 1 << 30);
    announce((1 << 30) - 10 * hundred).await.ok();
    // An expired upload uses no storage.
    server.clock.advance(Duration::from_secs(3_600));
    announce(hundred).await.ok();

    let id = id_of(
        &server
            .post(
                admin,
                "/v1/intents",
                json!({
                    "intent_type": "x.y.v1", "to_agent": "agent-1", "payload": {},
                }),
            )
            .await,
    );
    let path = format!("/v1/intents/{id}/events/stream?follow=1");
    let mut open = Vec::new();
    for _ in 0..20 {
        let stream = server.open(admin, &path, &[]).await;
        assert_eq!(stream.status, 200);
        open.push(stream);
    }
    exceeded(server.send(admin, "GET", &path, None).await, "sse_streams_max", 20, 20);
}

async fn tool_calls_per_minute_are_limited(engine: Engine) {
    let server = hosted(engine, Tier::Corporate).await;
    let call = async |tool: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool } });
        server.send(&server.admin, "POST", "/mcp", Some(body)).await.body
    };
    for _ in 0..120 {
        assert_eq!(call("axme.me.get").await["result"]["ok"], true);
    }
    let refused = call("axme.me.get").await;
    assert_eq!(refused["error"]["code"], -32004);
    assert_eq!(refused["error"]["data"]["code"], "rate_limit_exceeded");
    assert_eq!(call("axme.capabilities.get").await["result"]["ok"], true);
}

async fn calls_without_a_key_are_limited_by_client_address(engine: Engine) {
    let limits = Limits { rate_limit_per_minute: Some(2), ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let get = async |peer: &str, forwarded: &str| {
        let uri = "/v1/media/download/x?token=y";
        let mut request = Request::builder().uri(uri).header("x-forwarded-for", forwarded);
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        request.extensions_mut().unwrap().insert(ConnectInfo(peer));
        let response = server.request(request.body(Body::empty()).unwrap()).await;
        (response.status().as_u16(), header(response.headers(), "retry-after"))
    };
    // Only a trusted proxy can name another client.
    assert_eq!(get("203.0.113.5", "192.0.2.1").await, (404, None));
    assert_eq!(get("203.0.113.5", "192.0.2.2").await, (404, None));
    assert_eq!(get("203.0.113.5", "192.0.2.3").await, (429, Some(30)));
    assert_eq!(get("10.0.0.1", "192.0.2.3").await, (404, None));
    assert_eq!(get("10.0.0.1", "203.0.113.5").await, (429, Some(30)));
    // An IPv6 network is one client.
    for end in ["::1", "::2"] {
        assert_eq!(get(&format!("2001:db8:0:1{end}"), "").await.0, 404);
    }
    assert_eq!(get("2001:db8:0:1::3", "").await.0, 429);
    assert_eq!(get("2001:db8:0:2::1", "").await.0, 404);
    // Sign-ins are limited, too.
    let sign_in = async || {
        let body = json!({ "email": "nobody@example.com" });
        server.send("", "POST", "/v1/auth/login-intent", Some(body)).await
    };
    for left in [1, 0] {
        assert_eq!(told(&sign_in().await.headers).unwrap()[..2], [2, left]);
    }
    sign_in().await.refused(429, "rate_limit_exceeded");
}

async fn the_tier_limits_the_size_of_a_payload(engine: Engine) {
    for (tier, most) in [(Tier::EmailVerified, 131_072), (Tier::Corporate, 524_288)] {
        let server = hosted(engine, tier).await;
        let worker = server.agent("worker").await;
        // The size includes the JSON around it.
        let object = |bytes: usize| json!({ "p": "x".repeat(bytes - r#"{"p":""}"#.len()) });
        let create = async |bytes: usize| {
            let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": object(bytes) });
            server.send(&server.admin, "POST", "/v1/intents", Some(body)).await
        };
        create(most + 1).await.refused(413, "payload_too_large");
        let id = crate::harness::id_of(&create(most).await.ok());
        let apply = async |bytes: usize| {
            let body = json!({
                "scenario_id": "s.v1", "intent": { "type": "intent.ask.v1", "payload": object(bytes) },
            });
            server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(body)).await
        };
        apply(most + 1).await.refused(413, "payload_too_large");
        apply(most).await.ok();
        let resolve = async |bytes: usize| {
            let body = json!({ "status": "COMPLETED", "result": object(bytes) });
            server.send(&worker, "POST", &format!("/v1/intents/{id}/resolve"), Some(body)).await
        };
        resolve(most + 1).await.refused(413, "payload_too_large");
        resolve(most).await.ok();
        let intent = server.intent(&id).await;
        assert_eq!((&intent["payload"], &intent["result"]), (&object(most), &object(most)));
        let overview = server.get(&server.admin, "/v1/portal/enterprise/overview").await["overview"].clone();
        assert_eq!(overview["quota_policy"]["dimensions"]["payload_max_bytes"], most);
    }
}

async fn a_removed_member_returns_only_within_the_limit(engine: Engine) {
    let server = hosted(engine, Tier::EmailVerified).await;
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    let workspace = &server.bootstrap.workspace_id;
    let add = async |n: u32| {
        let body = json!({ "actor_id": format!("p{n}@example.com"), "role": "member", "workspace_id": workspace });
        let added = server.send(&server.admin, "POST", &members, Some(body)).await.ok();
        format!("{members}/{}", added["member"]["member_id"].as_str().unwrap())
    };
    let patch = async |path: &str, status: &str| {
        server.send(&server.admin, "PATCH", path, Some(json!({ "status": status }))).await
    };
    let (first, second) = (add(1).await, add(2).await);
    for n in 3..20 {
        add(n).await;
    }
    server.send(&server.admin, "DELETE", &first, None).await.ok();
    add(20).await;
    for status in ["active", "invited", "suspended"] {
        exceeded(patch(&first, status).await, "actors_total", 20, 20);
    }
    patch(&second, "suspended").await.ok();
    exceeded(patch(&first, "active").await, "actors_total", 20, 20);
    patch(&second, "removed").await.ok();
    patch(&first, "active").await.ok();
    patch(&first, "suspended").await.ok();
    patch(&first, "active").await.ok();
}

async fn organization_wide_members_use_a_place_in_each_of_its_workspaces(engine: Engine) {
    let server = hosted(engine, Tier::EmailVerified).await;
    let (path, org) = organization(&server, "Acme").await;
    let main = workspace(&server, &path, "Main").await;
    let members = format!("{path}/members");
    let body = json!({ "actor_id": "here@example.com", "role": "member", "workspace_id": main });
    server.post(&server.admin, &members, body).await;
    // The workspace of the key that adds them has no limit, and plays no part.
    limit(&server, &server.bootstrap.org_id, &server.bootstrap.workspace_id, json!({}), "grace").await;
    let add = async |n: u32| {
        let body = json!({ "actor_id": format!("p{n}@example.com"), "role": "member" });
        server.send(&server.admin, "POST", &members, Some(body)).await
    };
    for n in 0..18 {
        add(n).await.ok();
    }
    exceeded(add(18).await, "actors_total", 20, 20);
    let list = server.get(&server.admin, &members).await;
    assert_eq!(list["members"].as_array().unwrap().len(), 20, "a refused call leaves nothing");
    limit(&server, &org, &main, json!({}), "grace").await;
    add(18).await.ok();
}
