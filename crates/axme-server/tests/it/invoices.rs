//! Invoices (`spec/protocol.md` §2.26).

use std::time::Duration;

use axme_intent::Time;
use axme_server::workers::billing;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};
use crate::organizations::{organization, workspace};

each_engine! {
    a_period_becomes_a_draft_and_is_issued_a_day_later,
    periods_follow_one_another_and_the_plan,
    invoices_need_the_permission_to_see_billing,
}

async fn plan(server: &Server, cycle: &str) {
    let body = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "plan_code": "team",
        "currency": "EUR", "billing_cycle": cycle, "monthly_commit_minor": 1_000, "seats_included": 3,
        "overage_unit_price_minor": 7,
    });
    server.send(&server.admin, "PATCH", "/v1/billing/plan", Some(body)).await.ok();
}

async fn quota(server: &Server, overage_mode: &str) {
    let body = json!({
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id,
        "dimensions": { "intents_per_day": 2 }, "overage_mode": overage_mode,
    });
    server.send(&server.admin, "PATCH", "/v1/quotas", Some(body)).await.ok();
}

/// Moves the clock to a time and runs one round.
async fn go_to(server: &Server, at: &str) {
    server.clock.advance(Time::parse(at).unwrap().since(server.now()));
    billing::tick(&server.app).await.unwrap();
}

async fn invoices(server: &Server, query: &str) -> Vec<Value> {
    let list = server.get(&server.admin, &format!("/v1/billing/invoices?{query}")).await;
    list["invoices"].as_array().unwrap().clone()
}

fn periods(invoices: &[Value]) -> Vec<(&str, &str)> {
    fn day(value: &Value) -> &str {
        &value.as_str().unwrap()[..10]
    }
    invoices.iter().map(|invoice| (day(&invoice["period_start"]), day(&invoice["period_end"]))).collect()
}

async fn a_period_becomes_a_draft_and_is_issued_a_day_later(engine: Engine) {
    let server = Server::start(engine).await;
    go_to(&server, "2026-01-31T10:00:00Z").await;
    plan(&server, "monthly").await;
    quota(&server, "bill_overage").await;
    for (day, count) in [("2026-01-31T12:00:00Z", 4), ("2026-02-01T00:00:00Z", 3), ("2026-02-27T23:59:59Z", 1)] {
        go_to(&server, day).await;
        for _ in 0..count {
            server.submit("worker", json!({})).await;
        }
    }
    assert_eq!(invoices(&server, "").await, [] as [Value; 0], "the period is not over");

    server.clock.advance(Duration::from_secs(1));
    let (one, other) = tokio::join!(billing::tick(&server.app), billing::tick(&server.app));
    one.and(other).unwrap();
    let drafts = invoices(&server, "status=draft").await;
    assert_eq!(periods(&drafts), [("2026-01-31", "2026-02-28")], "February has no 31st");
    let draft = &drafts[0];
    // Two more on the first day, one more on the second.
    assert_eq!((&draft["subtotal_minor"], &draft["total_minor"]), (&json!(1_000 + 3 * 7), &json!(1_000 + 3 * 7)));
    assert_eq!(
        (&draft["currency"], &draft["issued_at"], &draft["paid_at"]),
        (&json!("EUR"), &Value::Null, &Value::Null)
    );
    let counts = (&draft["metadata"]["overage_units"], &draft["metadata"]["seats_used"]);
    assert_eq!(counts, (&json!(3), &json!(1)));
    assert_eq!(invoices(&server, "status=issued").await, [] as [Value; 0]);

    go_to(&server, "2026-03-01T00:00:00Z").await;
    let issued = invoices(&server, "status=issued").await;
    assert_eq!(issued[0]["invoice_id"], draft["invoice_id"]);
    assert_eq!(issued[0]["issued_at"], json!(server.now().to_string()));
    assert_eq!(issued[0]["total_minor"], draft["total_minor"]);
    billing::tick(&server.app).await.unwrap();
    assert_eq!(invoices(&server, "").await, issued, "nothing more is due");
    let path = format!("/v1/billing/invoices/{}", draft["invoice_id"].as_str().unwrap());
    assert_eq!(server.get(&server.admin, &path).await["invoice"], issued[0]);
    assert_eq!(invoices(&server, &format!("before={}", path.rsplit('/').next().unwrap())).await, [] as [Value; 0]);
}

async fn periods_follow_one_another_and_the_plan(engine: Engine) {
    let server = Server::start(engine).await;
    go_to(&server, "2026-01-31T10:00:00Z").await;
    plan(&server, "monthly").await;
    quota(&server, "grace").await;
    for _ in 0..3 {
        server.submit("worker", json!({})).await;
    }
    // The server was off for months. Each period gets its invoice, and usage in grace is not charged.
    go_to(&server, "2026-05-15T00:00:00Z").await;
    let found = invoices(&server, "").await;
    let monthly = [("2026-03-31", "2026-04-30"), ("2026-02-28", "2026-03-31"), ("2026-01-31", "2026-02-28")];
    assert_eq!(periods(&found), monthly);
    assert!(found.iter().all(|invoice| invoice["total_minor"] == 1_000), "{found:?}");
    assert!(found.iter().all(|invoice| invoice["status"] == "issued"), "{found:?}");

    plan(&server, "annual").await;
    go_to(&server, "2027-04-29T00:00:00Z").await;
    assert_eq!(invoices(&server, "").await.len(), 3);
    go_to(&server, "2027-04-30T00:00:00Z").await;
    let found = invoices(&server, "limit=1").await;
    assert_eq!(periods(&found), [("2026-04-30", "2027-04-30")]);
    assert_eq!((&found[0]["total_minor"], &found[0]["status"]), (&json!(12_000), &json!("draft")));
}

async fn invoices_need_the_permission_to_see_billing(engine: Engine) {
    let server = Server::start(engine).await;
    plan(&server, "monthly").await;
    go_to(&server, "2026-02-01T00:00:00Z").await;
    let id = invoices(&server, "").await[0]["invoice_id"].as_str().unwrap().to_owned();
    let plain = server.workspace("elsewhere", "plain").await;
    let path = format!("/v1/billing/invoices/{id}");
    let named = format!("{path}?workspace_id={}", server.bootstrap.workspace_id);
    server.send(&plain, "GET", &path, None).await.refused(403, "forbidden");
    server.send(&plain, "GET", &named, None).await.refused(404, "not_found");
    let (org, _) = organization(&server, "Acme").await;
    let other = workspace(&server, &org, "Main").await;
    server.send(&server.admin, "GET", &format!("{path}?workspace_id={other}"), None).await.refused(404, "not_found");
    server.send(&server.admin, "GET", "/v1/billing/invoices/inv_1", None).await.refused(404, "not_found");
    for query in ["status=late", "limit=0", "before=x"] {
        let answer = server.send(&server.admin, "GET", &format!("/v1/billing/invoices?{query}"), None).await;
        answer.refused(422, "validation_failed");
    }
    for status in ["paid", "overdue", "void"] {
        assert_eq!(invoices(&server, &format!("status={status}")).await, [] as [Value; 0]);
    }
}
