//! The program as a new user runs it: one command at a time, on a machine without configuration. Every test has its own
//! home folder and an empty environment.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and waits for real processes")]

mod absence;
mod agents;
mod audit;
mod commands;
mod help;
mod intents;
mod login;
mod operating;
mod outcomes;
mod output;
mod second_thoughts;
mod settings;
mod start;
mod tenancy;
mod terminal;
mod update;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longer than any step takes; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// An empty home folder.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed, and returns its stdout.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    fn ok_json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(args)).unwrap()
    }

    /// Runs a command that must exit with `code`, and returns its stderr.
    fn fails(&self, args: &[&str], code: i32) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}{}", stdout(&output), stderr(&output));
        stderr(&output)
    }

    /// Runs a command that must exit with `code`, and returns the JSON on its stdout. Its stderr must be empty.
    fn fails_json(&self, args: &[&str], code: i32) -> Value {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}{}", stdout(&output), stderr(&output));
        assert_eq!(stderr(&output), "", "{args:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts a server on the default data folder.
    fn serve(&self, verb: &str) -> Server {
        let data = self.path(".local/share/axme");
        let mut command = self.command(&[verb, "--listen", "127.0.0.1:0"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let server = Server(child);
        until("the server runs", || data.join("run.json").exists());
        server
    }
}

struct Server(Child);

impl Server {
    /// Stops the server as a service manager does, and returns its exit code and output.
    fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.0.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().unwrap().success());
        let code = self.0.wait().unwrap().code();
        let mut said = String::new();
        let out = self.0.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        let err = self.0.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
        for line in out.chain(err) {
            writeln!(said, "{}", line.unwrap()).unwrap();
        }
        (code, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_command_of_the_readme() {
    let home = Home::new();
    let said = home.ok(&["examples", "run", "human/cli", "--answer", "approved"]);
    for part in
        ["started for this example", "are asked: ", "Final status:  COMPLETED", "✓ Approved by ", "readiness_check:"]
    {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let data = home.path(".local/share/axme");
    assert!(!data.join("run.json").exists(), "the server was not stopped");
    let key = fs::read_to_string(data.join("bootstrap.json")).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    assert!(!said.contains(key["api_key"].as_str().unwrap()));
    // Again, on the same folder.
    home.ok(&["examples", "run", "human/cli", "--answer", "approved"]);
}

#[test]
fn a_no_is_an_ending_too() {
    let home = Home::new();
    let said = home.ok(&["examples", "run", "human/cli", "--answer", "rejected"]);
    assert!(said.contains("Final status:  FAILED") && said.contains("Error:         rejected"), "{said}");
    assert!(said.contains("Outcome:       ✗ Rejected by ") && !said.contains('✓'), "{said}");
}

#[test]
fn an_agent_alone() {
    let home = Home::new();
    let said = home.ok(&["examples", "run", "delivery/stream", "--json"]);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&last["ok"], &last["intent"]["status"]), (&Value::Bool(true), &Value::from("COMPLETED")));
    assert_eq!(last["intent"]["result"]["compliant"], true);
}

#[test]
fn a_deadline_passes() {
    let home = Home::new();
    let said = home.ok(&["examples", "run", "internal/timeout", "--data", home.path("elsewhere").to_str().unwrap()]);
    assert!(said.contains("[timeout]") && said.contains("Error:         step_timeout"), "{said}");
    assert!(!home.path(".local").exists(), "--data was ignored");
}

#[test]
fn another_terminal_answers() {
    let home = Home::new();
    let example = home.command(&["examples", "run", "human/cli"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut task = Value::Null;
    until("the task waits", || {
        let output = home.run(&["tasks", "list", "--json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        task = list["tasks"][0].clone();
        !task.is_null()
    });
    let id = task["intent_id"].as_str().unwrap();
    assert!(home.ok(&["tasks", "ls"]).contains(id));
    assert!(home.ok(&["task", "get", id]).contains("To approve:"));
    home.ok(&["tasks", "approve", id, "--comment", "go", "--data", "ticket=7"]);
    let output = example.wait_with_output().unwrap();
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("tasks approve {id}")), "{said}");
    assert!(
        said.contains("Final status:  COMPLETED") && said.contains("comment:") && said.contains("  go\n"),
        "{said}"
    );
}

#[test]
fn a_server_and_its_commands() {
    let home = Home::new();
    let server = home.serve("serve");
    let data = home.path(".local/share/axme");
    assert_eq!((mode(&data.join("bootstrap.json")), mode(&data.join("run.json"))), (0o600, 0o600));

    let refused = home.fails(&["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(refused.contains("another server uses the data folder"), "{refused}");

    assert!(home.ok(&["status"]).contains("Storage:  sqlite"));
    assert_eq!(home.ok_json(&["whoami", "--json"])["role"], "workspace_admin");
    assert_eq!(home.ok(&["tasks", "list"]), "No pending tasks.\n");

    let said = home.ok(&["agents", "register", "--name", "worker"]);
    assert!(said.starts_with("✓ Registered agent://local/default/worker\n"), "{said}");
    let again = ["agents", "register", "--name", "worker"];
    assert!(home.ok(&again).contains("registered already; nothing changed"));
    let said = home.ok(&[&again[..], &["--display-name", "The worker"]].concat());
    assert!(said.starts_with("✓ Changed display_name of agent://local/default/worker\n"), "{said}");
    let said = home.fails(&[&again[..], &["--webhook-secret", "0123456789abcdef"]].concat(), 1);
    assert!(said.contains("webhook_secret: not allowed with delivery_mode \"stream\""), "{said}");
    for (name, nearest) in [("ünï", "uni"), ("BAD_NAME!", "bad_name"), ("Demo Runner", "demo-runner")] {
        let said = home.fails(&["agents", "register", "--name", name], 2);
        assert!(said.contains(&format!("use \"{nearest}\"")), "{said}");
    }
    assert!(home.ok(&["agent", "list"]).contains("agent://local/default/worker"));
    let key = home.ok_json(&["agents", "keys", "create", "--agent-id", "worker", "--json"])["body"].clone();
    let refused = home.fails(&["agents", "keys", "create", "--agent-id", "worker", "--expires-at", "soon"], 2);
    assert!(refused.contains("this is not a time: write it like"), "{refused}");
    let token = key["api_key"].as_str().unwrap();
    assert_eq!(home.ok_json(&["whoami", "--json", "--api-key", token])["role"], "agent");
    let judged = home.ok_json(&["conformance", "run", "--only", "health", "--api-key", token, "--json"]);
    assert!(judged["hint"].as_str().unwrap().contains("role agent"), "{judged}");
    assert!(home.ok_json(&["conformance", "run", "--only", "health", "--json"])["hint"].is_null());
    home.ok(&["agents", "keys", "revoke", "--agent-id", "worker", "--key-id", key["key"]["key_id"].as_str().unwrap()]);

    let sent = home.ok_json(&["intents", "send", "--to", "worker", "--data-json", "{\"n\": 1}", "--json"]);
    let id = sent["intent_id"].as_str().unwrap();
    assert!(home.ok(&["intents", "list", "--status", "DELIVERED"]).contains(id));
    home.ok(&["api", "intents.resolve", "--input", &format!("{{\"intent_id\": \"{id}\", \"status\": \"COMPLETED\"}}")]);
    let watched = home.ok(&["intents", "watch", id]);
    assert!(watched.lines().last().unwrap().contains("intent.completed status=COMPLETED"), "{watched}");
    assert!(home.ok(&["intents", "log", id]).contains("Final status:  COMPLETED"));
    let said = home.ok(&["intents", "send", "--to", "wroker"]);
    assert!(said.contains("nobody is registered at agent://local/default/wroker; did you mean worker?"), "{said}");
    assert!(home.ok(&["intents", "list", "--status", "DELIVERED"]).contains("nobody listens"));
    let lost = home.ok_json(&["intents", "list", "--status", "DELIVERED", "--json"])[0].clone();
    assert_eq!(lost["nobody_listens"], true);
    let logged = home.ok(&["intents", "log", lost["id"].as_str().unwrap()]);
    assert!(logged.contains("nobody listens at agent://local/default/wroker"), "{logged}");
    let again = home.fails(&["intents", "cancel", id], 1);
    assert!(again.contains("409"), "{again}");
    // Programs get the refusal on stdout (`spec/protocol.md` §3.1), with the same exit code.
    let refused = home.fails_json(&["intents", "cancel", id, "--json"], 1);
    assert_eq!((&refused["status_code"], &refused["ok"]), (&Value::from(409), &Value::Bool(false)));
    let mut official = home.command(&["intents", "cancel", id, "--json"]);
    assert_eq!(official.env("AXME_COMPAT", "1").output().unwrap().status.code(), Some(0));

    // The error names the source of an organization that is not the key's.
    let bootstrap: Value = serde_json::from_slice(&fs::read(data.join("bootstrap.json")).unwrap()).unwrap();
    let admin = bootstrap["api_key"].as_str().unwrap();
    let nowhere = "00000000-0000-4000-8000-000000000000";
    home.ok(&["context", "set", "other", "--api-key", "another", "--org-id", nowhere, "--workspace-id", nowhere]);
    let said = home.fails(&["agents", "register", "--name", "worker", "--api-key", admin], 1);
    assert!(said.contains("organization not found") && said.contains("is from context \"other\""), "{said}");

    let (code, said) = server.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(!data.join("run.json").exists());
    assert!(home.fails(&["status"], 1).contains("axme dev"));
}

#[test]
fn a_bundle_is_checked() {
    let home = Home::new();
    let _server = home.serve("serve");
    let bad = home.path("bad.json");
    let bundle = r#"{"scenario_id": "a.b.v1", "workflow": {"steps": [{"step_id": "s", "assigned_to": "ghost"}]},
        "intent": {"type": "intent.a.v1"}}"#;
    fs::write(&bad, bundle).unwrap();
    let output = home.run(&["scenarios", "validate", bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("error: workflow.steps[0].assigned_to"), "{}", stdout(&output));
    home.fails(&["scenarios", "apply", bad.to_str().unwrap()], 1);
    fs::write(&bad, "no JSON").unwrap();
    assert!(home.fails(&["scenarios", "validate", bad.to_str().unwrap()], 1).contains("is not a JSON object"));

    let good = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/human-cli/scenario.json");
    assert!(home.ok(&["scenarios", "validate", good]).contains("is valid"));
    let applied = home.ok_json(&["scenarios", "apply", good, "--json"]);
    assert_eq!((&applied["status_code"], &applied["body"]["ok"]), (&Value::from(200), &Value::Bool(true)));
}

#[test]
fn a_bundle_is_written_from_a_template() {
    let home = Home::new();
    let _server = home.serve("serve");
    let listed = home.ok(&["scenarios", "list-templates"]);
    assert!(listed.contains("macro.approval.v1") && listed.contains("escalate_to"), "{listed}");
    let listed = home.ok_json(&["scenarios", "list-templates", "--json"]);
    assert_eq!(listed["macros"][1]["macro_id"], "macro.two_person_approval.v1");

    // There is no terminal, so flags must give the required values.
    let create = ["scenarios", "create", "--from-template", "macro.two_person_approval.v1"];
    assert!(home.fails(&create[..2], 2).contains("--from-template is required"));
    assert!(home.fails(&create, 2).contains("--scenario-id is required"));
    assert!(home.fails(&["scenarios", "create", "--from-template", "macro.magic.v1"], 1).contains("404"));
    let one = [&create[..], &["--scenario-id", "pay.v1", "--human", "lead"]].concat();
    assert!(home.fails(&one, 1).contains("workflow.parameters.second_approver: required"));
    let two = [&one[..], &["--human", "finance=finance@example.com", "--param", "step_deadline_seconds=60"]].concat();
    assert!(home.ok(&two).contains("scenarios apply pay.v1.json"));
    assert!(home.fails(&two, 1).contains("already exists"));
    assert!(home.ok(&["scenarios", "validate", "pay.v1.json"]).contains("is valid"));
    let file = home.path("elsewhere.json");
    let written = home.ok_json(&[&two[..], &["--json", "-o", file.to_str().unwrap()]].concat());
    let bundle: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["bundle"], bundle);
    let applied = home.ok_json(&["scenarios", "apply", file.to_str().unwrap(), "--json"]);
    assert_eq!(applied["body"]["status"], "WAITING");
}

#[test]
fn dev_sets_the_context_and_keeps_the_key_to_itself() {
    let home = Home::new();
    let server = home.serve("dev");
    let config = home.path(".config/axme/config.json");
    until("the context is written", || config.exists());
    let shown = home.ok_json(&["context", "show", "--show-key", "--json"]);
    let key = shown["api_key"].as_str().unwrap();
    assert_eq!(shown["api_key_from"], "context \"default\"");
    assert_eq!(home.ok_json(&["whoami", "--json"])["context"], "default");
    let (code, said) = server.stop();
    assert!(code == Some(0) && said.contains("AXME listens on") && !said.contains(key), "{code:?} {said}");
    // The context has an old address, but still leads to the same folder.
    assert!(home.ok(&["examples", "run", "delivery/stream"]).contains("started for this example"));
    let server = home.serve("serve");
    assert!(home.ok(&["whoami"]).contains("Role:           workspace_admin"));
    drop(server);
    // A context for another server is used, not replaced by a local server.
    home.ok(&["context", "set", "default", "--base-url", "http://127.0.0.1:9", "--api-key", "another"]);
    assert!(home.fails(&["examples", "run", "delivery/stream"], 1).contains("context \"default\""));
}

#[test]
fn dev_takes_no_context_that_holds_something_else() {
    let home = Home::new();
    home.ok(&["context", "set", "default", "--base-url", "http://127.0.0.1:9", "--actor-token", "kims-token"]);
    let config = home.path(".config/axme/config.json");
    let active = || {
        let config: Value = serde_json::from_str(&fs::read_to_string(&config).unwrap()).unwrap();
        config["active_context"].as_str().unwrap().to_owned()
    };
    let server = home.serve("dev");
    until("the context is written", || active() == "dev");
    let (_, said) = server.stop();
    assert!(said.contains("\"default\" is in use and unchanged; to switch back: axme context use default"), "{said}");
    home.ok(&["context", "use", "default"]);
    let shown = home.ok_json(&["context", "show", "--json"]);
    assert_eq!((&shown["base_url"], &shown["has_actor"]), (&Value::from("http://127.0.0.1:9"), &Value::Bool(true)));

    // The same folder gets the same context again; another folder gets a new one.
    let server = home.serve("dev");
    until("the context is written", || active() == "dev");
    let data = home.path("d4");
    let mut command = home.command(&["dev", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let second = Server(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    until("the second context is written", || active() == "dev-2");
    second.stop();
    home.ok(&["context", "use", "dev"]);
    assert_eq!(home.ok_json(&["whoami", "--json"])["role"], "workspace_admin");
    server.stop();
    // A data folder that starts anew keeps its context, but gets a new key.
    fs::remove_dir_all(home.path(".local/share/axme")).unwrap();
    home.ok(&["context", "use", "default"]);
    let _server = home.serve("dev");
    until("the context is written", || active() == "dev");
    assert_eq!(home.ok_json(&["whoami", "--json"])["role"], "workspace_admin");
}

#[test]
fn a_task_says_who_has_voted_and_what_an_answer_needs() {
    let (home, _server) = login::with_server();
    login::sign_in(&home, "owner@local", "owner");
    let task = r#"{"intent_type": "intent.payment.v1", "human_task": {"title": "Pay?", "quorum": 2, "required_comment": true,
        "assignees": ["owner@local", "kim@example.com"]}}"#;
    let created = home.ok_json(&["api", "intents.create", "--input", task, "--json"]);
    let id = created["body"]["intent_id"].as_str().unwrap();
    let said = home.ok(&["tasks", "get", id]);
    assert!(said.contains("Quorum:      0 of 2 have said yes\n"), "{said}");
    assert!(said.contains(&format!("tasks approve {id} --comment WHY")), "{said}");
    assert!(said.contains(&format!("tasks reject {id} --comment WHY")), "{said}");
    let said = home.fails(&["tasks", "approve", id, "--comment", "fine"], 1);
    assert!(said.contains("a person must answer this task"), "{said}");
    home.ok(&["tasks", "approve", id, "--comment", "fine", "--context-name", "owner"]);
    let said = home.ok(&["tasks", "get", id]);
    assert!(said.contains("Quorum:      1 of 2 have said yes: owner@local (approved)\n"), "{said}");
    let live = home.ok(&["intents", "log", id]);
    assert!(live.contains("  Status:        WAITING (for human)") && !live.contains("Final"), "{live}");
}

#[test]
fn contexts_are_private_and_complete() {
    let home = Home::new();
    home.ok(&["context", "set", "work", "--base-url", "http://127.0.0.1:9", "--api-key", "secret", "--org-id", "o"]);
    home.ok(&["context", "set", "play", "--base-url", "http://127.0.0.1:8"]);
    let folder = home.path(".config/axme");
    assert_eq!((mode(&folder.join("config.json")), mode(&folder.join("secrets.json"))), (0o600, 0o600));
    assert!(!fs::read_to_string(folder.join("config.json")).unwrap().contains("secret"));
    assert!(fs::read_dir(&folder).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() == "json"));

    assert_eq!(home.ok_json(&["context", "show", "--json"])["base_url"], "http://127.0.0.1:9");
    home.ok(&["context", "use", "play"]);
    let list = home.ok_json(&["context", "list", "--json"]);
    assert_eq!((&list[0]["name"], &list[0]["active"]), (&Value::from("play"), &Value::Bool(true)));
    let shown = home.ok_json(&["context", "show", "--json", "--context-name", "work", "--show-key"]);
    assert_eq!((&shown["api_key"], &shown["org_id"]), (&Value::from("secret"), &Value::from("o")));
    assert!(!home.ok(&["context", "show", "--context-name", "work"]).contains("secret"));
}

#[test]
fn wrong_use_and_failure_differ() {
    let home = Home::new();
    for args in [
        &["context", "use", "nothing"][..],
        &["status", "--context-name", "nothing"],
        &["examples", "run", "no/such"],
        &["api", "no.such"],
        &["no-such-command"],
        &["tasks", "approve", "id", "--data", "no-pair"],
        &["status", "--base-url", "no url"],
    ] {
        assert!(!home.fails(args, 2).is_empty(), "{args:?}");
    }
    let nobody = home.fails(&["tasks", "list"], 1);
    assert_eq!(nobody.lines().count(), 1, "{nobody}");
    assert!(home.fails(&["--data", "missing", "status"], 1).contains("no server runs on missing"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let home = Home::new();
    let mut child = home.command(&["api", "--list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_may_have_more_files_open_than_a_program_usually_has() {
    let home = Home::new();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_axme");
    command.args(["-c", "ulimit -Sn 256; exec \"$0\" serve --listen 127.0.0.1:0", program]);
    let child =
        command.env_clear().env("HOME", home.0.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(child.spawn().unwrap());
    until("the server runs", || home.path(".local/share/axme/run.json").exists());
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.0.id())).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|n| files.split_whitespace().nth(n).unwrap().parse().unwrap_or(u64::MAX));
    assert_eq!(soft, hard.min(65_536), "{files}");
    server.stop();
}
