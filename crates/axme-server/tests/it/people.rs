//! People who are asked by mail: links, pages, and answers as JSON (`spec/protocol.md` §5).

use std::time::Duration;

use axme_core::state::Site;
use axme_store::Limits;
use serde_json::{Value, json};

use crate::harness::{Engine, SITE, Server, each_engine, id_of};

each_engine! {
    the_back_button_shows_what_was_recorded,
    redirects_stay_below_the_base_path,
    an_assignee_is_mailed_and_answers_by_the_link_once,
    a_form_says_what_is_wrong_and_keeps_what_was_typed,
    a_link_ends_with_its_expiry_its_task_or_its_assignee,
    a_link_token_answers_once_by_json_and_repeats_its_reply,
    two_approvers_answer_each_by_their_own_link,
    reminders_and_escalations_are_mailed_and_stop_with_the_answer,
    pages_have_strict_security_headers,
    undeliverable_mail_is_a_dead_letter_and_can_be_replayed,
    a_link_works_only_for_the_step_it_was_made_for,
    a_reassigned_task_is_not_mailed_to_its_former_assignee,
    a_deadline_that_was_moved_moves_the_links,
    deep_nesting_is_refused_by_links_too,
    the_subject_of_a_mail_shows_control_characters,
}

pub const ANN: &str = "ann@example.com";
pub const BOB: &str = "bob@example.com";
const DAY: Duration = Duration::from_secs(86_400);

pub async fn ask(server: &Server, task: Value) -> String {
    let body = json!({
        "intent_type": "intent.ask.v1", "human_task": task, "payload": { "service": "<b>api</b>", "cost_eur": 12 },
    });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

/// Asks a person; returns the id of the intent, and the mailed link.
async fn ask_by_mail(server: &Server, task: Value) -> (String, String) {
    let id = ask(server, task).await;
    let mails = server.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    (id, mails[0].link.clone().expect("a link"))
}

fn text(page: &crate::harness::Answer) -> String {
    page.body.as_str().expect("a page").to_owned()
}

async fn an_assignee_is_mailed_and_answers_by_the_link_once(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Deploy?", "description": "Now & here", "notify_email": ANN });
    let id = ask(&server, task).await;
    let mails = server.mails().await;
    let mail = &mails[0];
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), (ANN, "[Local] Deploy?"));
    let link = mail.link.clone().unwrap();
    assert!(link.starts_with(&format!("{SITE}/app/tasks/{id}?token=axt_")), "{link}");
    for part in [
        "owner@local asks for your approval",
        "Now & here",
        "Cost eur: 12",
        "ann@example.com.",
        "Local",
        &link,
        &id,
        "valid until 2026-01-08",
    ] {
        assert!(mail.text.contains(part), "{part}: {}", mail.text);
    }
    assert!(mail.html.contains("Now &amp; here"), "{}", mail.html);
    let files: Vec<_> = std::fs::read_dir(server.folder().join("outbox")).unwrap().collect();
    assert_eq!(files.len(), 1, "without a mail server mail is a file");
    assert!(server.mails().await.is_empty(), "once");

    // Reading changes nothing, however often: a mail scanner that opens every link answers nothing.
    let before = server.events(&id).await;
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(server.send_raw("", method, &link[SITE.len()..], Vec::new(), &[]).await.status, 200);
    }
    assert_eq!(server.events(&id).await, before);

    let page = text(&server.page(&link).await);
    for part in
        ["Deploy?", "Now &amp; here", "&#60;b&#62;api&#60;/b&#62;", "value=\"approved\"", "value=\"rejected\"", ANN]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=").count(), "{page}");
    assert!(!page.contains("http://") && !page.contains("<b>api"), "{page}");

    let confirm = server.submit_form(&link, &[("outcome", "approved"), ("comment", "go \"on\"")]).await;
    assert_eq!(confirm.status, 200);
    assert!(text(&confirm).contains("Please confirm") && text(&confirm).contains("go &#34;on&#34;"));
    assert_eq!(server.events(&id).await, before, "not yet");
    let done = server.submit_form(&link, &[("outcome", "approved"), ("comment", "go"), ("step", "confirm")]).await;
    let said = text(&done);
    for part in
        ["was recorded", "<dd>Deploy?</dd>", "<strong>Approved</strong>", "2026-01-01", ANN, "The request is complete."]
    {
        assert!(said.contains(part), "{part}: {said}");
    }

    let intent = server.intent(&id).await;
    assert_eq!(
        (&intent["status"], &intent["result"]),
        (&json!("COMPLETED"), &json!({ "outcome": "approved", "comment": "go" }))
    );
    let last = server.events(&id).await.pop().unwrap();
    assert_eq!((&last["actor"], &last["details"]["answered_by"]), (&json!(ANN), &json!(ANN)));
    assert_eq!(last["details"]["answered_via"], "email");

    let again = server.submit_form(&link, &[("outcome", "rejected"), ("step", "confirm")]).await;
    assert_eq!(again.status, 200);
    assert!(text(&again).contains("You have answered already") && text(&again).contains("approved"));
    assert!(text(&server.page(&link).await).contains("You have answered already"));
    assert_eq!(server.intent(&id).await["result"]["outcome"], "approved");
}

