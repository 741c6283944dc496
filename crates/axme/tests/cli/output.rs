//! The output formats, the shape of failures, and the commands that need no server.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Home, stderr, stdout};

#[test]
fn json_yaml_and_filters() {
    let home = Home::new();
    let _server = home.serve("serve");
    home.ok(&["agents", "register", "--name", "worker", "--display-name", "Wörker 漢字"]);
    let addresses = home.ok(&["agents", "list", "--jq", ".body.agents[].address"]);
    assert_eq!(addresses, "agent://local/default/worker\n");
    assert_eq!(home.ok(&["agents", "list", "--jq", ".body.agents | length"]), "1\n");
    let yaml = home.ok(&["agents", "list", "--output", "yaml"]);
    assert!(yaml.starts_with("---\n") && yaml.contains("address: ") && yaml.contains("Wörker 漢字"), "{yaml}");
    assert_eq!(home.ok(&["agents", "list", "--output", "json"]), home.ok(&["agents", "list", "--json"]));
    assert_eq!(home.ok(&["agents", "list", "--output", "table"]), home.ok(&["agents", "list"]));
    // Nobody reads braces unless they ask for them.
    for args in [&["agents", "show", "worker"][..], &["api", "me.get"], &["status"], &["whoami"], &["context", "show"]]
    {
        let shown = home.ok(args);
        assert!(!shown.contains('{') && !shown.contains("\":"), "{args:?}: {shown}");
        let read: Result<Value, _> = serde_json::from_str(&home.ok(&[args, &["--json"]].concat()));
        assert!(read.is_ok(), "{args:?}");
    }
    // Times have a zone: the local one, or UTC.
    let mut command = home.command(&["intents", "send", "--to", "worker", "--jq", ".intent_id"]);
    let sent = stdout(&command.output().unwrap());
    let at = |args: &[&str]| {
        let output = home.command(&[&["intents", "get", sent.trim()], args].concat()).env("TZ", "Asia/Tokyo").output();
        let shown = stdout(&output.unwrap());
        shown.lines().find(|line| line.starts_with("Created:")).unwrap().to_owned()
    };
    assert!(at(&[]).ends_with(" JST") && at(&["--utc"]).ends_with(" UTC"), "{} {}", at(&[]), at(&["--utc"]));
    // Text from others cannot steer the terminal.
    let bad = "\u{1b}[2K\u{202e}gone";
    home.ok(&["agents", "register", "--name", "worker", "--display-name", bad]);
    for args in [&["agents", "list"][..], &["agents", "show", "worker"]] {
        let shown = home.ok(args);
        assert!(!shown.contains('\u{1b}') && shown.contains("\\u{1b}[2K\\u{202e}gone"), "{args:?}: {shown}");
    }
}

#[test]
fn every_failure_has_one_shape() {
    let home = Home::new();
    for (args, code, word) in [
        (&["no-such-command", "--json"][..], 2, "usage"),
        (&["intents", "list", "--limit", "many", "--json"], 2, "usage"),
        (&["intents", "list", "--output", "xml", "--json"], 2, "usage"),
        (&["intents", "list", "--jq", ".["], 2, "usage"),
        (&["context", "use", "nothing", "--json"], 2, "usage"),
        (&["session", "list", "--json"], 2, "not_signed_in"),
        (&["status", "--base-url", "http://127.0.0.1:9", "--json"], 1, "failed"),
    ] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        let failure: Value = match serde_json::from_slice(&output.stdout) {
            Ok(failure) => failure,
            // The format is not known before the flags are read.
            Err(_) if args.contains(&"--jq") => {
                assert!(stderr(&output).starts_with("axme: --jq: "), "{}", stderr(&output));
                continue;
            }
            Err(why) => panic!("{args:?}: {why}: {}", stdout(&output)),
        };
        let message = &failure["body"]["error"]["message"];
        assert_eq!((&failure["ok"], &failure["status_code"]), (&json!(false), &json!(0)), "{failure}");
        assert_eq!((&failure["body"]["error"]["code"], &failure["body"]["detail"]), (&json!(word), message));
        assert_eq!(stderr(&output), "", "{args:?}");
    }
    let said = home.fails(&["intents", "lst"], 2);
    assert!(said.starts_with("axme: unrecognized subcommand 'lst'") && said.lines().count() == 1, "{said}");
    let mut official = home.command(&["no-such-command"]);
    assert_eq!(official.env("AXME_COMPAT", "1").output().unwrap().status.code(), Some(1));
}

#[test]
fn completions_and_manual_pages_are_made_from_the_commands() {
    let home = Home::new();
    for (shell, check, marks) in [
        ("bash", "bash", ["complete -F _axme", "cleanup"]),
        ("zsh", "zsh", ["#compdef axme", "cleanup"]),
        ("fish", "fish", ["complete -c axme", "cleanup"]),
    ] {
        let script = home.ok(&["completion", shell]);
        for mark in marks {
            assert!(script.contains(mark), "{shell} lacks {mark}");
        }
        // The shell reads it, where there is that shell.
        let file = home.path(shell);
        fs::write(&file, script).unwrap();
        if let Ok(output) = Command::new(check).args(["-n", file.to_str().unwrap()]).output() {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    home.fails(&["completion", "csh"], 2);
    assert!(home.ok(&["man", "pages"]).starts_with("✓ wrote "));
    let page = fs::read_to_string(home.path("pages/axme-intents-cleanup.1")).unwrap();
    assert!(page.starts_with(".ie") && page.contains("older"), "{page}");
    assert!(home.path("pages/axme.1").exists());
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let home = Home::new();
    let ill = home.fails_json(&["doctor", "--json"], 1);
    let find = |findings: &Value, check: &str| {
        findings.as_array().unwrap().iter().find(|finding| finding["check"] == check).cloned().unwrap_or_default()
    };
    assert_eq!(find(&ill, "api_key_or_actor")["ok"], false);
    assert_eq!(find(&ill, "health_endpoint")["ok"], false);
    let _server = home.serve("serve");
    let well = home.ok(&["doctor"]);
    assert!(well.contains("✓ health_endpoint") && well.contains("workspace_admin in local/default"), "{well}");
    assert_eq!(find(&home.ok_json(&["diagnostics", "--json"]), "api_key")["ok"], true);
    home.ok(&["context", "set", "other", "--base-url", "http://127.0.0.1:9", "--api-key", "k"]);
    let ill = home.run(&["doctor"]);
    assert!(ill.status.code() == Some(1) && stdout(&ill).contains("✗ health_endpoint"), "{}", stdout(&ill));
    assert!(home.fails(&["update"], 1).contains("no source of updates is configured"));
    assert!(home.ok_json(&["version", "--json"])["version"].is_string());
    let mut command = home.command(&["version"]);
    let output = command.env("AXME_CLI_SECRET_STORAGE", "keyring").output().unwrap();
    assert!(
        output.status.code() == Some(1) && stderr(&output).contains("AXME_CLI_SECRET_STORAGE"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_operation_says_which_fields_it_takes() {
    let home = Home::new();
    let help = home.ok(&["api", "intents.bulk_cancel", "--help"]);
    assert!(help.contains("older_than_hours") && help.contains("dry_run"), "{help}");
    let fields = home.ok_json(&["api", "intents.get", "--help", "--json"]);
    assert_eq!(fields["fields"][0]["name"], "intent_id", "{fields}");
    assert!(home.fails(&["api", "no.such", "--help"], 2).contains("there is no operation"));
    assert!(home.ok(&["api", "--help"]).contains("--input"));
}
