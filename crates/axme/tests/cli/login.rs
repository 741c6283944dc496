//! Sign-in at the command line: by the code of a mail, by its link and on a page; refreshing the session and ending it.
//! Mail is read from the folder in which `axme dev` saves it.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Output, Stdio};

use serde_json::{Value, json};

use super::{Home, Server, mode, stderr, stdout, until};

const SECRETS: &str = ".config/axme/secrets.json";

/// Starts a server where anyone may sign in. The context `default` leads to it as its administrator.
pub(super) fn with_server() -> (Home, Server) {
    let home = Home::new();
    let server = home.serve("dev");
    until("the context is written", || home.path(".config/axme/config.json").exists());
    (home, server)
}

fn mails(home: &Home) -> Vec<String> {
    let folder = fs::read_dir(home.path(".local/share/axme/outbox"));
    // A draft may get its final name between the look and the reading.
    folder.into_iter().flatten().filter_map(|file| fs::read_to_string(file.unwrap().path()).ok()).collect()
}

/// Waits for the mail to a person and returns it. The mail about a new membership does not count.
pub(super) fn mail(home: &Home, person: &str) -> String {
    let is_wanted = |mail: &String| mail.contains(&format!("To: {person}")) && !mail.contains("You are a member of");
    let find = || mails(home).into_iter().find(is_wanted);
    until("the mail arrives", || find().is_some());
    find().unwrap()
}

/// Returns the code, which is the first word of the subject.
pub(super) fn code(mail: &str) -> String {
    let subject = mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
    subject.split(' ').next().unwrap().to_owned()
}

