//! Every command against a live server: for people without braces, for programs as JSON. The test fails for a command that
//! is in no table here, so that a new one is not left out.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Home, help, stderr, stdout};

/// The commands that other files test, because they need a person, a second program, a stopped server, or much time.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("absence.rs", &["absence show", "absence set", "absence end"]),
    (
        "agents.rs",
        &["agents new", "webhooks listen", "agents policy remove", "agents receive-override remove", "console"],
    ),
    ("audit.rs", &["audit verify"]),
    ("login.rs", &["login", "logout", "session list", "session revoke"]),
    ("main.rs", &["serve", "dev", "examples run", "conformance run"]),
    (
        "operating.rs",
        &[
            "backup",
            "backup verify",
            "backup key",
            "restore",
            "retention show",
            "retention set",
            "retention hold",
            "retention release",
        ],
    ),
    ("intents.rs", &["deliveries get", "deliveries replay", "intents resume"]),
    ("output.rs", &["completion", "man", "doctor"]),
    (
        "tenancy.rs",
        &[
            "org list",
            "org receive-policy remove",
            "workspace list",
            "workspace use",
            "workspace members exclude",
            "member update",
            "member remove",
            "quota upgrade-request",
        ],
    ),
    ("second_thoughts.rs", &["tasks withdraw"]),
    ("terminal.rs", &["scenarios create"]),
    ("update.rs", &["update"]),
    (
        "tests of the server: it/move_database.rs, it/receipts.rs and compat/mcp_checks.py",
        &["migrate", "verify", "mcp", "mcp install"],
    ),
];

/// The commands in the order in which they run. `#` becomes 1 for people and 2 for programs, and words in braces become
/// ids that earlier commands made.
const COMMANDS: &[&str] = &[
    "status",
    "whoami",
    "version",
    "context list",
    "context show",
    "context set other# --base-url http://127.0.0.1:9",
    "context use default",
    "examples list",
    "init --force",
    "run tool-waiting",
    "api me.get",
    "api --list",
    "agents register --name worker#",
    "agents register --name gone#",
    "agents list",
    "agents show worker1",
    "agents keys create --agent-id worker1",
    "agents keys revoke --agent-id worker1 --key-id {key#}",
    "agents policy set worker1 denylist",
    "agents policy add worker1 agent://x#/*",
    "agents policy get worker1",
    "agents receive-override set worker1 allowlist",
    "agents receive-override add worker1 agent://x#/*",
    "agents receive-override get worker1",
    "agents delete gone# --yes",
    "service-accounts list",
    "service-accounts create --name second#",
    "service-accounts keys create --service-account-id {account}",
    "service-accounts keys revoke --service-account-id {account} --key-id {other-key#}",
    "keys list",
    "keys create --service-account-id {account}",
    "keys revoke --service-account-id {account} --key-id {third-key#}",
    "intents send --to worker1",
    "intents list",
    "intents get {intent1}",
    "intents log {intent1}",
    "intents watch {intent1} --follow=false",
    "logs {intent1}",
    "trace {intent1}",
    "intents cancel {intent#}",
    "intents retry {intent#}",
    "intents cleanup",
    "scenarios validate bundle.json",
    "scenarios dry-run bundle.json",
    "scenarios apply bundle.json",
    "scenarios list-templates",
    "tasks list",
    "tasks get {task1}",
    "tasks reassign {task5} --to kim#@example.com",
    "tasks link {task5}",
    "tasks ask {asked#} Why?",
    "tasks reply {asked#} Because",
    "tasks approve {task#}",
    "tasks reject {rejected#}",
    "tasks confirm {confirmed#}",
    "tasks complete {completed#}",
    "tasks assign {assigned#}",
    "tasks submit {submitted#} --outcome approved",
    "deliveries list",
    "mail",
    "audit",
    "webhooks list",
    "mesh list",
    "mesh show worker1",
    "mesh kill worker1",
    "mesh resume worker1",
    "mesh events",
    "mesh dashboard --no-browser",
    "quota show",
    "member list",
    "member add lee#@example.com --role member",
    "workspace members include lee#@example.com",
    "workspace members list",
    "org receive-policy set allowlist",
    "org receive-policy add agent://x#/*",
    "org receive-policy get",
];

