//! The commands of an operator: the check of settings, backup and restore.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::{Home, Server, mode, until};

#[test]
fn the_settings_in_force_are_shown_with_their_sources_and_without_secrets() {
    let home = Home::new();
    fs::write(home.path("axme.toml"), "tier = 'corporate'\n[mail]\nsmtp_url = 'smtps://me:hunter2@mail.example.com'\n")
        .unwrap();
    let mut command = home.command(&["serve", "--check", "--config", "axme.toml", "--listen", "127.0.0.1:9"]);
    command.env("AXME_TRACES__HEADERS", "authorization=Bearer hunter2");
    command.env("AXME_AUDIT__CHECKPOINTS", "kept").env("AXME_AUDIT__EMAIL", "auditor@example.com");
    let output = command.env("AXME_LIMITS__OFFER_SECONDS", "20, 40").output().unwrap();
    let said = super::stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", super::stderr(&output));
    let line = |name: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        said.lines().find(|line| line.starts_with(&format!("{name} "))).map(words).unwrap_or_default()
    };
    assert_eq!(line("listen"), "listen 127.0.0.1:9 (--listen)");
    assert!(line("tier").starts_with("tier corporate (axme.toml"), "{said}");
    let offers = "limits.offer_seconds 20, 40 (the environment variable AXME_LIMITS__OFFER_SECONDS)";
    assert_eq!(line("limits.offer_seconds"), offers);
    assert_eq!(line("trials"), "trials false (default)");
    let kept = "audit.checkpoints kept (the environment variable AXME_AUDIT__CHECKPOINTS)";
    assert_eq!(line("audit.checkpoints"), kept);
    let mailed = "audit.email auditor@example.com (the environment variable AXME_AUDIT__EMAIL)";
    assert_eq!(line("audit.email"), mailed);
    assert_eq!(line("retention.events_days"), "retention.events_days 30 (default)");
    assert!(line("mail.smtp_url").starts_with("mail.smtp_url smtps://me:…@mail.example.com (axme.toml"), "{said}");
    assert!(line("traces.headers").starts_with("traces.headers (set) ("), "{said}");
    assert!(!said.contains("hunter2"));
    assert!(!home.path(".local").exists() && !home.path("kept").exists(), "a check creates nothing");

    let wrong = |name: &str, value: &str| {
        let output = home.command(&["serve", "--check"]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        super::stderr(&output)
    };
    assert!(wrong("AXME_PUBLIC_ULR", "https://a.example.com").contains("did you mean AXME_PUBLIC_URL?"));
    let url = wrong("AXME_DATABASE_URL", "postgres://app:hunter2@db/axme?sslmode=always");
    assert!(url.contains("sslmode: use one of") && !url.contains("hunter2"), "{url}");
    assert!(wrong("AXME_AUDIT__EMAIL", "nobody").contains("audit.email \"nobody\" is not an email address"));
    for (name, setting) in [
        ("AXME_MEDIA__URL", "media.url"),
        ("AXME_RETENTION__EXPORT", "retention.export"),
        ("AXME_AUDIT__CHECKPOINTS", "audit.checkpoints"),
    ] {
        let said = wrong(name, "s3:///prefix");
        assert!(said.contains(&format!("settings: {setting} \"s3:///prefix\" has no bucket")), "{said}");
    }
    assert!(wrong("AXME_TRUSTED_PROXIES", "10.0.0").contains("trusted_proxies: \"10.0.0\" is not a network"));
}

#[test]
fn a_log_that_is_no_terminal_has_json_lines() {
    let home = Home::new();
    let (code, said) = home.serve("serve").stop();
    assert_eq!(code, Some(0), "{said}");
    let line = said.lines().find(|line| line.contains("axme is listening")).unwrap_or_else(|| panic!("{said}"));
    let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    assert_eq!((&line["message"], &line["level"]), (&"axme is listening".into(), &"INFO".into()));
}

