//! The language of pages and mail: of the browser, else of the server. The API and the command line stay English.

use axme_core::state::Site;
use axme_store::Limits;
use axme_words::Language;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, SITE, Server, each_engine, id_of};
use crate::people::{ANN, BOB};

each_engine! {
    a_payment_is_approved_in_german,
    a_link_that_no_longer_works_says_so_in_german,
    the_language_of_the_server_is_for_those_who_ask_for_none,
    errors_of_pages_are_in_german,
}

const GERMAN: (&str, &str) = ("accept-language", "de-AT,de;q=0.9,en;q=0.5");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn text(page: &Answer) -> String {
    page.body.as_str().expect("a page").to_owned()
}

fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

async fn german(engine: Engine) -> Server {
    let site = Site { language: Language::German, sign_up: true, ..Site::default() };
    Server::start_at(engine, Limits::default(), site).await
}

async fn pay(server: &Server, more: Value) -> (String, String) {
    let mut task = json!({ "title": "Rechnung 7", "assignees": [ANN], "summary": ["amount", "due"] });
    for (name, value) in more.as_object().unwrap() {
        task[name] = value.clone();
    }
    let payload = json!({ "amount": 12_000.5, "currency": "EUR", "due": "2026-01-03T09:30:00Z" });
    let body = json!({ "intent_type": "intent.pay.v1", "payload": payload, "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let mail = server.mails().await.into_iter().find(|mail| mail.to == ANN).expect("a mail");
    (id, mail.link.expect("a link"))
}

/// Opens or sends a page as a German browser does.
async fn open(server: &Server, url: &str) -> Answer {
    server.send_raw("", "GET", url.strip_prefix(SITE).unwrap_or(url), Vec::new(), &[GERMAN]).await
}

async fn send(server: &Server, url: &str, fields: &str) -> Answer {
    let (path, token) = url.strip_prefix(SITE).unwrap_or(url).split_once("?token=").expect("a link");
    let body = format!("token={token}&{fields}");
    let answer = server.send_raw("", "POST", path, body.into_bytes(), &[FORM, GERMAN]).await;
    if answer.status != 303 {
        return answer;
    }
    let to = answer.headers["location"].to_str().expect("an address");
    open(server, &format!("{path}{to}")).await
}

async fn a_payment_is_approved_in_german(engine: Engine) {
    let server = Server::start(engine).await;
    let schema = json!({ "required": ["rate"], "properties": { "rate": { "type": "number", "maximum": 20_000 } } });
    let (id, link) = pay(&server, json!({ "form_schema": schema, "required_comment": true })).await;
    let page = text(&open(&server, &link).await);
    has_all(
        &page,
        &[
            "<html lang=\"de\">",
            "bittet um Ihre Genehmigung",
            "12.000,50 EUR",
            "03.01.2026, 09:30 UTC",
            "Bei „Genehmigen“",
            ">Ablehnen</button>",
            "Höchstens 20000.",
            "Eingereicht von owner@local",
        ],
    );
    let wrong = send(&server, &link, "outcome=approved&field.rate=1.234").await;
    let (status, page) = (wrong.status, text(&wrong));
    assert_eq!(status, 422);
    has_all(
        &page,
        &[
            "Etwas fehlt oder ist nicht richtig",
            "kann 1234 oder 1,2340 bedeuten",
            "muss bei dieser Aufgabe ausgefüllt werden",
        ],
    );
    let confirm = text(&send(&server, &link, "outcome=approved&field.rate=12.000,50&comment=gut").await);
    has_all(&confirm, &["Bitte bestätigen Sie Ihre Antwort", "<dd>12.000,5</dd>", "Bestätigen: Genehmigen"]);
    let done = send(&server, &link, "outcome=approved&field.rate=12.000,50&comment=gut&step=confirm").await;
    has_all(
        &text(&done),
        &["Ihre Antwort wurde festgehalten", "<strong>Genehmigt</strong>", "Die Anfrage ist abgeschlossen."],
    );
    let intent = server.intent(&id).await;
    assert_eq!(intent["result"]["rate"], json!(12_000.5));
    let last = server.events(&id).await.pop().unwrap();
    assert_eq!(last["text"], "Completed: approved by ann@example.com", "the API is in English");
}

async fn a_link_that_no_longer_works_says_so_in_german(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, link) = pay(&server, json!({})).await;
    has_all(&text(&open(&server, &link[..link.len() - 1]).await), &["Dieser Link ist nicht bekannt"]);
    send(&server, &link, "outcome=rejected&step=confirm").await;
    has_all(
        &text(&open(&server, &link).await),
        &["Sie haben bereits geantwortet", "„Abgelehnt“", "Hier ist nichts mehr zu tun."],
    );
    let (id, link) = pay(&server, json!({})).await;
    let path = format!("/v1/intents/{id}/resolve");
    server.post(&server.admin, &path, json!({ "status": "CANCELED", "reason": "zu spät" })).await;
    has_all(&text(&open(&server, &link).await), &["Eine Antwort ist nicht mehr nötig: Die Anfrage wurde abgebrochen."]);
}

async fn the_language_of_the_server_is_for_those_who_ask_for_none(engine: Engine) {
    let server = german(engine).await;
    let task = json!({ "title": "Rechnung 7", "assignees": [ANN, BOB], "quorum": 2, "task_type": "review" });
    let payload = json!({ "amount": 12_000, "currency": "EUR" });
    let body = json!({ "intent_type": "intent.pay.v1", "payload": payload, "human_task": task });
    server.post(&server.admin, "/v1/intents", body).await;
    let mail = server.mails().await.into_iter().find(|mail| mail.to == ANN).expect("a mail");
    let parts =
        ["bittet um Ihre Prüfung", "12.000,00 EUR", "Ein einziges Nein entscheidet.", "Geben Sie ihn nicht weiter."];
    has_all(&mail.text, &parts);
    has_all(&mail.html, &parts);
    let link = mail.link.expect("a link");
    assert!(text(&server.page(&link).await).contains("lang=\"de\""), "no header: the language of the server");
    let path = link.strip_prefix(SITE).unwrap();
    for (asked, expected) in [("fr, en;q=0.1", "lang=\"en\""), ("fr", "lang=\"de\"")] {
        let page = server.send_raw("", "GET", path, Vec::new(), &[("accept-language", asked)]).await;
        assert!(text(&page).contains(expected), "{asked}");
    }
    server.send_raw("", "POST", "/inbox/sign-in", b"email=ann@example.com".to_vec(), &[FORM]).await;
    let mail = server.mails().await.pop().expect("a mail");
    assert!(mail.subject.ends_with("ist Ihr Code für die Anmeldung bei AXME"), "{}", mail.subject);
}

async fn errors_of_pages_are_in_german(engine: Engine) {
    let server = Server::start(engine).await;
    has_all(&text(&open(&server, "/inbox").await), &["Am Posteingang anmelden", "E-Mail-Adresse"]);
    let wrong = server.send_raw("", "POST", "/inbox/sign-in", b"email=nobody".to_vec(), &[FORM, GERMAN]).await;
    has_all(&text(&wrong), &["Das hat nicht geklappt", "Die Angaben wurden nicht angenommen."]);
    let foreign = [FORM, GERMAN, ("origin", "https://evil.example")];
    let foreign = server.send_raw("", "POST", "/inbox/sign-in", b"email=ann@example.com".to_vec(), &foreign).await;
    has_all(&text(&foreign), &["Dieses Formular kam von einer anderen Website."]);
    has_all(&text(&open(&server, "/app/login/cli?code=ABCD").await), &["Kein Gerät wartet unter diesem Code."]);
}
