//! Organizations and workspaces, and the rights of one key in several.

use serde_json::json;

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    an_organization_is_created_read_and_updated,
    invalid_organizations_are_refused,
    workspaces_are_created_listed_and_updated,
    one_key_runs_the_accounts_of_the_workspaces_it_made,
    keys_of_suspended_workspaces_and_organizations_are_refused,
    a_deleted_account_ends_with_its_keys_and_comes_back_without_them,
    workspaces_of_an_organization_are_limited,
}

pub const ORGS: &str = "/v1/organizations";

/// Creates an organization; returns its path and its id.
pub async fn organization(server: &Server, name: &str) -> (String, String) {
    let body = json!({ "name": name, "requested_by_actor_id": "actor_1" });
    let made = server.post(&server.admin, ORGS, body).await;
    let id = made["organization"]["org_id"].as_str().unwrap().to_owned();
    (format!("{ORGS}/{id}"), id)
}

/// Creates a workspace in it; returns its id.
pub async fn workspace(server: &Server, org: &str, name: &str) -> String {
    let body = json!({ "name": name, "environment": "sandbox" });
    let made = server.post(&server.admin, &format!("{org}/workspaces"), body).await;
    made["workspace"]["workspace_id"].as_str().unwrap().to_owned()
}

async fn an_organization_is_created_read_and_updated(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({
        "name": "Acme Corp", "requested_by_actor_id": "actor_1", "legal_name": "Acme GmbH",
        "primary_domain": "acme.example", "metadata": { "size": 3 },
    });
    let made = server.post(&server.admin, ORGS, body).await["organization"].clone();
    let at = "2026-01-01T00:00:00.000Z";
    let mut expected = json!({
        "org_id": made["org_id"], "name": "Acme Corp", "legal_name": "Acme GmbH", "primary_domain": "acme.example",
        "status": "active", "metadata": { "size": 3 }, "created_at": at, "updated_at": at,
    });
    assert_eq!(made, expected);
    let path = format!("{ORGS}/{}", made["org_id"].as_str().unwrap());
    workspace(&server, &path, "one").await;
    expected["workspaces_count"] = json!(1);
    expected["members_count"] = json!(1);
    assert_eq!(server.get(&server.admin, &path).await["organization"], expected);

    server.clock.advance(std::time::Duration::from_secs(1));
    let change = json!({ "name": "Acme", "status": "suspended", "org_id": made["org_id"] });
    let changed = server.send(&server.admin, "PATCH", &path, Some(change)).await.ok()["organization"].clone();
    assert_eq!((&changed["name"], &changed["status"]), (&json!("Acme"), &json!("suspended")));
    assert_eq!(changed["legal_name"], "Acme GmbH", "omitted fields stay");
    assert_eq!(changed["updated_at"], "2026-01-01T00:00:01.000Z");
    // The same name again is another organization, with another slug.
    organization(&server, "Acme Corp").await;
}

async fn invalid_organizations_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, _) = organization(&server, "Acme").await;
    for body in [
        json!({}),
        json!({ "name": "x" }),
        json!({ "name": "x".repeat(121) }),
        json!({ "name": "ok", "legal_name": "x" }),
        json!({ "name": "ok", "primary_domain": "x" }),
        json!({ "name": "ok", "metadata": "text" }),
        json!({ "name": "ok", "requested_by_actor_id": "x".repeat(256) }),
    ] {
        server.send(&server.admin, "POST", ORGS, Some(body)).await.refused(422, "validation_failed");
    }
    for body in [json!({ "status": "gone" }), json!({ "name": "x" })] {
        server.send(&server.admin, "PATCH", &path, Some(body)).await.refused(422, "validation_failed");
    }
    let other = json!({ "org_id": "00000000-0000-0000-0000-000000000009" });
    server.send(&server.admin, "PATCH", &path, Some(other)).await.refused(400, "path_mismatch");
    for unknown in ["nonsense", "00000000-0000-0000-0000-000000000009"] {
        server.send(&server.admin, "GET", &format!("{ORGS}/{unknown}"), None).await.refused(404, "not_found");
    }
    let own = format!("{ORGS}/{}", server.bootstrap.org_id);
    let archived = json!({ "status": "archived" });
    server.send(&server.admin, "PATCH", &own, Some(archived)).await.refused(409, "own_tenant");
    for body in [
        json!({}),
        json!({ "name": "ok" }),
        json!({ "name": "x", "environment": "sandbox" }),
        json!({ "name": "ok", "environment": "moon" }),
        json!({ "name": "ok", "environment": "sandbox", "region": "x" }),
    ] {
        let path = format!("{path}/workspaces");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
    }
    let list = format!("{path}/workspaces?after=nonsense");
    server.send(&server.admin, "GET", &list, None).await.refused(422, "validation_failed");
}

