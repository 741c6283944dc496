//! The move of a database from SQLite to PostgreSQL.

use axme_store::transfer;
use serde_json::{Value, json};

use crate::harness::{Engine, Server, fresh_schema, id_of, postgres_only};
use crate::nodes::{call, post, start};

postgres_only! {
    every_row_arrives_as_it_was,
    a_database_with_rows_of_its_own_is_refused,
}

/// Text that the format of the move escapes, or that an encoding might change.
const TEXT: &str = "tab\t line\n return\r back\\slash \\N \u{8}\u{b}\u{c} é 漢 🎉 'quote' \"double\"";

async fn every_row_arrives_as_it_was() {
    let server = Server::start(Engine::Sqlite).await;
    let worker = server.agent("worker").await;
    let answered = server.submit("worker", json!({ "text": TEXT, "number": 1.5, "deep": [[{ "a": null }]] })).await;
    let answer = json!({ "action": "complete", "said": TEXT });
    server.post(&worker, &format!("/v1/intents/{answered}/resume"), answer).await;
    let waiting = server.submit("worker", json!({ "n": 2 })).await;
    let task =
        json!({ "intent_type": "x", "human_task": { "title": TEXT, "assignees": ["ann@example.com"], "quorum": 1 } });
    let task = id_of(&server.post(&server.admin, "/v1/intents", task).await);
    server.mails().await;
    server.sign_in("owner@local").await;
    let session = server.post(&worker, "/v1/sessions", json!({})).await["session_id"].as_str().unwrap().to_owned();
    let message = json!({ "role": "user", "content": TEXT });
    server.post(&worker, &format!("/v1/sessions/{session}/messages"), message).await;

    let (file, url) = (server.folder().join("axme.db"), fresh_schema().await);
    let moved = transfer::to_postgres(&file, &url).await.unwrap();
    let rows = |name: &str| moved.iter().find(|table| table.name == name).map(|table| table.rows);
    assert_eq!((rows("intents"), rows("queue_items")), (Some(3), Some(1)), "{moved:?}");
    assert_eq!(transfer::to_postgres(&file, &url).await.unwrap(), moved, "a second move compares");

    let (node, _folder) = start(&url).await;
    let paths =
        [&answered, &waiting, &task].map(|id| [format!("/v1/intents/{id}"), format!("/v1/intents/{id}/events")]);
    let lists = ["/v1/me/tasks", "/v1/agents", "/v1/intents"].map(str::to_owned);
    for path in paths.into_iter().flatten().chain(lists).chain([format!("/v1/sessions/{session}/messages")]) {
        let there = call(&node, &server.admin, "GET", &path, "").await;
        let there: Value = serde_json::from_str(there.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(there, server.get(&server.admin, &path).await, "{path}");
    }
    // Work goes on where it stopped.
    let path = format!("/v1/intents/{waiting}/resume");
    let ended = post(&node, &worker, &path, json!({ "action": "complete" })).await;
    assert_eq!(ended["intent"]["status"], "COMPLETED", "{ended}");
    node.stop().await;
}

async fn a_database_with_rows_of_its_own_is_refused() {
    let server = Server::start(Engine::Sqlite).await;
    server.submit("worker", json!({})).await;
    let url = fresh_schema().await;
    let (node, _folder) = start(&url).await;
    node.stop().await;
    let refused = transfer::to_postgres(&server.folder().join("axme.db"), &url).await.unwrap_err().to_string();
    assert!(refused.contains("has rows of its own: choose an empty database or schema"), "{refused}");
}
