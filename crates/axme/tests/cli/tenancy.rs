//! `org`, `workspace`, `member`, `quota` and `audit`, for people and for programs.

use serde_json::{Value, json};

use super::{Home, login};

#[test]
fn organizations_workspaces_and_members() {
    let (home, _server) = login::with_server();
    let admin = ["--context-name", "default"];
    login::sign_in(&home, "owner@local", "owner");
    home.fails(&[&["org", "list"][..], &admin].concat(), 2);
    home.ok(&["context", "use", "owner"]);

    let listed = home.ok_json(&["org", "list", "--json"]);
    let org = &listed["organizations"][0];
    assert_eq!(org["org_id"], listed["selected_org_id"]);
    let shown = home.ok(&["org", "list"]);
    assert!(shown.starts_with("SELECTED  ORG_ID") && shown.contains(org["org_id"].as_str().unwrap()), "{shown}");
    let listed = home.ok_json(&["workspace", "ls", "--json"]);
    let name = listed["workspaces"][0]["name"].as_str().unwrap();
    assert!(home.ok(&["workspace", "list"]).contains(name));
    assert!(home.ok(&["workspace", "use", &name.to_uppercase()]).starts_with("✓ Switched to workspace: "));
    let used = home.ok_json(&["workspace", "use", listed["workspaces"][0]["workspace_id"].as_str().unwrap(), "--json"]);
    assert_eq!(used["name"], name);
    assert!(home.fails(&["workspace", "use", "nowhere"], 2).contains("there is no workspace \"nowhere\""));

    let added = home.ok_json(&["member", "add", "kim@example.com", "--role", "member", "--json"]);
    let member = added["body"]["member"]["member_id"].as_str().unwrap();
    assert!(home.fails(&["member", "add", "kim@example.com", "--role", "boss"], 2).contains("boss"));
    let shown = home.ok(&["member", "list"]);
    assert!(shown.contains("kim@example.com") && shown.contains("MEMBER_ID"), "{shown}");
    let listed = home.ok_json(&["member", "list", "--json"]);
    assert_eq!((&listed["org_id"], &listed["scope"]["scope"]), (&org["org_id"], &json!("organization")));
    let updated = home.ok(&["member", "update", member, "--role", "security_auditor"]);
    assert!(updated.contains("kim@example.com is changed: security_auditor"), "{updated}");
    let said = home.ok(&["workspace", "members", "include", "kim@example.com"]);
    assert!(said.contains("kim@example.com is member of the workspace"), "{said}");
    let inside = home.ok_json(&["workspace", "members", "list", "--json"]);
    let of_kim = |member: &&Value| member["actor_id"] == "kim@example.com" && member["workspace_id"].is_string();
    let inside = inside["members"].as_array().unwrap().iter().find(of_kim).unwrap()["member_id"].clone();
    home.ok(&["workspace", "members", "exclude", inside.as_str().unwrap()]);
    assert!(home.ok(&["member", "remove", member]).starts_with("✓ Member "));
    assert_eq!(home.fails_json(&["member", "remove", member, "--json"], 1)["status_code"], 404);

    let policy = ["org", "receive-policy"];
    assert!(home.ok(&[&policy[..], &["set", "allowlist"]].concat()).contains("Mode:  allowlist"));
    let entry = home.ok_json(&[&policy[..], &["add", "agent://partner/*", "--json"]].concat());
    let entry = entry["body"]["entry"]["entry_id"].as_str().unwrap();
    let shown = home.ok(&[&policy[..], &["get"]].concat());
    assert!(shown.contains(&format!("  - agent://partner/*  (id: {entry})")), "{shown}");
    assert_eq!(home.ok_json(&[&policy[..], &["get", "--json"]].concat())["policy"]["policy_type"], "allowlist");
    home.ok(&[&policy[..], &["remove", entry]].concat());
    home.fails(&[&policy[..], &["set", "ajar"]].concat(), 2);

    let changes = home.ok_json(&["audit", "--organization", "--json"]);
    let actions: Vec<&str> =
        changes["events"].as_array().unwrap().iter().filter_map(|event| event["action"].as_str()).collect();
    assert!(actions.iter().any(|action| action.contains("member")), "{actions:?}");
    let shown = home.ok(&["audit", "--organization", "--by", "owner@local", "--limit", "3"]);
    assert!(shown.starts_with("AT ") && shown.contains("owner@local"), "{shown}");
    assert_eq!(home.ok(&["audit", "--action", "no.such.action"]), "No changes.\n");
}

/// An empty list would say that nothing is there.
#[test]
fn a_limit_of_no_rows_is_refused() {
    let home = Home::new();
    for command in [
        &["audit"][..],
        &["agents", "list"],
        &["deliveries", "list"],
        &["mail"],
        &["mesh", "list"],
        &["mesh", "events"],
        &["intents", "list"],
        &["intents", "cleanup"],
    ] {
        for wrong in ["0", "many"] {
            let said = home.fails(&[command, &["--limit", wrong]].concat(), 2);
            let expected = format!("'{wrong}' for '--limit <N>': use a whole number, at least 1");
            assert!(said.contains(&expected), "{command:?}: {said}");
        }
    }
}

#[test]
fn limits_are_shown_and_higher_ones_requested() {
    let (home, _server) = login::with_server();
    let shown = home.ok(&["quota", "show"]);
    assert!(shown.contains("DIMENSION") && shown.contains("Intents / day") && shown.contains("Tier: "), "{shown}");
    // The server of the test has no limits.
    assert!(shown.contains("unlimited") && !shown.contains("2147483647") && !shown.contains("0%"), "{shown}");
    let shown = home.ok_json(&["quota", "show", "--json"]);
    assert!(shown["overview"]["quota_policy"]["dimensions"]["intents_per_day"].is_u64(), "{shown}");
    let short = home.fails(&["quota", "upgrade-request", "--company", "C", "--justification", "We launch in May"], 2);
    assert!(short.contains("--company needs at least 2 characters"), "{short}");
    let request = ["quota", "upgrade-request", "--company", "Example Ltd", "--justification", "We launch in May"];
    let requested = home.ok_json(&[&request[..], &["--json"]].concat());
    assert_eq!(requested["access_request"]["requested_tier"], "corporate", "{requested}");
}
