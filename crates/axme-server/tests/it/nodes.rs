//! Several nodes on one PostgreSQL, as real servers that listen.

use std::net::SocketAddr;
use std::time::Duration;

use axme_server::{Bootstrap, Config, Running};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Engine, fresh_schema, on_both};

async fn start(url: &str) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data: folder.path().to_owned(), database_url: Some(url.to_owned()), ..Config::default() };
    config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.limits.postgres_lanes = 2;
    (axme_server::start(config).await.unwrap(), folder)
}

/// One request on a connection of its own; the body as text.
async fn call(node: &Running, key: &str, method: &str, path: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(node.addr()).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: axme\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn post(node: &Running, key: &str, path: &str, body: Value) -> Value {
    let answer = call(node, key, "POST", path, &body.to_string()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn nodes_that_start_together_make_one_organization_and_hear_of_each_others_commits() {
    on_both(async |engine| {
        if engine == Engine::Sqlite {
            return; // One process by nature.
        }
        let url = fresh_schema().await;
        let nodes = join_all((0..3).map(|_| start(&url))).await;
        let bootstraps: Vec<Bootstrap> = nodes
            .iter()
            .filter_map(|(_, folder)| std::fs::read_to_string(folder.path().join("bootstrap.json")).ok())
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect();
        assert_eq!(bootstraps.len(), 1, "only the node that made the organization has its key");
        let admin = &bootstraps[0].api_key;
        let [(a, _a), (b, _b), (c, _c)] = nodes.try_into().unwrap_or_else(|_| panic!("three nodes"));

        let listening = async {
            let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=20";
            tokio::time::timeout(Duration::from_secs(15), call(&b, admin, "GET", path, ""))
                .await
                .expect("heard in time")
        };
        let sending = async {
            // Long enough for the stream to be waiting; it is right either way.
            tokio::time::sleep(Duration::from_millis(300)).await;
            post(&a, admin, "/v1/intents", json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" })).await
        };
        let (heard, sent) = tokio::join!(listening, sending);
        let id = sent["intent_id"].as_str().unwrap();
        assert!(heard.contains(id), "{heard}");

        let path = format!("/v1/intents/{id}/resume");
        let answers = join_all([&a, &b, &c].map(|node| call(node, admin, "POST", &path, r#"{"x":1}"#))).await;
        let won = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
        let lost = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 409")).count();
        assert_eq!((won, lost), (1, 2), "one answer counts: {answers:?}");
        for node in [a, b, c] {
            node.stop().await;
        }
    });
}

#[test]
fn members_of_a_family_take_turns_across_nodes() {
    on_both(async |engine| {
        if engine == Engine::Sqlite {
            return; // One process by nature.
        }
        let url = fresh_schema().await;
        let nodes = [start(&url).await, start(&url).await];
        let [(a, folder), (b, _b)] = &nodes;
        let bootstrap = std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap();
        let Bootstrap { api_key: admin, .. } = serde_json::from_str(&bootstrap).unwrap();
        let step = |id: &str| json!({ "step_id": id, "assigned_to": "w" });
        let bundle = json!({
            "scenario_id": "s.v1", "agents": [{ "role": "w", "address": "worker" }], "intent": { "type": "x" },
            "workflow": { "steps": [step("one"), step("two")] },
        });
        let events = async |id: &str| {
            let answer = call(a, &admin, "GET", &format!("/v1/intents/{id}/events"), "").await;
            let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            body["events"].as_array().unwrap().clone()
        };
        for _ in 0..20 {
            let parent = post(a, &admin, "/v1/scenarios/apply", bundle.clone()).await["intent_id"].clone();
            let parent = parent.as_str().unwrap();
            let child = events(parent).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
            let (resume, resolve) = (format!("/v1/intents/{child}/resume"), format!("/v1/intents/{parent}/resolve"));
            let answers = tokio::join!(
                call(a, &admin, "POST", &resume, r#"{"x":1}"#),
                call(b, &admin, "POST", &resume, r#"{"x":2}"#),
                call(b, &admin, "POST", &resolve, r#"{"status":"CANCELED"}"#),
            );
            for answer in [&answers.0, &answers.1] {
                assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 409"), "{answer}");
            }
            assert!(answers.2.starts_with("HTTP/1.1 200"), "{}", answers.2);
            for id in [parent, &child] {
                let events = events(id).await;
                let ends = ["COMPLETED", "CANCELED"];
                let ended = events.iter().filter(|event| ends.contains(&event["status"].as_str().unwrap())).count();
                assert_eq!(ended, 1, "{events:#?}");
                for (n, event) in events.iter().enumerate() {
                    assert_eq!(event["seq"], 2 * (n + 1), "{events:#?}");
                }
            }
        }
        for (node, _) in nodes {
            node.stop().await;
        }
    });
}
