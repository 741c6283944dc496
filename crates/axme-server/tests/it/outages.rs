//! PostgreSQL at the start of a node and after a break: waits with a reason and a limit, cut and silent connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axme_server::{Bootstrap, Config, Running, StartError};
use axme_store::organizations::{self, Organization};
use axme_store::{Limits, Shard, Store, StoreError, StoreOptions, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Mode, Proxy, fresh_schema, lock_migrations, migration, postgres_only, with_database};

postgres_only! {
    after_all_connections_were_cut_the_first_call_on_each_shard_succeeds,
    a_job_whose_connection_ends_before_its_commit_runs_again,
    a_call_on_a_silent_database_is_refused_in_time,
    a_start_waits_for_a_database_that_is_not_ready,
    a_start_on_a_silent_port_ends_with_its_reason,
    a_start_waits_for_the_migration_of_another_node,
}

async fn start(url: &str, start_seconds: u64) -> Result<(Running, tempfile::TempDir), StartError> {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { start_seconds, ..Limits::default() };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let data = folder.path().to_owned();
    let config = Config { data, listen, database_url: Some(url.to_owned()), limits, ..Config::default() };
    Ok((axme_server::start(config).await?, folder))
}

/// Returns the error of a start that must fail.
async fn start_error(url: &str, start_seconds: u64) -> String {
    match start(url, start_seconds).await {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

async fn after_all_connections_were_cut_the_first_call_on_each_shard_succeeds() {
    let url = fresh_schema().await;
    let proxy = Proxy::start(&url, Mode::Forward).await;
    let (node, folder) = start(&proxy.url(&url), 60).await.unwrap();
    let bootstrap = std::fs::read_to_string(folder.path().join("bootstrap.json")).unwrap();
    let key = serde_json::from_str::<Bootstrap>(&bootstrap).unwrap().api_key;
    let http = reqwest::Client::new();
    let intents = format!("{}/v1/intents", node.base_url());
    let calls = async |round: u32| {
        for n in 0..24 {
            let body = json!({ "intent_type": "intent.ask.v1", "to_agent": format!("worker-{n}") });
            let sent = http.post(&intents).header("x-api-key", &key).json(&body).send().await.unwrap();
            assert_eq!(sent.status(), 200, "round {round}, write {n}: {}", sent.text().await.unwrap());
            let read = http.get(&intents).header("x-api-key", &key).send().await.unwrap();
            assert_eq!(read.status(), 200, "round {round}, read {n}: {}", read.text().await.unwrap());
        }
    };
    // The first round opens a connection for each writer and reader.
    calls(0).await;
    for round in 1..4 {
        proxy.cut().await;
        calls(round).await;
    }
    node.stop().await;
}

async fn open(url: &str) -> Store {
    Store::open_postgres(url, &migration()).await.unwrap()
}

async fn a_job_whose_connection_ends_before_its_commit_runs_again() {
    let url = fresh_schema().await;
    let proxy = Arc::new(Proxy::start(&url, Mode::Forward).await);
    let store = open(&proxy.url(&url)).await;
    let (runtime, cutting) = (tokio::runtime::Handle::current(), proxy.clone());
    let mut runs = 0;
    let job = move |tx: &mut Tx<'_>| -> Result<(i32, bool), StoreError> {
        runs += 1;
        let made = organizations::insert(tx, &Organization::new(Uuid::from_u128(1), "one", "One", tx.now))?;
        if runs == 1 {
            let (cutting, (done, is_done)) = (cutting.clone(), std::sync::mpsc::channel());
            runtime.spawn(async move {
                cutting.cut().await;
                done.send(()).unwrap();
            });
            is_done.recv().unwrap();
        }
        organizations::find_by_slug(tx, "one")?;
        Ok((runs, made))
    };
    let (runs, made) = store.write(Shard::CONTROL, job).await.unwrap();
    assert_eq!((runs, made), (2, true), "the first run has left nothing");
}

async fn a_call_on_a_silent_database_is_refused_in_time() {
    let url = fresh_schema().await;
    let proxy = Proxy::start(&url, Mode::Forward).await;
    let store = open(&proxy.url(&url)).await;
    let find = |tx: &mut Tx<'_>| organizations::find_by_slug(tx, "one");
    store.write(Shard::CONTROL, find).await.unwrap();
    proxy.set(Mode::Silent);
    proxy.cut().await;
    let call = tokio::time::timeout(Duration::from_secs(20), store.write(Shard::CONTROL, find)).await;
    let refused = call.expect("refused in time");
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    proxy.set(Mode::Forward);
    assert_eq!(store.write(Shard::CONTROL, find).await.unwrap(), None, "it is back");
}

async fn a_start_waits_for_a_database_that_is_not_ready() {
    let url = fresh_schema().await;
    let proxy = Proxy::start(&url, Mode::Close).await;
    let error = start_error(&proxy.url(&url), 1).await;
    assert!(error.contains("the database is not ready after 1 seconds"), "{error}");
    assert!(error.contains("Check database_url"), "{error}");
    let proxied = proxy.url(&url);
    let opening = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        proxy.set(Mode::Forward);
    };
    let (started, ()) = tokio::join!(start(&proxied, 60), opening);
    started.unwrap().0.stop().await;
}

async fn a_start_on_a_silent_port_ends_with_its_reason() {
    let url = fresh_schema().await;
    let proxy = Proxy::start(&url, Mode::Silent).await;
    let error = start_error(&proxy.url(&url), 1).await;
    assert!(error.contains("not ready after 1 seconds: it has not answered yet"), "{error}");
}

async fn a_start_waits_for_the_migration_of_another_node() {
    with_database(async |url: String| {
        let (other, connection) = lock_migrations(&url).await;
        let error = start_error(&url, 1).await;
        assert!(error.contains("not ready after 1 seconds: another node is changing its schema"), "{error}");
        let migrated = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            drop(other);
            connection.await.unwrap().unwrap();
        };
        let limits = Arc::new(Limits { start_seconds: 60, ..Limits::clone(&migration().limits) });
        let options = StoreOptions { limits, ..migration() };
        let (opened, ()) = tokio::join!(Store::open_postgres(&url, &options), migrated);
        opened.unwrap();
    })
    .await;
}