async fn a_form_says_what_is_wrong_and_keeps_what_was_typed(engine: Engine) {
    let server = Server::start(engine).await;
    let schema = json!({
        "type": "object", "required": ["approved", "days", "sure"],
        "properties": {
            "approved": { "type": "boolean" },
            "days": { "type": "integer", "minimum": 1, "maximum": 90, "title": "For how long" },
            "sure": { "type": "boolean" },
            "level": { "enum": ["low", "high"] },
        },
    });
    let task = json!({
        "title": "Grant?", "notify_email": ANN, "form_schema": schema, "required_comment": true, "evidence_required": true,
    });
    let (id, link) = ask_by_mail(&server, task).await;
    let page = text(&server.page(&link).await);
    for part in ["For how long", "inputmode=\"numeric\"", "From 1 to 90.", "<option value=\"high\"", "id=\"evidence\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let typed = [("field.days", "120"), ("field.level", "high"), ("comment", "<i>"), ("outcome", "approved")];
    let wrong = server.submit_form(&link, &typed).await;
    assert_eq!(wrong.status, 422);
    let page = text(&wrong);
    assert!(page.contains("role=\"alert\"") && page.contains("Evidence</a>: is required"), "{page}");
    for part in ["value=\"120\"", "<option value=\"high\" selected", "&#60;i&#62;</textarea>"] {
        assert!(page.contains(part), "{part} is kept: {page}");
    }
    let typed = [typed.as_slice(), &[("evidence", "ticket 7")]].concat();
    let page = text(&server.submit_form(&link, &typed).await);
    assert!(
        page.contains("For how long</a>: ") && page.contains("90") && page.contains("Sure</a>: is required"),
        "{page}"
    );
    // The rules also hold if a client skips the confirmation.
    let forced = [typed.as_slice(), &[("step", "confirm")]].concat();
    assert_eq!(server.submit_form(&link, &forced).await.status, 422);
    assert_eq!(server.intent(&id).await["status"], "WAITING");

    let right = [
        ("field.days", "30"),
        ("field.sure", "true"),
        ("field.level", ""),
        ("comment", "fine"),
        ("evidence", "ticket 7"),
        ("outcome", "approved"),
    ];
    let confirm = text(&server.submit_form(&link, &right).await);
    assert!(confirm.contains("For how long") && confirm.contains("<dd>Yes</dd>"), "{confirm}");
    let change = [right.as_slice(), &[("step", "change")]].concat();
    assert!(
        text(&server.submit_form(&link, &change).await).contains("value=\"30\""),
        "going back keeps what was typed"
    );
    let send = [right.as_slice(), &[("step", "confirm")]].concat();
    assert!(text(&server.submit_form(&link, &send).await).contains("was recorded"));
    let expected = json!({
        "outcome": "approved", "comment": "fine", "approved": true, "days": 30, "sure": true, "evidence": "ticket 7",
    });
    assert_eq!(server.intent(&id).await["result"], expected);
}

async fn a_link_ends_with_its_expiry_its_task_or_its_assignee(engine: Engine) {
    let server = Server::start(engine).await;
    let task = |title: &str| json!({ "title": title, "notify_email": ANN });
    let (week, link) = ask_by_mail(&server, task("week")).await;
    server.clock.advance(7 * DAY);
    let page = server.page(&link).await;
    assert_eq!(page.status, 410);
    assert!(text(&page).contains("This link has expired"));
    let body = json!({ "token": link.split_once("token=").unwrap().1, "outcome": "approved" });
    server.send("", "POST", "/v1/tasks/action", Some(body)).await.refused(410, "link_expired");
    assert_eq!(server.intent(&week).await["status"], "WAITING", "the task itself goes on");

    let (other, link) = ask_by_mail(&server, task("other")).await;
    let answer = json!({ "task_result": { "outcome": "rejected" } });
    server.post(&server.admin, &format!("/v1/intents/{other}/resume"), answer).await;
    let page = text(&server.page(&link).await);
    assert!(
        page.contains("This was answered already") && page.contains("owner@local") && page.contains("rejected"),
        "{page}"
    );

    let (canceled, link) = ask_by_mail(&server, task("canceled")).await;
    server.post(&server.admin, &format!("/v1/intents/{canceled}/resolve"), json!({ "status": "CANCELED" })).await;
    assert!(text(&server.page(&link).await).contains("An answer is no longer needed: the request was canceled."));

    let (passed, link) = ask_by_mail(&server, task("passed on")).await;
    server.clock.advance(Duration::from_millis(1));
    let to = json!({ "to": BOB, "note": "on leave" });
    let given = server.post(&server.admin, &format!("/v1/tasks/{passed}/reassign"), to).await;
    assert_eq!((&given["assigned_to"], &given["task"]["status"]), (&json!(BOB), &json!("WAITING")));
    assert!(text(&server.page(&link).await).contains("This task does not ask you any more"));
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [BOB]);
    let last = server.events(&passed).await.pop().unwrap();
    assert_eq!((&last["event_type"], &last["status"]), (&json!("intent.transfer"), &json!("WAITING")));
    let link = mails[0].link.as_deref().unwrap();
    let done = server.submit_form(link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert!(text(&done).contains("was recorded"));

    for unknown in ["", "axt_0000", "x".repeat(5_000).as_str()] {
        let page = server.page(&format!("/app/tasks/{week}?token={unknown}")).await;
        assert_eq!(page.status, 404);
        assert!(text(&page).contains("This link is not known"));
    }
    assert_eq!(server.page(&format!("/app/tasks/{week}")).await.status, 404);
}

async fn a_link_token_answers_once_by_json_and_repeats_its_reply(engine: Engine) {
    let server = Server::start(engine).await;
    let id = ask(&server, json!({ "title": "Pay?", "required_comment": true })).await;
    let made = server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({ "person": "Ann" })).await;
    assert_eq!((&made["person"], &made["expires_at"]), (&json!("Ann"), &json!("2026-01-08T00:00:00.000Z")));
    let token = made["token"].clone();
    assert_eq!(made["url"], format!("{SITE}/app/tasks/{id}?token={}", token.as_str().unwrap()));
    let act = async |fields: Value| {
        let mut body = fields;
        body["token"] = token.clone();
        server.send("", "POST", "/v1/tasks/action", Some(body)).await
    };
    act(json!({ "outcome": "approved" })).await.refused(422, "comment_required");
    act(json!({ "outcome": "maybe", "comment": "c" })).await.refused(422, "outcome_not_allowed");
    act(json!({})).await.refused(422, "outcome_required");
    assert_eq!(server.intent(&id).await["status"], "WAITING", "the link still works");
    for fields in [json!({ "outcome": "approve", "comment": "c" }), json!({ "outcome": "approved", "comment": "c" })] {
        let done = act(fields).await.ok();
        assert_eq!((&done["status"], &done["outcome"]), (&json!("COMPLETED"), &json!("approved")));
    }
    act(json!({ "outcome": "rejected", "comment": "c" })).await.refused(409, "link_used");
    let last = server.events(&id).await.pop().unwrap();
    assert_eq!((&last["actor"], &last["details"]["answered_via"]), (&json!("Ann"), &json!("form")));
    server
        .send("", "POST", "/v1/tasks/action", Some(json!({ "outcome": "x" })))
        .await
        .refused(422, "validation_failed");
    let nobodys = json!({ "token": "axt_nobody", "outcome": "approved" });
    server.send("", "POST", "/v1/tasks/action", Some(nobodys)).await.refused(404, "not_found");
    let made = server.send(&server.admin, "POST", &format!("/v1/tasks/{id}/links"), Some(json!({}))).await;
    made.refused(409, "not_waiting_for_human");
}

