//! Every example that comes with the program, run unattended in its own process. The exit code says whether the example
//! ended as expected.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and waits for real processes")]

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use axme_intent::Home as Tenant;
use axme_intent::scenario::check as check_bundle;
use serde_json::Value;
use tempfile::TempDir;

/// The examples that the contract names.
const IDS: [&str; 27] = [
    "delivery/http",
    "delivery/inbox",
    "delivery/poll",
    "delivery/stream",
    "durability/reminder-escalation",
    "durability/retry-failure",
    "durability/timeout",
    "full/multi-agent",
    "full/multi-binding",
    "human/assignment",
    "human/clarification",
    "human/cli",
    "human/confirmation",
    "human/email",
    "human/form",
    "human/manual-action",
    "human/override",
    "human/review",
    "internal/delay",
    "internal/escalation",
    "internal/human_approval",
    "internal/notification",
    "internal/reminder",
    "internal/timeout",
    "model-a/fire-and-forget",
    "model-a/manual-multi-step",
    "model-a/simple-request",
];
/// Examples whose agent must not answer, although other examples run it: each has its own server.
const ALONE: [&str; 1] = ["internal/timeout"];
/// Examples that share agents and run one after the other: an intent that an ended agent has claimed is offered again
/// only much later.
const IN_TURN: [&[&str]; 2] = [
    &[
        "delivery/stream",
        "delivery/http",
        "full/multi-binding",
        "full/multi-agent",
        "model-a/simple-request",
        "model-a/fire-and-forget",
        "model-a/manual-multi-step",
    ],
    &["internal/delay", "internal/reminder"],
];
/// The number of lines of the other examples, which run in parallel.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, id: &str, args: &[&str]) -> Ended {
        let all = [&["examples", "run", id, "--json"], args].concat();
        let output = self.command(&all).output().unwrap();
        Ended { what: all[2..].join(" "), output }
    }

    fn examples(&self) -> Vec<Value> {
        let output = self.command(&["examples", "list", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a server for all examples, with few and short retries of pushes.
    fn dev(&self) -> Server {
        let mut command = self.command(&["dev", "--listen", "127.0.0.1:0"]);
        command.env("AXME_LIMITS__PUSH_RETRY_SECONDS", "1,1").stdout(Stdio::null());
        let server = Server(command.spawn().unwrap());
        let began = Instant::now();
        let is_ready = |path: &Path| path.join(".config/axme/config.json").exists();
        while !is_ready(self.0.path()) {
            assert!(began.elapsed() < PATIENCE, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An example that has ended.
struct Ended {
    what: String,
    output: Output,
}

impl Ended {
    fn lines(&self) -> Vec<Value> {
        let said = String::from_utf8_lossy(&self.output.stdout);
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the status and the error code if the example ended as expected.
    fn kept(&self) -> Result<(String, String), String> {
        let last = self.lines().pop().unwrap_or_default();
        if self.output.status.code() != Some(0) || last["ok"] != true {
            return Err(format!("{}: {}{last:#}", self.what, String::from_utf8_lossy(&self.output.stderr)));
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok((text(&last["intent"]["status"]), text(&last["intent"]["error"]["code"])))
    }

    fn events(&self, event_type: &str) -> usize {
        self.lines().iter().filter(|line| line["event_type"] == event_type).count()
    }
}

#[test]
fn the_list_is_that_of_the_contract() {
    let mut listed: Vec<String> =
        Home::new().examples().iter().map(|example| example["id"].as_str().unwrap().to_owned()).collect();
    listed.sort();
    assert_eq!(listed, IDS);
}

/// Every example has a file to submit, and it is valid by the rules of the server.
#[test]
fn the_files_are_in_order() {
    let folders = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    for id in IDS {
        let folder = folders.join(id.replace('/', "-"));
        let Ok(text) = std::fs::read_to_string(folder.join("scenario.json")) else {
            let text = std::fs::read_to_string(folder.join("intent.json")).unwrap();
            let intent: Value = serde_json::from_str(&text).unwrap();
            assert!(intent["intent_type"].is_string() && intent["to_agent"].is_string(), "{id}");
            continue;
        };
        let bundle = serde_json::from_str(&text).unwrap();
        let (scenario, report) = check_bundle(&bundle, Tenant { org: "local", workspace: "default" });
        assert!(scenario.is_some(), "{id}: {:?}", report.errors);
        assert!(report.warnings.is_empty(), "{id}: {:?}", report.warnings);
    }
}

/// Runs every example with a yes, and those that ask a person also with a no, all on one server.
#[test]
fn every_example_ends_as_it_should() {
    let home = Home::new();
    let _server = home.dev();
    let mut lines: Vec<Vec<(String, &str)>> = vec![Vec::new(); IN_TURN.len() + AT_ONCE];
    for (index, example) in home.examples().iter().enumerate() {
        let id = example["id"].as_str().unwrap().to_owned();
        if ALONE.contains(&id.as_str()) {
            continue;
        }
        let shared = IN_TURN.iter().position(|ids| ids.contains(&id.as_str()));
        let line = &mut lines[shared.unwrap_or(IN_TURN.len() + index % AT_ONCE)];
        if example["ends"].as_str().unwrap().starts_with("COMPLETED, or") {
            line.push((id.clone(), "rejected"));
        }
        line.push((id, "approved"));
    }
    let runs: usize = lines.iter().map(Vec::len).sum();
    assert!(runs >= 35, "only {runs}");
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let play = |line: Vec<(String, &'static str)>| {
            line.iter().filter_map(|(id, answer)| check(&home, id, answer)).collect::<Vec<_>>()
        };
        let threads: Vec<_> = lines.into_iter().map(|line| scope.spawn(move || play(line))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Runs an example with this answer, and returns what is wrong with its end.
fn check(home: &Home, id: &str, answer: &str) -> Option<String> {
    let ended = home.run(id, &["--answer", answer]);
    let kept = match ended.kept() {
        Ok(kept) => kept,
        Err(complaint) => return Some(complaint),
    };
    let expected = match (id, answer) {
        ("durability/retry-failure", _) => ("FAILED", "delivery_failed"),
        ("durability/timeout", _) => ("FAILED", "step_timeout"),
        ("human/clarification" | "human/assignment", "rejected") => ("FAILED", "declined"),
        ("human/confirmation", "rejected") => ("FAILED", "denied"),
        ("human/manual-action", "rejected") => ("FAILED", "failed"),
        (_, "rejected") => ("FAILED", "rejected"),
        _ => ("COMPLETED", ""),
    };
    ((kept.0.as_str(), kept.1.as_str()) != expected).then(|| format!("{}: {kept:?}", ended.what))
}

/// Counts reminders and escalations without an answer. The examples run in parallel, because they take their full time.
#[test]
fn nobody_answers() {
    std::thread::scope(|scope| {
        for (id, reminders, escalations) in
            [("internal/reminder", 3, 0), ("internal/escalation", 2, 1), ("durability/reminder-escalation", 3, 1)]
        {
            scope.spawn(move || {
                let ended = Home::new().run(id, &[]);
                assert_eq!(ended.kept(), Ok(("FAILED".to_owned(), "step_timeout".to_owned())), "{id}");
                assert_eq!(ended.events("intent.reminder"), reminders, "{id}");
                assert_eq!(ended.events("intent.escalated"), escalations, "{id}");
            });
        }
    });
}

#[test]
fn a_form_is_filled_in() {
    let home = Home::new();
    let answer = |args: &[&str]| home.run("human/form", &[&["--answer", "approve"], args].concat());
    let steps = |ended: &Ended| ended.lines().pop().unwrap()["intent"]["result"]["steps"]["security_signoff"].clone();
    let usual = answer(&[]);
    assert_eq!((&steps(&usual)["grant_duration_days"], &steps(&usual)["approved"]), (&30.into(), &true.into()));
    let own = answer(&["--data", "grant_duration_days=7", "--comment", "for a week"]);
    assert_eq!(own.kept().unwrap().0, "COMPLETED");
    assert_eq!((&steps(&own)["grant_duration_days"], &steps(&own)["comment"]), (&7.into(), &"for a week".into()));
    // A value that the form or the task rejects is an error of the run.
    for wrong in [&["--data", "grant_duration_days=91"][..], &["--answer", "perhaps"]] {
        let args = if wrong[0] == "--answer" { wrong.to_vec() } else { [&["--answer", "approved"], wrong].concat() };
        let ended = home.run("human/form", &args);
        assert_eq!(ended.output.status.code(), Some(1), "{wrong:?}");
        assert!(String::from_utf8_lossy(&ended.output.stdout).contains("was rejected"), "{wrong:?}");
    }
}

#[test]
fn the_result_lies_in_the_inbox() {
    let ended = Home::new().run("delivery/inbox", &[]);
    let last = ended.lines().pop().unwrap();
    assert_eq!((&last["ok"], &last["thread"]["status"]), (&true.into(), &"done".into()));
    assert!(last["thread"]["messages"].to_string().contains("TRK-ord-2291"), "{last:#}");
}

#[test]
fn an_example_changes_no_agent_that_it_did_not_register() {
    let home = Home::new();
    let _server = home.dev();
    let register = |args: &[&str]| {
        let all = [&["agents", "register", "--name", "http-order-processor", "--json"], args].concat();
        let output = home.command(&all).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let own = register(&["--delivery-mode", "http", "--callback-url", "https://example.com/mine"]);
    assert_eq!(own["created"], true);
    let ended = home.run("delivery/http", &[]);
    assert_eq!(ended.output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.output.stdout).into_owned();
    assert!(said.contains("\\\"http-order-processor\\\" that no example registered"), "{said}");
    let unchanged = register(&[]);
    assert_eq!(unchanged["changed"], serde_json::json!([]));
    assert_eq!(unchanged["service_account"], own["service_account"]);
}
