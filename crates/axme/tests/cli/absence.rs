//! A person who is away, and the deputy who answers meanwhile.

use super::login;

#[test]
fn a_deputy_answers_while_a_person_is_away() {
    let (home, _server) = login::with_server();
    for person in ["bob@example.com", "eve@example.com"] {
        home.ok(&["member", "add", person, "--role", "workspace_admin"]);
    }
    assert!(home.fails(&["absence", "show"], 2).contains("run `axme login`"), "a key does not say who is away");
    login::sign_in(&home, "owner@local", "owner");
    login::sign_in(&home, "bob@example.com", "bob");
    login::sign_in(&home, "eve@example.com", "eve");
    let as_owner = |args: &[&str]| home.ok(&[args, &["--context-name", "owner"]].concat());
    let as_bob = |args: &[&str]| home.ok(&[args, &["--context-name", "bob"]].concat());
    let as_eve = |args: &[&str]| home.ok(&[args, &["--context-name", "eve"]].concat());
    assert_eq!(as_owner(&["absence", "show"]).trim(), "You are not away.");
    let wrong = home.fails(
        &["absence", "set", "--deputy", "kim@example.com", "--until", "2126-01-01", "--context-name", "owner"],
        1,
    );
    assert!(wrong.contains("until: an absence begins within 366 days"), "{wrong}");
    let until = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 172_800).unwrap();
    let set = as_owner(&["absence", "set", "--deputy", "bob@example.com", "--until", &until.to_string()]);
    assert!(set.contains("bob@example.com answers in your place."), "{set}");
    let shown = as_bob(&["absence", "show"]);
    assert!(shown.contains("You answer in place of owner@local from "), "{shown}");

    let input = r#"{"intent_type": "a.b.v1", "human_task": {"title": "Pay?", "quorum": 2,
        "assignees": ["owner@local", "kim@example.com"]}}"#;
    let create = ["api", "intents.create", "--input", input, "--jq", ".body.intent_id"];
    let own = as_bob(&create).trim().to_owned();
    let refused = home.fails(&["tasks", "approve", &own, "--context-name", "bob"], 1);
    assert!(
        refused.contains("only owner@local, kim@example.com may answer"),
        "a requester never decides as a deputy: {refused}"
    );
    let id = as_eve(&create).trim().to_owned();
    as_bob(&["tasks", "approve", &id]);
    let shown = as_bob(&["tasks", "get", &id]);
    assert!(shown.contains("bob@example.com on behalf of owner@local (approved)"), "{shown}");
    assert_eq!(as_owner(&["absence", "end"]).trim(), "You are not away.");
}