async fn workspaces_are_created_listed_and_updated(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, org) = organization(&server, "Acme").await;
    let body = json!({ "name": "Main", "environment": "staging", "region": "eu-1", "org_id": org });
    let made = server.post(&server.admin, &format!("{path}/workspaces"), body).await["workspace"].clone();
    let at = "2026-01-01T00:00:00.000Z";
    let expected = json!({
        "workspace_id": made["workspace_id"], "org_id": org, "name": "Main", "environment": "staging",
        "status": "active", "region": "eu-1", "created_at": at, "updated_at": at,
    });
    assert_eq!(made, expected);
    server.clock.advance(std::time::Duration::from_secs(1));
    workspace(&server, &path, "Main").await;
    let list = format!("{path}/workspaces");
    let listed = server.get(&server.admin, &list).await["workspaces"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let page = server.get(&server.admin, &format!("{list}?limit=1")).await["workspaces"].clone();
    assert_eq!(page, json!([listed[0]]));
    let last = page[0]["workspace_id"].as_str().unwrap();
    let page = server.get(&server.admin, &format!("{list}?after={last}")).await["workspaces"].clone();
    assert_eq!(page, json!([listed[1]]));

    let path = format!("{list}/{}", made["workspace_id"].as_str().unwrap());
    let change = json!({ "name": "Prime", "environment": "production", "region": "eu-2" });
    let changed = server.send(&server.admin, "PATCH", &path, Some(change)).await.ok()["workspace"].clone();
    let fields = (&changed["name"], &changed["environment"], &changed["region"], &changed["status"]);
    assert_eq!(fields, (&json!("Prime"), &json!("production"), &json!("eu-2"), &json!("active")));
    let wrong = json!({ "status": "pending" });
    server.send(&server.admin, "PATCH", &path, Some(wrong)).await.refused(422, "validation_failed");
    let foreign = format!("{list}/{}", server.bootstrap.workspace_id);
    server.send(&server.admin, "PATCH", &foreign, Some(json!({}))).await.refused(404, "not_found");
}

async fn one_key_runs_the_accounts_of_the_workspaces_it_made(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, org) = organization(&server, "Acme").await;
    let ws = workspace(&server, &path, "Main").await;
    let accounts = "/v1/service-accounts";
    let body = json!({ "name": "worker", "org_id": org, "workspace_id": ws });
    let made = server.post(&server.admin, accounts, body).await;
    assert_eq!(made["address"], "agent://acme/main/worker");
    assert_eq!(made["service_account"]["workspace_id"], json!(ws));
    let id = made["service_account_id"].as_str().unwrap();
    let mut shown = made.clone();
    shown["keys"] = json!([]);
    assert_eq!(shown.as_object_mut().unwrap().remove("created"), Some(json!(true)));
    assert_eq!(server.get(&server.admin, &format!("{accounts}/{id}")).await, shown, "unchanged, with its keys");
    let key = server.post(&server.admin, &format!("{accounts}/{id}/keys"), json!({})).await;
    let token = key["api_key"].as_str().unwrap();
    let me = server.get(token, "/v1/me").await;
    assert_eq!((&me["org_slug"], &me["workspace_slug"]), (&json!("acme"), &json!("main")));
    for query in [format!("?workspace_id={ws}"), format!("?org_id={org}&workspace_id={ws}")] {
        let listed = server.get(&server.admin, &format!("{accounts}{query}")).await["service_accounts"].clone();
        assert_eq!(listed, json!([made["service_account"]]));
        let agents = server.get(&server.admin, &format!("/v1/agents{query}")).await["agents"].clone();
        assert_eq!(agents[0]["address"], "agent://acme/main/worker");
    }
    let own = server.get(&server.admin, accounts).await["service_accounts"].clone();
    assert_eq!(own.as_array().unwrap().len(), 1, "its own workspace has only the admin");

    // Mismatched pairs, and an agent's key, which has no rights in its owner's name.
    let (own_org, own_ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    for (a, b) in [(&org, own_ws), (own_org, &ws)] {
        let path = format!("{accounts}?org_id={a}&workspace_id={b}");
        server.send(&server.admin, "GET", &path, None).await.refused(403, "forbidden");
    }
    let nameless = format!("{accounts}?org_id={org}");
    server.send(&server.admin, "GET", &nameless, None).await.refused(422, "validation_failed");
    let path = format!("/v1/agents?workspace_id={own_ws}");
    server.send(token, "GET", &path, None).await.refused(404, "not_found");
    let stranger = server.workspace("other", "default").await;
    for path in [format!("{accounts}?org_id={org}&workspace_id={ws}"), format!("{accounts}/{id}")] {
        server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
    }
    let wrong = format!("{accounts}/{id}/keys/{}/revoke", key["key"]["key_id"].as_str().unwrap());
    server.send(&stranger, "POST", &wrong, None).await.refused(404, "not_found");
    server.send(&server.admin, "POST", &wrong, None).await.ok();
}

