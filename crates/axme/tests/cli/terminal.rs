//! Commands at a terminal of 80 and of 140 columns: a pseudo-terminal stands in for it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use super::{Home, Server, login, until};

/// A command that runs at a terminal.
struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    fn run(home: &Home, columns: u16, args: &[&str]) -> Terminal {
        Terminal::run_with(home, columns, args, &[])
    }

    fn run_with(home: &Home, columns: u16, args: &[&str], variables: &[(&str, &str)]) -> Terminal {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).unwrap();
        let path = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        let user = || Stdio::from(File::options().read(true).write(true).open(&path).unwrap());
        let mut command = home.command(args);
        command.env("TERM", "xterm").envs(variables.iter().copied());
        let child = command.stdin(user()).stdout(user()).stderr(user()).spawn().unwrap();
        drop(command);
        let keyboard = File::from(controller);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reader, shown) = (keyboard.try_clone().unwrap(), screen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal fails to read once the command has closed it.
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        Terminal { child, keyboard, screen }
    }

    fn shown(&self) -> String {
        self.screen.lock().unwrap().replace('\r', "")
    }

    fn expect(&self, text: &str) {
        until(&format!("the terminal shows {text:?}"), || self.shown().contains(text));
    }

    fn press(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Waits for the end, and returns the exit code and the text, without what was drawn over.
    fn finish(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        // The last output arrives after the end.
        std::thread::sleep(std::time::Duration::from_millis(100));
        (code, self.shown())
    }
}

/// Returns the lines as they appear, without colors.
fn lines(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                rest.find(char::is_ascii_alphabetic);
            }
            c => plain.push(c),
        }
    }
    plain.lines().map(str::to_owned).collect()
}

#[test]
fn tables_and_help_fit_the_terminal() {
    let home = Home::new();
    let _server = home.serve("serve");
    let name = "a-worker-with-a-name-that-is-rather-long";
    home.ok(&["agents", "register", "--name", name, "--display-name", "漢字の長い名前を持つ働き者のエージェント"]);
    let sent = home.ok_json(&["intents", "send", "--to", name, "--json"]);
    let id = sent["intent_id"].as_str().unwrap();
    home.ok(&["intents", "cancel", id]);
    home.ok(&["run", "approval-resume"]);
    for columns in [80, 140] {
        let commands: [&[&str]; 9] = [
            &["intents", "list"],
            &["agents", "list"],
            &["tasks", "list"],
            &["mesh", "list"],
            &["service-accounts", "list"],
            &["audit"],
            &["logs", id],
            &["--help"],
            &["intents", "list", "--help"],
        ];
        for args in commands {
            let (code, shown) = Terminal::run(&home, columns, args).finish();
            assert_eq!(code, 0, "{args:?}: {shown}");
            let width = |line: &String| line.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
            let lines = lines(&shown);
            let wide: Vec<&String> = lines.iter().filter(|line| width(line) > usize::from(columns)).collect();
            assert!(wide.is_empty(), "{args:?} at {columns}: {wide:?}");
        }
        let (_, shown) = Terminal::run(&home, columns, &["intents", "list"]).finish();
        assert!(lines(&shown).iter().any(|line| line.starts_with(id)), "an id is whole: {shown}");
    }
    // A pipe gets whole cells.
    assert!(home.ok(&["intents", "list"]).contains(&format!("agent://local/default/{name}")));
    // Colors are for terminals, and for people who want them.
    let colored = |variables: &[(&str, &str)]| {
        Terminal::run_with(&home, 80, &["intents", "list"], variables).finish().1.contains("\u{1b}[")
    };
    assert!(colored(&[]) && !colored(&[("NO_COLOR", "1")]) && !colored(&[("TERM", "dumb")]));
    assert!(!home.ok(&["intents", "list"]).contains('\u{1b}'));
}

