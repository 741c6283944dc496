//! Quotas, usage and billing plans.

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};
use crate::organizations::{organization, workspace};

each_engine! {
    naming_another_workspace_avoids_no_quota,
    intents_charged_to_another_workspace_are_refused_beyond_its_quota,
    a_quota_holds_under_concurrency,
    a_quota_update_keeps_the_dimensions_it_does_not_name,
    writes_of_schemas_are_counted_and_refused_beyond_their_quota,
    usage_is_reported_by_hour_and_by_day,
    invalid_quotas_and_plans_are_refused,
    errors_name_the_field_and_the_values_that_it_accepts,
    a_billing_plan_is_recorded,
    a_number_without_a_fraction_is_whole_however_it_is_written,
}

pub async fn limit(server: &Server, org: &str, ws: &str, dimensions: Value, mode: &str) -> Value {
    let body = json!({
        "org_id": org, "workspace_id": ws, "dimensions": dimensions, "overage_mode": mode, "updated_by_actor_id": "me",
    });
    server.send(&server.admin, "PATCH", "/v1/quotas", Some(body)).await.ok()["quota_policy"].clone()
}

async fn create(server: &Server, payload: Value) -> Answer {
    let body = json!({ "intent_type": "x.y.v1", "to_agent": "worker", "payload": payload });
    server.send(&server.admin, "POST", "/v1/intents", Some(body)).await
}

/// Returns the limit and today's usage of one dimension in the caller's own workspace.
pub async fn used_today(server: &Server, dimension: &str) -> Value {
    server.get(&server.admin, "/v1/usage/summary").await["summary"]["dimensions"][dimension].clone()
}

/// Checks a refusal by a daily quota, on the first day of the harness.
pub fn refused_until_tomorrow(answer: Answer, dimension: &str, used: u64, limit: u64) {
    let expected = json!({
        "dimension": dimension, "used": used, "limit": limit, "reset_at": "2026-01-02T00:00:00.000Z",
    });
    assert_eq!(answer.body["error"]["details"], expected);
    // A client that slept until tomorrow would seem to hang, and an early retry would fail.
    assert_eq!(answer.headers.get("retry-after"), None);
    answer.refused(429, "quota_exceeded");
}

async fn used(server: &Server, pair: &str, window: &str) -> Value {
    let path = format!("/v1/usage/summary?{pair}&window={window}");
    server.get(&server.admin, &path).await["summary"]["dimensions"]["intents_per_day"].clone()
}

async fn naming_another_workspace_avoids_no_quota(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, org) = organization(&server, "Acme").await;
    let ws = workspace(&server, &path, "Main").await;
    let (own_org, own) = (server.bootstrap.org_id.clone(), server.bootstrap.workspace_id.clone());
    limit(&server, &own_org, &own, json!({ "intents_per_day": 2 }), "block").await;
    let tenant = json!({ "tenant": { "org_id": org, "workspace_id": ws } });
    for _ in 0..2 {
        create(&server, tenant.clone()).await.ok();
    }
    refused_until_tomorrow(create(&server, tenant).await, "intents_per_day", 2, 2);
    let pair = format!("org_id={org}&workspace_id={ws}");
    for pair in ["", &pair] {
        assert_eq!(used(&server, pair, "day").await["used"], 2, "a refused call is charged to neither");
    }
}

async fn intents_charged_to_another_workspace_are_refused_beyond_its_quota(engine: Engine) {
    let server = Server::start(engine).await;
    let (path, org) = organization(&server, "Acme").await;
    let ws = workspace(&server, &path, "Main").await;
    let policy = limit(&server, &org, &ws, json!({ "intents_per_day": 1 }), "block").await;
    assert_eq!(policy["dimensions"]["intents_per_day"], 1);
    let tenant = json!({ "tenant": { "org_id": org, "workspace_id": ws } });
    create(&server, tenant.clone()).await.ok();
    refused_until_tomorrow(create(&server, tenant.clone()).await, "intents_per_day", 1, 1);
    let pair = format!("org_id={org}&workspace_id={ws}");
    assert_eq!(used(&server, &pair, "day").await, json!({ "used": 1, "limit": 1, "remaining": 0 }));
    assert_eq!(used(&server, &pair, "week").await, json!({ "used": 1, "limit": 7, "remaining": 6 }));
    // Its own workspace is charged too, and has no limit; a tenant that does not exist changes nothing.
    for n in 2..5 {
        create(&server, json!({ "tenant": { "org_id": org, "workspace_id": org } })).await.ok();
        let own = used(&server, "", "day").await;
        assert_eq!(own, json!({ "used": n, "limit": 0, "remaining": 2_147_483_647 }));
    }
    for mode in ["grace", "bill_overage"] {
        limit(&server, &org, &ws, json!({ "intents_per_day": 1 }), mode).await;
        create(&server, tenant.clone()).await.ok();
    }
    let again = limit(&server, &org, &ws, json!({ "intents_per_day": 3 }), "block").await;
    assert_eq!(again["quota_policy_id"], policy["quota_policy_id"]);
    create(&server, tenant.clone()).await.refused(429, "quota_exceeded");
    server.clock.advance(Duration::from_secs(24 * 3_600));
    create(&server, tenant).await.ok();
    assert_eq!(used(&server, &pair, "month").await["used"], 4);

    let mixed = format!("/v1/quotas?org_id={org}&workspace_id={}", server.bootstrap.workspace_id);
    server.send(&server.admin, "GET", &mixed, None).await.refused(403, "forbidden");
}

