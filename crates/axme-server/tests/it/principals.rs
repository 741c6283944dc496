//! Principals and their aliases (`spec/protocol.md` §2.15).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::organizations::{organization, workspace};

each_engine! {
    a_principal_is_added_named_found_and_unnamed,
    invalid_input_and_objects_of_others_are_refused,
    the_key_of_an_organization_runs_the_directory_of_its_workspaces,
}

/// Adds a principal; returns its id.
pub async fn principal(server: &Server) -> String {
    let body = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "principal_type": "user",
        "display_name": "Ann", "metadata": { "team": "a" },
    });
    let answer = server.post(&server.admin, "/v1/principals", body).await;
    answer["principal"]["principal_id"].as_str().unwrap().to_owned()
}

/// Gives a principal a name; returns the alias.
pub async fn alias(server: &Server, principal: &str, name: &str) -> Value {
    let body = json!({ "principal_id": principal, "alias": name, "alias_type": "communication" });
    server.post(&server.admin, "/v1/aliases", body).await["alias"].clone()
}

/// Returns the organization and the workspace as a query.
pub fn place(server: &Server) -> String {
    format!("org_id={}&workspace_id={}", server.bootstrap.org_id, server.bootstrap.workspace_id)
}

async fn a_principal_is_added_named_found_and_unnamed(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    let seen = server.get(&server.admin, &format!("/v1/principals/{ann}")).await["principal"].clone();
    assert_eq!((&seen["status"], &seen["metadata"]), (&json!("active"), &json!({ "team": "a" })));

    let place = place(&server);
    let made = alias(&server, &ann, "ann@example.com").await;
    let again = alias(&server, &ann, "ann@example.com").await;
    assert_eq!((&again["alias_id"], &again["created_at"]), (&made["alias_id"], &made["created_at"]));
    let found = server.get(&server.admin, &format!("/v1/aliases/resolve?{place}&alias=ann@example.com")).await;
    assert_eq!(found["resolution"]["alias"], again);
    assert_eq!(found["resolution"]["principal"]["principal_id"], json!(ann));

    let bob = principal(&server).await;
    let body = json!({ "principal_id": bob, "alias": "ann@example.com", "alias_type": "service" });
    let taken = server.send(&server.admin, "POST", "/v1/aliases", Some(body)).await;
    taken.refused(409, "alias_taken");
    let revoke = format!("/v1/aliases/{}/revoke", made["alias_id"].as_str().unwrap());
    let revoked = server.post(&server.admin, &revoke, json!({})).await;
    assert_eq!(
        (&revoked["alias"]["status"], &revoked["alias"]["revoked_at"]),
        (&json!("revoked"), &json!(server.now().to_string()))
    );
    server.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(server.post(&server.admin, &revoke, json!({})).await, revoked, "revoked once");
    let path = format!("/v1/aliases/resolve?{place}&alias=ann@example.com");
    server.send(&server.admin, "GET", &path, None).await.refused(404, "not_found");
    alias(&server, &bob, "ann@example.com").await;

    let count = async |query: &str| {
        let list = server.get(&server.admin, &format!("/v1/aliases?{place}&{query}")).await;
        list["aliases"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("status=active").await, count("status=revoked").await), (2, 1, 1));
    assert_eq!((count(&format!("principal_id={bob}")).await, count("limit=1").await), (1, 1));
}

