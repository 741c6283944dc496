//! Where the address and the key of a command come from, and which key goes to which server.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::{Home, stderr, stdout};

/// Runs a command with variables set; returns its output, and its stderr as text.
fn with_variables(home: &Home, variables: &[(&str, &str)], args: &[&str]) -> (Output, String) {
    let output = home.command(args).envs(variables.iter().copied()).output().unwrap();
    let said = stderr(&output);
    (output, said)
}

const BOTH: [(&str, &str); 2] = [("AXME_BASE_URL", "http://127.0.0.1:8"), ("AXME_API_KEY", "of-the-environment")];

#[test]
fn a_wrong_address_is_not_kept_and_its_source_is_named() {
    let home = Home::new();
    for wrong in ["ftp://x", "nonsense", "http://x/?a=b"] {
        let said = home.fails(&["context", "set", "work", "--base-url", wrong], 2);
        assert!(said.contains("invalid base URL") && said.contains("http(s)://host[:port]"), "{said}");
    }
    assert!(home.ok(&["context", "list"]).contains("No contexts."));
    let (_, said) = with_variables(&home, &[("AXME_BASE_URL", "ftp://x")], &["agents", "list"]);
    assert!(said.contains("\"ftp://x\"") && said.contains("address from") && said.contains("AXME_BASE_URL"), "{said}");
}

#[test]
fn a_data_folder_after_the_command_is_refused_with_its_place() {
    let said = Home::new().fails(&["restore", "out.axme", "--data", "other"], 2);
    assert!(said.contains("write it before the command: axme --data DIR COMMAND") && !said.contains("tip:"), "{said}");
}

#[test]
fn variables_come_before_the_context() {
    let home = Home::new();
    home.ok(&["context", "set", "work", "--base-url", "http://127.0.0.1:9", "--api-key", "of-the-context"]);
    let show = ["context", "show", "--show-key", "--json"];
    let (shown, said) = with_variables(&home, &BOTH, &show);
    let shown = stdout(&shown);
    assert!(
        shown.contains("http://127.0.0.1:8\"") && shown.contains("of-the-environment") && said.is_empty(),
        "{shown}"
    );
    let (shown, said) = with_variables(&home, &BOTH, &[&show[..], &["--base-url", "http://127.0.0.1:7"]].concat());
    assert!(stdout(&shown).contains("http://127.0.0.1:7\"") && said.is_empty(), "{said}");
    // The official order.
    let official = [&BOTH[..], &[("AXME_COMPAT", "1")]].concat();
    let (shown, said) = with_variables(&home, &official, &show);
    assert!(stdout(&shown).contains("http://127.0.0.1:9\""), "{}", stdout(&shown));
    assert!(said.starts_with("axme: AXME_BASE_URL and AXME_API_KEY are ignored: context \"work\" takes"), "{said}");
}

#[test]
fn a_key_of_the_environment_goes_to_a_server_that_was_named() {
    let home = Home::new();
    let _server = home.serve("serve");
    let key = [("AXME_API_KEY", "of-the-environment")];
    // The server that happens to run is not the one that the key is for.
    let (output, said) = with_variables(&home, &key, &["intents", "list"]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("AXME_API_KEY is set, but nothing says for which server it is: set AXME_BASE_URL="),
        "{said}"
    );
    assert!(with_variables(&home, &[], &["intents", "list"]).0.status.success());
    // A context names one, and a note says that the key goes there.
    home.ok(&["context", "set", "work", "--base-url", "http://127.0.0.1:9", "--api-key", "of-the-context"]);
    let (_, said) = with_variables(&home, &key, &["context", "show"]);
    assert!(
        said.starts_with("axme: AXME_API_KEY goes to http://127.0.0.1:9, the server of context \"work\""),
        "{said}"
    );
    home.ok(&["context", "set", "work", "--api-key", "of-the-environment"]);
    assert_eq!(with_variables(&home, &key, &["context", "show"]).1, "", "the variable and the context agree");
}