async fn two_approvers_answer_each_by_their_own_link(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2, "exclude_requester": true });
    let id = ask(&server, task).await;
    let mails = server.mails().await;
    let link = |to: &str| mails.iter().find(|mail| mail.to == to).unwrap().link.clone().unwrap();
    let first = text(&server.page(&link(ANN)).await);
    assert!(first.contains("0 of 2 yes answers so far") && first.contains(BOB), "known from the first moment: {first}");
    let path = format!("/v1/intents/{id}/resume");
    let own =
        server.send(&server.admin, "POST", &path, Some(json!({ "task_result": { "outcome": "approved" } }))).await;
    own.refused(403, "requester_may_not_answer");
    let yes = [("outcome", "approved"), ("step", "confirm")];
    assert!(text(&server.submit_form(&link(ANN), &yes).await).contains("waits for an answer from bob@example.com"));
    let intent = server.intent(&id).await;
    assert_eq!(intent["status"], "WAITING");
    let vote = server.events(&id).await.pop().unwrap();
    assert_eq!((&vote["event_type"], &vote["details"]["answered_by"]), (&json!("intent.waiting"), &json!(ANN)));
    let page = text(&server.page(&link(BOB)).await);
    for part in ["1 of 2 yes answers so far", "said yes", "This is the last yes that is needed."] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let answered = text(&server.page(&link(ANN)).await);
    assert!(answered.contains("Your answer was recorded") && answered.contains("Withdraw your answer"), "{answered}");
    // The requester cannot create links to the task, nor resolve the intent directly.
    let links = format!("/v1/tasks/{id}/links");
    let minted = server.send(&server.admin, "POST", &links, Some(json!({ "person": BOB }))).await;
    minted.refused(403, "requester_may_not_answer");
    let resolve = format!("/v1/intents/{id}/resolve");
    let by_hand = server.send(&server.admin, "POST", &resolve, Some(json!({ "status": "COMPLETED" }))).await;
    by_hand.refused(403, "task_is_guarded");
    assert!(text(&server.submit_form(&link(BOB), &yes).await).contains("You can close this page"));
    let intent = server.intent(&id).await;
    assert_eq!(intent["status"], "COMPLETED");
    let by: Vec<&Value> = intent["result"]["votes"].as_array().unwrap().iter().map(|vote| &vote["by"]).collect();
    assert_eq!(by, [ANN, BOB]);
}