async fn invalid_input_and_objects_of_others_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    let (org, workspace) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    for body in [
        json!({ "org_id": org, "workspace_id": workspace, "principal_type": "robot" }),
        json!({ "org_id": org, "workspace_id": workspace, "principal_type": "user", "display_name": "x".repeat(256) }),
        json!({ "org_id": org, "workspace_id": workspace, "principal_type": "user", "metadata": [] }),
        json!({ "principal_type": "user" }),
    ] {
        let answer = server.send(&server.admin, "POST", "/v1/principals", Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    for body in [
        json!({ "principal_id": ann, "alias": "ab", "alias_type": "service" }),
        json!({ "principal_id": ann, "alias": "abc", "alias_type": "nick" }),
        json!({ "alias": "abc", "alias_type": "service" }),
    ] {
        let answer = server.send(&server.admin, "POST", "/v1/aliases", Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    server.send(&server.admin, "GET", "/v1/aliases?status=new", None).await.refused(422, "validation_failed");

    let stranger = server.workspace("acme", "prod").await;
    let body = json!({ "org_id": org, "workspace_id": workspace, "principal_type": "user" });
    server.send(&stranger, "POST", "/v1/principals", Some(body)).await.refused(404, "not_found");
    let body = json!({ "principal_id": ann, "alias": "abc", "alias_type": "service" });
    server.send(&stranger, "POST", "/v1/aliases", Some(body)).await.refused(404, "not_found");
    alias(&server, &ann, "abc").await;
    server.send(&stranger, "GET", "/v1/aliases/resolve?alias=abc", None).await.refused(404, "not_found");
    assert_eq!(server.get(&stranger, "/v1/aliases").await["aliases"], json!([]));
}

async fn the_key_of_an_organization_runs_the_directory_of_its_workspaces(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, id) = organization(&server, "Acme").await;
    let ws = workspace(&server, &org, "Main").await;
    let with = |fields: Value| {
        let mut body = json!({ "org_id": id, "workspace_id": ws });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        body
    };
    let pair = format!("org_id={id}&workspace_id={ws}");
    let key = &server.admin;
    let made = server.post(key, "/v1/principals", with(json!({ "principal_type": "user" }))).await["principal"].clone();
    assert_eq!((&made["org_id"], &made["workspace_id"]), (&json!(id), &json!(ws)));
    let ann = made["principal_id"].as_str().unwrap();
    let path = format!("/v1/principals/{ann}");
    let stranger = server.workspace("other", "prod").await;
    server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
    for query in [String::new(), format!("?{pair}")] {
        assert_eq!(server.get(key, &format!("{path}{query}")).await["principal"], made, "an id is enough");
    }
    let own = format!("{path}?workspace_id={}", server.bootstrap.workspace_id);
    server.send(key, "GET", &own, None).await.refused(404, "not_found");

    let body = json!({ "principal_id": ann, "alias": "ann", "alias_type": "service" });
    server.send(&stranger, "POST", "/v1/aliases", Some(body.clone())).await.refused(404, "not_found");
    let alias = server.post(key, "/v1/aliases", body.clone()).await["alias"].clone();
    assert_eq!(server.post(key, "/v1/aliases", with(body)).await["alias"]["alias_id"], alias["alias_id"]);
    let body = json!({
        "principal_id": ann, "transport_type": "http", "endpoint_url": "https://example.com/", "auth_mode": "none",
    });
    let route = server.post(key, "/v1/routing/endpoints", body).await["route"].clone();
    let body = json!({ "principal_id": ann, "transport_type": "http", "transport_handle": "ann" });
    let binding = server.post(key, "/v1/transports/bindings", body).await["binding"].clone();
    let found = server.post(key, "/v1/routing/resolve", with(json!({ "alias": "ann" }))).await["resolution"].clone();
    assert_eq!((&found["alias"], &found["selected_route"]), (&alias, &route));
    let sent = server.post(key, "/v1/deliveries", with(json!({ "alias": "ann", "payload": {} }))).await;
    let sent = &sent["delivery"];
    assert_eq!((&sent["workspace_id"], &sent["route_id"]), (&json!(ws), &route["route_id"]));
    for (path, list, id, made) in [
        ("aliases", "aliases", "alias_id", &alias),
        ("routing/endpoints", "routes", "route_id", &route),
        ("transports/bindings", "bindings", "binding_id", &binding),
        ("deliveries", "deliveries", "delivery_id", sent),
    ] {
        assert_eq!(server.get(key, &format!("/v1/{path}?{pair}")).await[list][0][id], made[id], "{path}");
        assert_eq!(server.get(key, &format!("/v1/{path}")).await[list], json!([]), "{path}");
        assert_eq!(server.get(key, &format!("/v1/{path}?principal_id={ann}")).await[list][0][id], made[id], "{path}");
        assert_eq!(made["workspace_id"], json!(ws), "{path}");
    }
    let delivery = format!("/v1/deliveries/{}", sent["delivery_id"].as_str().unwrap());
    server.send(&stranger, "GET", &delivery, None).await.refused(404, "not_found");
    for query in [String::new(), format!("?{pair}")] {
        let found = server.get(key, &format!("{delivery}{query}")).await;
        assert_eq!(found["delivery"]["delivery_id"], sent["delivery_id"]);
    }
    let again = server.post(key, &format!("{delivery}/replay"), json!({})).await;
    assert_eq!(again["delivery"]["replay_of_delivery_id"], sent["delivery_id"]);
    let route = format!("/v1/routing/endpoints/{}", route["route_id"].as_str().unwrap());
    let binding = format!("/v1/transports/bindings/{}", binding["binding_id"].as_str().unwrap());
    let alias = format!("/v1/aliases/{}/revoke", alias["alias_id"].as_str().unwrap());
    for (method, path) in [("PATCH", &route), ("DELETE", &route), ("DELETE", &binding), ("POST", &alias)] {
        let answer = server.send(&stranger, method, path, Some(json!({}))).await;
        answer.refused(404, "not_found");
        server.send(key, method, path, Some(json!({}))).await.ok();
    }
}
