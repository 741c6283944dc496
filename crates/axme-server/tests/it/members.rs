//! Members and their roles.

use std::collections::BTreeMap;

use axme_api::roles::{OrgRole, Permission};
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::organizations::{organization, workspace};

each_engine! {
    members_are_added_changed_and_removed,
    a_workspace_includes_and_excludes_members_of_the_organization_only,
    invalid_members_are_refused,
    an_organization_keeps_an_owner,
    nobody_grants_or_revokes_a_role_above_their_own,
    every_role_does_what_the_matrix_says,
    links_of_removed_members_stop_working,
}

/// Returns the owner of the keys of a workspace of the harness.
fn owner(org: &str, slug: &str) -> String {
    format!("owner@{org}.{slug}")
}

/// Adds a member; returns its id.
async fn add(server: &Server, org: &str, body: Value) -> String {
    let added = server.post(&server.admin, &format!("{org}/members"), body).await;
    added["member"]["member_id"].as_str().unwrap().to_owned()
}

async fn patch(server: &Server, key: &str, path: &str, body: Value) -> Answer {
    server.send(key, "PATCH", path, Some(body)).await
}

async fn members_are_added_changed_and_removed(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let ws = workspace(&server, &org, "Main").await;
    let list = format!("{org}/members");
    let body = json!({ "org_id": id, "actor_id": "a@example.com", "role": "member", "workspace_id": ws });
    let added = server.post(&server.admin, &list, body.clone()).await["member"].clone();
    let at = "2026-01-01T00:00:00.000Z";
    let expected = json!({
        "member_id": added["member_id"], "org_id": id, "workspace_id": ws, "actor_id": "a@example.com",
        "role": "member", "status": "active", "created_at": at, "updated_at": at,
    });
    assert_eq!(added, expected);
    server.send(&server.admin, "POST", &list, Some(body.clone())).await.refused(409, "member_exists");
    let of_workspace = server.get(&server.admin, &format!("{list}?workspace_id={ws}")).await["members"].clone();
    assert_eq!(of_workspace, json!([added]));
    let all = server.get(&server.admin, &list).await["members"].clone();
    assert_eq!(all.as_array().unwrap().len(), 2, "and the owner: {all}");

    let path = format!("{list}/{}", added["member_id"].as_str().unwrap());
    let change = json!({ "role": "workspace_admin", "status": "suspended" });
    let changed = patch(&server, &server.admin, &path, change).await.ok()["member"].clone();
    assert_eq!((&changed["role"], &changed["status"]), (&json!("workspace_admin"), &json!("suspended")));
    let removed = server.send(&server.admin, "DELETE", &path, None).await.ok();
    assert_eq!((&removed["removed"], &removed["member_id"]), (&json!(true), &added["member_id"]));
    assert_eq!(removed["result"]["workspace_id"], json!(ws));
    server.send(&server.admin, "DELETE", &path, None).await.refused(404, "not_found");
    assert_eq!(server.get(&server.admin, &list).await["members"].as_array().unwrap().len(), 1);
    let again = server.post(&server.admin, &list, body).await["member"].clone();
    assert_eq!(again["member_id"], added["member_id"], "a removed member may come back");
}

async fn a_workspace_includes_and_excludes_members_of_the_organization_only(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let (ws, other) = (workspace(&server, &org, "Main").await, workspace(&server, &org, "Other").await);
    let of_workspace = |ws: &str| format!("/v1/workspaces/{ws}/members");
    let include = async |ws: &str, role: &str| {
        let body = json!({ "actor_id": "b@example.com", "role": role, "org_id": id });
        server.send(&server.admin, "POST", &format!("{}/include", of_workspace(ws)), Some(body)).await
    };
    let exclude = async |ws: &str, member: &Value| {
        let path = format!("{}/{}/exclude", of_workspace(ws), member["member_id"].as_str().unwrap());
        server.send(&server.admin, "DELETE", &path, None).await
    };
    let statuses = async || {
        let list = server.get(&server.admin, &format!("{org}/members")).await["members"].clone();
        let theirs = list.as_array().unwrap().iter().filter(|member| member["actor_id"] == "b@example.com");
        theirs.map(|member| (member["workspace_id"].clone(), member["status"].clone())).collect::<Vec<_>>()
    };
    let refused = include(&ws, "member").await;
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("not a member of the organization"));
    refused.refused(404, "not_found");
    assert_eq!(statuses().await, []);

    let body = json!({ "actor_id": "b@example.com", "role": "member", "workspace_id": ws });
    let first = server.post(&server.admin, &format!("{org}/members"), body).await["member"].clone();
    let second = include(&other, "member").await.ok()["member"].clone();
    assert_eq!(second["workspace_id"], json!(other));
    include(&other, "member").await.refused(409, "member_exists");

    // They are in another workspace, so this membership ends.
    let excluded = exclude(&other, &second).await.ok();
    assert_eq!((&excluded["status"], &excluded["result"]["removed"]), (&json!("removed"), &json!(true)));
    exclude(&other, &second).await.refused(404, "not_found");
    assert_eq!(statuses().await, [(json!(ws), json!("active"))]);
    // The last membership keeps them in the organization, without any right.
    let excluded = exclude(&ws, &first).await.ok();
    assert_eq!((&excluded["status"], &excluded["removed"]), (&json!("suspended"), &json!(true)));
    assert_eq!(exclude(&ws, &first).await.ok(), excluded, "a repeat has no effect");
    assert_eq!(statuses().await, [(json!(ws), json!("suspended"))]);

    let again = include(&ws, "workspace_admin").await.ok()["member"].clone();
    assert_eq!((&again["member_id"], &again["role"]), (&first["member_id"], &json!("workspace_admin")));
    assert_eq!(statuses().await, [(json!(ws), json!("active"))]);
    let path = format!("{org}/members/{}", first["member_id"].as_str().unwrap());
    assert_eq!(server.send(&server.admin, "DELETE", &path, None).await.ok()["status"], "removed");
    assert_eq!(statuses().await, []);
    include(&ws, "member").await.refused(404, "not_found");
}

