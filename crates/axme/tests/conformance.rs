//! The conformance suite: it passes on a real server, twice, and fails on wrong servers.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and waits for real processes")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);
const CHECKS: usize = 37;

fn axme(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_axme"));
    command.args(args).env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

fn conformance(home: &Path, args: &[&str]) -> Output {
    axme(home, &[&["conformance", "run"], args].concat()).output().unwrap()
}

/// Returns the names of the checks with this outcome.
fn found(output: &Output, outcome: &str) -> Vec<String> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let names = checks.filter(|check| check["outcome"] == outcome).map(|check| check["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

struct Server(Child);

impl Server {
    fn start(home: &Path) -> Server {
        let mut command = axme(home, &["serve", "--listen", "127.0.0.1:0"]);
        let server = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        while !home.join(".local/share/axme/run.json").exists() {
            assert!(began.elapsed() < PATIENCE, "the server did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that answers every call alike, and returns its URL.
fn always(content_type: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answer = move || async move { ([("content-type", content_type)], body) };
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap();
        });
    });
    url
}

#[test]
fn a_real_server_passes_again_and_again() {
    let home = tempfile::tempdir().unwrap();
    let _server = Server::start(home.path());
    for _ in 0..2 {
        let output = conformance(home.path(), &["--json"]);
        assert_eq!((output.status.code(), found(&output, "passed").len()), (Some(0), CHECKS), "{}", said(&output));
    }
    let output = conformance(home.path(), &["--only", "intents_get"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("\nok    intents_get") && text.ends_with("\n2 passed, 0 failed, 0 skipped\n"), "{text}");
    // An invalid key returns 401 everywhere except at the health endpoint.
    let output = conformance(home.path(), &["--json", "--api-key", "axme_sa_nobody"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert_eq!(found(&output, "passed"), ["health", "trace_header"]);
}

#[test]
fn a_wrong_server_passes_nothing_that_looks_at_an_answer() {
    let home = tempfile::tempdir().unwrap();
    let run = |url: &str| conformance(home.path(), &["--json", "--base-url", url, "--api-key", "any"]);
    let output = run(&always("application/json", "{}"));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let (passed, failed, skipped) = (found(&output, "passed"), found(&output, "failed"), found(&output, "skipped"));
    assert_eq!(passed, Vec::<String>::new());
    assert_eq!(failed.len() + skipped.len(), CHECKS);
    assert!(failed.contains(&"intent_create".to_owned()) && skipped.contains(&"intents_get".to_owned()));
    let text = said(&output);
    assert!(text.contains("GET /health: expected ok to be true, got nothing in 200 {}"), "{text}");
    // This server answers every call with `ok` and nothing else.
    let output = run(&always("application/json", r#"{"ok":true}"#));
    assert_eq!(found(&output, "passed"), ["health", "trace_header"], "{}", said(&output));
    let output = run(&always("text/html", "<h1>It works</h1>"));
    assert_eq!(found(&output, "passed"), Vec::<String>::new(), "{}", said(&output));
}

#[test]
fn what_cannot_be_run_says_so() {
    let home = tempfile::tempdir().unwrap();
    // The port was free, and nothing listens there after the listener is dropped.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = conformance(home.path(), &["--base-url", &format!("http://{free}"), "--api-key", "any"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with(&format!("axme: cannot reach http://{free}: ")), "{text}");
    for (args, part) in [
        (&["--base-url", "http://127.0.0.1:1"][..], "no API key for"),
        (&["--only", "nothing"], "there is no check \"nothing\""),
        (&["--base-url", "nowhere", "--api-key", "any"], "is not a base URL"),
        (&["--perhaps"], "unexpected argument"),
    ] {
        let output = conformance(home.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(part), "{}", said(&output));
    }
    let output = conformance(home.path(), &["--list", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().len(), CHECKS);
}