async fn a_quota_holds_under_concurrency(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    limit(&server, org, ws, json!({ "intents_per_day": 5, "inbox_writes_per_day": 1 }), "block").await;
    let calls = (0..12).map(|_| create(&server, json!({})));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 5);
    assert_eq!(used(&server, "", "day").await["used"], 5);
    let path = "/v1/inbox/9f0c2f6e-3a35-4a4e-9c3e-2d1f0f5a7b11/reply";
    server.post(&server.admin, path, json!({ "message": "one" })).await;
    let more = server.send(&server.admin, "POST", path, Some(json!({ "message": "two" }))).await;
    assert_eq!(more.body["error"]["details"]["dimension"], "inbox_writes_per_day");
    more.refused(429, "quota_exceeded");
    let bundle = json!({ "scenario_id": "s.v1", "intent": { "type": "intent.ask.v1" } });
    let applied = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(bundle)).await;
    applied.refused(429, "quota_exceeded");
}

async fn a_quota_update_keeps_the_dimensions_it_does_not_name(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    limit(&server, org, ws, json!({ "intents_per_day": 100, "inbox_writes_per_day": 9 }), "block").await;
    let both = json!({
        "org_id": org, "workspace_id": ws, "dimensions": {}, "overage_mode": "grace", "soft_threshold_percent": 50,
        "hard_enforcement": false,
    });
    server.send(&server.admin, "PATCH", "/v1/quotas", Some(both)).await.ok();
    let dimensions = json!({ "schema_writes_per_day": 5, "inbox_writes_per_day": 0 });
    let policy = limit(&server, org, ws, dimensions, "block").await;
    let is = |name: &str| policy["dimensions"][name].clone();
    assert_eq!(
        (is("intents_per_day"), is("schema_writes_per_day"), is("inbox_writes_per_day")),
        (json!(100), json!(5), json!(0))
    );
    assert_eq!((&policy["soft_threshold_percent"], &policy["hard_enforcement"]), (&json!(50), &json!(false)));
    // A misspelled limit would not limit anything.
    let body = json!({
        "org_id": org, "workspace_id": ws, "dimensions": { "intents_per_dya": 1 }, "overage_mode": "block",
    });
    let refused = server.send(&server.admin, "PATCH", "/v1/quotas", Some(body)).await;
    assert!(refused.refused(422, "validation_failed").contains("intents_per_dya"));
}

async fn writes_of_schemas_are_counted_and_refused_beyond_their_quota(engine: Engine) {
    let server = Server::start(engine).await;
    let write = async |name: &str| {
        let body = json!({
            "semantic_type": format!("a.b.{name}.v1"), "schema_json": { "type": "object" },
            "compatibility_mode": "strict",
        });
        server.send(&server.admin, "POST", "/v1/schemas", Some(body)).await
    };
    write("one").await.ok();
    let dimension = "schema_writes_per_day";
    assert_eq!(used_today(&server, dimension).await, json!({ "used": 1, "limit": 0, "remaining": 2_147_483_647 }));
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    limit(&server, org, ws, json!({ dimension: 2 }), "block").await;
    write("one").await.ok();
    refused_until_tomorrow(write("two").await, dimension, 2, 2);
    server.send(&server.admin, "GET", "/v1/schemas/a.b.two.v1", None).await.refused(404, "not_found");
    assert_eq!(used_today(&server, dimension).await, json!({ "used": 2, "limit": 2, "remaining": 0 }));
    let body = json!({ "semantic_type": "no", "schema_json": {}, "compatibility_mode": "strict" });
    server.send(&server.admin, "POST", "/v1/schemas", Some(body)).await.refused(422, "validation_failed");
    server.clock.advance(Duration::from_secs(24 * 3_600));
    write("two").await.ok();
    assert_eq!(used_today(&server, dimension).await["used"], 1);
    let path = "/v1/usage/rollups/daily?window_days=2";
    let days = server.send(&server.admin, "POST", path, None).await.ok()["series"]["points"].clone();
    assert_eq!((&days[0]["dimensions"][dimension], &days[1]["dimensions"][dimension]), (&json!(2), &json!(1)));
}

