//! Second thoughts of a person who has signed in: questions, and a yes that is withdrawn.

use super::login;

#[test]
fn a_yes_is_withdrawn_and_a_question_is_shown_with_its_reply() {
    let (home, _server) = login::with_server();
    login::sign_in(&home, "owner@local", "owner");
    home.ok(&["context", "use", "owner"]);
    let input = r#"{"intent_type": "a.b.v1", "human_task": {"title": "Pay?", "quorum": 2,
        "assignees": ["owner@local", "kim@example.com"]}}"#;
    let id = home.ok(&["api", "intents.create", "--input", input, "--jq", ".body.intent_id"]).trim().to_owned();
    assert!(home.fails(&["tasks", "withdraw", &id], 1).contains("has not said yes"));
    home.ok(&["tasks", "ask", &id, "Which cost center?"]);
    let shown = home.ok(&["tasks", "get", &id]);
    assert!(shown.contains("Question:    Which cost center? (") && shown.contains("Reply:       none yet"), "{shown}");
    assert!(home.fails(&["tasks", "ask", &id, "Why?"], 1).contains("already asked"));
    home.ok(&["tasks", "reply", &id, "4711"]);
    let shown = home.ok(&["tasks", "get", &id]);
    assert!(shown.contains("Reply:       4711 ("), "{shown}");
    home.ok(&["tasks", "approve", &id]);
    assert!(home.ok(&["tasks", "get", &id]).contains("1 of 2 have said yes"));
    let said = home.ok(&["tasks", "withdraw", &id, "--comment", "wrong invoice"]);
    assert!(said.contains("✓ Withdrew the yes of ") && said.contains(&id), "{said}");
    assert!(home.ok(&["tasks", "get", &id]).contains("0 of 2 have said yes"));
    let log = home.ok(&["intents", "log", &id]);
    for part in ["Which cost center?", ": 4711", "Yes withdrawn by owner@local at the command line: wrong invoice"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    home.ok(&["tasks", "approve", &id]);
    assert_eq!(home.ok_json(&["tasks", "withdraw", &id, "--json"])["withdrawn_by"], "owner@local");
}
