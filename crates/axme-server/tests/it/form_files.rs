//! Files in the form of a task: sent with the page, named in the answer, and downloaded by the requester.

use std::time::Duration;

use axme_server::workers;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, SITE, Server, each_engine, id_of};
use crate::media;
use crate::people::ANN;

each_engine! {
    a_person_sends_a_file_with_the_form_and_the_requester_downloads_it,
    a_file_that_the_form_does_not_accept_is_refused_in_words,
    files_of_others_and_of_other_workspaces_are_refused,
    a_file_in_an_answer_to_a_step_is_checked_too,
    a_file_without_an_answer_is_removed,
}

const BOUNDARY: &str = "----axme";
const PDF: &[u8] = b"%PDF-1.7 the receipt";

fn form() -> Value {
    let receipt = json!({ "type": "string", "format": "file", "contentMediaType": "application/pdf", "maxBytes": 64 });
    json!({
        "type": "object", "required": ["receipt"],
        "properties": { "receipt": receipt, "photo": { "type": "string", "format": "file" }, "note": { "type": "string" } },
    })
}

/// Asks Ann. Returns the id of the intent and the link.
async fn ask(server: &Server) -> (String, String) {
    let task = json!({ "title": "Claim", "assignees": [ANN], "form_schema": form() });
    let body = json!({ "intent_type": "intent.claim.v1", "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    (id, server.mails().await.pop().unwrap().link.unwrap())
}

/// A part of a form: its name, and the name, the type and the bytes of a file, or a text.
enum Part<'a> {
    Text(&'a str, &'a str),
    File(&'a str, &'a str, &'a str, &'a [u8]),
}

/// Sends a form as a browser does, and does not follow where the answer leads.
async fn send(server: &Server, link: &str, parts: &[Part<'_>]) -> Answer {
    let (path, token) = link.strip_prefix(SITE).unwrap().split_once("?token=").unwrap();
    let mut body = Vec::new();
    for part in [Part::Text("token", token)].iter().chain(parts) {
        body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; ").as_bytes());
        match part {
            Part::Text(name, text) => body.extend_from_slice(format!("name=\"{name}\"\r\n\r\n{text}").as_bytes()),
            Part::File(name, file, kind, bytes) => {
                let head = format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {kind}\r\n\r\n");
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(bytes);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    server.send_raw("", "POST", path, body, &[("content-type", &kind)]).await
}

/// Returns the value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let rest = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name} in {page}")).1;
    rest.split_once('"').unwrap().0.to_owned()
}

/// Follows where an answer leads.
async fn followed(server: &Server, link: &str, answer: Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let path = link.split_once("?token=").unwrap().0;
    let page = server.page(&format!("{path}{}", answer.headers["location"].to_str().unwrap())).await;
    page.body.as_str().unwrap().to_owned()
}

async fn resume(server: &Server, key: &str, id: &str, receipt: &str) -> Answer {
    let answer = json!({ "task_result": { "outcome": "approved", "data": { "receipt": receipt } } });
    server.send(key, "POST", &format!("/v1/intents/{id}/resume"), Some(answer)).await
}

async fn a_person_sends_a_file_with_the_form_and_the_requester_downloads_it(engine: Engine) {
    let server = Server::start(engine).await;
    let (id, link) = ask(&server).await;
    let page = server.page(&link).await.body.as_str().unwrap().to_owned();
    for part in [
        "enctype=\"multipart/form-data\"",
        "type=\"file\" accept=\"application/pdf\"",
        "A file of at most 64 B of the type application/pdf.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let parts = [
        Part::Text("field.note", "Taxi"),
        Part::File("field.receipt", "..\\Beleg 7.pdf", "application/pdf", PDF),
        Part::File("field.photo", "", "application/octet-stream", b""),
        Part::Text("outcome", "approved"),
    ];
    let confirm = followed(&server, &link, send(&server, &link, &parts).await).await;
    assert!(confirm.contains("Beleg 7.pdf") && confirm.contains("Taxi"), "{confirm}");
    let file = hidden(&confirm, "field.receipt");
    assert_eq!(server.intent(&id).await["status"], "WAITING", "nothing is recorded before the confirmation");

    let sent = [
        ("field.receipt", file.as_str()),
        ("name.field.receipt", "Beleg 7.pdf"),
        ("field.note", "Taxi"),
        ("outcome", "approved"),
        ("step", "confirm"),
    ];
    server.submit_form(&link, &sent).await;
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["result"]["receipt"]), (&json!("COMPLETED"), &json!(file)));
    let upload = server.get(&server.admin, &format!("/v1/media/{file}")).await["upload"].clone();
    assert_eq!((&upload["status"], &upload["filename"]), (&json!("ready"), &json!("Beleg 7.pdf")));
    assert_eq!((&upload["mime_type"], &upload["size_bytes"]), (&json!("application/pdf"), &json!(PDF.len())));
    let url = upload["download_url"].as_str().unwrap().strip_prefix(SITE).unwrap();
    let bytes = server.send_raw("", "GET", url, Vec::new(), &[]).await;
    assert_eq!(bytes.body, String::from_utf8_lossy(PDF).as_ref());
}

async fn a_file_that_the_form_does_not_accept_is_refused_in_words(engine: Engine) {
    let server = Server::start(engine).await;
    let (id, link) = ask(&server).await;
    let before = media::files(&server);
    for (kind, bytes, why) in [
        ("application/pdf", [b'x'; 65].as_slice(), "must have at most 64 B"),
        ("application/pdf", b"".as_slice(), "must not be empty"),
        ("text/html", b"<script>".as_slice(), "must be a file of the type application/pdf"),
    ] {
        let parts = [Part::File("field.receipt", "a.pdf", kind, bytes), Part::Text("outcome", "approved")];
        let page = send(&server, &link, &parts).await;
        assert_eq!(page.status, 422);
        assert!(page.body.as_str().unwrap().contains(why), "{why}: {}", page.body);
    }
    let none = send(&server, &link, &[Part::Text("outcome", "approved")]).await;
    assert!(none.body.as_str().unwrap().contains("is required"), "{}", none.body);
    // A field that takes no file, and a link that is not open, store nothing.
    let pdf = |name| [Part::File(name, "a.pdf", "application/pdf", PDF), Part::Text("outcome", "approved")];
    send(&server, &link, &pdf("field.note")).await;
    send(&server, &link, &pdf("field.other")).await;
    let wrong = format!("{SITE}/app/tasks/{id}?token=axt_{}", "0".repeat(64));
    assert_eq!(send(&server, &wrong, &pdf("field.receipt")).await.status, 404);
    assert_eq!(media::files(&server), before);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // A file stays through an error elsewhere, and can be taken out again.
    let parts = [Part::File("field.receipt", "a.pdf", "application/pdf", PDF)];
    let page = send(&server, &link, &parts).await.body.as_str().unwrap().to_owned();
    let file = hidden(&page, "field.receipt");
    assert!(page.contains("a.pdf") && page.contains("Remove this file"), "{page}");
    let parts = [
        Part::Text("field.receipt", &file),
        Part::Text("name.field.receipt", "a.pdf"),
        Part::Text("drop.field.receipt", "on"),
        Part::Text("outcome", "approved"),
    ];
    let page = send(&server, &link, &parts).await.body.as_str().unwrap().to_owned();
    assert!(page.contains("is required") && !page.contains(&file), "{page}");
}

async fn files_of_others_and_of_other_workspaces_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let (id, link) = ask(&server).await;
    let parts = [Part::File("field.receipt", "a.pdf", "application/pdf", PDF), Part::Text("outcome", "approved")];
    let confirm = followed(&server, &link, send(&server, &link, &parts).await).await;
    let waiting = hidden(&confirm, "field.receipt");
    // Another person cannot take a file that waits for Ann's answer, and nobody one of another workspace.
    for wrong in [waiting.as_str(), "0197f3a0-0000-7000-8000-000000000000", "../a.pdf", ""] {
        let refused = resume(&server, &server.admin, &id, wrong).await;
        refused.refused(422, "form_invalid");
    }
    let elsewhere = server.workspace("acme", "prod").await;
    let task = json!({ "title": "Claim", "form_schema": form() });
    let body = json!({ "intent_type": "x", "human_task": task });
    let theirs = id_of(&server.post(&elsewhere, "/v1/intents", body).await);
    server.submit_form(&link, &[("field.receipt", &waiting), ("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    let why = resume(&server, &elsewhere, &theirs, &waiting).await.refused(422, "form_invalid");
    assert!(why.contains("receipt: must be the id of an uploaded file of this workspace"), "{why}");
    // A program answers with a file of its own. The form's rule holds for it too.
    let (id, _) = ask(&server).await;
    let picture = media::finished(&server).await;
    let why = resume(&server, &server.admin, &id, &picture).await.refused(422, "form_invalid");
    assert!(why.contains("must be a file of type application/pdf, not image/png"), "{why}");
    resume(&server, &server.admin, &id, &waiting).await.ok();
}

async fn a_file_in_an_answer_to_a_step_is_checked_too(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let bundle = json!({
        "scenario_id": "claim.v1", "agents": [{ "role": "w", "address": "worker" }],
        "humans": [{ "role": "boss", "contact": ANN }], "intent": { "type": "intent.claim.v1" },
        "workflow": { "steps": [
            { "step_id": "check", "assigned_to": "w" },
            { "step_id": "sign", "assigned_to": "boss", "human_task": { "title": "Claim", "form_schema": form() } },
        ] },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    let step = server.events(&id).await[2]["details"]["child_intent_id"].as_str().unwrap().to_owned();
    server.post(&worker, &format!("/v1/intents/{step}/resume"), json!({ "action": "complete" })).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // An answer that was sent to the step before is one to the workflow.
    let unknown = "0197f3a0-0000-7000-8000-000000000000";
    resume(&server, &server.admin, &step, unknown).await.refused(422, "form_invalid");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn a_file_without_an_answer_is_removed(engine: Engine) {
    let server = Server::start(engine).await;
    let (id, link) = ask(&server).await;
    let before = media::files(&server);
    let parts = [Part::File("field.receipt", "a.pdf", "application/pdf", PDF), Part::Text("outcome", "approved")];
    let confirm = followed(&server, &link, send(&server, &link, &parts).await).await;
    let file = hidden(&confirm, "field.receipt");
    assert_eq!(media::files(&server), before + 1);
    server.clock.advance(Duration::from_secs(25 * 3_600));
    workers::sweep::tick(&server.app, Some(&server.files)).await.unwrap();
    assert_eq!(media::files(&server), before);
    let late = [("field.receipt", file.as_str()), ("outcome", "approved"), ("step", "confirm")];
    let page = server.submit_form(&link, &late).await;
    assert!(page.body.as_str().unwrap().contains("must be the id of an uploaded file"), "{}", page.body);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}
