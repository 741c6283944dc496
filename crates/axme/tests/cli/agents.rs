//! `agents`, `service-accounts`, `keys`, `mesh` and `webhooks`, for people and for programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Home, login, mode, until};

#[test]
fn agents_their_senders_and_their_keys() {
    let home = Home::new();
    let _server = home.serve("serve");
    assert_eq!(home.ok(&["agents", "list"]), "No agents.\n");
    let made = home.ok_json(&["agents", "register", "--name", "worker", "--json"]);
    assert_eq!((&made["ok"], &made["address"]), (&json!(true), &json!("agent://local/default/worker")));
    // The list says what waits, and whether anybody works.
    home.ok(&["intents", "send", "--to", "worker"]);
    let shown = home.ok(&["agents", "list"]);
    assert!(shown.contains("WAITING  OLDEST  SEEN") && shown.contains("never"), "{shown}");
    let listed = home.ok_json(&["agents", "list", "--json"]);
    assert_eq!(listed["body"]["agents"][0]["queue"]["unanswered"], 1, "{listed}");
    let shown = home.ok(&["agents", "show", "worker"]);
    assert!(
        shown.contains("Address:") && shown.contains("agent://local/default/worker") && !shown.contains('{'),
        "{shown}"
    );
    assert_eq!(home.ok_json(&["agents", "show", "worker", "--json"])["body"]["agent"]["status"], "active");

    for (family, mode) in [("policy", "denylist"), ("receive-override", "closed")] {
        fn join<'a>(family: &'a str, args: &[&'a str]) -> Vec<&'a str> {
            [&["agents", family][..], args].concat()
        }
        assert!(home.ok(&join(family, &["set", "worker", mode])).contains(&format!("Mode:   {mode}")));
        let entry = home.ok_json(&join(family, &["add", "worker", "agent://other/*", "--json"]));
        let entry = entry["body"]["entry"]["entry_id"].as_str().unwrap();
        assert!(home.ok(&join(family, &["get", "worker"])).contains(&format!("  - agent://other/*  (id: {entry})")));
        assert!(home.ok_json(&join(family, &["get", "worker", "--json"]))["ok"] == true);
        assert!(home.ok(&join(family, &["remove", "worker", entry])).starts_with("✓ Removed "));
        home.fails(&join(family, &["set", "worker", "ajar"]), 2);
    }

    let account = home.ok_json(&["service-accounts", "create", "--name", "second", "--json"]);
    let account = account["body"]["service_account_id"].as_str().unwrap();
    assert!(home.ok(&["service-accounts", "list"]).contains("agent://local/default/second"));
    let listed = home.ok_json(&["service-accounts", "list", "--json"]);
    assert!(listed["body"]["service_accounts"].as_array().unwrap().len() >= 2);
    assert!(home.ok(&["service-accounts", "list", "--service-account-id", account]).contains("second"));
    let of = ["--service-account-id", account];
    let said = home.ok(&[&["keys", "create"][..], &of].concat());
    assert!(said.contains("API key, not shown again: axme_sa_"), "{said}");
    let key = home.ok_json(&[&["service-accounts", "keys", "create"][..], &of, &["--json"]].concat());
    let key = key["body"]["key"]["key_id"].as_str().unwrap();
    assert!(home.ok(&[&["keys", "list"][..], &of].concat()).contains(key));
    assert!(home.ok(&[&["keys", "revoke", "--key-id", key][..], &of].concat()).contains("is revoked"));
    assert_eq!(home.ok_json(&["keys", "list", "--json"])["body"]["keys"].as_array().unwrap().len(), 3);

    let asked = home.fails(&["agents", "delete", "second"], 2);
    assert!(asked.contains("delete second") && asked.contains("--yes"), "{asked}");
    assert_eq!(home.ok_json(&["agents", "delete", "second", "-y", "--json"])["revoked_keys"], 1);
    home.fails(&["agents", "show", "second"], 1);
}

#[test]
fn a_new_agent_is_a_program_with_its_key() {
    let home = Home::new();
    let server = home.serve("serve");
    let said = home.ok(&["agents", "new", "refunds"]);
    assert!(
        said.contains("✓ Registered agent://local/default/refunds\n✓ Wrote refunds.py and its key refunds.key\n"),
        "{said}"
    );
    let (program, key) = (home.path("refunds.py"), home.path("refunds.key"));
    assert_eq!((mode(&program), mode(&key)), (0o600, 0o600));
    let text = fs::read_to_string(&program).unwrap();
    assert!(text.contains("NAME = \"refunds\"") && text.contains("with_name(\"refunds.key\")"), "{text}");
    let key = fs::read_to_string(&key).unwrap();
    assert!(!said.contains(key.trim()) && !text.contains(key.trim()));
    let mine = home.ok(&["--api-key", key.trim(), "whoami"]);
    assert!(mine.contains("refunds"), "{mine}");

    // A second time it keeps what is there, and makes no further key.
    let said = home.fails(&["agents", "new", "refunds"], 1);
    assert!(said.contains("refunds.py already exists"), "{said}");
    assert_eq!(fs::read_to_string(&program).unwrap(), text);
    assert_eq!(home.ok_json(&["keys", "list", "--json"])["body"]["keys"].as_array().unwrap().len(), 2);
    let made = home.ok_json(&["agents", "new", "invoices", "--folder", home.path("").to_str().unwrap(), "--json"]);
    assert_eq!((&made["ok"], &made["address"]), (&json!(true), &json!("agent://local/default/invoices")));
    for (name, why) in
        [("Big Name", "big-name"), ("agent://local/default/x", "is an address"), ("../x", "cannot be kept")]
    {
        let said = home.fails(&["agents", "new", name], 2);
        assert!(said.contains(why), "{name}: {said}");
    }
    // A misspelt name gets advice.
    let said = home.fails(&["agents", "keys", "create", "--agent-id", "refnds"], 1);
    assert!(said.contains("agent agent://local/default/refnds not found; did you mean refunds?"), "{said}");
    // A command that fails leaves no files.
    server.stop();
    home.fails(&["agents", "new", "later"], 1);
    assert!(!home.path("later.py").exists() && !home.path("later.key").exists());
}

#[test]
fn the_mesh() {
    let home = Home::new();
    let _server = home.serve("serve");
    assert_eq!(home.ok(&["mesh", "list"]), "No agents.\n");
    home.ok(&["agents", "register", "--name", "worker"]);
    assert!(home.ok(&["mesh", "list"]).contains("unknown"));
    assert!(home.ok(&["mesh", "kill", "worker"]).contains("Stopped: agent://local/default/worker (killed)"));
    assert!(home.ok(&["mesh", "list", "--health", "killed"]).contains("1 agent(s) are stopped"));
    assert_eq!(home.ok_json(&["mesh", "show", "worker", "--json"])["body"]["agent"]["health_status"], "killed");
    assert!(home.ok(&["mesh", "show", "worker"]).contains("Health status:"));
    assert_eq!(home.ok_json(&["mesh", "resume", "worker", "--json"])["body"]["status"], "active");
    let events = home.ok(&["mesh", "events"]);
    assert!(events.contains("EVENT") && events.lines().count() >= 3, "{events}");
    // Without another address, both commands lead to the console of the server, which the token opens once.
    for command in [&["mesh", "dashboard", "--no-browser", "--json"][..], &["console", "--no-browser", "--json"]] {
        let page = home.ok_json(command)["exchange_url"].as_str().unwrap().to_owned();
        assert!(page.starts_with("http://127.0.0.1:") && page.contains("/auth/exchange?token=axme_dx_"), "{page}");
    }
    let mut command = home.command(&["mesh", "dashboard", "--no-browser", "--json"]);
    let output = command.env("AXME_MESH_DASHBOARD_URL", "https://dash.example.com/").output().unwrap();
    let page: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        page["exchange_url"].as_str().unwrap().starts_with("https://dash.example.com/auth/exchange?token="),
        "{page}"
    );
}

#[test]
fn a_receiver_on_this_machine_checks_signatures() {
    let (home, _server) = login::with_server();
    home.ok(&["agents", "register", "--name", "worker"]);
    let mut command = home.command(&["webhooks", "listen", "--events", "intent.*", "--count", "1"]);
    let mut listening = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(listening.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Subscribed to intent.*")));
    assert!(home.ok(&["webhooks", "list"]).contains("intent.*"));
    home.ok(&["intents", "send", "--to", "worker"]);
    let said: Vec<String> = lines.collect();
    let said = said.join("\n");
    assert!(said.contains("✓ signature is valid") && said.contains("event_type:"), "{said}");
    assert!(listening.wait().unwrap().success());
    // The subscription ends with the command.
    let is_active = || {
        let list = home.ok_json(&["webhooks", "list", "--json"]);
        list["body"]["subscriptions"].as_array().unwrap().iter().any(|one| one["active"] == true)
    };
    until("the subscription has ended", || !is_active());
}
