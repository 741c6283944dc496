//! Timers: workspaces take turns, and a timer that was read has no effect once it has fired or moved.

use std::time::Duration;

use axme_server::workers::timers::{Backlog, fire_all, list_due, round};
use axme_store::timers::Timer;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, id_of, swap_state};

each_engine! {
    a_backlog_of_one_workspace_does_not_delay_another,
    a_timer_fires_once_although_two_nodes_have_read_it,
    a_timer_that_moved_after_it_was_read_does_not_fire,
    a_timer_that_fails_waits_a_minute_and_delays_no_other,
}

async fn submit(server: &Server, key: &str, more: Value) -> String {
    let mut body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id_of(&server.post(key, "/v1/intents", body).await)
}

async fn status(server: &Server, key: &str, id: &str) -> String {
    server.get(key, &format!("/v1/intents/{id}")).await["intent"]["status"].as_str().unwrap().to_owned()
}

async fn a_backlog_of_one_workspace_does_not_delay_another(engine: Engine) {
    let server = Server::start(engine).await;
    let stranger = server.workspace("acme", "main").await;
    let crowd = join_all((0..300).map(|_| submit(&server, &server.admin, json!({ "ttl_seconds": 60 })))).await;
    let late = submit(&server, &stranger, json!({ "ttl_seconds": 70 })).await;
    server.clock.advance(Duration::from_secs(80));
    let mut backlog = Backlog::default();
    let fired = round(&server.app, &mut backlog).await.unwrap();
    assert!(fired < 300, "a round is bounded: {fired}");
    assert_eq!(status(&server, &stranger, &late).await, "TIMED_OUT", "its turn comes in the first round");
    while round(&server.app, &mut backlog).await.unwrap() > 0 {}
    for id in crowd {
        assert_eq!(status(&server, &server.admin, &id).await, "TIMED_OUT");
    }
}

/// Returns the due timers of the first workspace, as another node has read them.
async fn due(server: &Server) -> Vec<Timer> {
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    let due = list_due(&server.app, workspace, 10).await.unwrap();
    assert_eq!(due.len(), 1, "{due:?}");
    due
}

async fn a_timer_fires_once_although_two_nodes_have_read_it(engine: Engine) {
    let server = Server::start(engine).await;
    let reminders = json!({ "remind_after_seconds": 60, "remind_interval_seconds": 60, "max_reminders": 3 });
    let id = submit(&server, &server.admin, reminders).await;
    server.clock.advance(Duration::from_secs(61));
    let read = due(&server).await;
    // One after the other, and at the same time.
    assert_eq!(fire_all(&server.app, read.clone()).await.unwrap(), 0);
    assert_eq!(fire_all(&server.app, [&read[..], &read[..]].concat()).await.unwrap(), 0);
    let reminders = server.event_types(&id).await.into_iter().filter(|kind| kind == "reminder").count();
    assert_eq!(reminders, 1);
    server.advance(Duration::from_secs(60)).await;
    let reminders = server.event_types(&id).await.into_iter().filter(|kind| kind == "reminder").count();
    assert_eq!(reminders, 2, "the next one comes at its own time");
}

async fn a_timer_that_moved_after_it_was_read_does_not_fire(engine: Engine) {
    let server = Server::start(engine).await;
    for patch in [json!({ "timeout_seconds": 600 }), json!({ "timeout_seconds": null })] {
        let id = submit(&server, &server.admin, json!({})).await;
        let path = format!("/v1/intents/{id}/controls");
        let soon = json!({ "controls_patch": { "timeout_seconds": 60 } });
        server.post(&server.admin, &path, soon).await;
        server.clock.advance(Duration::from_secs(61));
        let read = due(&server).await;
        server.post(&server.admin, &path, json!({ "controls_patch": patch })).await;
        assert_eq!(fire_all(&server.app, read).await.unwrap(), 0);
        assert_eq!(status(&server, &server.admin, &id).await, "DELIVERED", "{patch}");
    }
}

async fn a_timer_that_fails_waits_a_minute_and_delays_no_other(engine: Engine) {
    let server = Server::start(engine).await;
    let reminders = json!({ "remind_after_seconds": 60, "remind_interval_seconds": 3_600, "max_reminders": 3 });
    let damaged = submit(&server, &server.admin, reminders.clone()).await;
    let sound = submit(&server, &server.admin, reminders).await;
    let reminded = async |id: &str| server.event_types(id).await.iter().any(|kind| kind == "reminder");
    let state = swap_state(&server, damaged.parse().unwrap(), "no state").await;
    server.clock.advance(Duration::from_secs(61));
    let read = list_due(&server.app, server.bootstrap.workspace_id.parse().unwrap(), 10).await.unwrap();
    assert_eq!(fire_all(&server.app, read).await.unwrap(), 1);
    assert!(reminded(&sound).await);
    swap_state(&server, damaged.parse().unwrap(), &state).await;
    server.advance(Duration::from_secs(30)).await;
    assert!(!reminded(&damaged).await);
    server.advance(Duration::from_secs(31)).await;
    assert!(reminded(&damaged).await);
}
