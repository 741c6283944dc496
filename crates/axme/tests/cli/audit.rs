//! `axme audit verify`: on the database of a running server and of a stopped one, with the log as the kept checkpoint.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::{Home, Server, until};

/// Runs a server until it has signed a checkpoint of its trail, and returns its log.
fn log_with_checkpoint(home: &Home) -> String {
    let server = home.serve("serve");
    home.ok(&["agents", "register", "--name", "alice"]);
    server.stop();
    // A start chains the waiting lines at once.
    let server = home.serve("serve");
    until("the lines are chained", || {
        home.ok_json(&["audit", "verify", "--json"])["trails"].as_array().is_some_and(|trails| !trails.is_empty())
    });
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("audit checkpoint"), "{log}");
    log
}

#[test]
fn a_trail_is_verified_with_and_without_a_kept_checkpoint() {
    let home = Home::new();
    fs::write(home.path("axme.log"), log_with_checkpoint(&home)).unwrap();
    let said = home.ok(&["audit", "verify"]);
    assert!(said.contains("are consistent, not anchored"), "{said}");
    let said = home.ok(&["audit", "verify", "--checkpoint", "axme.log"]);
    assert!(said.contains(": nothing was changed or cut"), "{said}");
    let found = home.ok_json(&["audit", "verify", "--checkpoint", "axme.log", "--json"]);
    assert_eq!(found["ok"], true);
    assert_eq!(found["trails"][0]["anchored_to"], found["trails"][0]["last"]);

    // The checkpoint of another server is about a trail that this database does not have.
    let other = Home::new();
    fs::write(home.path("other.log"), log_with_checkpoint(&other)).unwrap();
    let output = home.run(&["audit", "verify", "--checkpoint", "other.log"]);
    let said = super::stdout(&output);
    assert!(
        output.status.code() == Some(1) && said.contains("the lines up to the kept checkpoint are missing"),
        "{said}"
    );
    assert_eq!(home.fails_json(&["audit", "verify", "--checkpoint", "other.log", "--json"], 1)["ok"], false);

    fs::write(home.path("nothing.log"), "nothing").unwrap();
    let said = home.fails(&["audit", "verify", "--checkpoint", "nothing.log"], 2);
    assert!(said.contains("nothing.log has no checkpoint of an audit trail"), "{said}");
    assert!(home.fails(&["audit", "verify", "nothing.log"], 1).contains("nothing.log, line 1: "));
    let said = home.fails(&["--data", "nowhere", "audit", "verify"], 2);
    assert!(said.contains("nowhere has no axme.db"), "{said}");

    // An export that begins in the middle, and checkpoints of other trails.
    let line = serde_json::json!({
        "kind": "audit", "trail_id": "00000000-0000-4000-8000-000000000001", "seq": 5, "hash": "00".repeat(32),
        "audit_id": "00000000-0000-4000-8000-000000000002", "at_micros": 1, "actor": "a", "action": "b", "subject": "c",
        "details": "{}",
    });
    fs::write(home.path("audit-1.jsonl"), format!("{line}\n")).unwrap();
    let said = home.ok(&["audit", "verify", "audit-1.jsonl"]);
    assert!(said.contains("lines 5 to 5") && said.contains("the line before 5 is in an earlier export"), "{said}");
    let said = home.fails(&["audit", "verify", "audit-1.jsonl", "--checkpoint", "axme.log"], 1);
    assert!(said.contains("no given checkpoint is about these trails"), "{said}");
    let found = home.fails_json(&["audit", "verify", "audit-1.jsonl", "--checkpoint", "axme.log", "--json"], 1);
    assert_eq!((&found["ok"], &found["trails"][0]["is_first_unproven"]), (&false.into(), &true.into()));
}

#[test]
fn the_copies_of_checkpoints_anchor_the_trail() {
    let home = Home::new();
    log_with_checkpoint(&home);
    let (kept, outbox) = (home.path("kept"), home.path(".local/share/axme/outbox"));
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("AXME_AUDIT__CHECKPOINTS", &kept).env("AXME_AUDIT__EMAIL", "auditor@example.com");
    let server = Server(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mails = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&outbox).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.filter(|file| fs::read_to_string(file).is_ok_and(|mail| mail.contains("auditor@example.com"))).collect()
    };
    let copied = || fs::read_dir(&kept).is_ok_and(|mut entries| entries.next().is_some());
    until("the checkpoints are copied", || copied() && !mails().is_empty());
    assert_eq!(server.stop().0, Some(0));
    let mail = mails()[0].display().to_string();
    for place in ["kept", &mail] {
        let said = home.ok(&["audit", "verify", "--checkpoint", place]);
        assert!(said.contains(": nothing was changed or cut"), "{place}: {said}");
    }
    fs::create_dir(home.path("empty")).unwrap();
    let said = home.fails(&["audit", "verify", "--checkpoint", "empty"], 2);
    assert!(said.contains("empty has no checkpoint of an audit trail"), "{said}");
}
