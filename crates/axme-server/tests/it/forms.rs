//! Forms: the required content of a person's answer (`spec/protocol.md` §5.5).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    a_bad_answer_names_each_field_and_the_task_stays_open,
    a_rejection_needs_no_form_fields,
    consent_that_was_not_given_is_never_recorded,
}

fn form() -> Value {
    json!({
        "type": "object",
        "required": ["approved", "grant_duration_days", "scope_confirmed"],
        "properties": {
            "approved": { "type": "boolean" },
            "grant_duration_days": { "type": "integer", "minimum": 1, "maximum": 90 },
            "scope_confirmed": { "type": "boolean" },
            "notes": { "type": "string" },
        },
    })
}

async fn ask(server: &Server) -> String {
    let task = json!({
        "title": "Grant access?", "task_type": "form", "allowed_outcomes": ["approved", "rejected"], "form_schema": form(),
    });
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

async fn a_bad_answer_names_each_field_and_the_task_stays_open(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server).await;
    let path = format!("/v1/intents/{id}/resume");
    assert_eq!(server.intent(&id).await["human_task"]["form_schema"], form());
    for (answer, fields) in [
        (
            json!({ "outcome": "approved" }),
            json!({ "grant_duration_days": "is required", "scope_confirmed": "is required" }),
        ),
        (
            json!({ "outcome": "approved", "data": { "grant_duration_days": "120", "scope_confirmed": "true" } }),
            json!({ "grant_duration_days": "must be at most 90" }),
        ),
        (
            json!({ "outcome": "rejected", "grant_duration_days": "soon" }),
            json!({ "grant_duration_days": "must be a whole number" }),
        ),
    ] {
        let refused = server.send(&server.admin, "POST", &path, Some(json!({ "task_result": answer }))).await;
        assert_eq!(refused.body["error"]["details"]["fields"], fields);
        let detail = refused.body["detail"].as_str().unwrap();
        let names = fields.as_object().unwrap().keys();
        assert!(names.into_iter().all(|name| detail.contains(name.as_str())), "{detail}");
        refused.refused(422, "form_invalid");
        assert_eq!(server.intent(&id).await["status"], "WAITING");
    }
    // As the command line sends it: all values are text, and `approved` follows from the outcome.
    let answer = json!({ "outcome": "approved", "grant_duration_days": "30", "scope_confirmed": "true", "more": "x" });
    server.post(&server.admin, &path, json!({ "task_result": answer })).await;
    let intent = server.intent(&id).await;
    let result = json!({
        "outcome": "approved", "approved": true, "grant_duration_days": 30, "scope_confirmed": true, "more": "x",
    });
    assert_eq!((&intent["status"], &intent["result"]), (&json!("COMPLETED"), &result));
}

async fn a_rejection_needs_no_form_fields(engine: Engine) {
    let server = Server::start(engine).await;
    for way in ["resume", "approval", "inbox"] {
        let id = ask(&server).await;
        let (path, body) = match way {
            "resume" => (format!("/v1/intents/{id}/resume"), json!({ "task_result": { "outcome": "rejected" } })),
            "approval" => (format!("/v1/approvals/{id}/decision"), json!({ "decision": "reject" })),
            _ => (format!("/v1/inbox/{id}/reject"), json!({})),
        };
        server.post(&server.admin, &path, body).await;
        let result = server.intent(&id).await["result"].clone();
        assert_eq!((&result["outcome"], &result["approved"]), (&json!("rejected"), &json!(false)), "{way}");
    }
    // An approval by these routes has no fields, so the same rules refuse it.
    let id = ask(&server).await;
    for path in [format!("/v1/approvals/{id}/decision"), format!("/v1/inbox/{id}/approve")] {
        let body = json!({ "decision": "approve" });
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "form_invalid");
    }
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn consent_that_was_not_given_is_never_recorded(engine: Engine) {
    let server = Server::start(engine).await;
    let schema = json!({ "properties": {
        "approved": { "const": true }, "agree": { "const": true, "title": "I have read the terms" },
        "terms": { "const": "v2", "title": "Terms" },
    } });
    let task = json!({ "title": "Grant?", "assignees": ["ann@example.com"], "form_schema": schema });
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    // By key: the caller agrees, or the answer is refused.
    let path = format!("/v1/intents/{id}/resume");
    let yes = json!({ "task_result": { "outcome": "approved" } });
    let refused = server.send(&server.admin, "POST", &path, Some(yes)).await;
    assert_eq!(refused.body["error"]["details"]["fields"], json!({ "agree": "has to be agreed to: send true" }));
    refused.refused(422, "form_invalid");
    // On the page: a box to tick, which nobody ticks for the person, and the other constant in clear.
    let link =
        server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({ "person": "ann@example.com" })).await;
    let link = link["url"].as_str().unwrap();
    let page = server.page(link).await.body.as_str().unwrap_or_default().to_owned();
    assert!(page.contains("I have read the terms") && page.contains("type=\"checkbox\" value=\"true\">"), "{page}");
    assert!(page.contains(">v2</output>") && !page.contains("checked"), "{page}");
    let unticked =
        server.submit_form(link, &[("outcome", "approved"), ("field.terms", "v2"), ("step", "confirm")]).await;
    assert_eq!(unticked.status, 422);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    let ticked = [("outcome", "approved"), ("field.terms", "v2"), ("field.agree", "true"), ("step", "confirm")];
    server.submit_form(link, &ticked).await;
    let expected = json!({ "outcome": "approved", "approved": true, "agree": true, "terms": "v2" });
    assert_eq!(server.intent(&id).await["result"], expected);
}