async fn keys_of_suspended_workspaces_and_organizations_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, org) = organization(&server, "Acme").await;
    let ws = workspace(&server, &path, "Main").await;
    let body = json!({ "name": "worker", "org_id": org, "workspace_id": ws });
    let id = server.post(&server.admin, "/v1/service-accounts", body).await["service_account_id"].clone();
    let keys = format!("/v1/service-accounts/{}/keys", id.as_str().unwrap());
    let key = server.post(&server.admin, &keys, json!({})).await["api_key"].clone();
    let key = key.as_str().unwrap();
    for path in [path.clone(), format!("{path}/workspaces/{ws}")] {
        for (status, expected) in [("suspended", 403), ("active", 200), ("archived", 403), ("active", 200)] {
            server.send(&server.admin, "PATCH", &path, Some(json!({ "status": status }))).await.ok();
            server.clock.advance(std::time::Duration::from_secs(2));
            let answer = server.send(key, "GET", "/v1/me", None).await;
            assert_eq!(answer.status, expected, "{status}: {}", answer.body);
            if expected == 403 {
                answer.refused(403, "workspace_not_active");
            }
        }
    }
}

async fn a_deleted_account_ends_with_its_keys_and_comes_back_without_them(engine: Engine) {
    let server = Server::start(engine).await;
    let key = server.agent("worker").await;
    let made = server.post(&server.admin, "/v1/service-accounts", json!({ "name": "worker" })).await;
    let path = format!("/v1/service-accounts/{}", made["service_account_id"].as_str().unwrap());
    for revoked in [1, 0] {
        let deleted = server.send(&server.admin, "DELETE", &path, None).await.ok();
        assert_eq!((&deleted["status"], &deleted["revoked_keys"]), (&json!("deleted"), &json!(revoked)));
    }
    server.clock.advance(std::time::Duration::from_secs(2));
    server.send(&key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    assert_eq!(server.get(&server.admin, &path).await["service_account"]["status"], "deleted");
    server.send(&server.admin, "GET", "/v1/agents/worker", None).await.refused(404, "agent_not_found");
    assert_eq!(server.get(&server.admin, "/v1/agents").await["agents"], json!([]));
    let keys = format!("{path}/keys");
    server.send(&server.admin, "POST", &keys, Some(json!({}))).await.refused(409, "service_account_deleted");
    let change = json!({ "delivery_mode": "poll" });
    server.send(&server.admin, "PATCH", &path, Some(change)).await.refused(409, "service_account_deleted");

    let again = json!({ "name": "worker", "description": "again" });
    let revived = server.post(&server.admin, "/v1/service-accounts", again).await;
    assert_eq!(revived["service_account_id"], made["service_account_id"]);
    let account = &revived["service_account"];
    assert_eq!((&account["status"], &account["description"]), (&json!("active"), &json!("again")));
    server.send(&key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    server.post(&server.admin, &keys, json!({})).await;

    let me = server.get(&server.admin, "/v1/me").await["service_account"]["service_account_id"].clone();
    let own = format!("/v1/service-accounts/{}", me.as_str().unwrap());
    server.send(&server.admin, "DELETE", &own, None).await.refused(409, "own_service_account");
    server.send(&server.admin, "DELETE", "/v1/service-accounts/sa_no", None).await.refused(404, "not_found");
}

async fn workspaces_of_an_organization_are_limited(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, _) = organization(&server, "Acme").await;
    for n in 0..500 {
        workspace(&server, &path, &format!("W {n}")).await;
    }
    let body = json!({ "name": "One more", "environment": "staging" });
    let refused = server.send(&server.admin, "POST", &format!("{path}/workspaces"), Some(body)).await;
    assert!(refused.refused(422, "validation_failed").contains("at most 500"));
}
