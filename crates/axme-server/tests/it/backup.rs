//! Backups: written while the server writes, checked, and restored into a folder whose server waits for its operator.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axme_server::backup::{self, BackupError, Decryption, Encryption};
use axme_server::{Bootstrap, Config, Running, system};
use serde_json::{Value, json};

use crate::harness::{Engine, with_database};

async fn start(data: &Path) -> Running {
    start_on(data, None).await
}

async fn start_on(data: &Path, database_url: Option<String>) -> Running {
    let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
    axme_server::start(Config { data: data.to_owned(), listen, database_url, ..Config::default() }).await.unwrap()
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

    /// Waits until the agent is offered something.
    async fn is_offered_work(&self) {
        for _ in 0..20 {
            if self.offered().await > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("deliveries did not resume");
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
    let writing = tokio::task::spawn_blocking(move || backup::write(&from, &to, &Encryption::None, system::now()));
    let ((), written) = tokio::join!(busy, writing);
    let manifest = written.unwrap().unwrap();
    assert_eq!(manifest.entries[0].name, "axme.db");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(backup::verify(&file, &Decryption::None).unwrap(), manifest);
    let again = backup::write(&data, &file, &Encryption::None, system::now());
    assert!(matches!(again, Err(BackupError::Refused(_))), "never overwritten");
    let refused = backup::restore(&file, &Decryption::None, &data, system::now()).unwrap_err();
    assert!(refused.to_string().contains("another server uses the data folder"), "{refused}");
    server.stop().await;
    assert!(
        matches!(backup::restore(&file, &Decryption::None, &data, system::now()), Err(BackupError::Refused(_))),
        "not over a database"
    );

    let again = folder.path().join("again");
    let restored = backup::restore(&file, &Decryption::None, &again, system::now()).unwrap();
    assert!(restored.keys.iter().any(|key| key.account.ends_with("alice")), "{:?}", restored.keys);
    let server = start(&again).await;
    let admin = Client { base_url: server.base_url().to_owned(), ..admin };
    for id in &before {
        assert_eq!(admin.get(&format!("/v1/intents/{id}")).await["intent"]["intent_id"], **id);
    }
    let alice = Client { base_url: server.base_url().to_owned(), ..alice };
    assert_eq!(alice.offered().await, 0, "nothing is delivered before the operator says so");
    assert!(backup::resume(&again).unwrap());
    alice.is_offered_work().await;
    server.stop().await;
    assert!(!backup::resume(&again).unwrap(), "it is resumed already");
}

/// The commands that `docs/runbook.md` shows for PostgreSQL, with the script that comes with them.
#[test]
fn a_dump_of_postgres_is_restored_and_waits_for_its_operator() {
    crate::harness::run(Engine::Postgres, |_| {
        with_database(async |source: String| {
            with_database(async |target: String| dump_and_restore(source, target).await).await
        })
    });
}

async fn dump_and_restore(source: String, target: String) {
    let folder = tempfile::tempdir().unwrap();
    let (data, restored) = (folder.path().join("data"), folder.path().join("restored"));
    let server = start_on(&data, Some(source.clone())).await;
    let admin = Client::admin(&server);
    let alice = admin.agent("alice").await;
    let intent = admin.submit(1).await;
    let dump = folder.path().join("axme.dump").to_str().unwrap().to_owned();
    let run = |program: &str, args: &[&str]| {
        let done = std::process::Command::new(program).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{program}: {said}{}", String::from_utf8_lossy(&done.stderr));
        said
    };
    run("pg_dump", &["--format=custom", "--file", &dump, &source]);
    server.stop().await;
    std::fs::create_dir(&restored).unwrap();
    std::fs::copy(data.join("bootstrap.json"), restored.join("bootstrap.json")).unwrap();
    run("pg_restore", &["--dbname", &target, &dump]);
    std::fs::write(restored.join("deliveries-paused"), "").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/postgresql/after-restore.sql");
    let said = run("psql", &["-v", "ON_ERROR_STOP=1", &target, "-f", script]);
    assert!(said.contains("agent://local/default/alice"), "the keys to review are listed: {said}");

    let server = start_on(&restored, Some(target.clone())).await;
    let admin = Client { base_url: server.base_url().to_owned(), ..admin };
    assert_eq!(admin.get(&format!("/v1/intents/{intent}")).await["intent"]["intent_id"], *intent);
    let alice = Client { base_url: server.base_url().to_owned(), ..alice };
    assert_eq!(alice.offered().await, 0, "nothing is delivered before the operator says so");
    assert!(backup::resume(&restored).unwrap());
    alice.is_offered_work().await;
    server.stop().await;
    // The trails are read without a server, by the URL of the database.
    let trails = axme_server::audit::verify_database(&restored, Some(&target), &[]).await.unwrap();
    assert!(
        trails.iter().any(|trail| trail.lines > 0) && trails.iter().all(|trail| trail.broken.is_none()),
        "{trails:?}"
    );
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_leaves_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("axme.tar"));
    let server = start(&data).await;
    Client::admin(&server).agent("alice").await;
    server.stop().await;
    backup::write(&data, &file, &Encryption::None, system::now()).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let target = folder.path().join("target");
    let check = |bytes: &[u8], what: &str| {
        std::fs::write(&file, bytes).unwrap();
        assert!(matches!(backup::verify(&file, &Decryption::None), Err(BackupError::Damaged(_))), "{what}");
        assert!(
            matches!(backup::restore(&file, &Decryption::None, &target, system::now()), Err(BackupError::Damaged(_))),
            "{what}"
        );
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
    backup::restore(&file, &Decryption::None, &target, system::now()).unwrap();
}

#[tokio::test]
async fn an_encrypted_backup_is_read_with_its_key_only() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("axme.tar.age"));
    let server = start(&data).await;
    Client::admin(&server).agent("alice").await;
    server.stop().await;
    let keys = |name: &str| {
        let path = folder.path().join(name);
        let public = backup::make_key(&path).unwrap();
        assert!(backup::make_key(&path).is_err(), "a key is never overwritten");
        (public, Decryption::with_private_keys(&std::fs::read_to_string(&path).unwrap()).unwrap())
    };
    let ((mine, my_key), (other, other_key)) = (keys("mine.txt"), keys("other.txt"));
    let write = |encryption: Encryption| {
        let _ = std::fs::remove_file(&file);
        backup::write(&data, &file, &encryption, system::now()).unwrap()
    };
    let is_refused = |decryption: &Decryption, why: &str| {
        let refused = backup::verify(&file, decryption).unwrap_err();
        assert!(matches!(&refused, BackupError::Refused(said) if said.contains(why)), "{refused}");
    };

    let manifest = write(Encryption::for_public_keys(&[mine, other]).unwrap());
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(7).any(|part| part == b"axme.db"), "no name of an entry is readable");
    for key in [&my_key, &other_key] {
        assert_eq!(backup::verify(&file, key).unwrap(), manifest);
    }
    is_refused(&Decryption::None, "pass --identity");
    let (_, stranger) = keys("stranger.txt");
    is_refused(&stranger, "cannot be decrypted");
    is_refused(&Decryption::with_passphrase("a guess").unwrap(), "cannot be decrypted");
    for (place, what) in [(bytes.len() / 2, "in the middle"), (bytes.len() - 1, "at the end")] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        assert!(matches!(backup::verify(&file, &my_key), Err(BackupError::Damaged(_))), "a changed byte {what}");
        std::fs::write(&file, &bytes[..place]).unwrap();
        assert!(matches!(backup::verify(&file, &my_key), Err(BackupError::Damaged(_))), "a file cut {what}");
    }

    write(Encryption::with_passphrase("correct horse\n").unwrap());
    is_refused(&Decryption::None, "pass --passphrase-file");
    is_refused(&my_key, "cannot be decrypted");
    let target = folder.path().join("target");
    backup::restore(&file, &Decryption::with_passphrase("correct horse").unwrap(), &target, system::now()).unwrap();
    assert!(target.join("axme.db").is_file());
    assert!(Encryption::with_passphrase("\n").is_err() && Decryption::with_private_keys("# nothing").is_err());
}