async fn invalid_members_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, _) = organization(&server, "Acme").await;
    let ws = workspace(&server, &org, "Main").await;
    let list = format!("{org}/members");
    for body in [
        json!({ "role": "member" }),
        json!({ "actor_id": "a" }),
        json!({ "actor_id": " ", "role": "member" }),
        json!({ "actor_id": "a".repeat(256), "role": "member" }),
        json!({ "actor_id": "a", "role": "platform_admin" }),
    ] {
        server.send(&server.admin, "POST", &list, Some(body)).await.refused(422, "validation_failed");
    }
    let foreign = json!({ "actor_id": "a", "role": "member", "workspace_id": server.bootstrap.workspace_id });
    server.send(&server.admin, "POST", &list, Some(foreign)).await.refused(403, "forbidden");
    let include = format!("/v1/workspaces/{ws}/members/include");
    for body in [json!({}), json!({ "actor_id": "a", "role": "org_owner" })] {
        server.send(&server.admin, "POST", &include, Some(body)).await.refused(422, "validation_failed");
    }
    let member = add(&server, &org, json!({ "actor_id": "a", "role": "member" })).await;
    let path = format!("{list}/{member}");
    for body in [json!({ "role": "king" }), json!({ "status": "asleep" })] {
        patch(&server, &server.admin, &path, body).await.refused(422, "validation_failed");
    }
    let wrong = json!({ "member_id": ws });
    patch(&server, &server.admin, &path, wrong).await.refused(400, "path_mismatch");
    for unknown in ["nonsense", &ws] {
        let path = format!("{list}/{unknown}");
        server.send(&server.admin, "DELETE", &path, None).await.refused(404, "not_found");
    }
    // A member of the whole organization cannot be excluded from one workspace.
    let path = format!("/v1/workspaces/{ws}/members/{member}/exclude");
    server.send(&server.admin, "DELETE", &path, None).await.refused(404, "not_found");
}

async fn an_organization_keeps_an_owner(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, _) = organization(&server, "Acme").await;
    let list = format!("{org}/members");
    let first = server.get(&server.admin, &list).await["members"][0]["member_id"].clone();
    let first = format!("{list}/{}", first.as_str().unwrap());
    for change in [json!({ "role": "member" }), json!({ "status": "suspended" }), json!({ "status": "removed" })] {
        patch(&server, &server.admin, &first, change).await.refused(409, "last_owner");
    }
    server.send(&server.admin, "DELETE", &first, None).await.refused(409, "last_owner");
    let second = add(&server, &org, json!({ "actor_id": "b@example.com", "role": "org_owner" })).await;
    // Both at once: one of them has to stay.
    let second = format!("{list}/{second}");
    let (a, b) = tokio::join!(
        server.send(&server.admin, "DELETE", &first, None),
        server.send(&server.admin, "DELETE", &second, None)
    );
    assert!(a.status.is_success() != b.status.is_success(), "{} {}", a.body, b.body);
}