fn start(home: &Home, args: &[&str]) -> Child {
    home.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Types a line, ends the input and returns the output.
fn typed(mut child: Child, line: &str) -> Output {
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    child.wait_with_output().unwrap()
}

/// Signs a person in by the code of a mail, in a context of that name.
pub(super) fn sign_in(home: &Home, person: &str, context: &str) -> String {
    let child = start(home, &["login", "--email", person, "--context", context]);
    let output = typed(child, &code(&mail(home, person)));
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Waits until the session has ended: the server caches sessions for a second.
fn is_over(home: &Home, context: &str) {
    let list = || home.run(&["session", "list", "--context-name", context]);
    until("the session is over", || !list().status.success());
    let output = list();
    let said = stderr(&output);
    assert!(output.status.code() == Some(2) && said.contains("has ended; sign in again: `axme login`"), "{said}");
}

fn secrets(home: &Home) -> Value {
    serde_json::from_str(&fs::read_to_string(home.path(SECRETS)).unwrap()).unwrap()
}

fn set_secret(home: &Home, context: &str, name: &str, value: &str) {
    let mut all = secrets(home);
    all[context][name] = json!(value);
    fs::write(home.path(SECRETS), all.to_string()).unwrap();
}

#[test]
fn a_person_signs_in_by_a_code_looks_around_and_leaves() {
    let (home, _server) = with_server();
    let said = sign_in(&home, "kim@example.com", "kim");
    assert!(said.contains("✓ Signed in as kim@example.com at http://127.0.0.1:"), "{said}");
    assert!(said.contains("axme context use kim"), "{said}");
    assert_eq!(mode(&home.path(SECRETS)), 0o600);
    assert!(secrets(&home)["default"]["api_key"].is_string(), "the other context is unchanged");

    home.ok(&["context", "use", "kim"]);
    let me = home.ok_json(&["whoami", "--json"]);
    assert_eq!(
        (&me["account"]["email"], &me["status"]["account_signed_in"]),
        (&json!("kim@example.com"), &json!(true))
    );
    assert_eq!((&me["org_id"], &me["session_summary"]["active_count"]), (&me["server_context"]["org_id"], &json!(1)));
    assert!(home.ok(&["whoami"]).contains("Signed in as:   kim@example.com"));
    assert_eq!(home.ok(&["tasks", "list"]), "No pending tasks.\n");

    // The first session ends a second one of the same person.
    let second = start(&home, &["login", "--email", "KIM@example.com", "--context", "second", "--json"]);
    until("a second mail arrives", || mails(&home).len() == 2);
    // The code of the first mail does not belong to this sign-in, and uses one of its tries.
    let codes: Vec<String> = mails(&home).iter().map(|mail| code(mail)).collect();
    let output = typed(second, &codes.join("\n"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["intent_id"].is_string() && lines.len() == 2, "{lines:?}");
    assert_eq!((&lines[1]["hydrated"], &lines[1]["account"]["email"]), (&json!(true), &json!("kim@example.com")));
    let list = home.ok_json(&["session", "list", "--json"]);
    let other = list["sessions"].as_array().unwrap().iter().find(|login| login["is_current"] == false).unwrap();
    assert_eq!((&list["summary"]["session_count"], &other["client_type"]), (&json!(2), &json!("cli")));
    let revoked = home.ok_json(&["session", "revoke", other["session_id"].as_str().unwrap(), "--json"]);
    assert_eq!((&revoked["revoked"], &revoked["mode"]), (&json!(true), &json!("session_id")));
    assert_eq!(home.ok(&["session", "list"]).lines().count(), 2);
    assert_eq!(home.ok(&["session", "list", "--all"]).lines().count(), 3);
    is_over(&home, "second");

    let said = home.ok(&["logout"]);
    assert!(said.contains("✓ Signed out of") && said.contains("logout --all"), "{said}");
    let left = &secrets(&home)["kim"];
    assert!(left["api_key"].is_string() && left["actor_token"].is_null() && left["refresh_token"].is_null());
    assert!(home.fails(&["session", "list"], 2).contains("not signed in: run `axme login`"));
    assert_eq!(home.ok_json(&["logout", "--all", "--json"])["server_logout"]["attempted"], false);
    assert!(secrets(&home)["kim"].is_null());
}

#[test]
fn the_link_of_the_mail_signs_in_too() {
    let (home, _server) = with_server();
    let mut child = start(&home, &["login", "--email", "lou@example.com", "--context", "lou"]);
    // No code is typed.
    drop(child.stdin.take());
    let text = mail(&home, "lou@example.com").replace("=\r\n", "").replace("=3D", "=");
    let link = text.split_whitespace().find(|word| word.contains("/app/login/")).unwrap();
    let (url, token) = link.split_once("?").unwrap();
    let pressed = post(url, token);
    assert!(pressed.contains("You are signed in"), "{pressed}");
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("✓ Signed in as lou@example.com"), "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn a_page_signs_another_device_in() {
    let (home, _server) = with_server();
    let mut child = start(&home, &["login", "--browser", "--no-browser", "--context", "eve", "--json"]);
    let mut shown = BufReader::new(child.stdout.take().unwrap()).lines();
    let asked: Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
    let (page, query) = asked["approval_url"].as_str().unwrap().split_once('?').unwrap();
    assert!(query.contains(asked["user_code"].as_str().unwrap()) && query.contains("&grant="), "{query}");
    let user_code = asked["user_code"].as_str().unwrap();
    let form = format!("user_code={user_code}&email=eve%40example.com");
    let mailed = post(page, &form);
    let intent = mailed.split("name=\"intent_id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let code = code(&mail(&home, "eve@example.com"));
    let approved = post(page, &format!("{form}&intent_id={intent}&code={code}"));
    assert!(approved.contains("You are signed in"), "{approved}");
    let summary: Value = serde_json::from_str(&shown.next().unwrap().unwrap()).unwrap();
    assert_eq!(summary["account"]["email"], "eve@example.com");
    assert!(child.wait().unwrap().success());
}

#[test]
fn tokens_are_refreshed_in_time_and_when_they_are_refused() {
    let (home, _server) = with_server();
    sign_in(&home, "kim@example.com", "kim");
    home.ok(&["context", "use", "kim"]);
    let first = secrets(&home)["kim"].clone();

    // A token whose expiry cannot be read, and which is therefore treated as expired.
    set_secret(&home, "kim", "actor_token", "opaque");
    home.ok(&["session", "list"]);
    let second = secrets(&home)["kim"].clone();
    assert!(second["actor_token"].as_str().unwrap().matches('.').count() == 2);
    assert_ne!((&second["refresh_token"], &second["api_key"]), (&first["refresh_token"], &Value::Null));
    assert_eq!(second["api_key"], first["api_key"]);
    assert_eq!(mode(&home.path(SECRETS)), 0o600);

    // A token that seems valid until 2100, but that the server rejects because it is not signed.
    set_secret(&home, "kim", "actor_token", "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.e30");
    home.ok(&["session", "list"]);
    let third = secrets(&home)["kim"].clone();
    assert_ne!(third["refresh_token"], second["refresh_token"]);

    assert_eq!(home.ok_json(&["login", "--json"])["method"], "refresh");
    assert_ne!(secrets(&home)["kim"]["refresh_token"], third["refresh_token"]);

    // The refresh token is not sent to another server, and nothing is written.
    let before = secrets(&home);
    home.fails(&["session", "list", "--base-url", "http://127.0.0.1:9"], 2);
    assert_eq!(secrets(&home), before);

    home.ok(&["session", "revoke", "--current"]);
    is_over(&home, "kim");
    assert!(home.ok(&["whoami"]).contains("Session:        ended"));
    assert!(home.fails(&["login"], 2).contains("no terminal to prompt at"));
    let gone = home.ok_json(&["logout", "--all-sessions", "--json"]);
    assert_eq!((&gone["ok"], &gone["account_session_cleared"]), (&json!(true), &json!(true)));
}

#[test]
fn what_does_not_sign_in_says_why() {
    let (home, _server) = with_server();
    assert!(home.fails(&["login"], 2).contains("pass --email"));
    assert_eq!(home.fails_json(&["login", "--json"], 2)["error"], "no_credentials");
    assert!(home.fails(&["login", "--email", "nobody"], 1).contains("must be an email address"));
    home.fails(&["login", "--email", "kim@example.com", "--browser"], 2);
    assert!(home.fails(&["session", "list"], 2).contains("not signed in: run `axme login`"));
    home.fails(&["session", "revoke"], 2);

    let child = start(&home, &["login", "--email", "kim@example.com", "--context", "kim"]);
    let right = code(&mail(&home, "kim@example.com"));
    let output = typed(child, if right == "000000" { "000001" } else { "000000" });
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("4 tries are left"), "{}", stderr(&output));
    assert!(secrets(&home)["kim"].is_null());
}

#[test]
fn a_given_key_is_kept_once_the_server_accepts_it() {
    let (home, _server) = with_server();
    let refused = home.fails(&["login", "--context", "given", "--api-key", "secret"], 2);
    assert!(refused.contains("rejects the key from --api-key"), "{refused}");
    assert!(secrets(&home)["given"].is_null());
    home.ok(&["agents", "register", "--name", "worker"]);
    let create = ["agents", "keys", "create", "--agent-id", "worker", "--json"];
    let keys = [home.ok_json(&create), home.ok_json(&create)].map(|made| made["body"]["api_key"].clone());
    let [first, second] = keys.each_ref().map(|key| key.as_str().unwrap());
    let kept = home.ok_json(&["login", "--context", "given", "--api-key", first, "--json"]);
    assert_eq!((&kept["method"], &secrets(&home)["given"]["api_key"]), (&json!("manual"), &json!(first)));
    let replace = ["login", "--context", "given", "--api-key", second];
    let refused = home.fails(&replace, 2);
    assert!(refused.contains("replace the key of context \"given\"") && refused.contains("--force"), "{refused}");
    assert_eq!(secrets(&home)["given"]["api_key"], *first);
    home.ok(&[&replace[..], &["--force"]].concat());
    assert_eq!(secrets(&home)["given"]["api_key"], *second);
    assert!(home.ok_json(&["context", "show", "--context-name", "given", "--json"])["org_id"].is_string());
}

#[test]
fn whose_key_has_ended_is_still_a_person() {
    let (home, _server) = with_server();
    let admin = |operation: &str, input: &Value| -> Value {
        let input = input.to_string();
        home.ok_json(&["api", operation, "--input", &input, "--json", "--context-name", "default"])["body"].clone()
    };
    let org_id = home.ok_json(&["whoami", "--json"])["org_id"].clone();
    let member = json!({ "org_id": org_id, "actor_id": "kim@example.com", "role": "security_auditor" });
    let member = admin("organizations.members.add", &member)["member"]["member_id"].clone();
    assert!(member.is_string(), "{member}");
    sign_in(&home, "kim@example.com", "kim");
    home.ok(&["context", "use", "kim"]);
    let said = home.ok(&["whoami"]);
    for part in ["Role:           security_auditor", "Organization:   ", "Workspace:      ", "Session:        until"] {
        assert!(said.contains(part), "no {part} in {said}");
    }

    admin("organizations.members.remove", &json!({ "org_id": org_id, "member_id": member }));
    until("the key has ended", || !home.run(&["intents", "list"]).status.success());
    let said = home.ok(&["whoami"]);
    assert!(said.contains("rejected: ") && said.contains("Session:        until"), "{said}");
    assert_eq!(home.ok(&["session", "list"]).lines().count(), 2);
    assert!(home.ok(&["logout"]).contains("✓ Signed out of"));
    assert!(secrets(&home)["kim"]["actor_token"].is_null());
}

/// Sends a form, as a browser does.
fn post(url: &str, form: &str) -> String {
    let request = reqwest::Client::new().post(url).body(form.to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
}

#[test]
fn a_context_takes_the_workspace_that_the_server_has_selected() {
    let (home, server) = with_server();
    sign_in(&home, "kim@example.com", "kim");
    let file = home.path(".config/axme/config.json");
    let read = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let place = |config: &Value| {
        (config["contexts"]["kim"]["org_id"].clone(), config["contexts"]["kim"]["workspace_id"].clone())
    };
    let before = place(&read());
    let forget = || {
        let mut config = read();
        for id in ["org_id", "workspace_id"] {
            config["contexts"]["kim"].as_object_mut().unwrap().remove(id);
        }
        fs::write(&file, config.to_string()).unwrap();
    };
    forget();
    let used = home.ok_json(&["context", "use", "kim", "--json"]);
    assert_eq!((&used["hydrated"], &used["org_id"]), (&json!(true), &before.0));
    assert_eq!(place(&read()), before);
    let shown = home.ok_json(&["context", "show", "--json"]);
    assert_eq!((&shown["server_context"]["workspace_id"], &shown["agent_addresses"]), (&before.1, &json!([])));
    assert!(home.ok(&["context", "show", "--output", "yaml"]).starts_with("---\n"));
    assert_eq!(home.ok_json(&["context", "use", "default", "--output", "json"])["hydrated"], false);
    // The context changes even if its server is away.
    forget();
    server.stop();
    let output = home.run(&["context", "use", "kim"]);
    let said = stderr(&output);
    assert!(output.status.success() && said.contains("cannot read the account"), "{said}");
    assert_eq!(read()["active_context"], "kim");
}

/// Starts a server that allows trials.
pub(super) fn with_trials() -> (Home, Server) {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let child = command.env("AXME_TRIALS", "true").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let server = Server(child);
    until("the server runs", || home.path(".local/share/axme/run.json").exists());
    (home, server)
}

#[test]
fn a_trial_begins_where_the_server_allows_trials() {
    let (home, _server) = with_trials();
    let login = ["login", "--bootstrap-alpha", "--context", "trial", "--json"];
    assert_eq!(home.fails_json(&login, 2)["body"]["error"]["code"], "usage");
    let begun = home.ok_json(&[&login[..], &["--email", "ann@example.com"]].concat());
    assert_eq!((&begun["method"], &begun["context"]), (&json!("bootstrap_alpha"), &json!("trial")));
    let me = home.ok_json(&["whoami", "--context-name", "trial", "--json"]);
    assert_eq!((&me["org_id"], &me["workspace_id"]), (&begun["org_id"], &begun["workspace_id"]));
    assert!(mail(&home, "ann@example.com").contains("/app/login/trial"));
    assert!(!begun.to_string().contains(secrets(&home)["trial"]["api_key"].as_str().unwrap()), "the key is not shown");

    let (other, _server) = with_server();
    let refused = other.fails_json(&[&login[..], &["--email", "ann@example.com"]].concat(), 1);
    assert_eq!(refused["body"]["error"]["code"], "trials_disabled");
}