#[test]
fn every_command_answers_people_and_programs() {
    let home = Home::new();
    let mut known: BTreeSet<&str> = ELSEWHERE.iter().flat_map(|(_, commands)| commands.iter().copied()).collect();
    let leaves = help::leaves(&home);
    let leaf_of = |line: &str| {
        let is_leaf = |leaf: &&String| line == leaf.as_str() || line.starts_with(&format!("{leaf} "));
        leaves.iter().filter(is_leaf).max_by_key(|leaf| leaf.len())
    };
    known.extend(COMMANDS.iter().map(|line| leaf_of(line).unwrap_or_else(|| panic!("no command {line}")).as_str()));
    let missing: Vec<&String> = leaves.iter().filter(|leaf| !known.contains(leaf.as_str())).collect();
    assert!(missing.is_empty(), "add to the table, or to the list with its test: {missing:?}");

    let _server = home.serve("dev");
    super::until("the context is written", || home.path(".config/axme/config.json").exists());
    let bundle = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/human-cli/scenario.json");
    fs::copy(bundle, home.path("bundle.json")).unwrap();
    let ids = ids(&home);
    let mut wrong = Vec::new();
    for line in COMMANDS {
        for (number, is_json) in [("1", false), ("2", true)] {
            let with_ids = |line: String, (name, id): &(String, String)| line.replace(&format!("{{{name}}}"), id);
            let line = ids.iter().fold(line.replace('#', number), with_ids);
            let args: Vec<&str> = line.split(' ').chain(is_json.then_some("--json")).collect();
            let output = home.run(&args);
            let out = stdout(&output);
            let is_object = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|read| read.is_object());
            let is_right = match is_json {
                true => serde_json::from_str::<Value>(&out).is_ok() || out.lines().all(is_object),
                false => !out.trim().is_empty() && !out.lines().any(is_object),
            };
            if !output.status.success() || !is_right {
                wrong.push(format!("axme {}: {out}{}", args.join(" "), stderr(&output)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Makes what the commands are about. Returns names and ids.
fn ids(home: &Home) -> Vec<(String, String)> {
    let call = |operation: &str, input: &str, field: &str| {
        home.ok(&["api", operation, "--input", input, "--jq", field]).trim().to_owned()
    };
    let mut ids = Vec::new();
    let task = |kind: &str| {
        let input =
            format!(r#"{{"intent_type": "a.b.v1", "human_task": {{"title": "Ship?", "task_type": "{kind}"}}}}"#);
        call("intents.create", &input, ".body.intent_id")
    };
    for number in ["1", "2", "5"] {
        ids.push((format!("task{number}"), task("approval")));
    }
    for number in ["1", "2"] {
        for (name, kind) in [
            ("rejected", "approval"),
            ("confirmed", "confirmation"),
            ("completed", "manual_action"),
            ("assigned", "assignment"),
            ("submitted", "approval"),
            ("asked", "approval"),
        ] {
            ids.push((format!("{name}{number}"), task(kind)));
        }
    }
    let account = home.ok_json(&["service-accounts", "create", "--name", "holder", "--json"]);
    let account = account["body"]["service_account_id"].as_str().unwrap().to_owned();
    home.ok(&["agents", "register", "--name", "worker1"]);
    for number in ["1", "2"] {
        let key = |args: &[&str]| home.ok(&[args, &["--jq", ".body.key.key_id"]].concat()).trim().to_owned();
        ids.push((format!("key{number}"), key(&["agents", "keys", "create", "--agent-id", "worker1"])));
        ids.push((format!("other-key{number}"), key(&["keys", "create", "--service-account-id", &account])));
        ids.push((format!("third-key{number}"), key(&["keys", "create", "--service-account-id", &account])));
        ids.push((
            format!("intent{number}"),
            home.ok(&["intents", "send", "--to", "worker1", "--jq", ".intent_id"]).trim().to_owned(),
        ));
    }
    ids.push(("account".to_owned(), account));
    ids
}
