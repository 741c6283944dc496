//! `intents`, `logs`, `trace`, `init`, `run` and `deliveries`, for people and for programs.

use std::fs;

use serde_json::{Value, json};

use super::{Home, until};

fn send(home: &Home, to: &str, intent_type: &str) -> String {
    let sent = home.ok_json(&["intents", "send", "--to", to, "--intent-type", intent_type, "--json"]);
    sent["intent_id"].as_str().unwrap().to_owned()
}

fn ids(home: &Home, args: &[&str]) -> Vec<String> {
    let listed = home.ok_json(&[&["intents", "list", "--json"][..], args].concat());
    listed.as_array().unwrap().iter().map(|intent| intent["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn intents_are_listed_by_filters_and_page_by_page() {
    let home = Home::new();
    let _server = home.serve("serve");
    assert_eq!(home.ok(&["intents", "list"]), "No intents.\n");
    home.ok(&["agents", "register", "--name", "worker"]);
    let pay = send(&home, "worker", "intent.pay.v1");
    let ask = send(&home, "worker", "intent.ask.v1");
    let lost = send(&home, "nobody-there", "intent.ask.v1");
    home.ok(&["intents", "cancel", &pay]);
    assert_eq!(ids(&home, &[]), [lost.as_str(), &ask, &pay]);
    assert_eq!(ids(&home, &["--to", "worker"]), [ask.as_str(), &pay]);
    assert_eq!(ids(&home, &["--type", "intent.p*"]), [pay.as_str()]);
    assert_eq!(ids(&home, &["--outcome", "canceled"]), [pay.as_str()]);
    assert_eq!(ids(&home, &["--stuck"]), [lost.as_str()]);
    assert_eq!(ids(&home, &["--since", "1h", "--status", "delivered"]), [lost.as_str(), &ask]);
    assert!(ids(&home, &["--until", "1h"]).is_empty() && ids(&home, &["--since", "2100-01-01"]).is_empty());
    home.fails(&["intents", "list", "--since", "yesterday"], 2);
    // Pages.
    let first = home.ok(&["intents", "list", "--limit", "2"]);
    assert!(first.contains("ID ") && first.contains("LAST_STEP") && first.contains("OWNER"), "{first}");
    assert!(first.contains(&format!("add --before {ask}")), "{first}");
    assert_eq!(ids(&home, &["--before", &ask]), [pay.as_str()]);
    let record = home.ok_json(&["intents", "list", "--type", "intent.pay.v1", "--json"])[0].clone();
    for field in ["id", "status", "age", "last_step", "owner", "updated_at"] {
        assert!(record[field].is_string(), "{field}: {record}");
    }

    let shown = home.ok(&["intents", "get", &pay]);
    assert!(shown.contains("Status:       CANCELED") && !shown.contains('{'), "{shown}");
    assert_eq!(home.ok_json(&["intents", "get", &pay, "--json"])["body"]["intent"]["status"], "CANCELED");
    assert!(home.fails(&["intents", "get"], 2).contains("the id of the intent is missing"));

    // A copy of what has ended, by its id and by filters.
    let retried = home.ok_json(&["intents", "retry", &pay, "--json"]);
    assert_eq!((&retried["ok"], &retried["to_agent"]), (&json!(true), &json!("agent://local/default/worker")));
    assert!(retried["run_link"].as_str().unwrap().contains("intents watch"));
    assert!(home.fails(&["intents", "retry", &ask], 2).contains("is DELIVERED"));
    assert!(home.fails(&["intents", "resume", &ask], 2).contains("only WAITING or FAILED"));
    let asked = home.fails(&["intents", "retry", "--type", "intent.pay.v1"], 2);
    assert!(asked.contains("repeat 1 intent(s)") && asked.contains("--yes"), "{asked}");
    assert!(home.ok(&["intents", "retry", "--type", "intent.pay.v1", "--yes"]).contains(&format!("✓ {pay} → ")));
    home.fails(&["intents", "retry", &pay, "--stuck"], 2);

    // Canceling by filters, and the cleanup.
    assert!(home.fails(&["intents", "cancel", "--stuck"], 2).contains("cancel 1 intent(s)"));
    let canceled = home.ok_json(&["intents", "cancel", "--stuck", "--yes", "--json"]);
    assert_eq!((&canceled["ok"], &canceled["intents"][0]["intent_id"]), (&json!(true), &json!(lost)));
    assert_eq!(home.ok(&["intents", "cancel", "--stuck", "--yes"]), "No intents to cancel.\n");
    assert_eq!(home.ok(&["intents", "cleanup"]), "No intents would be canceled.\n");
    assert_eq!(home.ok_json(&["intents", "cleanup", "--json"])["would_cancel"], 0);
    assert_eq!(home.ok_json(&["intents", "cleanup", "--dry-run=false", "--json"])["canceled"], 0);
    assert_eq!(home.fails_json(&["intents", "cleanup", "--older-than", "0", "--json"], 1)["status_code"], 422);
}

#[test]
fn an_intent_tells_its_history_in_three_ways() {
    let home = Home::new();
    let _server = home.serve("serve");
    assert!(home.ok(&["init"]).contains("axme run") || home.ok(&["init", "--force"]).contains("run approval-resume"));
    assert!(home.fails(&["init"], 1).contains("already exists; --force overwrites it"));
    assert!(fs::read_to_string(home.path("axme.yaml")).unwrap().starts_with("base_url: http://127.0.0.1:"));
    let run = home.ok_json(&["run", "approval-resume", "--json"]);
    let id = run["intent_id"].as_str().unwrap();
    assert_eq!(run["status"], "WAITING");
    let trace = home.ok_json(&["trace", id, "--json"]);
    assert_eq!((&trace["status"], &trace["waiting_reason"]), (&json!("WAITING"), &json!("WAITING_FOR_HUMAN")));
    assert!(trace["next_action"].as_str().unwrap().contains(&format!("tasks get {id}")), "{trace}");
    assert!(home.ok(&["trace", id]).contains("Next:"));
    let resumed = home.ok_json(&["intents", "resume", id, "--json"]);
    assert_eq!(resumed["status"], "WAITING", "the copy asks the same person: {resumed}");
    home.ok(&["intents", "cancel", id]);
    let logged = home.ok(&["logs", id]);
    assert!(logged.starts_with("SEQ") && logged.contains("intent.canceled") && logged.contains("UTC"), "{logged}");
    let warnings = home.ok_json(&["logs", id, "--level", "warn", "--tail", "1", "--json"]);
    assert_eq!(warnings.as_array().unwrap().len(), 1);
    assert_eq!(home.ok(&["logs", id, "--since", "2100-01-01"]), "No events.\n");
    assert!(home.ok(&["intents", "events", id]).contains("Final status:  CANCELED"));

    // A file from Windows, and files without an intent.
    let units: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain("{\"intent_type\": \"a.b.v1\",\r\n\"payload\": {}}".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    fs::write(home.path("wide.json"), &units).unwrap();
    assert!(home.ok(&["run", "wide.json"]).starts_with("✓ Submitted: "));
    fs::write(home.path("odd.json"), &units[2..]).unwrap();
    assert!(home.fails(&["run", "odd.json"], 1).contains("odd.json is UTF-16 without a byte order mark"));
    fs::write(home.path("list.json"), "[]").unwrap();
    assert!(home.fails(&["run", "list.json"], 2).contains("list.json is not an intent"));
    // A scenario has steps, which a copy would not have.
    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/human-cli/scenario.json");
    let applied = home.ok_json(&["scenarios", "apply", bundle, "--json"]);
    let scenario = applied["body"]["intent_id"].as_str().unwrap();
    home.ok(&["intents", "cancel", scenario]);
    assert!(home.fails(&["intents", "retry", scenario], 2).contains("runs a scenario"));
}

#[test]
fn mail_is_listed_with_how_far_it_got() {
    let home = Home::new();
    // The folder for mail cannot be created: a file has its name.
    let data = home.path(".local/share/axme");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("outbox"), "in the way").unwrap();
    let _server = home.serve("serve");
    assert_eq!(home.ok(&["mail"]), "No mail.\n");
    assert_eq!(home.ok_json(&["mail", "--json"])["mail"], json!([]));
    let task = r#"{"intent_type": "a.b.v1", "human_task": {"title": "Ship?", "notify_email": "ann@example.com"}}"#;
    let id = home.ok(&["api", "intents.create", "--input", task, "--jq", ".body.intent_id"]);
    let of_task = ["mail", "--intent", id.trim()];
    until("the mail has failed", || home.ok(&of_task).contains("ann@example.com"));
    let shown = home.ok(&of_task);
    assert!(shown.contains("pending") && shown.contains("email"), "{shown}");
    assert_eq!(home.ok_json(&[&of_task[..], &["--to", "bob", "--json"]].concat())["mail"], json!([]));
    assert_eq!(home.ok(&["mail", "--status", "delivered"]), "No mail.\n");
    // The next task's mail goes out, since the folder can be made now.
    fs::remove_file(data.join("outbox")).unwrap();
    home.ok(&["api", "intents.create", "--input", &task.replace("ann@", "bob@")]);
    let sent = ["mail", "--to", "bob", "--status", "delivered"];
    until("the mail is sent", || home.ok(&sent).contains("bob@example.com"));
    let all = home.ok_json(&["mail", "--json"])["mail"].as_array().unwrap().len();
    assert_eq!(all, 2, "both are listed, whatever their state");
}

#[test]
fn dead_letters_are_listed_and_sent_again() {
    let home = Home::new();
    let data = home.path(".local/share/axme");
    let mut command = home.command(&["dev", "--listen", "127.0.0.1:0"]);
    let child =
        command.env("AXME_LIMITS__PUSH_RETRY_SECONDS", "1").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let _server = super::Server(child);
    until("the context is written", || {
        home.path(".config/axme/config.json").exists() && data.join("run.json").exists()
    });
    assert_eq!(home.ok(&["deliveries", "list"]), "No dead letters.\n");
    let register = ["agents", "register", "--name", "pushed", "--delivery-mode", "http"];
    home.ok(&[&register[..], &["--callback-url", "http://127.0.0.1:9/intent"]].concat());
    let id = send(&home, "pushed", "intent.ask.v1");
    let letters = || home.ok_json(&["deliveries", "list", "--json"])["deliveries"].clone();
    until("the delivery is given up", || letters()[0].is_object());
    assert_eq!(
        (&letters()[0]["delivery_id"], &letters()[0]["to_agent"]),
        (&json!(id), &json!("agent://local/default/pushed"))
    );
    let shown = home.ok(&["deliveries", "ls", "--to", "pushed", "--since", "1h"]);
    assert!(shown.contains(&id) && shown.contains("dead_lettered"), "{shown}");
    assert_eq!(home.ok(&["deliveries", "list", "--to", "someone-else"]), "No dead letters.\n");
    assert!(home.ok(&["deliveries", "get", &id]).contains("Status:"));
    assert!(home.fails(&["deliveries", "replay"], 2).contains("pass --all"));
    assert!(home.fails(&["deliveries", "replay", "--all"], 2).contains("send 1 dead letter(s) again"));
    let replayed = home.ok_json(&["deliveries", "replay", "--to", "pushed", "--yes", "--json"]);
    assert_eq!((&replayed["ok"], &replayed["deliveries"][0]["error"]), (&json!(true), &Value::Null));
    assert!(
        home.ok(&["deliveries", "replay", "--to", "someone-else", "--yes"]).contains("No dead letters to send again.")
    );
    until("it is given up again", || letters()[0].is_object());
    assert!(home.ok(&["deliveries", "replay", &id]).starts_with("✓ Sent again: "));
}