#[test]
fn a_backup_is_made_checked_and_restored_by_commands() {
    let home = Home::new();
    let server = home.serve("serve");
    home.ok(&["agents", "register", "--name", "alice"]);
    let said = home.ok(&["backup", "axme.tar"]);
    assert!(said.starts_with("axme.tar: written, 2 entries, "), "{said}");
    assert_eq!(mode(&home.path("axme.tar")), 0o600);
    assert!(home.fails(&["backup", "axme.tar"], 2).contains("axme.tar exists"));
    assert!(home.ok(&["backup", "verify", "axme.tar"]).contains("complete and undamaged"));
    assert!(home.fails(&["restore", "axme.tar"], 1).contains("another server uses the data folder"));
    server.stop();
    assert!(home.fails(&["restore", "axme.tar"], 2).contains("has a database already"));

    fs::rename(home.path(".local/share/axme"), home.path("old")).unwrap();
    let said = home.ok(&["restore", "axme.tar"]);
    for part in
        ["Restored the backup from ", "These API keys are valid again", "local/default  admin", "restore --resume"]
    {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let server = home.serve("serve");
    until("the server answers", || home.run(&["agents", "list"]).status.success());
    assert!(home.ok(&["agents", "list"]).contains("alice"));
    assert!(home.ok(&["restore", "--resume"]).contains("delivers from now on"));
    assert_eq!(home.ok(&["restore", "--resume"]), "It was not paused.\n");
    server.stop();
    fs::write(home.path("axme.tar"), "not a backup").unwrap();
    assert!(home.fails(&["backup", "verify", "axme.tar"], 1).contains("the backup is damaged"));
}

#[test]
fn an_encrypted_backup_needs_its_key() {
    let home = Home::new();
    home.serve("serve").stop();
    let said = home.ok(&["backup", "key", "key.txt"]);
    assert_eq!(mode(&home.path("key.txt")), 0o600);
    let public = said.split_whitespace().find(|word| word.starts_with("age1")).unwrap();
    assert!(home.fails(&["backup", "key", "key.txt"], 2).contains("key.txt exists"));
    let written = home.ok_json(&["backup", "axme.tar.age", "--public-key", public, "--json"]);
    assert_eq!(written["ok"], true);
    assert!(home.fails(&["backup", "verify", "axme.tar.age"], 2).contains("is encrypted: pass --identity"));
    home.ok(&["backup", "verify", "axme.tar.age", "--identity", "key.txt"]);
    let said = home.ok(&["--data", "again", "restore", "axme.tar.age", "--identity", "key.txt", "--resume"]);
    assert!(said.starts_with("Restored the backup from ") && home.path("again/axme.db").exists(), "{said}");

    fs::write(home.path("words"), "correct horse battery\n").unwrap();
    home.ok(&["backup", "by-words.age", "--passphrase-file", "words"]);
    assert!(home.fails(&["backup", "verify", "by-words.age"], 2).contains("pass --passphrase-file"));
    home.ok(&["backup", "verify", "by-words.age", "--passphrase-file", "words"]);
    fs::write(home.path("words"), "guess").unwrap();
    home.fails(&["backup", "verify", "by-words.age", "--passphrase-file", "words"], 2);
    assert!(home.fails(&["backup", "x.age", "--public-key", "age2"], 2).contains("\"age2\" is not a public key"));
    assert!(home.fails(&["backup", "s3://bucket"], 2).contains("has no name: write it like s3://bucket/axme.tar"));
}

#[test]
fn the_machine_of_a_server_is_examined() {
    let home = Home::new();
    let before = home.fails_json(&["doctor", "--server", "--json"], 1);
    let find = |findings: &serde_json::Value, check: &str| {
        findings.as_array().unwrap().iter().find(|finding| finding["check"] == check).cloned().unwrap_or_default()
    };
    assert_eq!(find(&before, "data_folder")["ok"], false);
    assert!(!home.path(".local").exists(), "an examination creates nothing");
    let server = home.serve("serve");
    let well = home.ok_json(&["doctor", "--server", "--json"]);
    for check in ["settings", "data_folder", "disk_space", "fsync_time", "database", "schema", "mail", "public_url"] {
        assert_eq!(find(&well, check)["ok"], true, "{check}: {well}");
    }
    assert!(home.ok(&["doctor", "--server"]).contains("✓ schema "));
    server.stop();
    fs::write(home.path("axme.toml"), "public_url = 'https://127.0.0.1:9'\n[mail]\nsmtp_url = 'smtp://127.0.0.1:9'\n")
        .unwrap();
    let args = ["doctor", "--server", "--config", "axme.toml", "--send-mail", "me@example.com", "--json"];
    let ill = home.fails_json(&args, 1);
    for (check, advice) in [
        ("mail", "check mail.smtp_url"),
        ("public_url", "check DNS, the proxy and that the server runs"),
        ("proxies", "trusted_proxies is not set"),
    ] {
        let found = find(&ill, check);
        assert!(found["ok"] == false && found["detail"].as_str().unwrap().contains(advice), "{check}: {found}");
    }
    home.fails(&["doctor", "--config", "axme.toml"], 2);
}

/// systemd passes the socket as descriptor 3, and names the process that it is for.
#[test]
fn a_server_takes_the_socket_of_systemd() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // A connection that was made before the server runs.
    let mut early = TcpStream::connect(address).unwrap();
    early.write_all(b"GET /health HTTP/1.1\r\nhost: axme\r\nconnection: close\r\n\r\n").unwrap();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --listen 127.0.0.1:9";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_axme")]).env_clear().env("HOME", home.path(""));
    command.current_dir(home.path("")).stdin(OwnedFd::from(listener)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let server = Server(command.spawn().unwrap());
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let run = home.path(".local/share/axme/run.json");
    until("the server tells where it is", || run.exists());
    let run = fs::read_to_string(run).unwrap();
    assert!(run.contains(&address.to_string()), "{run}");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn retention_is_set_and_held_by_commands() {
    let home = Home::new();
    let _server = home.serve("serve");
    let shown = home.ok(&["retention", "show"]);
    assert!(shown.contains("as the server") && shown.contains("forever") && shown.contains("Not on hold."), "{shown}");
    assert!(shown.contains("30 days") && shown.contains("48 hours"), "{shown}");
    let rules = ["--intents-days", "90", "--audit-days", "365", "--events-days", "14", "--reply-hours", "168"];
    let shown = home.ok(&[&["retention", "set"][..], &rules].concat());
    for kept in ["90 days", "365 days", "14 days", "168 hours"] {
        assert!(shown.contains(kept), "{kept}: {shown}");
    }
    assert!(home.fails(&["retention", "set", "--reply-hours", "23"], 2).contains("from 24 to 876000"));
    assert!(home.fails(&["retention", "set", "--intents-days", "0"], 2).contains("from 1 to 36500"));
    let shown = home.ok(&["retention", "hold", "--reason", "Case 17"]);
    assert!(shown.contains("owner@local: Case 17. Nothing is deleted."), "{shown}");
    let body = home.ok_json(&["retention", "show", "--json"]);
    assert_eq!((&body["retention"]["held"], &body["retention"]["rules"]["intents_days"]), (&true.into(), &90.into()));
    assert!(home.ok(&["retention", "release", "--reason", "closed"]).contains("Not on hold."));
}

#[test]
fn a_key_is_limited_by_flags() {
    let home = Home::new();
    let _server = home.serve("serve");
    home.ok(&["agents", "register", "--name", "ci"]);
    let create = ["agents", "keys", "create", "--agent-id", "ci"];
    let made = home.ok(&[&create[..], &["--scope", "submit", "--address", "deployer"]].concat());
    assert!(made.contains("Scope: submit") && made.contains("Works with: agent://local/default/deployer"), "{made}");
    let listed = home.ok(&["keys", "list"]);
    assert!(listed.contains("submit, agent://local/default/deployer"), "{listed}");
    assert!(home.fails(&[&create[..], &["--scope", "write"]].concat(), 2).contains("use one of full, read, submit"));
    let key = made.lines().find_map(|line| line.trim().strip_prefix("API key, not shown again: ")).unwrap().to_owned();
    let refused = home.fails(&["intents", "list", "--api-key", &key], 1);
    assert!(refused.contains("this key may only submit intents"), "{refused}");
}
