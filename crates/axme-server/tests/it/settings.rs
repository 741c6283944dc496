//! The settings of a person: the language of pages and mail, and the hours without mail, and one mail a day.

use std::time::Duration;

use axme_core::system::Mail;
use serde_json::{Value, json};

use crate::called_off::cancel;
use crate::harness::{Engine, Person, Server, each_engine, id_of};
use crate::people::ANN;

each_engine! {
    a_person_reads_pages_and_mail_in_their_language,
    mail_waits_for_the_end_of_the_quiet_hours,
    a_task_that_is_due_before_is_mailed_at_once,
    tasks_of_a_day_come_in_one_mail,
    a_daily_mail_that_fails_is_sent_again_whole,
    a_daily_mail_says_what_needs_no_answer_any_more,
    wrong_settings_are_refused_and_belong_to_the_person,
}

const HOUR: Duration = Duration::from_secs(3_600);
const SETTINGS: &str = "/v1/me/settings";

async fn set(server: &Server, person: &Person, settings: Value) -> Value {
    let answer = server.as_person(person, "PUT", SETTINGS, Some(settings)).await.ok();
    answer["settings"].clone()
}

async fn ask(server: &Server, more: Value) -> String {
    let mut body = json!({
        "intent_type": "intent.pay.v1", "payload": { "amount": 12_000, "currency": "EUR" },
        "human_task": { "title": "Rechnung 7", "assignees": [ANN] },
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

async fn a_person_reads_pages_and_mail_in_their_language(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in(ANN).await;
    let none = server.as_person(&ann, "GET", SETTINGS, None).await.ok();
    assert_eq!(none, json!({ "ok": true, "settings": {} }));
    let chosen = set(&server, &ann, json!({ "language": "de", "time_zone": "Europe/Berlin" })).await;
    assert_eq!(chosen, json!({ "language": "de", "time_zone": "Europe/Berlin" }));
    ask(&server, json!({})).await;
    let mail = server.mails().await.pop().expect("a mail");
    assert!(mail.text.contains("bittet um Ihre Genehmigung") && mail.text.contains("12.000,00 EUR"), "{}", mail.text);
    // The person's setting comes before the browser.
    let link = mail.link.expect("a link");
    let path = link.strip_prefix(crate::harness::SITE).unwrap();
    let page = server.send_raw("", "GET", path, Vec::new(), &[("accept-language", "en")]).await;
    assert!(page.body.as_str().unwrap().contains(">Genehmigen</button>"), "{}", page.body);
    // An absent field becomes unset.
    assert_eq!(set(&server, &ann, json!({})).await, json!({}));
    ask(&server, json!({})).await;
    assert!(server.mails().await[0].text.contains("asks for your approval"));
}

async fn mail_waits_for_the_end_of_the_quiet_hours(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in(ANN).await;
    // The clock of the tests begins at midnight UTC, which is one o'clock in Berlin.
    set(&server, &ann, json!({ "quiet_from": "22:00", "quiet_until": "07:00", "time_zone": "Europe/Berlin" })).await;
    let id = ask(&server, json!({})).await;
    assert!(server.mails().await.is_empty(), "quiet");
    let seen = server.get(&server.admin, &format!("/v1/deliveries?intent_id={id}")).await["deliveries"][0].clone();
    assert_eq!((&seen["status"], &seen["recipient"]), (&json!("pending"), &json!(ANN)));
    assert!(seen["error_detail"].as_str().unwrap().contains("quiet hours"), "the requester sees why: {seen}");
    server.clock.advance(5 * HOUR);
    assert!(server.mails().await.is_empty(), "six o'clock");
    server.clock.advance(HOUR);
    assert_eq!(server.mails().await.len(), 1, "seven o'clock");
    // A sign-in never waits.
    server.clock.advance(17 * HOUR);
    server.sign_in(ANN).await;
}

async fn a_task_that_is_due_before_is_mailed_at_once(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in(ANN).await;
    set(&server, &ann, json!({ "quiet_from": "00:00", "quiet_until": "06:00" })).await;
    let due = |hours: u64| json!({ "deadline_at": server.now().plus_seconds(hours * 3_600).to_string() });
    ask(&server, due(7)).await;
    assert!(server.mails().await.is_empty(), "there is time in the morning");
    ask(&server, due(5)).await;
    assert_eq!(server.mails().await.len(), 1, "the morning is too late");
}

/// A person who gets one mail a day at eight o'clock UTC. The clock of the tests begins at midnight UTC.
async fn with_daily_mail(engine: Engine) -> Server {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in(ANN).await;
    set(&server, &ann, json!({ "digest_time": "08:00" })).await;
    server
}

async fn mails_to_ann(server: &Server) -> Vec<Mail> {
    server.all_mails().await.into_iter().filter(|mail| mail.to == ANN).collect()
}

fn titled(title: &str) -> Value {
    json!({ "human_task": { "title": title, "assignees": [ANN] } })
}

async fn tasks_of_a_day_come_in_one_mail(engine: Engine) {
    let server = with_daily_mail(engine).await;
    let first = ask(&server, titled("Invoice 1")).await;
    let ended = ask(&server, titled("Invoice 2")).await;
    assert!(mails_to_ann(&server).await.is_empty(), "not before eight");
    let seen = server.get(&server.admin, &format!("/v1/deliveries?intent_id={first}")).await["deliveries"][0].clone();
    assert_eq!(seen["error_detail"], json!("mailed once a day at 08:00 (UTC)"), "the requester sees why: {seen}");
    // A task that is due before comes at once, and alone.
    let due = json!({ "deadline_at": server.now().plus_seconds(6 * 3_600).to_string() });
    ask(&server, due).await;
    assert_eq!(mails_to_ann(&server).await.len(), 1, "due at six o'clock");
    server.clock.advance(4 * HOUR);
    ask(&server, titled("Invoice 3")).await;
    cancel(&server, &ended).await;
    server.clock.advance(4 * HOUR);
    let mail = mails_to_ann(&server).await.pop().expect("a daily mail");
    assert!(mail.subject.contains("2 tasks wait for you"), "{}", mail.subject);
    for part in [&mail.text, &mail.html] {
        assert!(part.contains("Invoice 1") && part.contains("Invoice 3") && part.contains("12,000.00"), "{part}");
        assert!(!part.contains("Invoice 2"), "a task that has ended: {part}");
    }
    // Each task has a link of its own that works.
    let links: Vec<&str> = mail.text.split_whitespace().filter(|word| word.contains("/app/tasks/")).collect();
    assert_eq!(links.len(), 2, "{}", mail.text);
    for link in links {
        let path = link.strip_prefix(crate::harness::SITE).unwrap();
        assert_eq!(server.send_raw("", "GET", path, Vec::new(), &[]).await.status, 200);
    }
    // Nothing is left, and what comes after eight waits for the next day.
    server.clock.advance(HOUR);
    assert!(mails_to_ann(&server).await.is_empty());
    ask(&server, titled("Invoice 4")).await;
    server.clock.advance(22 * HOUR);
    assert!(mails_to_ann(&server).await.is_empty(), "seven o'clock of the next day");
    server.clock.advance(HOUR);
    let mail = mails_to_ann(&server).await.pop().expect("a mail");
    assert!(
        mail.subject.ends_with("Invoice 4") && mail.text.contains("asks for your approval"),
        "one task has its usual mail"
    );
}

async fn a_daily_mail_that_fails_is_sent_again_whole(engine: Engine) {
    let server = with_daily_mail(engine).await;
    for title in ["Invoice 1", "Invoice 2", "Invoice 3"] {
        ask(&server, titled(title)).await;
    }
    // The folder of the mails cannot be used: a file has its name.
    let outbox = server.folder().join("outbox");
    std::fs::remove_dir_all(&outbox).unwrap();
    std::fs::write(&outbox, "in the way").unwrap();
    server.clock.advance(8 * HOUR);
    assert!(mails_to_ann(&server).await.is_empty(), "no mail can be sent");
    std::fs::remove_file(&outbox).unwrap();
    let mut mails = Vec::new();
    for _ in 0..6 {
        server.clock.advance(HOUR);
        mails.extend(mails_to_ann(&server).await);
    }
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].subject.contains("3 tasks wait for you"), "{}", mails[0].subject);
}

async fn a_daily_mail_says_what_needs_no_answer_any_more(engine: Engine) {
    let server = with_daily_mail(engine).await;
    let first = ask(&server, titled("Invoice 1")).await;
    server.clock.advance(8 * HOUR);
    assert_eq!(mails_to_ann(&server).await.len(), 1);
    cancel(&server, &first).await;
    ask(&server, titled("Invoice 2")).await;
    assert!(mails_to_ann(&server).await.is_empty(), "once a day");
    server.clock.advance(24 * HOUR);
    let mail = mails_to_ann(&server).await.pop().expect("a daily mail");
    assert!(mail.subject.contains("One task waits for you"), "{}", mail.subject);
    assert!(mail.text.contains("No longer needed: Invoice 1") && mail.text.contains("Invoice 2"), "{}", mail.text);
}

async fn wrong_settings_are_refused_and_belong_to_the_person(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = server.sign_in(ANN).await;
    for wrong in [
        json!({ "language": "fr" }),
        json!({ "time_zone": "Mars/Base" }),
        json!({ "quiet_from": "22:00" }),
        json!({ "quiet_from": "25:00", "quiet_until": "07:00" }),
        json!({ "quiet_from": "07:00", "quiet_until": "07:00" }),
        json!({ "digest_time": "8" }),
        json!({ "digest_time": "24:00" }),
    ] {
        server.as_person(&ann, "PUT", SETTINGS, Some(wrong)).await.refused(422, "validation_failed");
    }
    set(&server, &ann, json!({ "language": "de" })).await;
    let bob = server.sign_in("bob@example.com").await;
    assert_eq!(server.as_person(&bob, "GET", SETTINGS, None).await.ok()["settings"], json!({}));
    assert_eq!(server.send(&server.admin, "GET", SETTINGS, None).await.status, 401, "a key does not identify a person");
}