#[test]
fn a_person_chooses_and_confirms() {
    let home = Home::new();
    let _server = home.serve("serve");
    let lost = home.ok_json(&["intents", "send", "--to", "nobody-there", "--json"])["intent_id"].clone();
    for columns in [80, 140] {
        let mut terminal = Terminal::run(&home, columns, &["intents", "get"]);
        terminal.expect("Which intent [1-1]: ");
        terminal.press("7");
        terminal.press("1");
        let (code, shown) = terminal.finish();
        assert!(code == 0 && shown.contains(&format!("Intent ID:    {}", lost.as_str().unwrap())), "{shown}");
    }
    let mut terminal = Terminal::run(&home, 80, &["intents", "cancel", "--stuck"]);
    terminal.expect("cancel 1 intent(s)");
    terminal.press("n");
    let (code, shown) = terminal.finish();
    assert!(code == 3 && shown.contains("axme: nothing was changed"), "{code}: {shown}");
    let mut terminal = Terminal::run(&home, 80, &["intents", "cancel", "--stuck"]);
    terminal.expect("[y/N]: ");
    terminal.press("y");
    let (code, shown) = terminal.finish();
    assert!(code == 0 && shown.contains("Canceled: "), "{code}: {shown}");

    // The task is chosen and answered.
    home.ok(&["run", "approval-resume"]);
    let mut terminal = Terminal::run(&home, 80, &["tasks", "approve"]);
    terminal.expect("Which task [1-1]: ");
    terminal.press("1");
    let (code, shown) = terminal.finish();
    assert!(code == 0 && shown.contains("Task submitted"), "{code}: {shown}");
}

#[test]
fn a_scenario_is_created_and_answered_at_a_terminal() {
    let (home, _server) = login::with_server();
    for (columns, file) in [(80, "one.v1"), (140, "two.v1")] {
        let mut terminal = Terminal::run(&home, columns, &["scenarios", "create"]);
        terminal.expect("Template: ");
        terminal.press("macro.approval.v1");
        terminal.expect("Scenario id");
        terminal.press(file);
        terminal.expect("Intent type");
        terminal.press("");
        terminal.expect("Roles of people");
        terminal.press("boss=owner@local");
        // The other parameters keep their defaults.
        for _ in 0..12 {
            terminal.press("");
        }
        let (code, shown) = terminal.finish();
        assert!(code == 0 && shown.contains(&format!("wrote {file}.json")), "{code}: {shown}");
    }
    let mut terminal = Terminal::run(&home, 80, &["scenarios", "apply", "one.v1.json", "--watch"]);
    terminal.expect("Approve or reject here [a/r]: ");
    terminal.press("r");
    terminal.expect("Comment");
    terminal.press("too early");
    let (code, shown) = terminal.finish();
    assert!(code == 3 && shown.contains("Rejected by"), "{code}: {shown}");
}

#[test]
fn what_was_typed_is_kept_if_the_scenario_is_invalid() {
    let (home, _server) = login::with_server();
    let flags = ["--from-template", "macro.two_person_approval.v1", "--scenario-id", "pay.v1"];
    let said = home.fails(&[&["scenarios", "create"][..], &flags, &["--human", "lead"]].concat(), 1);
    assert!(said.contains("kept in pay.v1.draft.json"), "{said}");
    let draft: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(home.path("pay.v1.draft.json")).unwrap()).unwrap();
    assert_eq!(draft["humans"], json!([{ "role": "lead" }]));
}

#[test]
fn a_slow_call_shows_that_it_waits() {
    let home = Home::new();
    // Accepts connections by itself, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut terminal = Terminal::run(&home, 80, &["intents", "list", "--base-url", &url, "--api-key", "k"]);
    terminal.expect(&format!("… waiting for {url} (1 s)"));
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
}

#[test]
fn a_watcher_says_when_the_server_is_away_and_when_it_is_back() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let run_file = home.path(".local/share/axme/run.json");
    let serve = || {
        let _ = std::fs::remove_file(&run_file);
        let mut command = home.command(&["serve", "--listen", &listen]);
        let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("the server runs", || run_file.exists());
        server
    };
    let server = serve();
    home.ok(&["agents", "register", "--name", "worker"]);
    let sent = home.ok_json(&["intents", "send", "--to", "worker", "--json"]);
    let id = sent["intent_id"].as_str().unwrap();
    let terminal = Terminal::run(&home, 80, &["intents", "watch", id]);
    terminal.expect("intent.delivered");
    server.stop();
    terminal.expect("is away; waiting for it");
    let _server = serve();
    terminal.expect("is back");
    home.ok(&["intents", "cancel", id]);
    let (code, shown) = terminal.finish();
    assert!(code == 1 && shown.contains("intent.canceled"), "{code}: {shown}");
}

