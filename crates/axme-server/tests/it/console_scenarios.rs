//! Scenarios in the console: their runs, and the editor with its findings, their lines and the picture.

use serde_json::{Value, json};

use crate::harness::browser::{Browser, between, location, text};
use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    scenarios_are_listed_with_their_runs,
    a_bundle_is_checked_with_lines_and_applied_once,
    a_bundle_is_applied_with_the_rights_of_the_caller,
}

fn bundle(scenario: &str) -> Value {
    json!({
        "scenario_id": scenario,
        "agents": [{ "role": "checker", "address": "checker", "create_if_missing": true }],
        "workflow": { "steps": [{ "step_id": "check", "tool_id": "tool.agent.task", "assigned_to": "checker" }] },
        "intent": { "type": "intent.release.v1", "payload": {} },
    })
}

async fn scenarios_are_listed_with_their_runs(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    assert!(admin.page("/app/scenarios").await.contains("No scenario was applied yet."));
    let mut newest = String::new();
    for number in 0..52 {
        newest = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle(&format!("s.{number:02}"))).await);
    }
    let again = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle("s.00")).await);
    let page = admin.page("/app/scenarios").await;
    assert!(page.contains(&again) && page.contains("/app/intents?scenario_id=s.00\">s.00</a>"), "{page}");
    assert!(page.contains("owner@local") && !page.contains("s.50"), "{page}");
    let next = admin.page("/app/scenarios?after=s.49").await;
    assert!(next.contains(&newest) && next.contains(">s.50</a>") && !next.contains(">s.49</a>"), "{next}");
    assert!(page.contains("/app/scenarios?after=s.49\" rel=\"next\""), "{page}");
    let runs = admin.page("/app/intents?scenario_id=s.00").await;
    assert_eq!(runs.matches("name=\"intent\"").count(), 2);
    // Another workspace has its own.
    let foreign = Browser::with_key(&server, &server.workspace("other", "one").await).await;
    assert!(foreign.page("/app/scenarios").await.contains("No scenario was applied yet."));
}

async fn a_bundle_is_checked_with_lines_and_applied_once(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let send = async |action: &str, text: &str| {
        admin.post("/app/scenarios", &[("action", action), ("bundle", text), ("once", "once-1")]).await
    };
    // The example of the editor is valid, and is drawn.
    let page = admin.page("/app/scenarios").await;
    let first = between(&page, "<textarea name=\"bundle\"", "</textarea>");
    let first = first.split_once(">\n").unwrap().1.replace("&#34;", "\"");
    let checked = text(&send("check", &first).await);
    assert!(checked.contains(">valid<") && checked.contains("<svg") && checked.contains("decide"), "{checked}");
    // Each finding has the line that it is about. The text stays on the page.
    let wrong = first.replace("\"assigned_to\": \"lead\"", "\"assigned_to\": \"nobody <b>\"");
    let line = wrong.lines().position(|line| line.contains("nobody")).unwrap() + 1;
    let checked = text(&send("check", &wrong).await);
    assert!(checked.contains(&format!("<strong>line {line}</strong>")), "{checked}");
    assert!(checked.contains("nobody &#60;b&#62;") && !checked.contains("nobody <b>"), "{checked}");
    let checked = text(&send("check", "{\n  \"a\": }").await);
    assert!(checked.contains("<strong>line 2</strong> column"), "{checked}");
    assert!(text(&send("check", "[]").await).contains("a bundle is an object"));
    // Nothing was applied so far, not even by the button to apply.
    assert!(text(&send("apply", &wrong).await).contains(&format!("<strong>line {line}</strong>")));
    let all = server.get(&server.admin, "/v1/intents").await;
    assert_eq!(all["intents"], json!([]));
    let applied = location(&send("apply", &first).await);
    assert!(applied.ends_with("?said=applied"), "{applied}");
    assert!(admin.page(&applied).await.contains("The bundle was applied."));
    assert_eq!(location(&send("apply", &first).await), applied, "a form that is sent twice applies once");
    assert_eq!(send("delete", &first).await.status, 422);
}

async fn a_bundle_is_applied_with_the_rights_of_the_caller(engine: Engine) {
    let server = Server::start(engine).await;
    let agent = Browser::with_key(&server, &server.agent("greeter").await).await;
    let page = agent.page("/app/scenarios").await;
    assert!(page.contains("Editor") && !page.contains("<h2>Runs</h2>"), "the list is for admins: {page}");
    let text_of = serde_json::to_string_pretty(&bundle("s")).unwrap();
    let refused = agent.post("/app/scenarios", &[("action", "apply"), ("bundle", &text_of)]).await;
    assert!(text(&refused).contains("requires a workspace-admin key"), "{}", text(&refused));
    assert!(server.get(&server.admin, "/v1/service-accounts").await.to_string().find("checker").is_none());
}
