//! A rolling upgrade: two nodes of an earlier version on one PostgreSQL become nodes of this one, one after the other, while
//! clients work. Nothing that was acknowledged is lost, and nothing happens twice.
//!
//! `cargo xtask upgrade` builds the earlier version and names its program; without it there is nothing to test.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axme_client::Client;
use axme_server::Bootstrap;

use super::nodes::{Node, client, load, named, runtime};
use super::process::fresh_schema;
use super::{Keys, Ledger, acknowledged, finish, judge};

const PREVIOUS: &str = "AXME_TEST_PREVIOUS";
/// The creates that are acknowledged before, between and after the two restarts.
const CREATES: usize = 40;

#[test]
fn nothing_is_lost_in_a_rolling_upgrade() {
    let Ok(previous) = std::env::var(PREVIOUS) else {
        eprintln!("skipped: {PREVIOUS} is not set; run cargo xtask upgrade");
        return;
    };
    let url = std::env::var("AXME_TEST_POSTGRES_URL").expect("AXME_TEST_POSTGRES_URL is set");
    runtime().block_on(story(&url, previous.into()));
}

async fn story(url: &str, previous: PathBuf) {
    let database = fresh_schema(url, "upgrade").await;
    let mut nodes = Vec::new();
    for _ in 0..2 {
        nodes.push(Node::start_program(&previous, &database).await);
    }
    let bootstrap: Bootstrap = serde_json::from_str(&std::fs::read_to_string(nodes[0].bootstrap()).unwrap()).unwrap();
    let admins: Vec<Client> = nodes.iter().map(|node| client(&node.url(), &bootstrap.api_key)).collect();
    let keys = Keys::create(&admins[0], &bootstrap).await;
    let agents: Vec<[Client; 2]> =
        nodes.iter().map(|node| keys.0.each_ref().map(|key| client(&node.url(), key))).collect();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let load = load(&admins, &agents, &ledger);
    acknowledged(&ledger, CREATES).await;
    for (nth, node) in nodes.iter_mut().enumerate() {
        node.process.end().await;
        // This version migrates the schema while the other node still runs the earlier one.
        node.start_again(&database).await;
        acknowledged(&ledger, CREATES * (nth + 2)).await;
    }
    for task in load {
        task.abort();
        let _ = task.await;
    }
    let patient = Client::new(&nodes[0].url(), &bootstrap.api_key).unwrap();
    let heirs = keys.0.each_ref().map(|key| named(&nodes[0].url(), key).build().unwrap());
    finish(&patient, &heirs, &ledger).await;
    let ledger = std::mem::take(&mut *ledger.lock().unwrap());
    println!("upgraded: {}", judge(&patient, &ledger, 20).await);
}
