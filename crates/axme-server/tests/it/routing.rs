//! Routes and transport bindings (`spec/protocol.md` §2.16).

use axme_intent::Object;
use axme_store::Tx;
use axme_store::routing::{
    self, AuthMode, Binding, BindingStatus, FailoverPolicy, Route, RouteHealth, RouteStatus, TransportType,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine};
use crate::principals::{alias, place, principal};
use axme_store::Shard;

each_engine! {
    the_best_route_is_taken,
    a_binding_is_created_updated_and_removed,
    invalid_routes_and_bindings_are_refused,
    routes_and_bindings_are_limited_and_filtered,
    metadata_of_the_directory_is_limited,
}

const ENDPOINTS: &str = "/v1/routing/endpoints";
const BINDINGS: &str = "/v1/transports/bindings";

/// Adds a route; returns its id.
pub async fn route(server: &Server, principal: &str, url: &str, priority: u64) -> String {
    let body = json!({
        "principal_id": principal, "transport_type": "http", "endpoint_url": url, "auth_mode": "none", "priority": priority,
    });
    let answer = server.post(&server.admin, ENDPOINTS, body).await;
    answer["route"]["route_id"].as_str().unwrap().to_owned()
}

async fn the_best_route_is_taken(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    alias(&server, &ann, "ann").await;
    let near = route(&server, &ann, "https://example.com/near", 10).await;
    let far = route(&server, &ann, "https://example.com/far", 20).await;
    let target = |field: &str, value: &str| {
        json!({
            "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, field: value,
        })
    };
    let order = async |body: Value| {
        let found = server.post(&server.admin, "/v1/routing/resolve", body).await["resolution"].clone();
        assert_eq!(found["selected_route"], found["candidate_routes"][0]);
        assert_eq!(found["resolver_chain"].as_array().unwrap().len(), 4);
        let routes = found["candidate_routes"].as_array().unwrap().iter();
        routes.map(|route| route["route_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(target("alias", "ann")).await, [near.clone(), far.clone()]);
    let change = async |id: &str, body: Value| {
        server.send(&server.admin, "PATCH", &format!("{ENDPOINTS}/{id}"), Some(body)).await.ok()["route"].clone()
    };
    let changed = change(&near, json!({ "health_status": "unhealthy", "region": "eu" })).await;
    assert_eq!((&changed["region"], &changed["priority"]), (&json!("eu"), &json!(10)));
    assert_eq!(
        order(target("principal_id", &ann)).await,
        [far.clone(), near.clone()],
        "an endpoint that is down comes last"
    );
    change(&far, json!({ "status": "draining" })).await;
    assert_eq!(order(target("alias", "ann")).await, std::slice::from_ref(&near));

    let count = async |query: &str| {
        let list = server.get(&server.admin, &format!("{ENDPOINTS}?{}&{query}", place(&server))).await;
        list["routes"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("status=draining").await, count("limit=1").await), (2, 1, 1));
    let removed = server.send(&server.admin, "DELETE", &format!("{ENDPOINTS}/{near}"), None).await.ok();
    assert_eq!((&removed["route"]["removed"], &removed["result"]), (&json!(true), &removed["route"]));
    let path = format!("{ENDPOINTS}/{near}");
    server.send(&server.admin, "DELETE", &path, None).await.refused(404, "not_found");
    let none = server.send(&server.admin, "POST", "/v1/routing/resolve", Some(target("alias", "ann"))).await;
    none.refused(404, "route_not_found");
}

async fn a_binding_is_created_updated_and_removed(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    let body = |priority: u64| json!({ "principal_id": ann, "transport_type": "queue", "transport_handle": "q1", "priority": priority });
    let made = server.post(&server.admin, BINDINGS, body(5)).await["binding"].clone();
    server.clock.advance(std::time::Duration::from_secs(1));
    let again = server.post(&server.admin, BINDINGS, body(6)).await["binding"].clone();
    assert_eq!((&again["binding_id"], &again["created_at"]), (&made["binding_id"], &made["created_at"]));
    assert_eq!((&again["priority"], &again["status"]), (&json!(6), &json!("active")));
    let list = server.get(&server.admin, &format!("{BINDINGS}?{}", place(&server))).await;
    assert_eq!(list["bindings"], json!([again]));
    let path = format!("{BINDINGS}/{}", made["binding_id"].as_str().unwrap());
    let removed = server.send(&server.admin, "DELETE", &path, None).await.ok();
    assert_eq!((&removed["binding"]["removed"], &removed["result"]), (&json!(true), &removed["binding"]));
    server.send(&server.admin, "DELETE", &path, None).await.refused(404, "not_found");
}

async fn invalid_routes_and_bindings_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    let good = json!({
        "principal_id": ann, "transport_type": "http", "endpoint_url": "https://example.com/", "auth_mode": "none",
    });
    let kept = server.post(&server.admin, ENDPOINTS, good.clone()).await["route"]["route_id"].clone();
    let path = format!("{ENDPOINTS}/{}", kept.as_str().unwrap());
    for (field, value, code) in [
        ("transport_type", json!("pigeon"), "validation_failed"),
        ("transport_type", json!("matrix"), "not_supported_yet"),
        ("endpoint_url", json!("http://10.0.0.1/"), "validation_failed"),
        ("endpoint_url", json!("ftp://example.com/"), "validation_failed"),
        ("endpoint_url", json!("x"), "validation_failed"),
        ("auth_mode", json!("trust"), "validation_failed"),
        ("failover_policy", json!("always"), "validation_failed"),
        ("priority", json!(0), "validation_failed"),
        ("priority", json!(10_001), "validation_failed"),
        ("region", json!("x"), "validation_failed"),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        server.send(&server.admin, "POST", ENDPOINTS, Some(body)).await.refused(422, code);
        if field != "transport_type" {
            let body = Some(json!({ field: value }));
            server.send(&server.admin, "PATCH", &path, body).await.refused(422, code);
        }
    }
    for body in [json!({ "status": "asleep" }), json!({ "health_status": "fine" })] {
        server.send(&server.admin, "PATCH", &path, Some(body)).await.refused(422, "validation_failed");
    }
    for body in [
        json!({ "principal_id": ann, "transport_type": "http", "transport_handle": "x" }),
        json!({ "principal_id": ann, "transport_type": "http", "transport_handle": "xx", "status": "asleep" }),
    ] {
        server.send(&server.admin, "POST", BINDINGS, Some(body)).await.refused(422, "validation_failed");
    }
    let nobody = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id,
    });
    let answer = server.send(&server.admin, "POST", "/v1/routing/resolve", Some(nobody)).await;
    answer.refused(422, "validation_failed");

    let stranger = server.workspace("acme", "prod").await;
    server.send(&stranger, "POST", ENDPOINTS, Some(good)).await.refused(404, "not_found");
    let body = json!({ "principal_id": ann, "transport_type": "http", "transport_handle": "xx" });
    server.send(&stranger, "POST", BINDINGS, Some(body)).await.refused(404, "not_found");
    assert_eq!(server.get(&stranger, ENDPOINTS).await["routes"], json!([]));
}