async fn usage_is_reported_by_hour_and_by_day(engine: Engine) {
    let server = Server::start(engine).await;
    create(&server, json!({})).await.ok();
    server.clock.advance(Duration::from_secs(25 * 3_600));
    create(&server, json!({})).await.ok();
    create(&server, json!({})).await.ok();
    let series = |path: &'static str, method: &'static str| {
        let server = &server;
        async move { server.send(&server.admin, method, path, None).await.ok()["series"].clone() }
    };
    let points = |series: &Value| -> Vec<(String, u64)> {
        let point = |point: &Value| {
            let used = point["dimensions"]["intents_per_day"].as_u64().unwrap();
            (point["at"].as_str().unwrap()[..13].to_owned(), used)
        };
        series["points"].as_array().unwrap().iter().map(point).filter(|(_, used)| *used > 0).collect()
    };
    let by_hour = series("/v1/usage/timeseries?window_days=2", "GET").await;
    assert_eq!(by_hour["granularity"], "hour");
    assert_eq!(by_hour["points"].as_array().unwrap().len(), 26);
    assert_eq!(points(&by_hour), [("2026-01-01T00".to_owned(), 1), ("2026-01-02T01".to_owned(), 2)]);
    for (path, method, days) in
        [("/v1/usage/timeseries", "GET", 30), ("/v1/usage/rollups/daily?window_days=2", "POST", 2)]
    {
        let by_day = series(path, method).await;
        assert_eq!(by_day["granularity"], "day");
        assert_eq!(by_day["points"].as_array().unwrap().len(), days);
        assert_eq!(points(&by_day), [("2026-01-01T00".to_owned(), 1), ("2026-01-02T00".to_owned(), 2)]);
    }
    let by_query = series("/v1/usage/rollups/daily?window_days=2", "POST").await;
    let by_body = server.post(&server.admin, "/v1/usage/rollups/daily", json!({ "window_days": 2 })).await;
    assert_eq!(by_body["series"], by_query);
    for path in
        ["/v1/usage/timeseries?window_days=91", "/v1/usage/timeseries?window_days=0", "/v1/usage/summary?window=year"]
    {
        server.send(&server.admin, "GET", path, None).await.refused(422, "validation_failed");
    }
    // Usage that no series shows any more is deleted.
    server.clock.advance(Duration::from_secs(431 * 86_400));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    create(&server, json!({})).await.ok();
    assert_eq!(workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap(), 0);
    assert_eq!(used(&server, "", "day").await["used"], 1);
    let path = "/v1/usage/rollups/daily?window_days=x";
    server.send(&server.admin, "POST", path, None).await.refused(422, "validation_failed");
}

async fn invalid_quotas_and_plans_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    for (path, fields) in [
        ("/v1/quotas", json!({ "overage_mode": "block" })),
        ("/v1/quotas", json!({ "dimensions": {}, "overage_mode": "wish" })),
        ("/v1/quotas", json!({ "dimensions": { "intents_per_day": -1 }, "overage_mode": "block" })),
        ("/v1/quotas", json!({ "dimensions": {}, "overage_mode": "block", "soft_threshold_percent": 101 })),
        ("/v1/billing/plan", json!({ "currency": "EUR", "monthly_commit_minor": 1 })),
        ("/v1/billing/plan", json!({ "plan_code": "p", "currency": "EUR", "monthly_commit_minor": 1 })),
        ("/v1/billing/plan", json!({ "plan_code": "p1", "currency": "E", "monthly_commit_minor": 1 })),
        ("/v1/billing/plan", json!({ "plan_code": "p1", "currency": "EUR", "monthly_commit_minor": -1 })),
    ] {
        let mut body = json!({ "org_id": org, "workspace_id": ws });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        server.send(&server.admin, "PATCH", path, Some(body)).await.refused(422, "validation_failed");
    }
    let stranger = server.workspace("other", "default").await;
    for path in ["/v1/quotas", "/v1/billing/plan", "/v1/usage/summary"] {
        let path = format!("{path}?org_id={org}&workspace_id={ws}");
        server.send(&stranger, "GET", &path, None).await.refused(404, "not_found");
    }
}

