//! Routes and transport bindings (contract `wire.md` §2.19).

use serde_json::{Value, json};

use crate::harness::{Server, on_both};
use crate::principals::{alias, place, principal};

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

#[test]
fn the_best_route_is_taken() {
    on_both(async |engine| {
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
        assert_eq!(order(target("principal_id", &ann)).await, [far.clone(), near.clone()], "what is down comes last");
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
    });
}

#[test]
fn a_handle_is_noted_changed_and_forgotten() {
    on_both(async |engine| {
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
    });
}

#[test]
fn a_place_that_cannot_be_is_refused() {
    on_both(async |engine| {
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
    });
}