/// Adds inactive routes and as many inactive bindings.
async fn insert_inactive(server: &Server, principal: &str, count: u128) {
    let (workspace, principal) = (server.bootstrap.workspace_id.parse().unwrap(), principal.parse().unwrap());
    let now = server.now();
    let insert = move |tx: &mut Tx<'_>| {
        for n in 0..count {
            let id = Uuid::from_u128(n);
            let route = Route {
                workspace,
                id,
                principal,
                transport_type: TransportType::Queue,
                endpoint_url: "somewhere".to_owned(),
                auth_mode: AuthMode::None,
                region: None,
                cluster_id: None,
                failover_policy: FailoverPolicy::None,
                priority: 100,
                health_status: RouteHealth::Unknown,
                status: RouteStatus::Inactive,
                metadata: Object::default(),
                created_at: now,
                updated_at: now,
            };
            let binding = Binding {
                workspace,
                id,
                principal,
                transport_type: TransportType::Queue,
                transport_handle: format!("q{n}"),
                priority: 100,
                status: BindingStatus::Inactive,
                metadata: Object::default(),
                created_at: now,
                updated_at: now,
            };
            routing::put(tx, &route)?;
            routing::put_binding(tx, &binding)?;
        }
        Ok::<_, axme_store::StoreError>(())
    };
    server.app.store.write(Shard::CONTROL, insert).await.unwrap();
}

