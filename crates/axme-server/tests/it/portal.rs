//! The portal of an organization (`spec/protocol.md` §2.28).

use axme_store::Limits;
use axme_store::Tier;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::organizations::{organization, workspace};
use crate::principals::place;

each_engine! {
    the_overview_shows_totals_and_usage,
    the_overview_shows_the_limits_of_the_tier,
    the_overview_counts_as_the_limits_do,
    the_navigation_lists_only_permitted_sections,
    the_queue_lists_undecided_requests,
}

const PORTAL: &str = "/v1/portal/enterprise";

async fn the_overview_shows_totals_and_usage(engine: Engine) {
    let server = Server::start(engine).await;
    server.submit("worker", json!({})).await;
    let path = format!("{PORTAL}/overview?{}", place(&server));
    let overview = server.get(&server.admin, &path).await["overview"].clone();
    let policy = &overview["quota_policy"];
    let expected = (&json!("self_hosted"), &json!("grace"), &json!(false));
    assert_eq!((&policy["tier"], &policy["overage_mode"], &policy["hard_enforcement"]), expected);
    let none = i32::MAX;
    let limits = json!({
        "intents_per_day": none, "rate_limit_per_minute": none, "payload_max_bytes": 131_072, "storage_bytes": none,
        "sse_streams_max": server.app.limits.streams_per_account, "actors_total": none,
        "service_accounts_per_workspace": none,
    });
    assert_eq!(policy["dimensions"], limits, "dimensions without a limit are listed, for their use");
    let used = &overview["usage_summary"]["dimensions"];
    let count = |name: &str| used[name]["used"].as_u64().unwrap();
    let counts = ["intents_per_day", "storage_bytes", "actors_total", "service_accounts_per_workspace"].map(count);
    assert_eq!(counts, [1, 0, 1, 0]);

    let quota = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "overage_mode": "block",
        "dimensions": { "intents_per_day": 5_000, "requests_per_minute": 600, "media_storage_bytes": 10 },
    });
    server.send(&server.admin, "PATCH", "/v1/quotas", Some(quota)).await.ok();
    let policy = server.get(&server.admin, &path).await["overview"]["quota_policy"].clone();
    let limits = &policy["dimensions"];
    let seen = (&limits["intents_per_day"], &limits["rate_limit_per_minute"], &limits["storage_bytes"]);
    assert_eq!(seen, (&json!(5_000), &json!(600), &json!(10)));
    assert_eq!((&policy["tier"], &policy["hard_enforcement"]), (&json!("custom"), &json!(true)));
}

async fn the_overview_shows_the_limits_of_the_tier(engine: Engine) {
    let limits = Limits { tier: Tier::EmailVerified, ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let path = format!("{PORTAL}/overview?{}", place(&server));
    let policy = server.get(&server.admin, &path).await["overview"]["quota_policy"].clone();
    assert_eq!(policy["tier"], "email_verified");
    let expected = json!({
        "intents_per_day": 500, "rate_limit_per_minute": 120, "payload_max_bytes": 131_072, "storage_bytes": 1 << 30,
        "actors_total": 20, "service_accounts_per_workspace": 20, "sse_streams_max": 20,
    });
    assert_eq!(policy["dimensions"], expected);
}

async fn the_overview_counts_as_the_limits_do(engine: Engine) {
    let limits = Limits { tier: Tier::EmailVerified, ..Limits::default() };
    let server = Server::start_with(engine, limits).await;
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    for n in 0..18 {
        let body = json!({ "actor_id": format!("p{n}@example.com"), "role": "member" });
        server.post(&server.admin, &members, body).await;
        server.post(&server.admin, "/v1/service-accounts", json!({ "name": format!("agent-{n}") })).await;
    }
    let listed = server.get(&server.admin, &members).await["members"].clone();
    for (member, status) in listed.as_array().unwrap()[1..].iter().zip(["invited", "suspended", "removed"]) {
        let path = format!("{members}/{}", member["member_id"].as_str().unwrap());
        server.send(&server.admin, "PATCH", &path, Some(json!({ "status": status }))).await.ok();
    }
    let gone = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "gone" })).await;
    let path = format!("/v1/service-accounts/{}", gone["service_account_id"].as_str().unwrap());
    server.send(&server.admin, "DELETE", &path, None).await.ok();
    let body = json!({ "owner_agent": "agent-1", "filename": "f", "mime_type": "a/b", "size_bytes": 1_000 });
    server.post(&server.admin, "/v1/media/create-upload", body).await;

    let path = format!("{PORTAL}/overview?{}", place(&server));
    let used = server.get(&server.admin, &path).await["overview"]["usage_summary"]["dimensions"].clone();
    let count = |name: &str| used[name]["used"].as_u64().unwrap();
    let counts = ["storage_bytes", "actors_total", "service_accounts_per_workspace"].map(count);
    assert_eq!(counts, [1_000, 18, 18]);
}

