//! Trials: off by default, and an unverified address owns nothing.

use std::time::Duration;

use axme_core::state::Site;
use axme_store::Limits;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};

each_engine! {
    a_trial_begins_without_a_sign_in,
    an_unverified_email_address_owns_nothing,
    trials_are_bounded,
    a_trial_has_one_organization_with_one_workspace,
}

async fn open(engine: Engine) -> Server {
    Server::start_at(engine, Limits::default(), Site { trials: true, ..Site::default() }).await
}

async fn begin(server: &Server, email: &str) -> Answer {
    let body = json!({ "email": email, "use_case": "approvals", "company": "Acme" });
    server.send("", "POST", "/v1/alpha/bootstrap", Some(body)).await
}

async fn verify(server: &Server, token: &str) -> Answer {
    server.send("", "POST", "/v1/alpha/verify-email", Some(json!({ "token": token }))).await
}

fn token_of(link: &str) -> &str {
    link.split_once("?token=").unwrap().1
}

async fn a_trial_begins_without_a_sign_in(engine: Engine) {
    let server = open(engine).await;
    let trial = begin(&server, "Ann@Example.com").await.ok();
    assert_eq!((&trial["organization"]["name"], &trial["workspace"]["name"]), (&json!("Acme"), &json!("Sandbox")));
    assert_eq!(trial["email_verification"]["status"], "pending");
    let key = trial["key"]["token"].as_str().unwrap();
    let me = server.get(key, "/v1/me").await;
    assert_eq!((&me["role"], &me["org_id"]), (&json!("workspace_admin"), &trial["organization"]["org_id"]));
    server.post(key, "/v1/intents", json!({ "intent_type": "x", "to_agent": "worker" })).await;

    let mails = server.mails().await;
    let link = mails[0].link.clone().unwrap();
    assert_eq!(mails[0].to, "ann@example.com");
    // A new mail invalidates the link of the previous one.
    server.post("", "/v1/alpha/verify-email/resend", json!({ "email": "ann@example.com" })).await;
    let again = server.mails().await[0].link.clone().unwrap();
    verify(&server, token_of(&link)).await.refused(404, "not_found");
    // A mail scanner that opens links verifies nothing.
    assert_eq!(server.page(&again).await.status, 200);
    let led = server.page(&format!("/v1/alpha/verify-email?token={}", token_of(&again))).await;
    assert_eq!(
        (led.status.as_u16(), led.headers["location"].to_str().unwrap()),
        (303, &again[crate::harness::SITE.len()..])
    );
    let own = format!("/v1/organizations/{}", me["org_id"].as_str().unwrap());
    let rename = Some(json!({ "name": "Acme again" }));
    server.send(key, "PATCH", &own, rename.clone()).await.ok();
    for _ in 0..2 {
        assert_eq!(server.submit_form(&again, &[]).await.status, 200);
    }
    assert_eq!(verify(&server, token_of(&again)).await.ok()["email_verification"]["status"], "verified");
    // The key keeps its workspace, and loses the organization to the owner of the address.
    server.clock.advance(Duration::from_secs(2));
    assert_eq!(server.get(key, "/v1/me").await["role"], "workspace_admin");
    server.send(key, "PATCH", &own, rename).await.refused(403, "forbidden");
    // The address can now sign in, as the owner.
    let ann = server.sign_in("ann@example.com").await;
    let shown = server.as_person(&ann, "GET", "/v1/portal/personal/context", None).await.ok();
    assert_eq!(
        (&shown["organizations"][0]["org_id"], &shown["organizations"][0]["roles"]),
        (&me["org_id"], &json!(["org_owner"]))
    );
    server.post("", "/v1/alpha/verify-email/resend", json!({ "email": "ann@example.com" })).await;
    assert!(server.mails().await.is_empty(), "there is nothing left to verify");
}

async fn an_unverified_email_address_owns_nothing(engine: Engine) {
    let server = open(engine).await;
    let trial = begin(&server, "owner@local").await.ok();
    let key = trial["key"]["token"].as_str().unwrap();
    // A typed address gives no rights in the first organization.
    let path = format!("/v1/organizations/{}", server.bootstrap.org_id);
    server.send(key, "GET", &path, None).await.refused(404, "not_found");
    let own = format!("/v1/organizations/{}", trial["organization"]["org_id"].as_str().unwrap());
    server.get(key, &own).await;
    server.mails().await;
    let owner = server.sign_in("owner@local").await;
    server.as_person(&owner, "GET", &own, None).await.refused(404, "not_found");
    server.send(key, "POST", "/v1/auth/dashboard-token", None).await.refused(409, "no_account");
}

async fn trials_are_bounded(engine: Engine) {
    let closed = Server::start(engine).await;
    begin(&closed, "a@example.com").await.refused(403, "trials_disabled");
    let server = open(engine).await;
    for body in [
        json!({}),
        json!({ "email": "a@example.com" }),
        json!({ "email": "nobody", "use_case": "xx" }),
        json!({ "email": "a@example.com", "use_case": "x" }),
    ] {
        server.send("", "POST", "/v1/alpha/bootstrap", Some(body)).await.refused(422, "validation_failed");
    }
    for _ in 0..3 {
        begin(&server, "a@example.com").await.ok();
    }
    begin(&server, "A@example.com").await.refused(429, "rate_limit_exceeded");
    server.mails().await;
    for _ in 0..6 {
        let resent = server.post("", "/v1/alpha/verify-email/resend", json!({ "email": "a@example.com" })).await;
        assert_eq!(resent, json!({ "ok": true }));
    }
    assert_eq!(
        server.post("", "/v1/alpha/verify-email/resend", json!({ "email": "b@example.com" })).await,
        json!({ "ok": true })
    );
    let mails = server.mails().await;
    assert_eq!(mails.len(), 4);
    verify(&server, "short").await.refused(422, "validation_failed");
    verify(&server, &"x".repeat(64)).await.refused(404, "not_found");
    server.clock.advance(Duration::from_secs(7 * 86_400));
    // Mails leave side by side, so the one with the valid token may not be the last to arrive.
    let mut statuses = Vec::new();
    for mail in &mails {
        statuses.push(verify(&server, token_of(mail.link.as_ref().unwrap())).await.status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [404, 404, 404, 410], "only the newest token is known, and it has expired");
    server.send("", "POST", "/v1/alpha/verify-email", Some(Value::Null)).await.refused(422, "validation_failed");
}

async fn a_trial_has_one_organization_with_one_workspace(engine: Engine) {
    let server = open(engine).await;
    let trial = begin(&server, "ann@example.com").await.ok();
    let key = trial["key"]["token"].as_str().unwrap();
    let own = format!("/v1/organizations/{}/workspaces", trial["organization"]["org_id"].as_str().unwrap());
    let another = [
        ("/v1/organizations", json!({ "name": "Another" })),
        (own.as_str(), json!({ "name": "Another", "environment": "sandbox" })),
    ];
    let link = server.mails().await[0].link.clone().unwrap();
    for is_verified in [false, true] {
        for (path, body) in &another {
            server.send(key, "POST", path, Some(body.clone())).await.refused(403, "forbidden");
        }
        if !is_verified {
            verify(&server, token_of(&link)).await.ok();
            server.clock.advance(Duration::from_secs(2));
        }
    }
    // The owner of the address may, after a sign-in.
    let ann = server.sign_in("ann@example.com").await;
    for (path, body) in &another {
        server.as_person(&ann, "POST", path, Some(body.clone())).await.ok();
    }
}