#[test]
fn a_person_signs_in_at_a_terminal() {
    let (home, _server) = login::with_server();
    for columns in [80, 140] {
        let (person, context) = (format!("kim{columns}@example.com"), format!("kim{columns}"));
        let mut terminal = Terminal::run(&home, columns, &["login", "--context", &context]);
        terminal.expect("Email");
        terminal.press(&person);
        terminal.expect("Code: ");
        terminal.press("000000");
        terminal.expect("4 tries are left");
        terminal.press(&login::code(&login::mail(&home, &person)));
        let (code, shown) = terminal.finish();
        let shown = lines(&shown).join("\n");
        assert!(code == 0 && shown.contains(&format!("✓ Signed in as {person}")), "{code}: {shown}");
    }
    // Nothing is replaced without a yes.
    home.ok(&["agents", "register", "--name", "worker", "--context-name", "default"]);
    let key =
        home.ok_json(&["agents", "keys", "create", "--agent-id", "worker", "--context-name", "default", "--json"]);
    let key = key["body"]["api_key"].as_str().unwrap();
    let mut terminal = Terminal::run(&home, 80, &["login", "--api-key", key, "--context", "kim80"]);
    terminal.expect("Go on?");
    terminal.press("n");
    assert_eq!(terminal.finish().0, 3);
}

#[test]
fn a_trial_begins_at_a_terminal() {
    let (home, _server) = login::with_trials();
    let mut terminal = Terminal::run(&home, 80, &["login", "--bootstrap-alpha", "--context", "trial"]);
    terminal.expect("Email");
    terminal.press("ann@example.com");
    terminal.expect("Use case");
    terminal.press("Approvals of payments");
    let (code, shown) = terminal.finish();
    assert!(code == 0 && lines(&shown).join("\n").contains("✓ Trial of "), "{code}: {shown}");
}

#[test]
fn passphrases_and_keys_of_backups_are_typed_unseen() {
    let home = Home::new();
    home.serve("serve").stop();
    let ask = |args: &[&str], answers: &[(&str, &str)]| {
        let mut terminal = Terminal::run(&home, 80, args);
        for (prompt, answer) in answers {
            terminal.expect(&format!("{prompt}: "));
            terminal.press(answer);
        }
        let (code, shown) = terminal.finish();
        assert!(answers.iter().all(|(_, answer)| !shown.contains(answer)), "{shown}");
        (code, shown)
    };
    let (first, again) = ("Passphrase of the backup", "Passphrase of the backup again");
    let make = ["backup", "axme.tar.age", "--passphrase"];
    let (code, shown) = ask(&make, &[(first, "correct horse"), (again, "correct hores")]);
    assert!(code == 2 && shown.contains("the two differ") && !home.path("axme.tar.age").exists(), "{shown}");
    let (code, shown) = ask(&make, &[(first, "correct horse"), (again, "correct horse")]);
    assert!(code == 0 && shown.contains("axme.tar.age: written"), "{shown}");
    let verify = ["backup", "verify", "axme.tar.age"];
    assert_eq!(ask(&verify, &[(first, "wrong horse")]).0, 2);
    let (code, shown) = ask(&verify, &[(first, "correct horse")]);
    assert!(code == 0 && shown.contains("complete and undamaged"), "{shown}");
    let (code, shown) = ask(&["--data", "again", "restore", "axme.tar.age"], &[(first, "correct horse")]);
    assert!(code == 0 && shown.contains("Restored the backup"), "{shown}");

    let said = home.ok(&["backup", "key", "key.txt"]);
    let public = said.split_whitespace().find(|word| word.starts_with("age1")).unwrap();
    home.ok(&["backup", "by-key.age", "--public-key", public]);
    let key = std::fs::read_to_string(home.path("key.txt")).unwrap();
    let private = key.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let (code, shown) = ask(&["backup", "verify", "by-key.age"], &[("Private key (AGE-SECRET-KEY-…)", private)]);
    assert!(code == 0 && shown.contains("complete and undamaged"), "{shown}");
    // Scripts are told what to pass instead.
    assert!(home.fails(&["backup", "x.age", "--passphrase"], 2).contains("there is no terminal to ask at"));
    assert!(home.fails(&verify, 2).contains("is encrypted: pass --passphrase-file"));
}