async fn reminders_and_escalations_are_mailed_and_stop_with_the_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({
        "intent_type": "intent.ask.v1", "human_task": { "title": "Ship?", "notify_email": ANN },
        "remind_after_seconds": 60, "max_reminders": 1, "escalate_to": BOB,
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let told = async || {
        let mails = server.mails().await;
        mails.iter().map(|mail| format!("{}: {}", mail.to, mail.subject)).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [format!("{ANN}: [Local] Ship?")]);
    server.advance(Duration::from_secs(60)).await;
    assert_eq!(told().await, [format!("{ANN}: [Local] Reminder: Ship?")]);
    server.advance(Duration::from_secs(60)).await;
    let mails = server.mails().await;
    assert_eq!((mails[0].to.as_str(), mails[0].subject.as_str(), mails.len()), (BOB, "[Local] Escalated: Ship?", 1));
    let done =
        server.submit_form(mails[0].link.as_deref().unwrap(), &[("outcome", "approved"), ("step", "confirm")]).await;
    assert!(text(&done).contains("was recorded"));
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");

    // A mail that is not needed any more: the task is answered before it is sent.
    let id = ask(&server, json!({ "title": "Late?", "notify_email": ANN })).await;
    server
        .post(&server.admin, &format!("/v1/intents/{id}/resume"), json!({ "task_result": { "outcome": "approved" } }))
        .await;
    assert_eq!(told().await, Vec::<String>::new());
}

async fn pages_have_strict_security_headers(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, link) = ask_by_mail(&server, json!({ "title": "<script>alert(1)</script>", "notify_email": ANN })).await;
    let page = server.page(&link).await;
    let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!((header("referrer-policy").as_str(), header("cache-control").as_str()), ("no-referrer", "no-store"));
    assert_eq!((header("x-frame-options").as_str(), header("x-content-type-options").as_str()), ("DENY", "nosniff"));
    assert!(!text(&page).contains("<script>") && policy.contains("script-src 'self';"), "{}", text(&page));
    assert_eq!(server.page("/app/style.css").await.headers["content-type"], "text/css; charset=utf-8");

    let garbage = [&b"\xff\xfe"[..], b"token=%00", b"=&=&&&&", b"token=%ff%fe"];
    for body in garbage {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = server.send_raw("", "POST", "/app/tasks/x", body.to_vec(), &kind).await;
        assert!(matches!(answer.status.as_u16(), 404 | 422), "{}", answer.status);
    }
}