async fn errors_name_the_field_and_the_values_that_it_accepts(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, ws) = (&server.bootstrap.org_id, &server.bootstrap.workspace_id);
    let quota = |fields: Value| {
        let mut body = json!({ "org_id": org, "workspace_id": ws, "dimensions": {}, "overage_mode": "block" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Some(body)
    };
    let request = json!({ "request_type": "gift", "requester_actor_id": "me" });
    for (method, path, body, expected) in [
        ("GET", "/v1/usage/timeseries?window_days=91", None, "window_days: must be a whole number from 1 to 90"),
        ("GET", "/v1/usage/summary?window=year", None, "window: \"year\" is not one of day, week, month"),
        (
            "PATCH",
            "/v1/quotas",
            quota(json!({ "overage_mode": "wish" })),
            "overage_mode: \"wish\" is not one of block, grace, bill_overage",
        ),
        (
            "PATCH",
            "/v1/quotas",
            quota(json!({ "soft_threshold_percent": 101 })),
            "soft_threshold_percent: must be a whole number from 1 to 100",
        ),
        (
            "POST",
            "/v1/access-requests",
            Some(request),
            "request_type: \"gift\" is not one of create_organization, join_organization, elevated_role, quota_upgrade",
        ),
        (
            "POST",
            "/v1/service-accounts/sa_none/keys",
            Some(json!({ "expires_at": "soon" })),
            "expires_at: \"soon\" is not a time: send RFC 3339, for example 2026-01-31T12:00:00Z",
        ),
    ] {
        let refused = server.send(&server.admin, method, path, body).await;
        assert_eq!(refused.refused(422, "validation_failed"), expected);
    }
}

async fn a_billing_plan_is_recorded(engine: Engine) {
    let server = Server::start(engine).await;
    let path = "/v1/billing/plan";
    server.send(&server.admin, "GET", path, None).await.refused(404, "billing_plan_not_found");
    let mut body = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "plan_code": "team",
        "currency": "EUR", "billing_cycle": "annual", "monthly_commit_minor": 1_000, "seats_included": 5,
        "overage_unit_price_minor": 2, "updated_by_actor_id": "me", "metadata": { "po": 7 },
    });
    let plan = server.send(&server.admin, "PATCH", path, Some(body.clone())).await.ok()["billing_plan"].clone();
    assert_eq!((&plan["plan_code"], &plan["metadata"]["po"]), (&json!("team"), &json!(7)));
    assert_eq!(server.get(&server.admin, path).await["billing_plan"], plan);
    body["plan_code"] = json!("corp");
    let changed = server.send(&server.admin, "PATCH", path, Some(body)).await.ok()["billing_plan"].clone();
    assert_eq!(changed["billing_plan_id"], plan["billing_plan_id"]);
    assert_eq!(changed["plan_code"], "corp");
}

async fn a_number_without_a_fraction_is_whole_however_it_is_written(engine: Engine) {
    let server = Server::start(engine).await;
    let upload = "/v1/media/create-upload";
    let place = json!({ "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id });
    for (method, path, fields, pointer) in [
        (
            "PATCH",
            "/v1/quotas",
            json!({ "overage_mode": "grace", "dimensions": { "intents_per_day": "{n}" } }),
            "/quota_policy/dimensions/intents_per_day",
        ),
        (
            "PATCH",
            "/v1/billing/plan",
            json!({ "plan_code": "p1", "currency": "EUR", "monthly_commit_minor": "{n}" }),
            "/billing_plan/monthly_commit_minor",
        ),
        (
            "POST",
            upload,
            json!({ "owner_agent": "worker", "filename": "f", "mime_type": "text/plain", "size_bytes": "{n}" }),
            "/upload_id",
        ),
    ] {
        let send = async |number: &str| {
            let mut body = fields.as_object().unwrap().clone();
            body.extend(place.as_object().unwrap().clone());
            let text = Value::Object(body).to_string().replace("\"{n}\"", number);
            server.send_raw(&server.admin, method, path, text.into_bytes(), &[]).await
        };
        for number in ["3", "3.0", "3e0"] {
            let answer = send(number).await.ok();
            let shown = answer.pointer(pointer).expect(pointer);
            assert!(*shown == json!(3) || path == upload, "{path}: {answer}");
        }
        for number in ["3.5", "-3.0", "1e300", "true", "\"three\""] {
            send(number).await.refused(422, "validation_failed");
        }
        // A null field of a quota keeps its value.
        match send("null").await {
            answer if path == "/v1/quotas" => assert_eq!(answer.ok().pointer(pointer), Some(&json!(3))),
            answer => drop(answer.refused(422, "validation_failed")),
        }
    }
}
