//! Access requests and their review.

use std::time::Duration;

use axme_store::Tx;
use axme_store::access_requests::{self as requests, AccessRequest, RequestState, RequestType};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Engine, Server, each_engine};
use crate::organizations::organization;
use axme_store::Shard;

each_engine! {
    a_person_joins_once_their_request_is_approved,
    an_organization_a_role_and_a_tier_are_given_as_asked,
    requests_expire_and_bad_ones_are_refused,
    open_requests_are_found_behind_decided_ones,
    open_requests_are_limited,
    members_find_their_own_requests_behind_those_of_others,
    an_approved_request_never_lowers_a_role,
}

const REQUESTS: &str = "/v1/access-requests";

async fn ask(server: &Server, key: &str, body: Value) -> Value {
    server.post(key, REQUESTS, body).await["access_request"].clone()
}

async fn review(server: &Server, key: &str, request: &Value, decision: &str) -> Answer {
    let path = format!("{REQUESTS}/{}/review", request["access_request_id"].as_str().unwrap());
    let body = json!({ "decision": decision, "reviewer_actor_id": "boss", "review_comment": "so be it" });
    server.send(key, "POST", &path, Some(body)).await
}

async fn a_person_joins_once_their_request_is_approved(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let stranger = server.workspace("other", "default").await;
    let body = json!({
        "request_type": "join_organization", "requester_actor_id": "owner@other.default", "org_id": id,
        "requested_role": "org_admin", "justification": "we work together",
    });
    let asked = ask(&server, &stranger, body).await;
    assert_eq!((&asked["state"], &asked["reviewed_at"]), (&json!("pending"), &Value::Null));
    server.send(&stranger, "GET", &org, None).await.refused(404, "not_found");
    review(&server, &stranger, &asked, "approve").await.refused(403, "forbidden");

    let waiting = server.get(&server.admin, &format!("{REQUESTS}?org_id={id}&state=pending")).await;
    assert_eq!(waiting["access_requests"], json!([asked]));
    let waits = review(&server, &server.admin, &asked, "waitlist").await.ok();
    assert_eq!(waits["access_request"]["state"], "waitlisted");
    let approved = review(&server, &server.admin, &asked, "approve").await.ok()["access_request"].clone();
    assert_eq!((&approved["state"], &approved["reviewer_actor_id"]), (&json!("approved"), &json!("boss")));
    server.get(&stranger, &org).await;
    for decision in ["approve", "reject"] {
        let again = review(&server, &server.admin, &asked, decision).await;
        again.refused(409, "access_request_decided");
    }
    let own = server.get(&stranger, REQUESTS).await["access_requests"].clone();
    assert_eq!(own, json!([approved]));
    let path = format!("{REQUESTS}/{}", asked["access_request_id"].as_str().unwrap());
    assert_eq!(server.get(&stranger, &path).await["access_request"], approved);
    let other = server.workspace("third", "default").await;
    server.send(&other, "GET", &path, None).await.refused(404, "not_found");
    assert_eq!(server.get(&other, REQUESTS).await["access_requests"], json!([]));
}