async fn nobody_grants_or_revokes_a_role_above_their_own(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, _) = organization(&server, "Acme").await;
    let ws = workspace(&server, &org, "Main").await;
    let list = format!("{org}/members");
    for own in OrgRole::ALL.iter().copied() {
        let slug = own.as_str().replace('_', "-");
        let key = server.workspace("elsewhere", &slug).await;
        let actor = owner("elsewhere", &slug);
        add(&server, &org, json!({ "actor_id": actor, "role": own.as_str(), "workspace_id": ws })).await;
        for role in OrgRole::ALL.iter().copied() {
            let may = own.gives().contains(&role);
            let body = json!({ "actor_id": format!("{own:?}-{role:?}"), "role": role.as_str(), "workspace_id": ws });
            let answer = server.send(&key, "POST", &list, Some(body)).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{own:?} gives {role:?}: {}", answer.body);
            let victim =
                json!({ "actor_id": format!("{own:?}-{role:?}-2"), "role": role.as_str(), "workspace_id": ws });
            let victim = add(&server, &org, victim).await;
            let answer = server.send(&key, "DELETE", &format!("{list}/{victim}"), None).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{own:?} takes {role:?}: {}", answer.body);
        }
    }
}

/// A call that needs a permission.
struct Probe {
    permission: Permission,
    method: &'static str,
    path: String,
    body: Option<Value>,
}

fn probes(org: &str, org_id: &str, ws: &str, nonce: &str) -> Vec<Probe> {
    let probe = |permission, method, path: String, body| Probe { permission, method, path, body };
    let pair = format!("org_id={org_id}&workspace_id={ws}");
    vec![
        probe(Permission::ViewOrganization, "GET", org.to_owned(), None),
        probe(Permission::ViewOrganization, "GET", format!("{org}/workspaces"), None),
        probe(Permission::ChangeOrganization, "PATCH", org.to_owned(), Some(json!({ "name": "Acme" }))),
        probe(
            Permission::CreateWorkspaces,
            "POST",
            format!("{org}/workspaces"),
            Some(json!({ "name": "More", "environment": "sandbox" })),
        ),
        probe(Permission::ChangeWorkspace, "PATCH", format!("{org}/workspaces/{ws}"), Some(json!({ "name": "Main" }))),
        probe(Permission::ViewMembers, "GET", format!("{org}/members?workspace_id={ws}"), None),
        probe(
            Permission::ManageMembers,
            "POST",
            format!("{org}/members"),
            Some(json!({ "actor_id": format!("new-{nonce}"), "role": "member", "workspace_id": ws })),
        ),
        probe(Permission::ManageAccounts, "GET", format!("/v1/service-accounts?{pair}"), None),
        probe(
            Permission::ManageAccounts,
            "POST",
            "/v1/service-accounts".to_owned(),
            Some(json!({ "name": format!("agent-{nonce}"), "org_id": org_id, "workspace_id": ws })),
        ),
        probe(Permission::ManageAccounts, "GET", format!("/v1/aliases?{pair}"), None),
        probe(Permission::ManageAccounts, "GET", format!("/v1/routing/endpoints?{pair}"), None),
        probe(Permission::ManageAccounts, "GET", format!("/v1/deliveries?{pair}"), None),
        probe(
            Permission::ManageAccounts,
            "POST",
            "/v1/principals".to_owned(),
            Some(json!({ "org_id": org_id, "workspace_id": ws, "principal_type": "user" })),
        ),
        probe(Permission::ViewPolicies, "GET", format!("{org}/receive-policy"), None),
        probe(
            Permission::ManagePolicies,
            "PUT",
            format!("{org}/receive-policy"),
            Some(json!({ "policy_type": "open" })),
        ),
        probe(Permission::ReadAudit, "GET", format!("/v1/audit/events?{pair}"), None),
        probe(Permission::ViewUsage, "GET", format!("/v1/quotas?{pair}"), None),
        probe(Permission::ViewUsage, "GET", format!("/v1/usage/summary?{pair}"), None),
        probe(Permission::ViewUsage, "GET", format!("/v1/portal/enterprise/overview?{pair}"), None),
        probe(Permission::ReviewRequests, "GET", format!("/v1/portal/enterprise/request-queue?org_id={org_id}"), None),
        probe(Permission::ViewUsage, "GET", format!("/v1/usage/timeseries?{pair}"), None),
        probe(Permission::ViewUsage, "POST", format!("/v1/usage/rollups/daily?{pair}"), None),
        probe(
            Permission::ChangeQuotas,
            "PATCH",
            "/v1/quotas".to_owned(),
            Some(json!({ "org_id": org_id, "workspace_id": ws, "dimensions": {}, "overage_mode": "grace" })),
        ),
        probe(Permission::ViewBilling, "GET", format!("/v1/billing/invoices?{pair}"), None),
        probe(
            Permission::ChangeBilling,
            "PATCH",
            "/v1/billing/plan".to_owned(),
            Some(json!({
                "org_id": org_id, "workspace_id": ws, "plan_code": "p1", "currency": "EUR", "monthly_commit_minor": 1,
            })),
        ),
    ]
}