async fn routes_and_bindings_are_limited_and_filtered(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    insert_inactive(&server, &ann, 999).await;
    let last = route(&server, &ann, "https://example.com/", 1).await;
    let endpoint = json!({
        "principal_id": ann, "transport_type": "http", "endpoint_url": "https://example.com/", "auth_mode": "none",
    });
    let handle = |name: &str| json!({ "principal_id": ann, "transport_type": "webhook", "transport_handle": name });
    server.post(&server.admin, BINDINGS, handle("last")).await;
    for (path, body) in [(ENDPOINTS, endpoint), (BINDINGS, handle("one more"))] {
        let answer = server.send(&server.admin, "POST", path, Some(body)).await;
        assert!(answer.body["message"].as_str().unwrap().contains("at most 1000"), "{}", answer.body);
        answer.refused(422, "validation_failed");
    }
    server.post(&server.admin, BINDINGS, handle("last")).await;
    let path = format!("{ENDPOINTS}/{last}");
    server.send(&server.admin, "PATCH", &path, Some(json!({ "region": "eu" }))).await.ok();

    for (path, field, transport) in [(ENDPOINTS, "routes", "http"), (BINDINGS, "bindings", "webhook")] {
        let count = async |query: &str| {
            let list = server.get(&server.admin, &format!("{path}?{query}")).await;
            list[field].as_array().unwrap().len()
        };
        for query in ["limit=1&status=active", &format!("limit=1&transport_type={transport}"), "status=active"] {
            assert_eq!(count(query).await, 1, "{path} {query}");
        }
        assert_eq!((count("").await, count("limit=1000").await), (200, 1_000));
        assert_eq!(count(&format!("status=inactive&transport_type={transport}")).await, 0);
    }
    let target = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "principal_id": ann,
    });
    let found = server.post(&server.admin, "/v1/routing/resolve", target).await["resolution"].clone();
    assert_eq!(found["selected_route"]["route_id"], json!(last));
    assert_eq!(found["candidate_routes"].as_array().unwrap().len(), 1);
}

async fn metadata_of_the_directory_is_limited(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = principal(&server).await;
    let place = json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id });
    for (path, fields) in [
        ("/v1/principals", json!({ "principal_type": "user" })),
        ("/v1/aliases", json!({ "principal_id": ann, "alias": "ann", "alias_type": "service" })),
        (
            ENDPOINTS,
            json!({
                "principal_id": ann, "transport_type": "queue", "endpoint_url": "somewhere", "auth_mode": "none",
            }),
        ),
        (BINDINGS, json!({ "principal_id": ann, "transport_type": "queue", "transport_handle": "q1" })),
    ] {
        let mut body = place.clone();
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        // The size includes the name, the quotes and the braces of an object with one field.
        body["metadata"] = json!({ "text": "x".repeat(16 * 1_024 - 11) });
        let made = server.post(&server.admin, path, body.clone()).await;
        body["metadata"] = json!({ "text": "x".repeat(16 * 1_024 - 10) });
        server.send(&server.admin, "POST", path, Some(body.clone())).await.refused(413, "payload_too_large");
        if path == ENDPOINTS {
            let path = format!("{path}/{}", made["route"]["route_id"].as_str().unwrap());
            let change = Some(json!({ "metadata": body["metadata"] }));
            server.send(&server.admin, "PATCH", &path, change).await.refused(413, "payload_too_large");
        }
    }
}
