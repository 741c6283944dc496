//! Backups: written while the server writes, checked, and restored into a folder whose server waits for its operator.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axme_server::backup::{self, BackupError};
use axme_server::{Bootstrap, Config, Running, system};
use serde_json::{Value, json};

async fn start(data: &Path) -> Running {
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    axme_server::start(Config { data: data.to_owned(), listen, ..Config::default() }).await.unwrap()
}

struct Client {
    base_url: String,
    key: String,
}

impl Client {
    fn admin(server: &Running) -> Client {
        let text = std::fs::read_to_string(server.data().join("bootstrap.json")).unwrap();
        let bootstrap: Bootstrap = serde_json::from_str(&text).unwrap();
        Client { base_url: server.base_url().to_owned(), key: bootstrap.api_key }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let request = reqwest::Client::new().post(format!("{}{path}", self.base_url)).header("x-api-key", &self.key);
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{body}");
        body
    }

    async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base_url)).header("x-api-key", &self.key);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn agent(&self, name: &str) -> Client {
        let account = self.post("/v1/service-accounts", json!({ "name": name })).await;
        let path = format!("/v1/service-accounts/{}/keys", account["service_account_id"].as_str().unwrap());
        let key = self.post(&path, json!({})).await["api_key"].as_str().unwrap().to_owned();
        Client { base_url: self.base_url.clone(), key }
    }

    async fn submit(&self, n: usize) -> String {
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://alice", "payload": { "n": n } });
        self.post("/v1/intents", body).await["intent_id"].as_str().unwrap().to_owned()
    }

    /// Reads one window of the agent's stream; returns the number of intents in it.
    async fn offered(&self) -> usize {
        let url = format!("{}/v1/agents/agent://alice/intents/stream?wait_seconds=1", self.base_url);
        let request = reqwest::Client::new().get(url).header("x-api-key", &self.key);
        request.send().await.unwrap().text().await.unwrap().matches("event: intent.").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_busy_server_is_restored_and_waits_for_its_operator() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("axme.tar"));
    let server = start(&data).await;
    let admin = Client::admin(&server);
    let alice = admin.agent("alice").await;
    let mut before = Vec::new();
    for n in 0..20 {
        before.push(admin.submit(n).await);
    }
    // Writes go on while the backup is made.
    let busy = async {
        for n in 0..40 {
            admin.submit(1_000 + n).await;
        }
    };
    let (from, to) = (data.clone(), file.clone());
    let writing = tokio::task::spawn_blocking(move || backup::write(&from, &to, system::now()));
    let ((), written) = tokio::join!(busy, writing);
    let manifest = written.unwrap().unwrap();
    assert_eq!(manifest.entries[0].name, "axme.db");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(backup::verify(&file).unwrap(), manifest);
    assert!(matches!(backup::write(&data, &file, system::now()), Err(BackupError::Refused(_))), "never overwritten");
    let refused = backup::restore(&file, &data, system::now()).unwrap_err();
    assert!(refused.to_string().contains("another server uses the data folder"), "{refused}");
    server.stop().await;
    assert!(
        matches!(backup::restore(&file, &data, system::now()), Err(BackupError::Refused(_))),
        "not over a database"
    );

    let again = folder.path().join("again");
    let restored = backup::restore(&file, &again, system::now()).unwrap();
    assert!(restored.keys.iter().any(|key| key.account.ends_with("alice")), "{:?}", restored.keys);
    let server = start(&again).await;
    let admin = Client { base_url: server.base_url().to_owned(), ..admin };
    for id in &before {
        assert_eq!(admin.get(&format!("/v1/intents/{id}")).await["intent"]["intent_id"], **id);
    }
    let alice = Client { base_url: server.base_url().to_owned(), ..alice };
    assert_eq!(alice.offered().await, 0, "nothing is delivered before the operator says so");
    assert!(backup::resume(&again).unwrap());
    for _ in 0..20 {
        if alice.offered().await > 0 {
            server.stop().await;
            assert!(!backup::resume(&again).unwrap(), "it is resumed already");
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("deliveries did not resume");
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("axme.tar"));
    let server = start(&data).await;
    Client::admin(&server).agent("alice").await;
    server.stop().await;
    backup::write(&data, &file, system::now()).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let target = folder.path().join("target");
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(backup::verify(&file), Err(BackupError::Damaged(_))), "{what}");
        assert!(matches!(backup::restore(&file, &target, system::now()), Err(BackupError::Damaged(_))), "{what}");
        assert!(!target.join("axme.db").exists(), "{what}");
    };
    for place in [5_000, whole.len() / 2] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        check(&changed, "a changed byte");
    }
    for length in [0, 512, whole.len() / 2, whole.len() - 4_096] {
        check(&whole[..length], "a truncated file");
    }
    // A name in the archive cannot leave the folder.
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.as_gnu_mut().unwrap().name[..12].copy_from_slice(b"media/../../");
    header.set_cksum();
    archive.append(&header, &b"x"[..]).unwrap();
    check(&archive.into_inner().unwrap(), "a foreign entry");
    std::fs::write(&file, &whole).unwrap();
    backup::restore(&file, &target, system::now()).unwrap();
}
