//! Commands that watch an intent exit by its outcome, and show it (`docs/scenarios.md`).

use std::fs;
use std::io::BufRead;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Home, stderr, stdout, until};

fn bundle(home: &Home, name: &str, sign_off: Value) -> String {
    let tell = json!({ "step_id": "tell", "runtime_type": "notification", "assigned_to": "ops", "config": { "subject": "No" } });
    let bundle = json!({
        "scenario_id": "deploy.v1", "humans": [{ "role": "ops", "contact": "ops@example.com", "display_name": "Operations" }],
        "workflow": { "steps": [sign_off, tell] }, "intent": { "type": "intent.deploy.v1", "payload": { "service": "api" } },
    });
    let file = home.path(name);
    fs::write(&file, bundle.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn ask() -> Value {
    json!({ "step_id": "sign_off", "assigned_to": "ops", "human_task": { "title": "Deploy {{ payload.service }}?" }, "on_failure": "tell" })
}

/// Applies a bundle, watches it while `act` gets the id of its intent, and returns the exit code and the output.
fn watch(home: &Home, file: &str, act: impl Fn(&str)) -> (i32, String) {
    let mut command = home.command(&["scenarios", "apply", file, "--watch"]);
    let watching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut task = Value::Null;
    until("the task waits", || {
        let list: Value = serde_json::from_slice(&home.run(&["tasks", "list", "--json"]).stdout).unwrap_or_default();
        task = list["tasks"][0].clone();
        !task.is_null()
    });
    act(task["intent_id"].as_str().unwrap());
    let output = watching.wait_with_output().unwrap();
    (output.status.code().unwrap(), stdout(&output) + &stderr(&output))
}

#[test]
fn a_command_that_watches_exits_by_the_outcome() {
    let home = Home::new();
    let _server = home.serve("serve");
    let file = bundle(&home, "ask.json", ask());
    let no = |id: &str| {
        home.ok(&["tasks", "reject", id, "--comment", "too early"]);
    };
    let (code, said) = watch(&home, &file, no);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("Final status:  FAILED") && said.contains("Outcome:       ✗ Rejected by owner@local"),
        "{said}"
    );
    assert!(!said.contains('✓'), "{said}");
    let line = "Rejected by owner@local at the command line, on behalf of Operations: too early";
    assert!(said.contains(line), "{said}");
    let listed = home.ok_json(&["intents", "list", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(listed[0]["outcome"], "rejected");
    assert!(home.ok(&["intents", "list"]).contains("✗ Rejected by owner@local"));
    assert!(home.ok(&["intents", "log", id]).contains(line));
    home.fails(&["intents", "watch", id], 3);
    home.ok(&["intents", "watch", id, "--follow=false"]);
    // A task that was answered says what was asked, and who answered how.
    let task = home.ok(&["tasks", "get", id]);
    assert!(task.contains("Title:       Deploy api?") && task.contains(line), "{task}");

    let yes = |id: &str| {
        home.ok(&["tasks", "approve", id]);
    };
    let (code, said) = watch(&home, &file, yes);
    assert!(code == 0 && said.contains("Outcome:       ✓ Approved by owner@local"), "{code}: {said}");
    let cancel = |id: &str| {
        home.ok(&["intents", "cancel", id]);
    };
    let (code, said) = watch(&home, &file, cancel);
    assert!(code == 1 && said.contains("Outcome:       ✗ Canceled by owner@local"), "{code}: {said}");
    let mut late = ask();
    late["step_deadline_seconds"] = json!(3);
    let (code, said) = watch(&home, &bundle(&home, "late.json", late), |_| {});
    assert!(code == 4 && said.contains("Outcome:       ✗ Timed out"), "{code}: {said}");
    home.fails(&["scenarios", "apply", "--wach", &file], 2);
}

#[test]
fn a_command_that_stops_watching_says_how_to_go_on() {
    let home = Home::new();
    let _server = home.serve("serve");
    let intent = home.ok_json(&["intents", "send", "--to", "greeter", "--json"]);
    let id = intent["intent_id"].as_str().unwrap();
    let mut command = home.command(&["intents", "watch", id]);
    let mut watching = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first event is shown after the program has begun to wait for Ctrl-C.
    let mut events = std::io::BufReader::new(watching.stdout.take().unwrap());
    let mut first = String::new();
    events.read_line(&mut first).unwrap();
    assert!(first.contains("intent.created"), "{first}");
    let signaled = std::process::Command::new("kill").args(["-INT", &watching.id().to_string()]).status().unwrap();
    assert!(signaled.success());
    let output = watching.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let said = stderr(&output);
    assert!(said.contains("the intent goes on: ") && said.contains(&format!("axme intents watch {id}")), "{said}");
}

#[test]
fn a_second_answer_is_told_of_the_first() {
    let home = Home::new();
    let _server = home.serve("serve");
    let task =
        r#"{"intent_type": "intent.q.v1", "payload": {}, "human_task": {"title": "Go?", "task_type": "approval"}}"#;
    let made = home.ok_json(&["api", "intents.create", "--input", task, "--json"]);
    let id = made["body"]["intent_id"].as_str().unwrap();
    home.ok(&["tasks", "approve", id]);
    let said = home.fails(&["tasks", "reject", id], 1);
    assert!(
        said.contains("the task has ended already (✓ Approved by owner@local); see") && said.contains(id),
        "{said}"
    );
}

#[test]
fn a_dry_run_shows_the_path_and_the_end() {
    let home = Home::new();
    let _server = home.serve("serve");
    let file = bundle(&home, "deploy.json", ask());
    let said = home.ok(&["scenarios", "dry-run", &file]);
    assert!(said.contains("sign_off") && said.contains("ops@example.com") && said.contains("approved"), "{said}");
    let walked = home.ok_json(&["scenarios", "dry-run", &file, "--answer", "sign_off=rejected", "--json"]);
    let steps: Vec<&str> =
        walked["steps"].as_array().unwrap().iter().map(|step| step["step_id"].as_str().unwrap()).collect();
    assert_eq!(steps, ["sign_off", "tell"], "{walked}");
    let said = home.fails(&["scenarios", "dry-run", &file, "--answer", "nowhere=approved"], 1);
    assert!(said.contains("no step \"nowhere\"; steps are sign_off, tell"), "{said}");
    home.fails(&["scenarios", "dry-run", &file, "--answer", "sign_off"], 2);
    assert_eq!(home.ok(&["tasks", "list"]), "No pending tasks.\n");
}
