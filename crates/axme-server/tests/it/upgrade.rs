//! The data of earlier versions, opened by this one. The folders were made by those versions: `tools/upgrade_fixture.sh`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axme_server::{Bootstrap, Config, Running, StartError, audit};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{add_migration_of_the_future, remove_migration_of_the_future};

/// The first schema whose data every later version opens. Some earlier ones have a fixture too.
const FIRST: u32 = 11;

/// The content of a fixture.
#[derive(Deserialize)]
struct Expected {
    schema: u32,
    agent_key: String,
    /// An intent that waits for its agent.
    waiting: String,
    /// An intent that waits for a person.
    task: String,
    /// A scenario whose first step waits for the agent.
    scenario: String,
    /// The statuses of intents.
    intents: BTreeMap<String, String>,
}

fn fixture(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/upgrade/{schema:04}.tar.gz"))
}

/// The numbers of all migrations.
fn newest_migration() -> u32 {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../axme-store/src/migrations");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name[..4].parse::<u32>().unwrap()).max().unwrap()
}

fn unpack(schema: u32, into: &Path) -> Expected {
    let file = std::fs::File::open(fixture(schema)).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(into).unwrap();
    let expected: Expected = serde_json::from_slice(&std::fs::read(into.join("expected.json")).unwrap()).unwrap();
    assert_eq!(expected.schema, schema);
    expected
}

async fn start(data: &Path) -> Result<Running, StartError> {
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    axme_server::start(Config { data: data.to_owned(), listen, ..Config::default() }).await
}

struct Caller<'a> {
    base_url: &'a str,
    key: &'a str,
}

impl Caller<'_> {
    async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base_url)).header("x-api-key", self.key);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.base_url)).header("x-api-key", self.key);
        let answer = request.json(&body).send().await.unwrap();
        let (status, body): (_, Value) = (answer.status(), answer.json().await.unwrap());
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    async fn status(&self, intent: &str) -> Value {
        self.get(&format!("/v1/intents/{intent}")).await["intent"]["status"].clone()
    }

    /// Returns the ids of the intents that the agent is offered.
    async fn offered(&self) -> String {
        let url = format!("{}/v1/agents/agent://worker/intents/stream?wait_seconds=1", self.base_url);
        reqwest::Client::new().get(url).header("x-api-key", self.key).send().await.unwrap().text().await.unwrap()
    }
}

/// A schema without a fixture cannot be tested any more, because nobody has its program at hand.
#[test]
fn every_earlier_schema_has_its_data() {
    let newest = newest_migration();
    for schema in (FIRST..newest).chain([FIRST]) {
        assert!(fixture(schema).exists(), "make the fixture of schema {schema}: tools/upgrade_fixture.sh");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_earlier_versions_goes_on_under_this_one() {
    // The newest schema gets its fixture at the latest with the next one.
    for schema in (1..=newest_migration()).filter(|schema| fixture(*schema).exists()) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let expected = unpack(schema, data);
        let server = start(data).await.unwrap();
        let text = std::fs::read_to_string(data.join("bootstrap.json")).unwrap();
        let bootstrap: Bootstrap = serde_json::from_str(&text).unwrap();
        let admin = Caller { base_url: server.base_url(), key: &bootstrap.api_key };
        let agent = Caller { base_url: server.base_url(), key: &expected.agent_key };
        for (id, status) in &expected.intents {
            assert_eq!(admin.status(id).await, *status, "schema {schema}");
        }
        // A number that is longer than a double is still exact.
        let waiting = reqwest::Client::new().get(format!("{}/v1/intents/{}", server.base_url(), expected.waiting));
        let text = waiting.header("x-api-key", &bootstrap.api_key).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("9007199254740993") && text.contains("ünï"), "schema {schema}: {text}");

        // Waiting work continues: for the agent, for a person, and in a scenario.
        let offered = agent.offered().await;
        assert!(offered.contains(&expected.waiting), "schema {schema}: {offered}");
        agent.post(&format!("/v1/intents/{}/resume", expected.waiting), json!({ "action": "complete" })).await;
        assert_eq!(admin.status(&expected.waiting).await, "COMPLETED", "schema {schema}");
        let answer = json!({ "approve_current_step": true, "task_result": { "outcome": "approved" } });
        admin.post(&format!("/v1/intents/{}/resume", expected.task), answer.clone()).await;
        assert_eq!(admin.status(&expected.task).await, "COMPLETED", "schema {schema}");
        let step = admin.get(&format!("/v1/intents?parent_intent_id={}", expected.scenario)).await;
        assert!(step["intents"].is_array(), "schema {schema}: {step}");
        assert!(
            ["IN_PROGRESS", "WAITING", "SUBMITTED", "DELIVERED"]
                .contains(&admin.status(&expected.scenario).await.as_str().unwrap_or_default())
        );
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://worker", "payload": {} });
        let fresh = admin.post("/v1/intents", body).await["intent_id"].as_str().unwrap().to_owned();
        assert!(agent.offered().await.contains(&fresh), "schema {schema}");
        server.stop().await;

        let trails = audit::verify_database(data, None, &[]).await.unwrap();
        assert!(trails.iter().any(|trail| trail.lines > 0), "schema {schema}");
        assert!(trails.iter().all(|trail| trail.broken.is_none()), "schema {schema}: {trails:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_refuses_the_data_of_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    unpack(FIRST, folder.path());
    let file = folder.path().join("axme.db");
    add_migration_of_the_future(&file);
    let Err(refused) = start(folder.path()).await else { panic!("it started") };
    let refused = refused.to_string();
    assert!(refused.contains("was used with a newer version of AXME"), "{refused}");
    assert!(refused.contains("start that version or a later one"), "{refused}");
    // It was refused before anything changed: without the newer migration, this version goes on.
    remove_migration_of_the_future(&file);
    start(folder.path()).await.unwrap().stop().await;
}
