//! The cost of anonymous callers: they write nothing, and what they start is soon deleted.

use std::sync::mpsc;
use std::time::Duration;

use axme_server::workers;
use axme_store::{Shard, Tx};
use serde_json::json;

use crate::harness::{Engine, Server, code_of, each_engine};
use crate::oidc::{Provider, start};

each_engine! {
    refused_sign_ins_do_not_wait_for_the_writer,
    sign_ins_that_have_ended_are_forgotten_after_a_day,
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Blocks writes on the control shard until it is dropped.
struct Held(#[expect(dead_code, reason = "dropping it ends the job")] mpsc::Sender<()>);

async fn hold(server: &Server) -> Held {
    let (release, released) = mpsc::channel::<()>();
    let (begin, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let app = server.app.clone();
    let job = move |_: &mut Tx<'_>| {
        let _ = begin.send(());
        let _ = released.recv();
        Ok(())
    };
    tokio::spawn(async move { app.store.write::<_, axme_store::StoreError, _>(Shard::CONTROL, job).await });
    begun.recv().await.unwrap();
    Held(release)
}

async fn refused_sign_ins_do_not_wait_for_the_writer(engine: Engine) {
    let provider = Provider::start().await;
    let server = start(engine, &provider, false).await;
    let asked = server.post("", "/v1/auth/login-intent", json!({ "email": "owner@local" })).await;
    let code = json!({ "code": code_of(&server.mails().await) });
    let verify = |id: &str| format!("/v1/auth/login-intent/{id}/verify");
    let used = verify(asked["intent_id"].as_str().unwrap());
    let entered = server.post("", &used, code.clone()).await;
    let headers = [("authorization", format!("Bearer {}", entered["access_token"].as_str().unwrap()))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send_with("", "POST", "/v1/auth/logout", None, &headers).await.ok();
    let opened = server.post(&server.admin, "/v1/auth/dashboard-token", json!({})).await;
    let opened = json!({ "token": opened["token"] });
    server.post("", "/v1/auth/exchange", opened.clone()).await;
    let expired = server.post("", "/v1/auth/login-intent", json!({ "email": "owner@local" })).await;
    let expired = verify(expired["intent_id"].as_str().unwrap());
    server.clock.advance(Duration::from_secs(301));

    let held = hold(&server).await;
    let nowhere = "00000000-0000-0000-0000-000000000009";
    let signed_out = json!({ "refresh_token": entered["refresh_token"] });
    for (path, body, status, error) in [
        ("/v1/auth/refresh", json!({ "refresh_token": "axme_rt_none" }), 401, "invalid_refresh_token"),
        ("/v1/auth/refresh", signed_out, 401, "invalid_refresh_token"),
        ("/v1/auth/exchange", json!({ "token": "axme_dx_none" }), 401, "invalid_exchange_token"),
        ("/v1/auth/exchange", opened, 401, "invalid_exchange_token"),
        (&verify(nowhere), code.clone(), 404, "not_found"),
        (&used, code.clone(), 409, "code_already_used"),
        (&expired, code.clone(), 410, "code_expired"),
    ] {
        let answer = tokio::time::timeout(PATIENCE, server.send("", "POST", path, Some(body))).await;
        answer.unwrap_or_else(|_| panic!("{path} waits for the writer")).refused(status, error);
    }
    let link = format!("/app/login/{nowhere}?token=ff");
    for (path, method) in [
        (link.as_str(), "GET"),
        (&link, "POST"),
        ("/app/login/provider-callback?state=none&code=none", "GET"),
        ("/app/login/provider-callback?token=none", "POST"),
    ] {
        let answer = async {
            match method {
                "GET" => server.page(path).await,
                _ => server.submit_form(path, &[]).await,
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} {path} waits for the writer"));
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
    }
    drop(held);
    server.sign_in("owner@local").await;
}

async fn sign_ins_that_have_ended_are_forgotten_after_a_day(engine: Engine) {
    let server = Server::start(engine).await;
    let day = Duration::from_secs(24 * 3_600);
    let asked = server.post("", "/v1/auth/login-intent", json!({ "email": "owner@local" })).await;
    let grant = server.post("", "/v1/auth/cli-grants", json!({})).await;
    let verify = format!("/v1/auth/login-intent/{}/verify", asked["intent_id"].as_str().unwrap());
    let poll = format!("/v1/auth/cli-grants/{}", grant["grant_id"].as_str().unwrap());
    let code = json!({ "code": "000000" });
    for (after, left) in [(Duration::from_secs(300), true), (day, true), (Duration::from_secs(301), false)] {
        server.clock.advance(after);
        workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
        let (status, error) = if left { (410, "code_expired") } else { (404, "not_found") };
        server.send("", "POST", &verify, Some(code.clone())).await.refused(status, error);
        let polled = server.send("", "GET", &poll, None).await.status;
        assert_eq!(polled != 404, left, "{after:?}");
    }
}