async fn an_organization_a_role_and_a_tier_are_given_as_asked(engine: Engine) {
    let server = Server::start(engine).await;
    let stranger = server.workspace("other", "default").await;
    let me = "owner@local";
    let body = json!({ "request_type": "create_organization", "requester_actor_id": me, "company_name": "New Inc" });
    let asked = ask(&server, &server.admin, body).await;
    let made = review(&server, &server.admin, &asked, "approve").await.ok();
    let org = made["access_request"]["org_id"].as_str().unwrap();
    let shown = server.get(&server.admin, &format!("/v1/organizations/{org}")).await;
    assert_eq!(shown["organization"]["name"], "New Inc");

    let members = format!("/v1/organizations/{org}/members");
    let body = json!({ "actor_id": "owner@other.default", "role": "member" });
    server.post(&server.admin, &members, body).await;
    let body = json!({
        "request_type": "elevated_role", "requester_actor_id": "owner@other.default", "org_id": org,
        "requested_role": "billing_viewer",
    });
    let asked = ask(&server, &stranger, body).await;
    review(&server, &server.admin, &asked, "approve").await.ok();
    let listed = server.get(&server.admin, &members).await["members"].clone();
    let roles: Vec<&Value> = listed.as_array().unwrap().iter().map(|member| &member["role"]).collect();
    assert!(roles.contains(&&json!("billing_viewer")) && roles.len() == 2, "{listed}");
    // A member cannot be added again with another role.
    let body = json!({ "actor_id": "owner@other.default", "role": "org_admin" });
    server.send(&server.admin, "POST", &members, Some(body)).await.refused(409, "member_exists");

    let body = json!({
        "request_type": "quota_upgrade", "requester_actor_id": me, "requested_tier": "corporate",
        "company_name": "Local", "justification": "more",
    });
    let asked = ask(&server, &server.admin, body).await;
    assert_eq!(asked["requested_tier"], "corporate");
    review(&server, &server.admin, &asked, "approve").await.ok();
    let quota = server.get(&server.admin, "/v1/quotas").await["quota_policy"].clone();
    assert_eq!(quota["dimensions"]["intents_per_day"], 5_000);
    let rejected = ask(
        &server,
        &server.admin,
        json!({
            "request_type": "elevated_role", "requester_actor_id": "x", "requested_role": "org_owner",
        }),
    )
    .await;
    let rejected = review(&server, &server.admin, &rejected, "reject").await.ok();
    assert_eq!(rejected["access_request"]["state"], "rejected");
}

async fn requests_expire_and_bad_ones_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let unknown = "00000000-0000-0000-0000-000000000009";
    for (body, status) in [
        (json!({ "request_type": "elevated_role" }), 422),
        (json!({ "request_type": "king", "requester_actor_id": "a" }), 422),
        (json!({ "request_type": "elevated_role", "requester_actor_id": "a" }), 422),
        (json!({ "request_type": "join_organization", "requester_actor_id": "a" }), 422),
        (json!({ "request_type": "create_organization", "requester_actor_id": "a" }), 422),
        (json!({ "request_type": "quota_upgrade", "requester_actor_id": "a", "requested_tier": "gold" }), 422),
        (json!({ "request_type": "join_organization", "requester_actor_id": "a", "org_id": unknown }), 404),
    ] {
        let answer = server.send(&server.admin, "POST", REQUESTS, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    server.send(&server.admin, "GET", &format!("{REQUESTS}?state=x"), None).await.refused(422, "validation_failed");
    server.send(&server.admin, "GET", &format!("{REQUESTS}/x"), None).await.refused(404, "not_found");
    let body = json!({
        "request_type": "elevated_role", "requester_actor_id": "a", "requested_role": "member",
        "expires_at": "2026-01-01T00:01:00Z",
    });
    let asked = ask(&server, &server.admin, body).await;
    review(&server, &server.admin, &asked, "perhaps").await.refused(422, "validation_failed");
    server.clock.advance(Duration::from_secs(60));
    let listed = server.get(&server.admin, &format!("{REQUESTS}?state=expired")).await["access_requests"].clone();
    assert_eq!(listed[0]["access_request_id"], asked["access_request_id"]);
    review(&server, &server.admin, &asked, "approve").await.refused(409, "access_request_decided");
}

/// A workspace that does not exist.
const ELSEWHERE: Uuid = Uuid::from_u128(7);

/// Inserts requests to join an organization, one second apart. Each expires `expires` seconds later.
async fn insert_requests(
    server: &Server,
    org: &str,
    (from, requester): (Uuid, &str),
    states: &'static [&'static str],
    expires: Option<u64>,
) {
    let (org, requester) = (org.parse().unwrap(), requester.to_owned());
    let (now, rng) = (server.now(), server.app.system.rng.clone());
    let insert = move |tx: &mut Tx<'_>| -> axme_core::error::Result<_> {
        for (n, state) in (0..).zip(states) {
            let at = now.plus_seconds(n);
            let request = AccessRequest {
                access_request_id: rng.uuid_at(at),
                review_org_id: org,
                from_workspace_id: from,
                requested_by: requester.clone(),
                request_type: RequestType::JoinOrganization,
                state: RequestState::parse(state).unwrap(),
                requester_actor_id: format!("{state}@example.com"),
                org_id: Some(org),
                workspace_id: None,
                requested_role: None,
                requested_tier: None,
                company_name: None,
                justification: None,
                reviewer_actor_id: None,
                review_comment: None,
                reviewed_at: None,
                expires_at: expires.map(|seconds| at.plus_seconds(seconds)),
                created_at: at,
                updated_at: at,
            };
            requests::insert(tx, &request)?;
            if ["approved", "rejected"].contains(state) {
                requests::update(tx, &AccessRequest { reviewed_at: Some(at), ..request })?;
            }
        }
        Ok(())
    };
    server.app.store.write(Shard::CONTROL, insert).await.unwrap();
}