/// A role has the permissions of the matrix in its workspace. In another workspace, it has only those that span the
/// organization.
async fn every_role_does_what_the_matrix_says(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let (own, other) = (workspace(&server, &org, "Main").await, workspace(&server, &org, "Other").await);
    for (n, role) in OrgRole::ALL.iter().copied().enumerate() {
        let slug = role.as_str().replace('_', "-");
        let key = server.workspace("elsewhere", &slug).await;
        for probe in probes(&org, &id, &own, "none") {
            let answer = server.send(&key, probe.method, &probe.path, probe.body).await;
            assert_eq!(answer.status, 404, "{}: does not exist for a non-member", probe.path);
        }
        let body = json!({ "actor_id": owner("elsewhere", &slug), "role": role.as_str(), "workspace_id": own });
        let member = add(&server, &org, body).await;
        for (ws, is_own) in [(&own, true), (&other, false)] {
            for probe in probes(&org, &id, ws, &format!("{n}-{is_own}")) {
                // Calls on the whole organization, where the workspace of a role does not matter.
                let is_wide = matches!(
                    probe.permission,
                    Permission::ChangeOrganization
                        | Permission::CreateWorkspaces
                        | Permission::ManagePolicies
                        | Permission::ReviewRequests
                );
                let reaches =
                    role.spans_organization() || probe.permission.is_of_any_workspace() || (is_own && !is_wide);
                let may = reaches && probe.permission.holders().contains(&role);
                let answer = server.send(&key, probe.method, &probe.path, probe.body).await;
                let expected = if may { 200 } else { 403 };
                assert_eq!(answer.status, expected, "{role:?} {}: {}", probe.path, answer.body);
            }
        }
        let path = format!("{org}/members/{member}");
        patch(&server, &server.admin, &path, json!({ "status": "suspended" })).await.ok();
        server.send(&key, "GET", &org, None).await.refused(404, "not_found");
    }
}

async fn links_of_removed_members_stop_working(engine: Engine) {
    const ANN: &str = "ann@example.com";
    let server = Server::start(engine).await;
    let org = format!("/v1/organizations/{}", server.bootstrap.org_id);
    let ws = server.bootstrap.workspace_id.clone();
    let ask = async || {
        let task = json!({ "title": "Pay?", "assignees": ["Ann@example.com", "outside@example.com"] });
        let body = json!({ "intent_type": "x", "human_task": task });
        id_of(&server.post(&server.admin, "/v1/intents", body).await)
    };
    let mailed = async || {
        let mails = server.mails().await;
        mails.into_iter().map(|mail| (mail.to, mail.link.unwrap())).collect::<BTreeMap<_, _>>()
    };
    let token = |link: &str| link.split_once("token=").unwrap().1.to_owned();
    let act = async |token: &str| {
        let body = json!({ "token": token, "outcome": "approved" });
        server.send("", "POST", "/v1/tasks/action", Some(body)).await
    };
    for workspace in [Value::Null, json!(ws)] {
        let body = json!({ "actor_id": ANN, "role": "member", "workspace_id": workspace });
        let path = format!("{org}/members/{}", add(&server, &org, body.clone()).await);
        let id = ask().await;
        let links = mailed().await;
        let (ann, outside) = (&links["Ann@example.com"], &links["outside@example.com"]);
        // An invited person is asked like an outsider.
        patch(&server, &server.admin, &path, json!({ "status": "invited" })).await.ok();
        assert_eq!(server.page(ann).await.status, 200);
        for status in ["suspended", "removed"] {
            patch(&server, &server.admin, &path, json!({ "status": status })).await.ok();
            let page = server.page(ann).await;
            assert_eq!(page.status, 410);
            assert!(page.body.as_str().unwrap().contains("no longer a member"), "{}", page.body);
            act(&token(ann)).await.refused(410, "link_revoked");
            assert_eq!(server.submit_form(ann, &[("outcome", "approved"), ("step", "confirm")]).await.status, 410);
            let made = format!("/v1/tasks/{id}/links");
            for person in [ANN, "user://Ann@example.com"] {
                let body = Some(json!({ "person": person }));
                server.send(&server.admin, "POST", &made, body).await.refused(403, "no_longer_a_member");
            }
            assert_eq!(server.intent(&id).await["status"], "WAITING");
            // They get no new mail, either; a person who never was a member does.
            ask().await;
            assert_eq!(mailed().await.into_keys().collect::<Vec<_>>(), ["outside@example.com"]);
        }
        assert_eq!(server.page(outside).await.status, 200);
        // The link of a member who comes back works again.
        server.post(&server.admin, &format!("{org}/members"), body).await;
        act(&token(ann)).await.ok();
        assert_eq!(server.intent(&id).await["status"], "COMPLETED");
        server.send(&server.admin, "DELETE", &path, None).await.ok();
    }
    // A member of the whole organization is a member in each of its workspaces.
    add(&server, &org, json!({ "actor_id": ANN, "role": "member" })).await;
    ask().await;
    assert_eq!(mailed().await.len(), 2);
}
