//! A start that has to wait.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use super::{Home, Server};

#[test]
fn a_start_that_waits_for_its_database_says_so_and_obeys_a_signal() {
    // Accepts connections by itself, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://axme@{}/axme", silent.local_addr().unwrap());
    for verb in ["serve", "dev"] {
        let home = Home::new();
        let mut command = home.command(&[verb, "--listen", "127.0.0.1:0", "--database-url", &url]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let server = Server(child);
        let report = log.find(|line| line.contains("waiting for the database"));
        assert!(report.is_some_and(|line| line.contains("has not answered yet")), "{verb}");
        let (code, said) = server.stop();
        assert_eq!(code, Some(0), "{verb}: {said}");
    }
}

#[test]
fn a_second_server_on_the_port_is_told_of_the_first() {
    let (home, second) = (Home::new(), Home::new());
    let _server = home.serve("serve");
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(home.path(".local/share/axme/run.json")).unwrap()).unwrap();
    let address = run["base_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let said = second.fails(&["dev", "--listen", &address], 1);
    assert!(said.contains(&format!("a server of AXME runs at {address} already")), "{said}");
    // Another program may have the port too.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    drop(silent.set_nonblocking(true));
    let said = second.fails(&["dev", "--listen", &address], 1);
    assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
}