async fn the_navigation_lists_only_permitted_sections(engine: Engine) {
    let server = Server::start(engine).await;
    let sections = async |key: &str, query: &str| {
        let navigation = server.get(key, &format!("{PORTAL}/navigation?{query}")).await["navigation"].clone();
        navigation["sections"].as_array().unwrap().clone()
    };
    let of_owner = sections(&server.admin, &place(&server)).await;
    assert_eq!(of_owner.len(), 9);
    let (org, id) = organization(&server, "Acme").await;
    let ws = workspace(&server, &org, "Main").await;
    let key = server.workspace("elsewhere", "plain").await;
    let query = format!("org_id={id}&workspace_id={ws}");
    server.send(&key, "GET", &format!("{PORTAL}/navigation?{query}"), None).await.refused(404, "not_found");
    let body = json!({ "actor_id": "owner@elsewhere.plain", "role": "billing_viewer", "workspace_id": ws });
    server.post(&server.admin, &format!("{org}/members"), body).await;
    let of_viewer = sections(&key, &query).await;
    let names: Vec<&str> = of_viewer.iter().map(|section| section["section"].as_str().unwrap()).collect();
    assert_eq!(names, ["organization", "workspaces", "quotas", "billing"]);
    assert!(of_viewer.iter().all(|section| section["can_change"] == false));
    for section in of_owner {
        let path = section["path"].as_str().unwrap();
        // No plan exists yet.
        let expected = if section["section"] == "billing" { 404 } else { 200 };
        assert_eq!(server.send(&server.admin, "GET", path, None).await.status, expected, "{path}");
    }
}

async fn the_queue_lists_undecided_requests(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let main = workspace(&server, &org, "Main").await;
    let key = server.workspace("elsewhere", "plain").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let body = json!({
            "request_type": "join_organization", "requester_actor_id": format!("a{n}"), "org_id": id,
            "workspace_id": if n == 0 { json!(main) } else { Value::Null },
        });
        let made = server.post(&key, "/v1/access-requests", body).await["access_request"].clone();
        ids.push(made["access_request_id"].as_str().unwrap().to_owned());
    }
    let queue = async |query: &str| {
        let answer = server.get(&server.admin, &format!("{PORTAL}/request-queue?org_id={id}&{query}")).await;
        let requests = answer["requests"].as_array().unwrap().clone();
        let ids = requests.iter().map(|request| request["access_request_id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), answer["has_more"] == true)
    };
    assert_eq!(queue("").await, (ids.clone(), false));
    assert_eq!(queue("limit=2").await, (ids[..2].to_vec(), true));
    assert_eq!(queue(&format!("workspace_id={main}")).await, (ids[..1].to_vec(), false));
    let review = format!("/v1/access-requests/{}/review", ids[1]);
    server.post(&server.admin, &review, json!({ "decision": "reject" })).await;
    assert_eq!(queue("").await, (vec![ids[0].clone(), ids[2].clone()], false));
    assert_eq!(queue("state=rejected").await, (ids[1..2].to_vec(), false));
    let listed = server.get(&server.admin, &format!("{PORTAL}/access-requests?org_id={id}&state=rejected")).await;
    assert_eq!(listed["access_requests"][0]["access_request_id"], json!(ids[1]));

    server.send(&key, "GET", &format!("{PORTAL}/request-queue?org_id={id}"), None).await.refused(404, "not_found");
    for query in [format!("org_id={id}&state=new"), format!("org_id={id}&limit=0"), String::new()] {
        let answer = server.send(&server.admin, "GET", &format!("{PORTAL}/request-queue?{query}"), None).await;
        answer.refused(422, "validation_failed");
    }
}