#[test]
fn what_a_context_keeps_secret_goes_to_its_own_server_only() {
    let home = Home::new();
    home.ok(&["context", "set", "kim", "--base-url", "http://127.0.0.1:9", "--api-key", "kims-key"]);
    home.ok(&["context", "set", "kim", "--actor-token", "kims-token"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let foreign = format!("http://{}", listener.local_addr().unwrap());
    for args in [
        &["intents", "list"][..],
        &["whoami"],
        &["session", "list"],
        &["logout"],
        &["examples", "run", "delivery/stream"],
        &["conformance", "run"],
        &["tasks", "list"],
    ] {
        let said = home.fails(&[args, &["--base-url", &foreign]].concat(), 2);
        assert!(said.contains("context \"kim\"") && said.contains("--api-key"), "{args:?}: {said}");
        assert!(listener.accept().is_err(), "{args:?} called the server");
    }
    let kept = fs::read_to_string(home.path(".config/axme/secrets.json")).unwrap();
    assert!(kept.contains("kims-token"), "logout deleted the tokens of an active session");

    // With a key of its own, a command sends no other credential; `status` sends none.
    listener.set_nonblocking(false).unwrap();
    for args in [&["intents", "list", "--api-key", "another"][..], &["status"]] {
        let mut command = home.command(&[args, &["--base-url", &foreign]].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (mut caller, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = caller.read(&mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        assert!(request.starts_with("GET /") && !request.contains("kims-"), "{request}");
        assert_eq!(request.contains("another"), args.len() > 1, "{request}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // A key that its server does not confirm replaces nothing.
    drop(listener);
    home.fails(&["login", "--context", "kim", "--base-url", &foreign, "--api-key", "another"], 1);
    let kept = fs::read_to_string(home.path(".config/axme/secrets.json")).unwrap();
    assert!(!kept.contains("another") && kept.contains("kims-"), "{kept}");
}

#[test]
fn every_variable_of_the_official_command_line_is_read() {
    let home = Home::new();
    let show = |variables: &[(&str, &str)]| -> Value {
        let mut command = home.command(&["context", "show", "--show-key", "--json"]);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{variables:?}: {}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // If several variables name one setting, the first one wins.
    let bases = [
        ("AXME_PORTAL_BASE_URL", "http://127.0.0.1:7"),
        ("AXME_GATEWAY_BASE_URL", "http://127.0.0.1:8"),
        ("AXME_BASE_URL", "http://127.0.0.1:9"),
    ];
    let keys = [("AXME_GATEWAY_API_KEY", "first"), ("AXME_API_KEY", "second")];
    for nth in 0..bases.len() {
        assert_eq!(show(&bases[nth..])["base_url"], bases[nth].1);
    }
    for nth in 0..keys.len() {
        assert_eq!(show(&[&bases[..1], &keys[nth..]].concat())["api_key"], keys[nth].1);
    }
    for token in ["AXME_ACTOR_TOKEN", "AXME_PORTAL_SCOPED_BEARER_TOKEN"] {
        assert_eq!(show(&[bases[0], (token, "a.b.c")])["has_actor"], true, "{token}");
    }
    for (variable, field) in [
        ("AXME_ORG_ID", "org_id"),
        ("AXME_WORKSPACE_ID", "workspace_id"),
        ("AXME_OWNER_AGENT", "owner_agent"),
        ("AXME_ENVIRONMENT", "environment"),
    ] {
        assert_eq!(show(&[(variable, "x")])[field], "x", "{variable}");
    }
    show(&[("AXME_CLI_SECRET_STORAGE", "file"), ("AXME_NO_UPDATE_CHECK", "1")]);
    for mode in ["keyring", "safe"] {
        let output = home.command(&["status"]).env("AXME_CLI_SECRET_STORAGE", mode).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("secrets are stored in a file"), "{mode}");
    }
}
