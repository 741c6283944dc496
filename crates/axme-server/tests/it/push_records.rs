//! Pushes that went well: the timeline of the intent has their status and duration.

use std::sync::Arc;
use std::time::Duration;

use axme_store::{Shard, Tx, pushes};
use serde_json::json;
use tokio::sync::Notify;

use crate::harness::browser::Browser;
use crate::harness::{Engine, each_engine, poll};
use crate::pushes::{Answer, Receiver, pushed, round, server_that_may_call_loopback};

each_engine! {
    the_timeline_shows_a_push_with_its_status_and_duration,
    a_push_is_shown_even_if_the_receiver_has_answered_within_it,
    pushes_are_counted_and_go_with_their_intent,
}

async fn the_timeline_shows_a_push_with_its_status_and_duration(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let gate = Arc::new(Notify::new());
    receiver.will(&[Answer::Status(500), Answer::Held(gate.clone(), 202)]);
    let id = server.submit("worker", json!({})).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let page = async || admin.page(&format!("/app/intents/{id}")).await;
    round(&server, &account).await;
    assert!(!page().await.contains("answered with status 2"), "a push that failed is an event");
    server.advance(Duration::from_secs(30)).await;
    let answered = async {
        poll(async || (receiver.got().len() == 1).then_some(())).await;
        server.clock.advance(Duration::from_millis(340));
        gate.notify_one();
    };
    let first = receiver.got();
    assert_eq!(first.len(), 1);
    tokio::join!(round(&server, &account), answered);
    let shown = page().await;
    assert!(shown.contains("Pushed to worker, which answered with status 202 after 340 ms"), "{shown}");
    // It is in its place: after the failed push, before what came later.
    server.clock.advance(Duration::from_secs(5));
    server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
    let shown = page().await;
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}"));
    let timeline = place("id=\"timeline\"");
    let (failed, sent) = (place("delivery failed · "), place("Pushed to worker"));
    let completed = place("completed · ");
    assert!(timeline < failed && failed < sent && sent < completed, "{shown}");
    // An earlier moment knows nothing of it.
    assert!(!admin.page(&format!("/app/intents/{id}?at=2")).await.contains("Pushed to worker"));
    // Another tenant finds no intent.
    let stranger = Browser::with_key(&server, &server.workspace("acme", "prod").await).await;
    assert_eq!(stranger.get(&format!("/app/intents/{id}")).await.status, 404);
}

async fn a_push_is_shown_even_if_the_receiver_has_answered_within_it(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let gate = Arc::new(Notify::new());
    receiver.will(&[Answer::Held(gate.clone(), 204)]);
    let id = server.submit("worker", json!({})).await;
    let answered = async {
        poll(async || (receiver.got().len() == 1).then_some(())).await;
        server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
        gate.notify_one();
    };
    tokio::join!(round(&server, &account), answered);
    let admin = Browser::with_key(&server, &server.admin).await;
    let shown = admin.page(&format!("/app/intents/{id}")).await;
    assert!(shown.contains("Pushed to worker, which answered with status 204 after 0 ms"), "{shown}");
}

async fn pushes_are_counted_and_go_with_their_intent(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, key) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let id = server.submit("worker", json!({})).await;
    round(&server, &account).await;
    // A receiver that acknowledges and goes silent gets the intent again.
    server.advance(Duration::from_secs(3_601)).await;
    round(&server, &account).await;
    assert_eq!(receiver.got().len(), 2);
    let admin = Browser::with_key(&server, &server.admin).await;
    let shown = admin.page(&format!("/app/intents/{id}")).await;
    assert!(shown.contains("the last of 2 pushes that went well"), "{shown}");
    server.post(&key, &format!("/v1/intents/{id}/resume"), json!({ "done": true })).await;
    let (workspace, intent) = (server.bootstrap.workspace_id.parse().unwrap(), id.parse().unwrap());
    let delete = move |tx: &mut Tx<'_>| {
        let before = pushes::list(tx, workspace, intent, 9)?.len();
        axme_store::retention::delete_intent(tx, workspace, intent)?;
        Ok::<_, axme_store::StoreError>((before, pushes::list(tx, workspace, intent, 9)?.len()))
    };
    assert_eq!(server.app.store.write(Shard::CONTROL, delete).await.unwrap(), (1, 0));
}
