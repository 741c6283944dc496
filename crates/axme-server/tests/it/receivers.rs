//! The wishes of webhook receivers: a pause, an end, and a secret in the form of their libraries.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{Engine, each_engine};
use crate::pushes::{Answer, Receiver, server_that_may_call_loopback, sign};
use crate::webhooks::{SUBSCRIPTIONS, counters, publish, replay, round, subscribe, types};

each_engine! {
    a_receiver_that_asks_to_wait_is_waited_for,
    a_receiver_that_is_gone_pauses_its_subscription,
    a_secret_of_the_subscriber_verifies_in_the_form_of_standard_webhooks,
}

async fn a_receiver_that_asks_to_wait_is_waited_for(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let id = subscribe(&server, &server.admin, &format!("http://{addr}/intent"), json!(["*"]), None).await;
    // More often than there are attempts.
    let pauses = [(429, 100), (503, 7)].repeat(3);
    let answers: Vec<Answer> = pauses.into_iter().map(|(status, pause)| Answer::RetryAfter(status, pause)).collect();
    receiver.will(&answers);
    let event = publish(&server, &server.admin, "a.b").await;
    for (pause, posts) in
        [(0, 1), (99, 0), (1, 1), (6, 0), (1, 1), (100, 1), (7, 1), (100, 1), (6, 0), (1, 1), (6_000, 0)]
    {
        server.advance(Duration::from_secs(pause)).await;
        round(&server, &id).await;
        assert_eq!(receiver.got().len(), posts, "after {pause} s more");
    }
    assert_eq!(counters(&replay(&server, &event).await), [1, 1, 1, 0]);
}

async fn a_receiver_that_is_gone_pauses_its_subscription(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let url = format!("http://{addr}/intent");
    let id = subscribe(&server, &server.admin, &url, json!(["*"]), None).await;
    receiver.will(&[Answer::Status(410), Answer::Status(410)]);
    for _ in 0..2 {
        publish(&server, &server.admin, "a.b").await;
    }
    for _ in 0..3 {
        round(&server, &id).await;
        server.advance(Duration::from_secs(600)).await;
    }
    assert_eq!(receiver.got().len(), 2, "both were on their way");
    publish(&server, &server.admin, "a.b").await;
    round(&server, &id).await;
    assert!(receiver.got().is_empty(), "nothing follows");
    let dead = server.get(&server.admin, "/v1/deliveries").await["deliveries"].clone();
    assert_eq!(dead.as_array().unwrap().len(), 2);
    assert_eq!(dead[0]["error_detail"], "answered with status 410");
    let listed = server.get(&server.admin, &format!("{SUBSCRIPTIONS}?include_inactive=true")).await;
    assert_eq!(listed["subscriptions"][0]["active"], false);
    let trail = server.get(&server.admin, "/v1/audit/events").await["events"].as_array().unwrap().clone();
    let recorded = trail.iter().filter(|event| event["action"] == "webhooks.subscriptions.pause");
    let recorded: Vec<&Value> = recorded.map(|event| &event["details"]["why"]).collect();
    assert_eq!(recorded, [&json!("answered_410")]);

    let again = subscribe(&server, &server.admin, &url, json!(["*"]), None).await;
    assert_eq!(again, id);
    publish(&server, &server.admin, "a.b").await;
    round(&server, &id).await;
    assert_eq!(types(&receiver), ["a.b"], "the owner may start it again");
}

async fn a_secret_of_the_subscriber_verifies_in_the_form_of_standard_webhooks(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    for secret in ["0123456789abcdef", "pässword with blanks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let url = format!("http://{addr}/intent");
        let body = json!({ "callback_url": url, "event_types": ["*"], "secret": secret });
        let shown = server.post(&server.admin, SUBSCRIPTIONS, body).await["subscription"].clone();
        publish(&server, &server.admin, "a.b").await;
        round(&server, shown["subscription_id"].as_str().unwrap()).await;
        let got = receiver.got();
        let (headers, body) = &got[0];
        let text = |name: &str| headers[name].to_str().unwrap();
        // As the libraries do: the prefix is cut off, the rest is base64 of the key.
        let standard = shown["standard_webhooks_secret"].as_str().unwrap();
        let key = STANDARD.decode(standard.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = [text("webhook-id").as_bytes(), b".", text("webhook-timestamp").as_bytes(), b".", body].concat();
        assert_eq!(text("webhook-signature"), format!("v1,{}", STANDARD.encode(sign(&key, &signed))), "{secret}");
        let hex: String = sign(secret.as_bytes(), body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text("x-axme-signature"), format!("sha256={hex}"));

        // Agents have such secrets too.
        let body = json!({ "name": "worker", "delivery_mode": "http", "callback_url": url, "webhook_secret": secret });
        let account = server.post(&server.admin, "/v1/service-accounts", body).await;
        assert_eq!(account["standard_webhooks_secret"], standard);
        let path = format!("/v1/service-accounts/{}", account["service_account_id"].as_str().unwrap());
        let changed = json!({ "webhook_secret": secret });
        let changed = server.send(&server.admin, "PATCH", &path, Some(changed)).await.ok();
        assert_eq!(changed["standard_webhooks_secret"], standard);
        let shown = server.get(&server.admin, &path).await.to_string()
            + &server.get(&server.admin, SUBSCRIPTIONS).await.to_string();
        assert!(!shown.contains(standard), "only in the answer to the call that gives the secret");
    }
}