async fn undeliverable_mail_is_a_dead_letter_and_can_be_replayed(engine: Engine) {
    let server = Server::start(engine).await;
    // The folder cannot be created: a file has its name.
    let outbox = server.folder().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    let id = ask(&server, json!({ "title": "Ship?", "notify_email": ANN })).await;
    let about_it = format!("/v1/deliveries?intent_id={id}");
    assert_eq!(server.get(&server.admin, &about_it).await["deliveries"], json!([]));
    for pause in [0, 30, 120, 600] {
        server.clock.advance(Duration::from_secs(pause));
        assert!(server.mails().await.is_empty());
    }
    server.clock.advance(DAY);
    assert!(server.mails().await.is_empty());
    let none = server.get(&server.admin, "/v1/deliveries").await;
    assert_eq!(none["deliveries"], json!([]), "mail is retried for days: an outage of one day loses no approver");
    let failing = server.get(&server.admin, &about_it).await["deliveries"].clone();
    assert_eq!(failing.as_array().unwrap().len(), 1);
    let seen = ["transport_type", "recipient", "status", "intent_id"].map(|name| failing[0][name].as_str().unwrap());
    assert_eq!(seen, ["email", ANN, "pending", &id], "it is seen at once");
    assert!(failing[0]["error_detail"].as_str().unwrap().len() > 5, "{failing}");
    server.clock.advance(6 * DAY);
    assert!(server.mails().await.is_empty(), "given up");
    let dead = server.get(&server.admin, "/v1/deliveries").await["deliveries"][0].clone();
    assert_eq!((&dead["transport_type"], &dead["status"]), (&json!("email"), &json!("dead_lettered")));
    assert_eq!(dead["recipient"], ANN, "the list says whom the mail did not reach");
    for (query, count) in [("", 1), ("&status=dead_lettered", 1), ("&status=pending", 0)] {
        let listed = server.get(&server.admin, &format!("{about_it}{query}")).await["deliveries"].clone();
        assert_eq!(listed.as_array().unwrap().len(), count, "{query}");
        assert!(count == 0 || listed[0]["delivery_id"] == dead["delivery_id"]);
    }
    std::fs::remove_file(&outbox).unwrap();
    let replay = format!("/v1/deliveries/{}/replay", dead["delivery_id"].as_str().unwrap());
    server.post(&server.admin, &replay, json!({})).await;
    assert_eq!(server.mails().await.len(), 1);
}