async fn open_requests_are_found_behind_decided_ones(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, id) = organization(&server, "Acme").await;
    insert_requests(&server, &id, (ELSEWHERE, "a"), &["rejected"; 6_000], None).await;
    server.clock.advance(Duration::from_secs(10_000));
    insert_requests(&server, &id, (ELSEWHERE, "b"), &["pending", "approved", "waitlisted", "pending"], None).await;
    server.clock.advance(Duration::from_secs(10));
    insert_requests(&server, &id, (ELSEWHERE, "b"), &["pending"], Some(1)).await;
    server.clock.advance(Duration::from_secs(10));
    let listed = async |path: &str, field: &str| {
        let found = server.get(&server.admin, path).await;
        let requests = found[field].as_array().unwrap().clone();
        let states = requests.iter().map(|request| request["state"].as_str().unwrap().to_owned());
        (states.collect::<Vec<_>>(), requests.last().map(|last| last["access_request_id"].clone()), found)
    };
    for (state, count) in [("pending", 2), ("waitlisted", 1), ("approved", 1), ("expired", 1), ("rejected", 100)] {
        let (states, ..) = listed(&format!("{REQUESTS}?org_id={id}&state={state}"), "access_requests").await;
        assert_eq!(states, vec![state; count]);
    }
    let (all, ..) = listed(&format!("{REQUESTS}?org_id={id}&limit=1000"), "access_requests").await;
    assert_eq!(all, vec!["rejected"; 1_000]);

    let queue = format!("/v1/portal/enterprise/request-queue?org_id={id}");
    let (states, _, answer) = listed(&queue, "requests").await;
    assert_eq!((states.join(" ").as_str(), &answer["has_more"]), ("pending waitlisted pending", &json!(false)));
    let (states, last, answer) = listed(&format!("{queue}&limit=2"), "requests").await;
    assert_eq!((states.join(" ").as_str(), &answer["has_more"]), ("pending waitlisted", &json!(true)));
    let path = format!("{queue}&limit=2&after={}", last.unwrap().as_str().unwrap());
    let (states, _, answer) = listed(&path, "requests").await;
    assert_eq!((states.join(" ").as_str(), &answer["has_more"]), ("pending", &json!(false)));

    // Decided and expired requests are deleted in the end; waiting ones are not.
    server.clock.advance(Duration::from_secs(91 * 86_400));
    axme_server::workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    let (states, ..) = listed(&format!("{REQUESTS}?org_id={id}"), "access_requests").await;
    assert_eq!(states.join(" "), "pending waitlisted pending");
}

