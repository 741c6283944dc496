//! The data folder of a running server: removed, replaced, or with a database file replaced.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axme_server::{Bootstrap, Config, Running};
use serde_json::json;

async fn start(data: &Path) -> Running {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    axme_server::start(Config { data: data.to_owned(), listen, ..Config::default() }).await.unwrap()
}

async fn submit(server: &Running, key: &str) -> (u16, String) {
    let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker" });
    let url = format!("{}/v1/intents", server.base_url());
    let sent = reqwest::Client::new().post(url).header("x-api-key", key).json(&body).send().await.unwrap();
    (sent.status().as_u16(), sent.text().await.unwrap())
}

#[tokio::test]
async fn a_server_whose_data_is_gone_acknowledges_nothing_and_stops() {
    type Fault = fn(&Path);
    let faults: [(&str, Fault); 4] = [
        ("removed", |data| std::fs::remove_dir_all(data).unwrap()),
        ("moved", |data| std::fs::rename(data, data.with_extension("old")).unwrap()),
        ("file replaced", |data| {
            let file = data.join("axme.db");
            std::fs::copy(&file, data.join("copy.db")).unwrap();
            std::fs::rename(data.join("copy.db"), file).unwrap();
        }),
        ("log removed", |data| std::fs::remove_file(data.join("axme.db-wal")).unwrap()),
    ];
    for (what, fault) in faults {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = start(&data).await;
        let bootstrap = std::fs::read_to_string(data.join("bootstrap.json")).unwrap();
        let key = serde_json::from_str::<Bootstrap>(&bootstrap).unwrap().api_key;
        let (status, body) = submit(&server, &key).await;
        assert_eq!(status, 200, "{what}: {body}");
        fault(&data);
        let (status, body) = submit(&server, &key).await;
        assert_eq!(status, 503, "{what}: {body}");
        let why = tokio::time::timeout(Duration::from_secs(20), server.failed()).await.expect(what);
        assert!(why.contains("was removed or replaced while the server was running"), "{what}: {why}");
        let ready = reqwest::get(format!("{}/ready", server.base_url())).await.unwrap().status().as_u16();
        assert_eq!(ready, 503, "{what}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_server_without_calls_notices_too_and_leaves_the_next_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = start(&data).await;
    std::fs::remove_dir_all(&data).unwrap();
    let second = start(&data).await;
    tokio::time::timeout(Duration::from_secs(20), first.failed()).await.expect("it notices");
    first.stop().await;
    assert!(data.join("run.json").exists(), "run.json belongs to the second server");
    second.stop().await;
}