async fn a_link_works_only_for_the_step_it_was_made_for(engine: Engine) {
    let server = Server::start(engine).await;
    // Two questions to one person, one after the other, while the clock stands still.
    let step = |id: &str| json!({ "step_id": id, "assigned_to": "ann", "human_task": { "title": id } });
    let bundle = json!({
        "scenario_id": "two.v1", "humans": [{ "role": "ann", "contact": ANN }],
        "workflow": { "steps": [step("first"), step("second")] }, "intent": { "type": "intent.two.v1" },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    let first = server.mails().await[0].link.clone().unwrap();
    let spare = server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({ "person": ANN })).await;
    server.submit_form(&first, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(server.intent(&id).await["human_task"]["title"], "second");
    let body = json!({ "token": spare["token"], "outcome": "approved" });
    server.send("", "POST", "/v1/tasks/action", Some(body)).await.refused(409, "already_answered");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // A link whose path names another intent is unknown.
    let elsewhere = first.replace(&id, "00000000-0000-0000-0000-000000000000");
    let fresh = server.mails().await[0].link.clone().unwrap();
    assert_eq!(server.page(&fresh.replace(&id, "00000000-0000-0000-0000-000000000000")).await.status, 404);
    assert_eq!(server.page(&elsewhere).await.status, 200, "it says that it was used");
}

async fn a_reassigned_task_is_not_mailed_to_its_former_assignee(engine: Engine) {
    let server = Server::start(engine).await;
    let outbox = server.folder().join("outbox");
    std::fs::write(&outbox, "in the way").unwrap();
    let id = ask(&server, json!({ "title": "Ship?", "notify_email": ANN })).await;
    assert!(server.mails().await.is_empty(), "it cannot be sent yet");
    server.post(&server.admin, &format!("/v1/tasks/{id}/reassign"), json!({ "to": BOB })).await;
    std::fs::remove_file(&outbox).unwrap();
    server.clock.advance(Duration::from_secs(30));
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [BOB]);
}

async fn a_deadline_that_was_moved_moves_the_links(engine: Engine) {
    let server = Server::start(engine).await;
    let deadline_at = server.now().plus_seconds(60).to_string();
    let task = json!({ "title": "Ship?", "notify_email": ANN });
    let body = json!({ "intent_type": "intent.ask.v1", "human_task": task, "deadline_at": deadline_at });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let link = server.mails().await[0].link.clone().unwrap();
    let controls = json!({ "controls_patch": { "timeout_seconds": 3_600 } });
    server.post(&server.admin, &format!("/v1/intents/{id}/controls"), controls).await;
    server.advance(Duration::from_secs(600)).await;
    let done = server.submit_form(&link, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert!(text(&done).contains("was recorded"), "{}", text(&done));
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn deep_nesting_is_refused_by_links_too(engine: Engine) {
    let server = Server::start(engine).await;
    let schema = json!({ "properties": { "tags": { "type": "array" } } });
    let id = ask(&server, json!({ "title": "Ship?", "form_schema": schema })).await;
    let made = server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({})).await;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let token = made["token"].as_str().unwrap();
    let body = format!("{{\"token\":\"{token}\",\"outcome\":\"approved\",\"x\":{}}}", deep(100));
    server.send_raw("", "POST", "/v1/tasks/action", body.into_bytes(), &[]).await.refused(422, "validation_failed");
    // Nor in a text that is parsed into a list.
    let body = json!({ "token": token, "outcome": "approved", "data": { "tags": deep(100) } });
    server.send("", "POST", "/v1/tasks/action", Some(body)).await.refused(422, "form_invalid");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

/// Each page of an answer has an address that can be opened again: none is the answer to a sent form.
async fn the_back_button_shows_what_was_recorded(engine: Engine) {
    let server = Server::start(engine).await;
    let (_, link) = ask_by_mail(&server, json!({ "title": "Pay?", "notify_email": ANN })).await;
    let (path, token) = link.strip_prefix(SITE).unwrap().split_once("?token=").unwrap();
    let send = async |fields: &str| {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("token={token}&{fields}").into_bytes();
        let answer = server.send_raw("", "POST", path, body, &kind).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        format!("{path}{}", answer.headers["location"].to_str().unwrap())
    };
    let review = send("outcome=approved&comment=a+secret").await;
    assert!(!review.contains("secret"), "the address holds no answer in clear: {review}");
    let shown = text(&server.page(&review).await);
    assert!(shown.contains("Please confirm") && shown.contains("a secret"), "{shown}");
    let done = send("outcome=approved&comment=a+secret&step=confirm").await;
    let shown = text(&server.page(&done).await);
    assert!(shown.contains("<strong>Approved</strong>") && shown.contains("<span class=\"organization\">"), "{shown}");
    for before in [&review, &link] {
        let back = text(&server.page(before).await);
        assert!(back.contains("You answered “approved” to “Pay?”"), "{back}");
    }
    // A draft that was changed, or is of another link, is an empty form.
    let (_, other) = ask_by_mail(&server, json!({ "title": "And this?", "notify_email": ANN })).await;
    let draft = review.split_once("&draft=").unwrap().1;
    let page = text(&server.page(&format!("{other}&draft={draft}")).await);
    assert!(page.contains("And this?") && !page.contains("a secret"), "{page}");
}

async fn redirects_stay_below_the_base_path(engine: Engine) {
    let site = Site { base_url: "https://example.com/axme".to_owned(), ..Site::default() };
    let server = Server::start_at(engine, Limits::default(), site).await;
    let trial = server.send_raw("", "GET", "/v1/alpha/verify-email?token=abc", Vec::new(), &[]).await;
    assert_eq!(
        (trial.status.as_u16(), trial.headers["location"].to_str().unwrap()),
        (303, "/axme/app/login/trial?token=abc")
    );
}

async fn the_subject_of_a_mail_shows_control_characters(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Pay\u{1b}[2K \u{202e}now\r\nBcc: x", "assignees": ["ann@example.com"] });
    let body = json!({ "intent_type": "x", "to_agent": "worker", "human_task": task });
    server.post(&server.admin, "/v1/intents", body).await;
    let subject = server.mails().await[0].subject.clone();
    assert_eq!(subject, "[Local] Pay\\u{1b}[2K \\u{202e}now Bcc: x");
}
