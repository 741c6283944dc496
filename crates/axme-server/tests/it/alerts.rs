//! The mail to the operator about trouble.

use std::time::Duration;

use axme_core::system::Mail;
use axme_server::workers::alerts::{self, DiskSpace, Memory};
use axme_server::workers::push;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine};
use crate::pushes::{Answer, Receiver, pushed, server_that_may_call_loopback};

each_engine! {
    the_operator_gets_one_mail_an_hour_about_what_is_new,
    two_nodes_send_one_mail,
}

const ROOMY: DiskSpace = DiskSpace { free: 500 << 30, all: 1_000 << 30 };
const FULL: DiskSpace = DiskSpace { free: 100 << 20, all: 1_000 << 30 };
const HOUR: Duration = Duration::from_secs(3_600);

async fn look(server: &Server, disk: DiskSpace, memory: &mut Memory) -> Option<Mail> {
    let outbox = server.folder().join("outbox");
    let files = || {
        let entries = std::fs::read_dir(&outbox).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
        entries.unwrap_or_else(|_| Vec::new())
    };
    let known = files();
    let is_sent = alerts::tick(&server.app, "ops@example.com", Some(disk), memory).await.unwrap();
    let fresh: Vec<_> = files().into_iter().filter(|file| !known.contains(file)).collect();
    assert_eq!(fresh.len(), usize::from(is_sent), "{fresh:?}");
    // Long lines are folded in the mail.
    let text = std::fs::read_to_string(fresh.first()?).unwrap().replace("\r\n", "\n").replace("=\n", "");
    let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
    assert!(text.contains("ops@example.com"), "{text}");
    Some(Mail { id: String::new(), to: String::new(), subject, text, html: String::new(), link: None })
}

async fn the_operator_gets_one_mail_an_hour_about_what_is_new(engine: Engine) {
    let server = server_that_may_call_loopback(engine).await;
    let (receiver, addr) = Receiver::start().await;
    let (account, _) = pushed(&server, "worker", &format!("http://{addr}/intent")).await;
    let memory = &mut Memory::default();
    assert!(look(&server, ROOMY, memory).await.is_none(), "nothing is wrong");
    // A push that is refused for good is a dead letter.
    receiver.will(&[Answer::Status(410)]);
    server.submit("worker", json!({})).await;
    let workspace: Uuid = server.bootstrap.workspace_id.parse().unwrap();
    push::tick(&server.app, workspace, &account).await.unwrap();
    server.clock.advance(Duration::from_secs(60));
    let mail = look(&server, ROOMY, memory).await.expect("a mail");
    assert!(mail.text.contains("1 delivery to an agent was given up"), "{}", mail.text);
    // More trouble within the hour waits for its end.
    server.agent("sleeper").await;
    server.submit("sleeper", json!({})).await;
    server.clock.advance(Duration::from_secs(1_800));
    assert!(look(&server, FULL, memory).await.is_none(), "the hour is not over");
    server.clock.advance(HOUR);
    let mail = look(&server, FULL, memory).await.expect("a second mail");
    assert!(mail.text.contains("sleeper has not fetched work") && mail.text.contains("disk"), "{}", mail.text);
    assert!(!mail.text.contains("given up"), "the old dead letter is not told again: {}", mail.text);
    server.clock.advance(HOUR);
    assert!(look(&server, ROOMY, memory).await.is_none(), "the agent is not told again either");
}

async fn two_nodes_send_one_mail(engine: Engine) {
    if engine == Engine::Sqlite {
        return;
    }
    let first = Server::start(engine).await;
    let second = first.another_node().await;
    let (mut here, mut there) = (Memory::default(), Memory::default());
    let mails = tokio::join!(look(&first, FULL, &mut here), look(&second, FULL, &mut there));
    let (one, other) = (mails.0.is_some(), mails.1.is_some());
    assert!(one != other, "{one} {other}");
}

/// A mail about a full disk does not need the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_is_reported_once_too() {
    let server = Server::start(Engine::Sqlite).await;
    let broken = |tx: &mut axme_store::Tx<'_>| tx.run("DROP TABLE operator_mails", &[]).map(|_| ());
    let readable = |tx: &mut axme_store::Tx<'_>| {
        tx.run("CREATE VIEW operator_mails AS SELECT 'trouble' AS name, 0 AS sent_at", &[]).map(|_| ())
    };
    server.app.store.write(axme_store::Shard::CONTROL, broken).await.unwrap();
    server.app.store.write(axme_store::Shard::CONTROL, readable).await.unwrap();
    let memory = &mut Memory::default();
    assert!(look(&server, FULL, memory).await.is_some());
    assert!(look(&server, FULL, memory).await.is_none(), "this node remembers");
    server.clock.advance(HOUR);
    assert!(look(&server, FULL, memory).await.is_some());
}