async fn open_requests_are_limited(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, id) = organization(&server, "Acme").await;
    let stranger = server.workspace("other", "default").await;
    let body = json!({ "request_type": "join_organization", "requester_actor_id": "x", "org_id": id });
    insert_requests(&server, &id, (ELSEWHERE, "owner@other.default"), &["pending"; 99], None).await;
    let last = ask(&server, &stranger, body.clone()).await;
    let answer = server.send(&stranger, "POST", REQUESTS, Some(body.clone())).await;
    answer.refused(422, "validation_failed");
    review(&server, &server.admin, &last, "reject").await.ok();
    ask(&server, &stranger, body.clone()).await;

    insert_requests(&server, &id, (ELSEWHERE, "others"), &["waitlisted"; 900], None).await;
    let third = server.workspace("third", "default").await;
    let answer = server.send(&third, "POST", REQUESTS, Some(body.clone())).await;
    assert!(answer.body["message"].as_str().unwrap().contains("from outside"), "{}", answer.body);
    answer.refused(422, "validation_failed");
    ask(&server, &server.admin, body.clone()).await;
    let (_, elsewhere) = organization(&server, "Else").await;
    let body = json!({ "request_type": "join_organization", "requester_actor_id": "x", "org_id": elsewhere });
    ask(&server, &third, body).await;
}

async fn members_find_their_own_requests_behind_those_of_others(engine: Engine) {
    let server = Server::start_open(engine).await;
    let (_, id) = organization(&server, "Acme").await;
    let here = &server.bootstrap.workspace_id;
    insert_requests(&server, &id, (here.parse().unwrap(), "others"), &["pending"; 600], None).await;
    server.clock.advance(Duration::from_secs(600));
    let body = json!({ "actor_id": "ann@example.com", "role": "member", "workspace_id": here });
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    server.post(&server.admin, &members, body).await;
    let ann = server.sign_in("ann@example.com").await;
    let body = json!({ "request_type": "join_organization", "requester_actor_id": "x", "org_id": id });
    let mine = server.as_person(&ann, "POST", REQUESTS, Some(body)).await.ok()["access_request"].clone();
    let after = format!("after={}", mine["access_request_id"].as_str().unwrap());
    for (query, expected) in [
        ("limit=1", json!([mine])),
        ("limit=2&state=pending", json!([mine])),
        ("limit=1&state=rejected", json!([])),
        (&after, json!([])),
    ] {
        let listed = server.as_person(&ann, "GET", &format!("{REQUESTS}?{query}"), None).await.ok();
        assert_eq!(listed["access_requests"], expected, "{query}");
    }
}

async fn an_approved_request_never_lowers_a_role(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let members = format!("{org}/members");
    for (actor, role) in [
        ("b@example.com", "org_owner"),
        ("c@example.com", "workspace_admin"),
        ("d@example.com", "security_auditor"),
        ("e@example.com", "member"),
    ] {
        server.post(&server.admin, &members, json!({ "actor_id": actor, "role": role })).await;
    }
    let before = server.get(&server.admin, &members).await;
    let stranger = server.workspace("other", "default").await;
    let join = async |actor: &str, role: Value| {
        let body = json!({
            "request_type": "join_organization", "requester_actor_id": actor, "org_id": id, "requested_role": role,
        });
        ask(&server, &stranger, body).await
    };
    for (actor, role) in [
        ("b@example.com", Value::Null),
        ("b@example.com", json!("org_admin")),
        ("c@example.com", json!("member")),
        ("c@example.com", json!("billing_viewer")),
        ("d@example.com", Value::Null),
        ("e@example.com", json!("billing_viewer")),
    ] {
        let asked = join(actor, role).await;
        review(&server, &server.admin, &asked, "approve").await.refused(409, "member_exists");
        assert_eq!(server.get(&server.admin, &members).await, before, "{asked}");
        review(&server, &server.admin, &asked, "reject").await.ok();
    }
    for (actor, role) in [("e@example.com", Value::Null), ("d@example.com", json!("org_admin"))] {
        review(&server, &server.admin, &join(actor, role).await, "approve").await.ok();
    }
    let after = server.get(&server.admin, &members).await["members"].clone();
    let of = |actor: &str| after.as_array().unwrap().iter().find(|member| member["actor_id"] == actor).unwrap();
    assert_eq!((&of("e@example.com")["role"], &of("d@example.com")["role"]), (&json!("member"), &json!("org_admin")));
}
